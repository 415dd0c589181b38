"""Any (model, pretrained) of open_clip."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.encoders.clip._open_clip_tags import (
    CheckpointSettings,
    settings_of_file,
    settings_of_tag,
)
from stitch_cir.encoders.clip._preprocess import CLIP_MEAN, CLIP_STD, Preprocess
from stitch_cir.encoders.clip._torch import TorchTowers, check_choices, loading, placed
from stitch_cir.encoders.clip._towers import TowerEncoder, TowersInfo
from stitch_cir.encoders.store import encoder_name, file_sha256
from stitch_cir.errors import ModelError

if TYPE_CHECKING:
    from stitch_cir.encoders.clip._export_parts import ExportParts

__all__ = ["OpenClipTowers", "cached_weights", "load_open_clip"]

_SPECIAL = re.compile(r"<(start_of_text|end_of_text)>")
_EXPECTED = (
    "Give open_clip:MODEL/PRETRAINED, where PRETRAINED is a tag that open_clip knows (fetched by "
    "`stitch models pull open_clip:MODEL/PRETRAINED`), the path of a checkpoint, or TAG=PATH for a "
    "checkpoint that is a tag's."
)


def load_open_clip(
    spec: str, *, device: str | None = None, precision: str | None = None
) -> TowerEncoder:
    """Load ``MODEL/PRETRAINED``; PRETRAINED is a tag, a file of weights, or ``TAG=FILE``.

    Raises
    ------
    ModelError
        open_clip is not installed; it knows no such model or weights; they are not here; the file
        lacks tensors; CUDA was asked for and there is none.
    """
    model, _, pretrained = spec.partition("/")
    if not model or not pretrained:
        raise ModelError(f"{spec!r} names no model and weights.", hint=_EXPECTED)
    device, precision = check_choices(device, precision)
    tag, path = _file_of(pretrained)
    if path is not None:
        pretrained = str(path.resolve()) if tag is None else f"{tag}={path.resolve()}"
    towers = OpenClipTowers(model, pretrained, device, precision)
    name = encoder_name("open_clip", f"{model}/{pretrained}", precision)
    shown = pretrained if path is None else tag or path.name
    return TowerEncoder(name, shown, towers, towers.preprocess, notes=towers.notes)


def _file_of(pretrained: str) -> tuple[str | None, Path | None]:
    """Cut ``FILE`` or ``TAG=FILE`` into tag and file; a mere tag has no file."""
    if Path(pretrained).is_file():
        return None, Path(pretrained)
    tag, mark, path = pretrained.partition("=")
    if mark and Path(path).expanduser().is_file():
        return tag, Path(path).expanduser()
    return None, None


class OpenClipTowers(TorchTowers):
    """Both towers of an open_clip model, on CPU or CUDA, in fp32 or bf16."""

    def __init__(self, model: str, pretrained: str, device: str | None, precision: str) -> None:
        """Load the checkpoint; see :func:`load_open_clip` for what is raised."""
        name = f"The model {model} with the weights {pretrained}"
        with loading(name, "open-clip", _EXPECTED):
            import open_clip
            import torch

            self._torch = torch
            self._device, self._dtype = placed(device, precision)
            if model not in open_clip.list_models():
                raise ModelError(f"open_clip knows no model {model!r}.", hint=_EXPECTED)
            file, trained = _weights(open_clip, model, pretrained)
            # strict loading: a checkpoint that lacks tensors is refused
            loaded = open_clip.create_model(
                model,
                pretrained=str(file),
                device=self._device,
                require_pretrained=True,
                force_quick_gelu=trained.quick_gelu,
                force_preprocess_cfg=dict(trained.preparation),
            )
            self._model = loaded.to(self._dtype).eval()
            self._tokenizer = open_clip.get_tokenizer(model)
            plain = bool(open_clip.get_model_config(model).get("quick_gelu", False))
        self.notes = (trained.note,) if trained.note else ()
        config = dict(getattr(loaded.visual, "preprocess_cfg", {}))
        self.preprocess = _prepared(config)
        self.info = TowersInfo(
            dim=int(open_clip.get_model_config(model)["embed_dim"]),
            context=int(getattr(loaded, "context_length", self._tokenizer.context_length)),
            weights=_digest(file, forced=trained.quick_gelu and not plain),
            precision=precision,
            logit_scale=float(loaded.logit_scale.detach().float().exp()),
            grid=_grid(loaded.visual),
        )

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Return token ids of any length."""
        if hasattr(self._tokenizer, "encode") and hasattr(self._tokenizer, "sot_token_id"):
            start, end = self._tokenizer.sot_token_id, self._tokenizer.eot_token_id
            # a special token in a user's text is letters, and must not end it for the model
            plain = [_SPECIAL.sub(r"< \1 >", text) for text in texts]
            return [[start, *self._tokenizer.encode(text), end] for text in plain]
        rows = self._tokenizer(list(texts), context_length=self.info.context)
        return [[int(id) for id in row] for row in rows]

    def text(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Encode token ids: (n, d) float32."""
        batch = np.zeros((len(ids), self.info.context), np.int64)
        for row, row_ids in enumerate(ids):
            batch[row, : len(row_ids)] = row_ids
        with self._torch.inference_mode():
            batch_on_device = self._torch.from_numpy(batch).to(self._device)
            return self._back(self._model.encode_text(batch_on_device))

    def vision(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Encode prepared images: (n, d) float32."""
        with self._torch.inference_mode():
            return self._back(self._model.encode_image(self._there(pixels)))

    def export_parts(self) -> ExportParts:
        """Take the model apart. Raises ``ModelError`` when its tokenizer cannot be carried over."""
        from stitch_cir.encoders.clip._export_parts import parts_of_open_clip

        return parts_of_open_clip(self)

    def patches(
        self, pixels: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Encode images and patches: the class token's way, taken by every token."""
        with self._torch.inference_mode():
            pooled, tokens = joint_tokens(self._model.visual, self._there(pixels))
            return self._back(pooled), self._back(tokens)

    def _there(self, pixels: NDArray[np.float32]) -> Any:
        tensor = self._torch.from_numpy(np.ascontiguousarray(pixels)).to(self._device)
        return tensor.to(self._dtype)

    def _back(self, tensor: Any) -> NDArray[np.float32]:
        return np.asarray(tensor.float().cpu().numpy(), dtype=np.float32)


def joint_tokens(visual: Any, pixels: Any) -> tuple[Any, Any]:
    """Run a ViT and project every token: pooled (n, d) and patch tokens (n, P, d)."""
    states = visual.transformer(visual._embeds(pixels))
    pooled, tokens = visual._pool(states)
    return pooled @ visual.proj, tokens @ visual.proj


def _grid(visual: Any) -> int:
    """Patches a side, where the plain ViT of open_clip gives tokens in the joint space."""
    plain = (
        getattr(visual, "proj", None) is not None
        and getattr(visual, "attn_pool", 1) is None
        and getattr(visual, "pool_type", "") == "tok"
        and not getattr(visual, "final_ln_after_pool", True)
        and all(hasattr(visual, name) for name in ("_embeds", "_pool", "grid_size"))
    )
    return int(visual.grid_size[0]) if plain else 0


def _digest(file: Path, *, forced: bool) -> str:
    """Return the digest of the weights; an activation that is not the model's own changes it."""
    digest = file_sha256(file)
    return hashlib.sha256(f"{digest} quick_gelu".encode()).hexdigest() if forced else digest


def _weights(open_clip: Any, model: str, pretrained: str) -> tuple[Path, CheckpointSettings]:
    """Find the file of weights, a path or a tag's in the local caches, and what goes with it.

    Nothing is fetched.
    """
    tag, path = _file_of(pretrained)
    if path is not None:
        return path, settings_of_file(open_clip, model, path, tag)
    config = open_clip.get_pretrained_cfg(model, pretrained)
    if not config:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(model)) or "none"
        raise ModelError(
            f"open_clip has no weights {pretrained!r} for {model}, and there is no such file.",
            hint=f"Tags it knows: {tags}.",
        )
    cached = cached_weights(config)
    if cached is None:
        origin = config.get("hf_hub") or config.get("url")
        raise ModelError(
            f"The weights {pretrained!r} of {model} are not on this machine: {origin} is in no "
            "cache.",
            hint=f"Get them: stitch models pull open_clip:{model}/{pretrained}",
        )
    return cached, settings_of_tag(open_clip, model, pretrained)


def cached_weights(config: dict[str, Any]) -> Path | None:
    """Look where open_clip keeps what it downloads: the hub's cache, and ``~/.cache/clip``."""
    from huggingface_hub import try_to_load_from_cache

    if config.get("hf_hub"):
        id, _, file = config["hf_hub"].rpartition("/")
        names = [file] if file else ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]
        if file.endswith((".bin", ".pt", ".pth")):
            names.insert(0, f"{file.rpartition('.')[0]}.safetensors")
        for name in names:
            cached = try_to_load_from_cache(id, name)
            if isinstance(cached, str):
                return Path(cached)
    if config.get("url"):
        with suppress(RuntimeError, OSError):  # no home folder, or another user's
            kept = Path.home() / ".cache" / "clip" / config["url"].rpartition("/")[2]
            return kept if kept.is_file() else None
    return None


def _prepared(config: dict[str, Any]) -> Preprocess:
    size = config.get("size", 224)
    side = int(size[0] if isinstance(size, (tuple, list)) else size)
    if isinstance(size, (tuple, list)) and len(set(size)) != 1:
        raise ModelError(f"The model takes images of {size}, which are not square.")
    mode = config.get("resize_mode", "shortest")
    if mode not in ("shortest", "squash"):
        raise ModelError(
            f"The model wants images resized by {mode!r}, which is not built here.",
            hint="Models with resize_mode shortest or squash can be used.",
        )
    return Preprocess(
        side=side,
        resize=side if mode == "shortest" else None,
        mean=tuple(config.get("mean", CLIP_MEAN)),
        std=tuple(config.get("std", CLIP_STD)),
        resample=2 if config.get("interpolation") == "bilinear" else 3,
    )

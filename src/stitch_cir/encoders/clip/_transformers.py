"""CLIP and SigLIP checkpoints in transformers' format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.encoders.clip._preprocess import Preprocess
from stitch_cir.encoders.clip._torch import TorchTowers, check_choices, loading, placed
from stitch_cir.encoders.clip._towers import TowerEncoder, TowersInfo
from stitch_cir.encoders.store import encoder_name, joint_sha256, local_folder, read_model_file
from stitch_cir.errors import ModelError

if TYPE_CHECKING:
    from stitch_cir.encoders.clip._export_parts import ExportParts

__all__ = ["FAMILIES", "HfTowers", "load_transformers"]

_TOKENIZERS = ("tokenizer.json", "vocab.json", "spiece.model")
FAMILIES = ("clip", "siglip")
_FIXED = (
    " SigLIP 2 of a fixed resolution is of the kind siglip; this one (NaFlex) takes images of "
    "any shape, cut into patches, which is not built here."
)
_EXPECTED = (
    "Expected is a folder with config.json, model.safetensors, tokenizer.json (or its parts) and "
    "preprocessor_config.json (or processor_config.json). Get a known model: "
    "stitch models pull NAME"
)


def load_transformers(
    source: str,
    *,
    device: str | None = None,
    precision: str | None = None,
    name: str | None = None,
) -> TowerEncoder:
    """Load a CLIP or SigLIP from a folder, or by its hub id from what was pulled before.

    Raises
    ------
    ModelError
        transformers is not installed; a file is missing or damaged; the model is of another family
        or its checkpoint lacks tensors; CUDA was asked for and there is none.
    """
    device, precision = check_choices(device, precision)
    folder = local_folder(source, _EXPECTED)
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        # transformers would make an empty tokenizer of nothing, without a word
        raise ModelError(f"{folder} lacks tokenizer.json.", hint=_EXPECTED)
    record = read_model_file(folder)
    if record is not None:
        record.check_files(folder)
    towers = HfTowers(folder, device, precision)
    preprocess = Preprocess.from_folder(folder)
    side = towers.side
    if preprocess.side != side:
        raise ModelError(
            f"{folder}: images are prepared with {preprocess.side} pixels a side, but the model "
            f"takes {side}.",
            hint=_EXPECTED,
        )
    suffix = "" if precision == "fp32" else f"@{precision}"
    full_name = encoder_name("transformers", source, precision) if name is None else name + suffix
    tag = record.weights_tag if record else folder.name if Path(source).is_dir() else source
    return TowerEncoder(full_name, tag, towers, preprocess)


class HfTowers(TorchTowers):
    """Both towers of a transformers model, on CPU or CUDA, in fp32 or bf16."""

    def __init__(self, folder: Path, device: str | None, precision: str) -> None:
        """Load the checkpoint; see :func:`load_transformers` for what is raised."""
        with loading(f"The model {folder}", "transformers", _EXPECTED):
            import torch
            from transformers import AutoConfig, AutoModel, AutoTokenizer

            self._torch = torch
            self._device, dtype = placed(device, precision)
            # code that comes with a checkpoint is never run; without the word "no" the library
            # would ask on the terminal, and wait
            local = {"local_files_only": True, "trust_remote_code": False}
            config = AutoConfig.from_pretrained(folder, **local)
            if config.model_type not in FAMILIES:
                raise ModelError(
                    f"{folder} holds a model of the kind {config.model_type!r}.",
                    hint=f"Kinds that can be used here: {', '.join(FAMILIES)}."
                    + (_FIXED if config.model_type == "siglip2" else ""),
                )
            model, info = AutoModel.from_pretrained(
                folder, dtype=dtype, output_loading_info=True, **local
            )
            self._tokenizer = AutoTokenizer.from_pretrained(folder, **local)
        missing = sorted(info.get("missing_keys") or ())
        if missing:
            raise ModelError(
                f"The checkpoint {folder} lacks {len(missing)} tensors, first {missing[0]!r}.",
                hint="Its files are incomplete or of another model: fetch them again.",
            )
        self._model = model.to(self._device).eval()
        self._dtype = dtype
        self._sigmoid = config.model_type != "clip"
        vision, text = config.vision_config, config.text_config
        self.side = int(vision.image_size)
        self.pad = _pad(self._tokenizer, text)
        weights = [*folder.glob("*.safetensors"), *folder.glob("pytorch_model*.bin")]
        tokens = [folder / name for name in ("tokenizer.json", "vocab.json", "merges.txt")]
        self.info = TowersInfo(
            dim=int(vision.hidden_size if self._sigmoid else config.projection_dim),
            context=int(text.max_position_embeddings),
            weights=joint_sha256([*weights, *(path for path in tokens if path.is_file())]),
            precision=precision,
            logit_scale=float(model.logit_scale.detach().float().exp()),
            grid=0 if self._sigmoid else self.side // int(vision.patch_size),
        )

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Return token ids of any length."""
        if self._sigmoid:
            texts = [text.lower() for text in texts]  # SigLIP was trained on lower case
        encoded = self._tokenizer(
            list(texts),
            truncation=False,
            padding=False,
            verbose=False,
            # "<|endoftext|>" in a user's text is letters, and must not end it for the model
            split_special_tokens=True,
        )
        return [list(ids) for ids in encoded["input_ids"]]

    def text(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Encode token ids: (n, d) float32."""
        # SigLIP reads its last position, so every text is filled up to the context
        width = self.info.context if self._sigmoid else max(len(row_ids) for row_ids in ids)
        pad = self.pad
        batch = np.full((len(ids), width), pad, np.int64)
        mask = np.zeros((len(ids), width), np.int64)
        for row, row_ids in enumerate(ids):
            batch[row, : len(row_ids)] = row_ids
            mask[row, : len(row_ids)] = 1
        with self._torch.inference_mode():
            inputs = {"input_ids": self._there(batch)}
            if not self._sigmoid:
                inputs["attention_mask"] = self._there(mask)
            return self._back(self._model.get_text_features(**inputs))

    def vision(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Encode prepared images: (n, d) float32."""
        with self._torch.inference_mode():
            tensor = self._there(pixels).to(self._dtype)
            return self._back(self._model.get_image_features(pixel_values=tensor))

    def export_parts(self) -> ExportParts:
        """Take the model apart. Raises ``ModelError`` when its tokenizer cannot be carried over."""
        from stitch_cir.encoders.clip._export_parts import parts_of_transformers

        return parts_of_transformers(self)

    def patches(
        self, pixels: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Encode images and patches: the class token's way, taken by every token."""
        with self._torch.inference_mode():
            tensor = self._there(pixels).to(self._dtype)
            tower = self._model.vision_model
            states = tower(pixel_values=tensor).last_hidden_state
            joint = self._model.visual_projection(tower.post_layernorm(states))
            joint = joint.float().cpu().numpy()
        return joint[:, 0], joint[:, 1:]

    def _there(self, array: NDArray[Any]) -> Any:
        return self._torch.from_numpy(np.ascontiguousarray(array)).to(self._device)

    def _back(self, features: Any) -> NDArray[np.float32]:
        # newer versions give an output object, older ones the tensor itself
        tensor = getattr(features, "pooler_output", features)
        return np.asarray(tensor.float().cpu().numpy(), dtype=np.float32)


def _pad(tokenizer: Any, text: Any) -> int:
    """Choose the token that fills texts up: the tokenizer's, else the configuration's."""
    for id in (tokenizer.pad_token_id, getattr(text, "pad_token_id", None)):
        if id is not None:
            return int(id)
    return 0

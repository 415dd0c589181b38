"""The two halves of a torch model as modules that can be traced, and its tokenizer as a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from stitch_cir.encoders.clip._towers import Towers
from stitch_cir.encoders.store import GOLDEN_TEXTS
from stitch_cir.errors import ModelError

if TYPE_CHECKING:
    from stitch_cir.encoders.clip._open_clip import OpenClipTowers
    from stitch_cir.encoders.clip._transformers import HfTowers

__all__ = [
    "ExportParts",
    "ExportableTowers",
    "Tower",
    "check_tokenizer",
    "parts_of_open_clip",
    "parts_of_transformers",
]

_HARD_TEXTS = (
    *GOLDEN_TEXTS,
    "A Dog's life, isn't it?  Two   spaces; 3.5 km & <tags> (100%)",
    "naïve café, Straße, 東京タワー, привет",
    "",
    "word " * 90,
)


@dataclass(frozen=True, slots=True)
class Tower:
    """A module, tensors to trace it with (by input name), and the names of its outputs.

    ``any_length`` says that token ids may be shorter than the example.
    """

    module: Any
    example: dict[str, Any]
    outputs: list[str]
    any_length: bool = False


@dataclass(frozen=True, slots=True)
class ExportParts:
    """Everything an exported model is made of; ``config`` is what its towers cannot tell."""

    text: Tower
    vision: Tower
    tokenizer: str
    config: dict[str, Any]


@runtime_checkable
class ExportableTowers(Protocol):
    """Towers that can be taken apart, to be exported."""

    def export_parts(self) -> ExportParts:
        """Take the model apart. Raises ``ModelError`` when its tokenizer cannot be carried over."""
        ...


def parts_of_transformers(towers: HfTowers) -> ExportParts:
    """Take a model apart. Raises ``ModelError`` when its tokenizer cannot be carried over."""
    import torch

    model, info = towers.model, towers.info
    model.set_attn_implementation("eager")  # its masks are traced for every length
    sigmoid = model.config.model_type != "clip"
    dense = info.grid > 0

    def text(input_ids: Any, attention_mask: Any = None) -> Any:
        mask = {} if attention_mask is None else {"attention_mask": attention_mask}
        features = model.get_text_features(input_ids=input_ids, **mask)
        return getattr(features, "pooler_output", features)

    def vision(pixel_values: Any) -> Any:
        if not dense:
            features = model.get_image_features(pixel_values=pixel_values)
            return getattr(features, "pooler_output", features)
        tower = model.vision_model
        states = tower(pixel_values=pixel_values).last_hidden_state
        joint = model.visual_projection(tower.post_layernorm(states))
        return joint[:, 0], joint[:, 1:]

    backend = getattr(towers.tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelError("The checkpoint's tokenizer has no form that a tokenizer.json can hold.")
    pad = towers.pad
    ids = torch.full((2, info.context), pad, dtype=torch.int64)
    ids[:, :4] = torch.tensor(towers.tokenize(["a photo"])[0][:4] + [pad] * 4)[:4]
    example = {"input_ids": ids}
    if not sigmoid:
        ids[:, -1] = int(model.config.text_config.eos_token_id)
        example["attention_mask"] = torch.ones_like(ids)
    return ExportParts(
        Tower(_traced(model, text), example, ["text_embeds"], any_length=not sigmoid),
        _vision(_traced(model, vision), towers.side, dense=dense),
        backend.to_str(),
        _config(towers, fill=sigmoid, lower=sigmoid, pad=pad),
    )


def parts_of_open_clip(towers: OpenClipTowers) -> ExportParts:
    """Take a model apart. Raises ``ModelError`` when its tokenizer cannot be carried over."""
    import torch

    from stitch_cir.encoders.clip._open_clip import joint_tokens

    model, info = towers.model, towers.info
    dense = info.grid > 0

    def vision(pixel_values: Any) -> Any:
        if dense:
            return joint_tokens(model.visual, pixel_values)
        return model.encode_image(pixel_values)

    ids = torch.zeros((2, info.context), dtype=torch.int64)
    example = towers.tokenize(["a photo"])[0]
    ids[:, : len(example)] = torch.tensor(example)
    return ExportParts(
        Tower(_traced(model, model.encode_text), {"input_ids": ids}, ["text_embeds"]),
        _vision(_traced(model, vision), towers.preprocess.side, dense=dense),
        _open_clip_tokenizer(towers.tokenizer),
        _config(towers, fill=True, lower=False, pad=0),
    )


def _traced(model: Any, forward: Callable[..., Any]) -> Any:
    """Make a module whose forward is a function of the model's."""
    import torch

    class Traced(torch.nn.Module):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.model = model  # so that its weights belong to the module

        def forward(self, *tensors: Any) -> Any:
            return forward(*tensors)

    return Traced().eval()


def _vision(module: Any, side: int, *, dense: bool) -> Tower:
    import torch

    outputs = ["image_embeds", "patch_embeds"] if dense else ["image_embeds"]
    return Tower(module, {"pixel_values": torch.zeros((2, 3, side, side))}, outputs)


def _config(towers: Towers, *, fill: bool, lower: bool, pad: int) -> dict[str, Any]:
    info = towers.info
    return {
        "context": info.context,
        "fill": fill,
        "lower": lower,
        "pad": pad,
        "logit_scale": info.logit_scale,
        "grid": info.grid,
    }


def _open_clip_tokenizer(tokenizer: Any) -> str:
    """Spell open_clip's own tokenizer as a ``tokenizer.json``; others carry one already."""
    if not hasattr(tokenizer, "bpe_ranks"):
        backend = getattr(getattr(tokenizer, "tokenizer", None), "backend_tokenizer", None)
        if backend is None:
            raise ModelError("The model's tokenizer has no form that a tokenizer.json can hold.")
        return str(backend.to_str())
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    start, end = "<start_of_text>", "<end_of_text>"
    made = Tokenizer(
        models.BPE(
            vocab=dict(tokenizer.encoder),
            merges=list(tokenizer.bpe_ranks),
            end_of_word_suffix="</w>",
            continuing_subword_prefix="",
            unk_token=end,
        )
    )
    made.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
            normalizers.Lowercase(),
        ]
    )
    pattern = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        special_tokens=[(start, tokenizer.sot_token_id), (end, tokenizer.eot_token_id)],
    )
    return str(made.to_str())


def check_tokenizer(towers: Towers, parts: ExportParts) -> None:
    """Raise ``ModelError`` where a tokenizer made of the parts reads a text differently."""
    from stitch_cir.encoders.clip._tokenizer import plain_tokenizer

    json.loads(parts.tokenizer)
    made = plain_tokenizer(parts.tokenizer)
    for text, expected in zip(_HARD_TEXTS, towers.tokenize(_HARD_TEXTS), strict=True):
        text_in = text.lower() if parts.config["lower"] else text
        token_ids = made.encode(text_in).ids
        context, pad = int(parts.config["context"]), int(parts.config["pad"])
        if len(expected) == context and len(token_ids) < context:  # tokenized to its full length
            token_ids = [*token_ids, *[pad] * (context - len(token_ids))]
        if token_ids != list(expected):
            raise ModelError(
                f"The tokenizer cannot be carried over: it reads {text[:40]!r} differently.",
                hint="Use the checkpoint itself with the transformers: or open_clip: back end.",
            )

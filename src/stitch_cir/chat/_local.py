"""A multimodal model of the Qwen2-VL family on this machine, through transformers."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from stitch_cir._hints import install_command
from stitch_cir._paths import data_folder
from stitch_cir.chat._messages import ImagePart, Message, Reply, Sampling
from stitch_cir.chat.endpoint._wire import IMAGE_SIDE, reduce_image
from stitch_cir.errors import ModelError

__all__ = ["FAMILY", "QwenChat"]

FAMILY = ("qwen2_vl", "qwen2_5_vl")
_IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"
_PAD = "<|image_pad|>"
_SAMPLED_BYTES = 1 << 20


class QwenChat:
    """Samples replies with a checkpoint of the Qwen2-VL family (the paper's Qwen2-VL-7B is one).

    The prompt is the one any other back end gets, in the family's ChatML. Samples that are drawn
    together come from one seeded call; temperature 0 is greedy. One request runs at a time.

    Parameters
    ----------
    path:
        A folder with the checkpoint in transformers' format, or the hub id of one that was pulled
        (``stitch models pull``) or lies in the hub client's cache. Nothing is fetched.
    device:
        ``"cpu"``, ``"cuda"``, or ``None``: CUDA where there is one.

    Raises
    ------
    ModelError
        Later, at the first request: transformers is not installed; files are missing; the
        checkpoint is of another family or lacks tensors.
    """

    concurrency = 1

    def __init__(self, path: str, *, device: str | None = None) -> None:
        self._path = path
        self._device = device
        self._lock = threading.Lock()
        self._parts: tuple[Any, Any, Any, str] | None = None
        self._name: str | None = None

    @property
    def model(self) -> str:
        """The hub id, or the folder's name with a digest of its files (sampled)."""
        if self._name is None:
            folder = Path(self._path)
            self._name = f"{folder.name}@{_digest(folder)}" if folder.is_dir() else self._path
        return self._name

    def settings(self) -> Mapping[str, Any]:
        """Return the back end, the size of images, and the device."""
        return {"backend": "transformers", "image_side": IMAGE_SIDE, "device": self._device}

    def notes(self) -> tuple[str, ...]:
        """Return no notes."""
        return ()

    def close(self) -> None:
        """Do nothing: a generation cannot be stopped."""

    def sample(
        self, messages: Sequence[Message], count: int, sampling: Sampling, first: int = 0
    ) -> list[Reply]:
        """Draw ``count`` samples in one seeded call."""
        with self._lock:
            model, tokenizer, processor, device = self._open()
            import torch

            text, images = _chatml(messages)
            inputs = _inputs(text, images, tokenizer, processor, model)
            inputs = {name: value.to(device) for name, value in inputs.items()}
            torch.manual_seed(sampling.seed + first)
            drawing: dict[str, Any] = {"do_sample": False, "num_return_sequences": 1}
            if sampling.temperature > 0:
                drawing = {
                    "do_sample": True,
                    "num_return_sequences": count,
                    "temperature": sampling.temperature,
                    "top_p": sampling.top_p,
                    "top_k": sampling.top_k,
                }
            end = tokenizer.convert_tokens_to_ids("<|im_end|>")
            with torch.inference_mode():
                drawn = model.generate(
                    **inputs,
                    **drawing,
                    max_new_tokens=sampling.max_tokens,
                    eos_token_id=end,
                    pad_token_id=end,
                )
        length = inputs["input_ids"].shape[1]
        rows = drawn[:, length:].tolist()
        if sampling.temperature == 0:
            rows = rows * count
        return [
            _reply(row, end, tokenizer, length if number == 0 else 0)
            for number, row in enumerate(rows)
        ]

    def _open(self) -> tuple[Any, Any, Any, str]:
        if self._parts is None:
            self._parts = self._load()
        return self._parts

    def _load(self) -> tuple[Any, Any, Any, str]:
        try:
            import torch
            from transformers import AutoConfig, AutoModelForImageTextToText, AutoTokenizer

            processor_class = _processor_class()
        except ImportError as error:
            raise ModelError(
                f"A local model needs transformers and torch: {error}.",
                hint=f"Install the extra: {install_command('transformers')}",
            ) from error
        local = {"local_files_only": True}
        pulled = data_folder() / "models" / self._path.replace("/", "--")
        source = str(pulled) if pulled.is_dir() else self._path
        device = self._device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            config = AutoConfig.from_pretrained(source, **local)
            if config.model_type not in FAMILY:
                raise ModelError(
                    f"{self._path} is a model of the kind {config.model_type!r}.",
                    hint=f"Local models must be of the kinds {', '.join(FAMILY)}; any other works "
                    "through an OpenAI-compatible server (--base-url).",
                )
            model, info = AutoModelForImageTextToText.from_pretrained(
                source, dtype="auto", output_loading_info=True, **local
            )
            tokenizer = AutoTokenizer.from_pretrained(source, **local)
            processor = processor_class.from_pretrained(source, **local)
            model = model.to(device).eval()
        except ModelError:
            raise
        except Exception as error:  # each library below has classes of its own
            reason = " ".join(str(error).split())[:300]
            raise ModelError(
                f"The model {self._path} cannot be loaded: {reason}",
                hint="Give a folder with config.json, the .safetensors, tokenizer.json and "
                "preprocessor_config.json, or fetch one first: stitch models pull "
                "Qwen/Qwen2-VL-7B-Instruct",
            ) from error
        missing = sorted(info.get("missing_keys") or ())
        if missing:
            raise ModelError(
                f"The checkpoint {self._path} lacks {len(missing)} tensors, first {missing[0]!r}.",
                hint="Its files are incomplete: fetch them again.",
            )
        return model, tokenizer, processor, device


def _processor_class() -> Any:
    """Return the image processor that needs no torchvision, under its old or its new name."""
    try:
        from transformers.models.qwen2_vl import image_processing_pil_qwen2_vl as module

        return module.Qwen2VLImageProcessorPil
    except ImportError:
        from transformers import Qwen2VLImageProcessor

        return Qwen2VLImageProcessor


def _chatml(messages: Sequence[Message]) -> tuple[str, list[Image.Image]]:
    """Encode messages as ChatML; special tokens in a user's text are made harmless."""
    images: list[Image.Image] = []
    turns = []
    if messages[0].role != "system":
        turns.append("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n")
    for message in messages:
        content = ""
        for part in message.parts:
            if isinstance(part, ImagePart):
                if part.image is None:
                    raise ModelError(f"The image {part.content[:12]} is not at hand.")
                images.append(reduce_image(part.image, IMAGE_SIDE))
                content += _IMAGE
            else:
                content += part.replace("<|", "< |")
        turns.append(f"<|im_start|>{message.role}\n{content}<|im_end|>\n")
    return "".join(turns) + "<|im_start|>assistant\n", images


def _inputs(
    text: str, images: list[Image.Image], tokenizer: Any, processor: Any, model: Any
) -> dict[str, Any]:
    """Make tensors; each image's placeholder is repeated once per merged patch."""
    import torch

    vision: dict[str, Any] = {}
    if images:
        vision = dict(processor(images=images, return_tensors="pt"))
        merged = processor.merge_size**2
        pieces = text.split(_PAD)
        counts = [int(grid.prod()) // merged for grid in vision["image_grid_thw"]]
        text = pieces[0] + "".join(
            _PAD * count + piece for count, piece in zip(counts, pieces[1:], strict=True)
        )
    encoded = tokenizer(text, return_tensors="pt", add_special_tokens=False)
    ids = encoded["input_ids"]
    pad = tokenizer.convert_tokens_to_ids(_PAD)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), **vision}
    if vision:
        # newer versions lay out positions by the kind of each token
        import inspect

        if "mm_token_type_ids" in inspect.signature(model.forward).parameters:
            inputs["mm_token_type_ids"] = (ids == pad).to(torch.int32)
    return inputs


def _reply(row: list[int], end: int, tokenizer: Any, prompt_tokens: int) -> Reply:
    finished = end in row
    row = row[: row.index(end)] if finished else row
    text = tokenizer.decode(row, skip_special_tokens=True)
    return Reply(text, "stop" if finished else "length", prompt_tokens, len(row))


def _digest(folder: Path) -> str:
    """Digest a checkpoint: names, sizes, small files whole, of large ones both ends (a MiB)."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*")):
        if file.suffix not in (".json", ".safetensors", ".txt", ".jinja") or not file.is_file():
            continue
        size = file.stat().st_size
        digest.update(json.dumps([file.name, size]).encode())
        with file.open("rb") as stream:
            digest.update(stream.read(_SAMPLED_BYTES))
            if size > 2 * _SAMPLED_BYTES:
                stream.seek(-_SAMPLED_BYTES, 2)
            digest.update(stream.read(_SAMPLED_BYTES))
    return digest.hexdigest()[:12]

"""CLIP and SigLIP as ONNX towers, run by onnxruntime: the default for CLIP on a CPU."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.encoders._session import open_session, run_session
from stitch_cir.encoders.clip._preprocess import Preprocess
from stitch_cir.encoders.clip._tokenizer import pad_token_id, plain_tokenizer
from stitch_cir.encoders.clip._towers import TowerEncoder, TowersInfo
from stitch_cir.encoders.store import (
    ModelFile,
    encoder_name,
    joint_sha256,
    local_folder,
    read_model_file,
)
from stitch_cir.errors import ModelError, SettingError

__all__ = ["OnnxTowers", "find_towers", "has_towers", "load_onnx"]

_CUDA = "CUDAExecutionProvider"
_TEXT = ("text.onnx", "onnx/text_model.onnx", "text_model.onnx")
_VISION = ("vision.onnx", "onnx/vision_model.onnx", "vision_model.onnx")
_FEEDS = {"input_ids", "attention_mask", "token_type_ids", "position_ids"}
_EXPECTED = (
    "Expected are text.onnx and vision.onnx (or onnx/text_model.onnx and onnx/vision_model.onnx), "
    "tokenizer.json and preprocessor_config.json (or processor_config.json). Get a known model: "
    "stitch models pull NAME; make one: stitch models export SPEC FOLDER"
)


def load_onnx(
    source: str, *, device: str | None = None, precision: str | None = None, name: str | None = None
) -> TowerEncoder:
    """Load a folder of ONNX towers, as exported here or as published on a hub.

    Raises
    ------
    ModelError
        A file is missing, damaged, or no CLIP-like tower.
    SettingError
        bf16 was asked for (the files decide), or CUDA without onnxruntime's CUDA provider.
    """
    if precision not in (None, "fp32"):
        raise SettingError(
            f"The precision of ONNX towers is that of their files, not {precision!r}.",
            hint="Use the transformers: or open_clip: back end for bf16.",
        )
    folder = local_folder(source, _EXPECTED)
    preprocess = Preprocess.from_folder(folder)
    towers = OnnxTowers(folder, device, preprocess.side)
    record = towers.record
    tag = record.weights_tag if record else folder.name if Path(source).is_dir() else source
    return TowerEncoder(name or encoder_name("onnx", source), tag, towers, preprocess)


def has_towers(folder: Path) -> bool:
    """Return whether a folder holds both towers."""
    return all(any((folder / name).is_file() for name in names) for names in (_TEXT, _VISION))


def find_towers(folder: Path) -> tuple[Path, Path]:
    """Return the text and the vision tower of a folder. Raises ``ModelError``."""
    towers = []
    for names in (_TEXT, _VISION):
        file = next((folder / name for name in names if (folder / name).is_file()), None)
        if file is None:
            raise ModelError(f"{folder} lacks {names[0]}.", hint=_EXPECTED)
        towers.append(file)
    return towers[0], towers[1]


class OnnxTowers:
    """Both towers as inference sessions; the text tower's inputs decide what it is fed."""

    def __init__(self, folder: Path, device: str | None, side: int) -> None:
        """Open the files; ``side`` is that of the input. For errors see :func:`load_onnx`."""
        text, vision = find_towers(folder)
        self._names = (f"The text tower {text}", f"The vision tower {vision}")
        self.record: ModelFile | None = read_model_file(folder)
        if self.record is not None:
            self.record.check_files(folder)
        self._tokenizer = _open_tokenizer(folder / "tokenizer.json")
        self._text = _session(text, device)
        self._vision = _session(vision, device)
        self._feeds = {each.name for each in self._text.get_inputs()}
        taken = [each.name for each in self._vision.get_inputs()]
        if len(taken) != 1:
            raise ModelError(
                f"{vision} takes {', '.join(taken)}, not pixels alone.",
                hint="Models that take patches of any number (NaFlex) are not built here.",
            )
        self._pixels = taken[0]
        if "input_ids" not in self._feeds or not self._feeds <= _FEEDS:
            raise ModelError(
                f"{text} takes {', '.join(sorted(self._feeds))}, not input_ids with their mask.",
                hint=_EXPECTED,
            )
        self._text_output = _output(self._text, ("text_embeds", "pooler_output"), text)
        self._image_output = _output(self._vision, ("image_embeds", "pooler_output"), vision)
        outputs = {each.name for each in self._vision.get_outputs()}
        config = _config(folder)
        self._fill = bool(config.get("fill", False))
        self._pad = int(config["pad"])
        self._lower = bool(config.get("lower", False))
        self.info = TowersInfo(
            dim=self._dim(vision, int(config["context"]), side),
            context=int(config["context"]),
            weights=joint_sha256(
                [text, vision, folder / "tokenizer.json", *_external(text), *_external(vision)]
            ),
            logit_scale=float(config["logit_scale"]),
            grid=int(config["grid"]) if "patch_embeds" in outputs else 0,
        )

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Return token ids of any length."""
        lowered = [text.lower() for text in texts] if self._lower else list(texts)
        return [encoding.ids for encoding in self._tokenizer.encode_batch(lowered)]

    def text(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Encode token ids: (n, d) float32."""
        return self._encode(ids, self.info.context)

    def _encode(self, ids: Sequence[Sequence[int]], context: int) -> NDArray[np.float32]:
        width = context if self._fill else max(len(sequence) for sequence in ids)
        batch = np.full((len(ids), width), self._pad, np.int64)
        mask = np.zeros((len(ids), width), np.int64)
        for row, sequence in enumerate(ids):
            batch[row, : len(sequence)] = sequence
            mask[row, : len(sequence)] = 1
        feeds = {
            "input_ids": batch,
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(batch),
            "position_ids": np.broadcast_to(np.arange(width), batch.shape),
        }
        feeds = {name: value for name, value in feeds.items() if name in self._feeds}
        (vectors,) = run_session(self._text, [self._text_output], feeds, self._names[0])
        return np.asarray(vectors, dtype=np.float32)

    def vision(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Encode prepared images: (n, d) float32."""
        feeds = {self._pixels: pixels}
        (vectors,) = run_session(self._vision, [self._image_output], feeds, self._names[1])
        return np.asarray(vectors, dtype=np.float32)

    def patches(
        self, pixels: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Encode images and patches, where the vision tower has the output ``patch_embeds``."""
        names = [self._image_output, "patch_embeds"]
        feeds = {self._pixels: pixels}
        pooled, tokens = run_session(self._vision, names, feeds, self._names[1])
        return np.asarray(pooled, dtype=np.float32), np.asarray(tokens, dtype=np.float32)

    def _dim(self, file: Path, context: int, side: int) -> int:
        shapes = [
            {each.name: each.shape for each in session.get_outputs()}[name]
            for session, name in (
                (self._text, self._text_output),
                (self._vision, self._image_output),
            )
        ]
        texts, images = (shape[-1] for shape in shapes)
        if not (isinstance(texts, int) and isinstance(images, int)):
            # some exporters leave the length of the vectors open: it is measured
            texts, images = self._measured(context, side)
        if texts != images:
            raise ModelError(
                f"The towers do not meet: texts have {texts} numbers, images {images}.",
                hint=f"{file.parent} mixes files of two models: fetch them again.",
            )
        return int(images)

    def _measured(self, context: int, side: int) -> tuple[int, int]:
        """Return the length of a text's and of an image's vector, by encoding one of each."""
        text = self._encode([[self._pad] * 2], context)
        image = self.vision(np.zeros((1, 3, side, side), np.float32))
        return int(text.shape[-1]), int(image.shape[-1])


def _external(file: Path) -> list[Path]:
    """Find the files that hold an ONNX file's weights apart from it, as models above 2 GB do."""
    names = (
        f"{file.name}_data",
        f"{file.name}.data",
        f"{file.stem}.data",
        f"{file.stem}.onnx_data",
    )
    return sorted({file.with_name(name) for name in names if file.with_name(name).is_file()})


def _pad(folder: Path, text: dict[str, Any], otherwise: int) -> int:
    """Choose the token that fills texts up: the tokenizer's, else the configuration's."""
    for id in (pad_token_id(folder), text.get("pad_token_id")):
        if id is not None:
            return int(id)
    return otherwise


def _session(file: Path, device: str | None) -> Any:
    """Open a tower where it is to run; a GPU that cannot be used is an error, never the CPU."""
    if device is None or not device.startswith("cuda"):
        return open_session(file, quiet=True)
    import onnxruntime

    if _CUDA not in onnxruntime.get_available_providers():
        raise SettingError(
            "CUDA was asked for, but this onnxruntime has no CUDA provider.",
            hint="Install onnxruntime-gpu, or leave --device out.",
        )
    number = device.partition(":")[2] or "0"
    providers: list[str | tuple[str, dict[str, Any]]] = [
        (_CUDA, {"device_id": number}),
        "CPUExecutionProvider",
    ]
    session = open_session(file, providers=providers, quiet=True)
    if _CUDA not in session.get_providers():
        # the runtime falls back to the CPU when a library of CUDA or cuDNN cannot be loaded
        raise ModelError(
            f"CUDA was asked for, but onnxruntime could not start it on {device}.",
            hint="Its libraries of CUDA and cuDNN must match this onnxruntime-gpu, and the device "
            "must exist. Leave --device out to run on the CPU.",
        )
    return session


def _output(session: Any, expected: Sequence[str], file: Path) -> str:
    names = [each.name for each in session.get_outputs()]
    match = next((name for name in expected if name in names), None)
    if match is None:
        raise ModelError(f"{file} gives {', '.join(names)}, not {expected[0]}.", hint=_EXPECTED)
    return match


def _open_tokenizer(file: Path) -> Any:
    try:
        return plain_tokenizer(file.read_text(encoding="utf-8"))
    except Exception as error:  # tokenizers raises plain Exception
        raise ModelError(
            f"The tokenizer {file} is missing or damaged: {' '.join(str(error).split())[:200]}",
            hint=_EXPECTED,
        ) from error


def _config(folder: Path) -> dict[str, Any]:
    """Read what towers cannot tell: from our sequence file, else from a hub's ``config.json``."""
    record = read_model_file(folder)
    if record is not None and record.towers:
        return record.towers
    try:
        data = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        text, vision = data.get("text_config", {}), data.get("vision_config", {})
        sigmoid = str(data.get("model_type", "clip")).startswith("siglip")
        side, patch = int(vision.get("image_size", 224)), int(vision.get("patch_size", 32))
        return {
            "context": int(text.get("max_position_embeddings", 64 if sigmoid else 77)),
            "fill": sigmoid,
            "lower": sigmoid,
            "pad": _pad(folder, text, 1 if sigmoid else 49407),
            "logit_scale": 100.0,
            "grid": 0 if sigmoid else side // patch,
        }
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{folder / 'config.json'} is missing or odd: {error}.", hint=_EXPECTED
        ) from error

"""``stitch-model.json``: what is known of a model's folder, with checksums and golden vectors."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stitch_cir.encoders.store._catalogue import NAME, is_installed, model_dir
from stitch_cir.encoders.store._digests import check_file
from stitch_cir.errors import ModelError

__all__ = [
    "GOLDEN_TEXTS",
    "ModelFile",
    "encoder_name",
    "golden_images",
    "local_folder",
    "read_model_file",
]

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
GOLDEN_TEXTS = ("a photo of a cat", "two red cars on a street at night", "ein Hund am Strand 🐕")
"""Texts whose vectors are kept with an exported model."""


class ModelFile(BaseModel):
    """The file's content. ``files`` are SHA-256 by name; ``towers`` what towers cannot tell."""

    model_config = ConfigDict(extra="forbid", strict=True)

    format: int = 1
    name: str
    weights_tag: str
    source: str
    files: dict[str, str]
    towers: dict[str, Any] = {}
    golden: dict[str, list[list[float]]] = {}
    made: dict[str, str] = Field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write it beside the model's files, whole or not at all."""
        part = folder / f"{NAME}.part"
        part.write_text(self.model_dump_json(indent=1), encoding="utf-8")
        part.replace(folder / NAME)

    def check_files(self, folder: Path, *, fresh: bool = False) -> None:
        """Compare every file's checksum: once for each state of a file, or ``fresh``.

        Raises ``ModelError`` naming one that is missing or altered.
        """
        for name, expected in self.files.items():
            check_file(folder / name, expected, f"Fetch or export {self.name} again.", fresh=fresh)


def read_model_file(folder: Path) -> ModelFile | None:
    """Read the file of a folder, ``None`` where there is none. Raises ``ModelError``."""
    file = folder / NAME
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelError(f"{file} cannot be read: {error.strerror}.") from error
    try:
        return ModelFile.model_validate(json.loads(content))
    except (ValidationError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        raise ModelError(
            f"{file} cannot be understood: {said}", hint="Fetch or export the model again."
        ) from error


def local_folder(source: str, expected: str) -> Path:
    """Find a model's folder: a path, a pulled hub id, or an id in the hub client's own cache.

    Nothing is fetched. Raises ``ModelError`` whose hint is the command that gets it, and for a path
    what is ``expected`` in the folder.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return path.resolve()
    if not _HUB_ID.fullmatch(source) or source.startswith("."):
        raise ModelError(f"There is no model folder {source}.", hint=expected)
    pulled = model_dir(source)
    if is_installed(source):
        return pulled
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(source, local_files_only=True))
    except LocalEntryNotFoundError as error:
        raise ModelError(
            f"The model {source} is not on this machine: there is no {pulled / NAME}.",
            hint=f"Get it: stitch models pull {source}",
        ) from error
    except OSError as error:
        raise ModelError(
            f"The hub client's own cache cannot be read: {error.strerror or error}"
            + (f" ({error.filename})." if error.filename else "."),
            hint="Give yourself the right to read it, or set HF_HOME to another folder.",
        ) from error


def encoder_name(backend: str, source: str, precision: str = "fp32") -> str:
    """Spell the name under which :func:`load_encoder` opens the same model from anywhere."""
    path = Path(source).expanduser()
    where = str(path.resolve()) if path.is_dir() else source
    return f"{backend}:{where}" + ("" if precision == "fp32" else f"@{precision}")


def golden_images() -> Sequence[Image.Image]:
    """Draw the images whose vectors are kept: smooth colours, wide and tall, always the same."""
    images = []
    for width, height, phase in ((320, 240, 0.0), (90, 300, 1.0)):
        x = np.linspace(0, 3, width)[None, :]
        y = np.linspace(0, 2, height)[:, None]
        waves: list[NDArray[np.float64]] = [
            np.sin(x * (i + 1) + phase) * np.cos(y * (3 - i) - phase) for i in range(3)
        ]
        pixels = np.round(np.stack(waves, axis=-1) * 120 + 128).astype(np.uint8)
        images.append(Image.fromarray(pixels))
    return images

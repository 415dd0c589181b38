"""SHA-256 of weight files, remembered as long as a file's state stays the same."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from stitch_cir._paths import data_folder
from stitch_cir.errors import ModelError, SettingError

__all__ = ["check_file", "file_sha256", "joint_sha256"]


def file_sha256(path: Path, *, fresh: bool = False) -> str:
    """Return the SHA-256 of a file in hex; gigabytes are hashed once for each state of the file.

    The state is size, times of content and inode, and the inode itself, so that a file that was
    overwritten under its old time is hashed again. ``fresh`` does not trust what is remembered.
    """
    facts = path.stat()
    location = str(path.resolve())
    state = f"{facts.st_size}|{facts.st_mtime_ns}|{facts.st_ctime_ns}|{facts.st_ino}"
    key, memory = f"{location}|{state}", _memory()
    if not fresh and memory is not None:
        recorded = _read(memory).get(key)
        if recorded is not None:
            return recorded
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if memory is not None:
        # what was known of earlier states of the file goes
        others = {k: v for k, v in _read(memory).items() if k.split("|", 1)[0] != location}
        _write(memory, {**others, key: digest})
    return digest


def check_file(path: Path, sha256: str, again: str, *, fresh: bool = False) -> None:
    """Raise ``ModelError`` naming a file that is missing or not what it was; ``again`` mends it."""
    try:
        digest = file_sha256(path, fresh=fresh)
    except FileNotFoundError as error:
        raise ModelError(f"The model file {path} is missing.", hint=again) from error
    except OSError as error:
        raise ModelError(
            f"The model file {path} cannot be read: {error.strerror or error}.", hint=again
        ) from error
    if digest != sha256:
        raise ModelError(f"The model file {path} was altered: its checksum differs.", hint=again)


def joint_sha256(paths: Sequence[Path]) -> str:
    """Return one digest of several files, of their names and contents."""
    spelled = json.dumps([[path.name, file_sha256(path)] for path in sorted(paths)])
    return hashlib.sha256(spelled.encode()).hexdigest()


def _memory() -> Path | None:
    try:
        return data_folder() / "digests.json"
    except SettingError:  # nowhere to remember: every start hashes anew
        return None


def _read(memory: Path) -> dict[str, str]:
    try:
        data = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(data, dict):
        return {}
    return {key: value for key, value in data.items() if isinstance(value, str)}


def _write(memory: Path, data: dict[str, str]) -> None:
    part = memory.with_suffix(f".{os.getpid()}.part")
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(data), encoding="utf-8")
        part.replace(memory)
    except OSError:  # remembering only saves time
        with suppress(OSError):
            part.unlink(missing_ok=True)

"""Temporary folders that go with their process; of one that is killed, the next removes them."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["MARK", "is_abandoned", "marked_alive", "remove_abandoned", "scratch_folder"]

MARK = "alive"
"""File in a folder, locked for as long as the process that uses the folder lives."""


@contextmanager
def scratch_folder(kind: str) -> Iterator[Path]:
    """Make a temporary folder ``stitch-KIND-…``, and remove it with all that is in it at the end.

    Those of the same kind go as well whose processes were killed on this machine. Raises
    ``OSError`` where there is no room.
    """
    remove_abandoned(kind)
    folder = Path(tempfile.mkdtemp(prefix=_prefix(kind)))
    try:
        with marked_alive(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(kind: str) -> int:
    """Remove what killed processes of this user left of a kind; return how many folders stay."""
    left = 0
    with suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{_prefix(kind)}*"):
            if _is_mine(folder) and is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)
            left += folder.exists()
    return left


def _prefix(kind: str) -> str:
    return f"stitch-{kind}-"


def _is_mine(folder: Path) -> bool:
    """Return whether a folder is this user's: in one of another's, a mark could be a trap."""
    try:
        facts = folder.lstat()
    except OSError:
        return False
    mine = not hasattr(os, "geteuid") or facts.st_uid == os.geteuid()
    return mine and stat.S_ISDIR(facts.st_mode)


@contextmanager
def marked_alive(folder: Path) -> Iterator[None]:
    """Hold a lock in a folder that the operating system frees when this process ends."""
    mark = folder.absolute() / MARK
    made = mark.with_name(f"{MARK}-{os.getpid()}")
    lock: sqlite3.Connection | None = None
    try:
        with suppress(sqlite3.Error, OSError):
            # a database's lock works wherever SQLite's locking does
            lock = sqlite3.connect(made, isolation_level=None, timeout=0, check_same_thread=False)
            lock.execute("BEGIN EXCLUSIVE")
            # there is no moment at which it is to be seen and not locked
            made.rename(mark)
        yield
    finally:
        # first of all, for the same reason; where a file that is open cannot be deleted, afterwards
        with suppress(OSError):
            mark.unlink(missing_ok=True)
        if lock is not None:
            lock.close()
        for file in (mark, made):
            with suppress(OSError):
                file.unlink(missing_ok=True)


def is_abandoned(folder: Path) -> bool:
    """Return whether the process that marked a folder as its own is gone."""
    mark = folder.absolute() / MARK
    try:
        if not mark.is_file():
            return False
        lock = sqlite3.connect(mark, isolation_level=None, timeout=0)
        try:
            lock.execute("BEGIN EXCLUSIVE")
            return mark.exists()
        finally:
            lock.close()
    except (OSError, sqlite3.Error):
        return False

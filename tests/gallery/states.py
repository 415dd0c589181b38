"""Galleries put into odd states: copied, flipped, put back, left by a process that died."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np

from stitch_cir.gallery import GalleryReader

LOGS = ("-wal", "-shm", "-journal")


def run(directory: Path, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Change a gallery's database behind its back; give the rows of the statement."""
    database = sqlite3.connect(directory / "gallery.sqlite")
    with database:
        rows = database.execute(statement, values).fetchall()
    database.close()
    return rows


def settled(directory: Path) -> bytes:
    """Move the log into the database, and give the file's bytes."""
    run(directory, "PRAGMA wal_checkpoint(TRUNCATE)")
    drop_logs(directory)
    return (directory / "gallery.sqlite").read_bytes()


def drop_logs(directory: Path) -> None:
    for ending in LOGS:
        (directory / f"gallery.sqlite{ending}").unlink(missing_ok=True)


def put_back(directory: Path, content: bytes) -> None:
    """Restore a database from a backup, as a new file."""
    drop_logs(directory)
    (directory / "gallery.sqlite").unlink()
    (directory / "gallery.sqlite").write_bytes(content)


def flip(blob: bytes, position: int = 3, mask: int = 0x80) -> bytes:
    spoiled = bytearray(blob)
    spoiled[position] ^= mask
    return bytes(spoiled)


def ranked(gallery: GalleryReader) -> dict[str, np.ndarray]:
    """Return what searches see: by id the vectors of the packed matrix."""
    matrix = gallery.matrix()
    bounds = matrix.offsets
    return {
        id: np.array(matrix.vectors[bounds[row] : bounds[row + 1]])
        for row, id in enumerate(matrix.ids)
    }


def recorded(gallery: GalleryReader) -> dict[str, np.ndarray]:
    """Return what the database holds: by id the vectors of the view set."""
    ids = gallery.find(limit=10_000)[1]
    return {id: np.stack([view.vector for view in gallery.views(id)]) for id in ids}


def equal(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return first.keys() == second.keys() and all(
        np.array_equal(first[id], second[id]) for id in first
    )


def leave_a_log(directory: Path, keep: Path) -> None:
    """Let ``directory`` hold the database of ``keep`` without its log, as a dead writer would.

    ``keep`` is a copy of the gallery's folder, made while its log was full.
    """
    shutil.rmtree(directory)
    shutil.copytree(keep, directory)
    (directory / "gallery.sqlite-shm").unlink(missing_ok=True)

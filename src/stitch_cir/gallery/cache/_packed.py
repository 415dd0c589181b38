"""The packed vectors of one state of a gallery: from its cache, built anew, or in memory."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from stitch_cir._scratch import scratch_folder
from stitch_cir.errors import GalleryError
from stitch_cir.gallery.cache._build import build, pack_in_memory
from stitch_cir.gallery.cache._format import (
    ViewMatrix,
    is_of_another_commit,
    is_of_another_format,
    open_cache,
)
from stitch_cir.gallery.store import Store

__all__ = ["PackedVectors"]

_NAMED = 5
"""Ids that a note names, at most."""

State = tuple[int, str]


class PackedVectors:
    """Opens the vectors of the state that a store reads; temporary folders live as long as this.

    Not safe to share between threads: the gallery holds a lock.
    """

    def __init__(self, cache: Path) -> None:
        """Look for caches below the folder ``cache``; nothing is opened yet."""
        self._cache = cache

    def open(
        self, store: Store, dim: int, newest: Callable[[], State]
    ) -> tuple[ViewMatrix, tuple[str, ...]]:
        """Return the vectors of the state that ``store`` reads, and what is unusual about them.

        ``store`` is within a read transaction; ``newest`` returns what is committed by now. Raises
        ``GalleryDamagedError`` when every record is damaged, ``GalleryError`` when a disk does not
        hold what was written to it.
        """
        state = store.state()
        matrix = open_cache(self._cache, state, dim)
        notes: list[str] = []
        if matrix is None:
            notes = _why_rebuilt(self._cache / str(state[0]), state)
            try:
                matrix = self._build(store, dim, self._cache, newest)
            except OSError as error:
                # a medium that cannot be written still answers
                matrix, where = self._build_elsewhere(store, dim, newest)
                reason = error.strerror or error
                notes = [f"{self._cache} cannot be written ({reason}); the vectors were packed "]
                notes[0] += where
        if matrix is None:
            # others committed, and replaced this cache, before it was open
            matrix, _ = self._build_elsewhere(store, dim, newest)
            notes = []
        return matrix, (*notes, *_damage_notes(matrix))

    def _build(
        self, store: Store, dim: int, cache: Path, newest: Callable[[], State]
    ) -> ViewMatrix | None:
        """Build a cache and open it; None when somebody replaced it before it was open."""
        state = store.state()
        path = build(store, dim, cache, newest, old=self._cache)
        matrix = open_cache(cache, state, dim)
        if matrix is None and newest() == state and path.exists():
            raise GalleryError(
                f"The cache {path} does not hold what was just written to it.",
                hint="Check the disk, or choose another place with --gallery DIR.",
            )
        return matrix

    def _build_elsewhere(
        self, store: Store, dim: int, newest: Callable[[], State]
    ) -> tuple[ViewMatrix, str]:
        """Pack into a temporary folder, or in memory where there is none; say where."""
        reason: object = "it is gone again"
        try:
            folders = ExitStack()
            scratch = folders.enter_context(scratch_folder("cache"))
            weakref.finalize(self, folders.close)
            matrix = self._build(store, dim, scratch, newest)
            if matrix is not None:
                return matrix, "in a temporary folder, which takes time at every start."
        except OSError as error:
            reason = error.strerror or error
        return pack_in_memory(store, dim, old=self._cache), (
            f"in memory, because there is no temporary folder with room either ({reason}); this "
            "takes time at every start."
        )


def _why_rebuilt(path: Path, state: State) -> list[str]:
    """Return why the cache at ``path`` is not used; nothing where there is none."""
    try:
        if not path.exists():
            return []
    except OSError:
        return []
    if is_of_another_format(path):
        return ["The cache was of another version and has been rebuilt."]
    if is_of_another_commit(path, state):
        return [
            "The cache belonged to another state of the gallery (a backup put back, or a power "
            "cut) and has been rebuilt."
        ]
    return ["The cache was damaged and has been rebuilt."]


def _damage_notes(matrix: ViewMatrix) -> list[str]:
    notes = []
    if matrix.structure:
        notes.append(
            f"The database is damaged ({matrix.structure.splitlines()[-1]}), so images or "
            "captions may be missing. Look closer: stitch verify GALLERY --repair"
        )
    if matrix.damaged:
        notes.append(
            f"{_count(matrix.damaged, 'record is', 'records are')} damaged in the database and "
            f"left out of every search: {_name(matrix.damaged)}. Repair the gallery: "
            "stitch verify GALLERY --repair"
        )
    if matrix.salvaged:
        notes.append(
            f"{_count(matrix.salvaged, 'record is', 'records are')} damaged in the database; the "
            f"vectors were taken from an older cache: {_name(matrix.salvaged)}. Repair the "
            "gallery: stitch verify GALLERY --repair"
        )
    return notes


def _count(ids: tuple[str, ...], singular: str, plural: str) -> str:
    return f"{len(ids)} {singular if len(ids) == 1 else plural}"


def _name(ids: tuple[str, ...]) -> str:
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return ", ".join(ids[:_NAMED]) + more

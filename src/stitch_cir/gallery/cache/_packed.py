"""The packed vectors of an open gallery: from its cache, built anew, or in memory."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path

from stitch_cir.errors import GalleryError
from stitch_cir.gallery.cache._build import build, pack_in_memory
from stitch_cir.gallery.cache._format import (
    ViewMatrix,
    is_of_another_commit,
    is_of_another_format,
    open_cache,
)
from stitch_cir.gallery.store._store import Store

__all__ = ["PackedVectors"]

_TRIES = 5
"""How often a cache is built when others commit faster than it can be opened."""
_NAMED = 5
"""Ids that a note names, at most."""


class PackedVectors:
    """Gives the vectors of the database's present state; ``notes`` say what is unusual about them.

    Not safe to share between threads: the gallery holds a lock.
    """

    def __init__(self, store: Store, cache: Path) -> None:
        """Look for the cache below the folder ``cache``; nothing is opened yet."""
        self._store = store
        self._cache = cache
        self._matrix: ViewMatrix | None = None
        self.notes: list[str] = []

    def forget(self) -> None:
        """Let go of the arrays."""
        self._matrix = None

    def current(self, refresh: Callable[[], int]) -> ViewMatrix:
        """Give all view sets as they are in the database now.

        ``refresh`` is called before another state than the last one is opened, and returns the
        length of the vectors. Raises ``GalleryDamagedError`` when every record is damaged,
        ``GalleryError`` when a disk does not hold what was written to it.
        """
        state = self._store.state()
        if self._matrix is not None and (self._matrix.generation, self._matrix.commit) == state:
            return self._matrix
        dim = refresh()
        self.notes = []
        matrix = open_cache(self._cache, state, dim)
        if matrix is None:
            self._explain(state)
            matrix = self._rebuild(dim)
        self._note_damage(matrix)
        self._matrix = matrix
        return matrix

    def _explain(self, state: tuple[int, str]) -> None:
        place = self._cache / str(state[0])
        try:
            there = place.exists()
        except OSError:
            there = False
        if not there:
            return
        if is_of_another_format(place):
            self.notes.append("The cache was of another version and has been rebuilt.")
        elif is_of_another_commit(place, state):
            self.notes.append(
                "The cache belonged to another state of the gallery (a backup put back, or a power "
                "cut) and has been rebuilt."
            )
        else:
            self.notes.append("The cache was damaged and has been rebuilt.")

    def _rebuild(self, dim: int) -> ViewMatrix:
        try:
            return self._build(dim, self._cache)
        except OSError as error:
            # a medium that cannot be written still answers
            reason = error.strerror or str(error)
        why = f"{self._cache} cannot be written ({reason}); the vectors were packed"
        self.notes = []
        try:
            scratch = tempfile.mkdtemp(prefix="stitch-")
            weakref.finalize(self, shutil.rmtree, scratch, ignore_errors=True)
            matrix = self._build(dim, Path(scratch))
            self.notes.append(f"{why} in a temporary folder, which takes time at every start.")
        except OSError as error:
            matrix = pack_in_memory(self._store, dim, old=self._cache)
            self.notes.append(
                f"{why} in memory, because there is no temporary folder with room either "
                f"({error.strerror or error}); this takes time at every start."
            )
        return matrix

    def _build(self, dim: int, cache: Path) -> ViewMatrix:
        for _ in range(_TRIES):
            place = build(self._store, dim, cache, old=self._cache)
            state = self._store.state()
            matrix = open_cache(cache, state, dim)
            if matrix is not None:
                return matrix
            if self._store.state() == state and place == cache / str(state[0]) and place.exists():
                raise GalleryError(
                    f"The cache {place} does not hold what was just written to it.",
                    hint="Check the disk, or choose another place with --gallery DIR.",
                )
            # a newer state was committed meanwhile, and this cache was outdated before it was open
        return pack_in_memory(self._store, dim, old=self._cache)

    def _note_damage(self, matrix: ViewMatrix) -> None:
        if matrix.structure:
            self.notes.append(
                f"The database is damaged ({matrix.structure.splitlines()[-1]}), so images or "
                "captions may be missing. Look closer: stitch verify GALLERY --repair"
            )
        if matrix.damaged:
            self.notes.append(
                f"{_count(matrix.damaged, 'record is', 'records are')} damaged in the database and "
                f"left out of every search: {_name(matrix.damaged)}. Repair the gallery: "
                "stitch verify GALLERY --repair"
            )
        if matrix.mended:
            self.notes.append(
                f"{_count(matrix.mended, 'record is', 'records are')} damaged in the database; the "
                f"vectors were taken from an older cache: {_name(matrix.mended)}. Repair the "
                "gallery: stitch verify GALLERY --repair"
            )


def _count(ids: tuple[str, ...], one: str, many: str) -> str:
    return f"{len(ids)} {one if len(ids) == 1 else many}"


def _name(ids: tuple[str, ...]) -> str:
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return ", ".join(ids[:_NAMED]) + more

"""Packing all vectors: into a cache folder, written elsewhere and renamed into place, or in memory.

A reader sees a complete cache or none. Records that are damaged are mended where that can be
proved, and left out otherwise; the result names both.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir._scratch import MARK, is_abandoned, marked_alive
from stitch_cir.errors import GalleryDamagedError
from stitch_cir.gallery.cache._codes import write_codes
from stitch_cir.gallery.cache._format import FILES, FORMAT, ViewMatrix, checksums, open_cache
from stitch_cir.gallery.cache._ids import Ids
from stitch_cir.gallery.cache._salvage import Salvage
from stitch_cir.gallery.store import Store
from stitch_cir.gallery.store._view_sets import problem_of, sets

__all__ = ["build", "pack_in_memory"]

_ABANDONED = 3600.0
"""Seconds after which a half-built cache without a lock belongs to a process that died."""


def build(
    store: Store,
    dim: int,
    cache: Path,
    newest: Callable[[], tuple[int, str]],
    *,
    old: Path | None = None,
) -> Path:
    """Stream one state of the database into a new cache below ``cache``; return its path.

    The state is that of the read transaction of ``store``, or the present one without; ``newest``
    returns what is committed when the cache is complete. Memory does not grow with the gallery's
    vectors. Damaged records are looked up in the caches below ``old`` (``cache`` by default). The
    new folder gets the rights of the database's file, so that whoever may read one may read the
    other. Raises ``OSError`` where nothing can be written, ``GalleryDamagedError`` when every
    record is damaged.
    """
    with suppress(FileExistsError):
        # not its parents: a gallery that was deleted stays deleted
        cache.mkdir()
        _share(cache, store.file)
    scratch = Path(tempfile.mkdtemp(prefix="building-", dir=cache))
    try:
        with marked_alive(scratch):
            with store.read_transaction():
                generation, commit = store.state()
                packed = _write_sets(store, dim, scratch, Salvage(store, old or cache))
                packed["structure"] = _structure(store)
                facts = dict(store.rows("SELECT key, value FROM meta"))
            manifest = {
                "format": FORMAT,
                "generation": generation,
                "commit": commit,
                "dim": dim,
                **packed,
                "meta": facts,
                "files": {name: checksums(scratch / name) for name in FILES},
            }
            body = json.dumps(manifest).encode()
            # the first line vouches for the manifest as the manifest does for the other files
            (scratch / "manifest").write_bytes(b"%d\n%s" % (zlib.crc32(body), body))
        _share(scratch, store.file)
        return _swap_in(scratch, cache, newest, (generation, commit), dim)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def pack_in_memory(store: Store, dim: int, *, old: Path) -> ViewMatrix:
    """Pack one state of the database into arrays in memory, for where nothing can be written.

    Without eight-bit codes. Raises ``GalleryDamagedError`` when every record is damaged.
    """
    sound = _SoundSets(store, dim, Salvage(store, old))
    ids, members, kinds, offsets = [], [], [], [0]
    with store.read_transaction():
        generation, commit = store.state()
        for id, views, image_count in sound:
            ids.append(id)
            members.append(views)
            kinds.append(np.arange(len(views)) >= image_count)
            offsets.append(offsets[-1] + len(views))
        structure = _structure(store)
    empty: NDArray[np.float32] = np.empty((0, dim), np.float32)
    means = [_mean(views)[0] for views in members]
    matrix = ViewMatrix(
        Ids.of(ids),
        np.concatenate([empty, *members]),
        np.asarray(offsets, dtype=np.int64),
        np.concatenate([np.empty(0, np.uint8), *kinds]).astype(np.uint8),
        np.asarray(means, dtype=np.float32).reshape(-1, dim),
        generation,
        commit=commit,
        damaged=tuple(sound.damaged),
        salvaged=tuple(sound.salvaged),
        structure=structure,
    )
    for array in (matrix.vectors, matrix.offsets, matrix.kinds, matrix.means):
        array.setflags(write=False)
    return matrix


class _SoundSets:
    """The view sets that may be ranked, in id order, and the ids of those that may not."""

    def __init__(self, store: Store, dim: int, salvage: Salvage) -> None:
        self._store = store
        self._dim = dim
        self._salvage = salvage
        self.damaged: list[str] = []
        self.salvaged: list[str] = []

    def __iter__(self) -> Iterator[tuple[str, NDArray[np.float32], int]]:
        """Yield each id with its (m, d) float32 views and how many of them are image views."""
        sound = 0
        for stored in sets(self._store):
            if problem_of(stored, self._dim) is not None:
                stored = self._salvage.complete(stored)
                if problem_of(stored, self._dim) is not None:
                    self.damaged.append(stored.id)
                    continue
                self.salvaged.append(stored.id)
            sound += 1
            yield stored.id, stored.members(self._dim), len(stored.image_views) // (4 * self._dim)
        if self.damaged and not sound:
            raise GalleryDamagedError(
                f"Every record of {self._store.file} is damaged (the first one is "
                f"{self.damaged[0]!r}).",
                hint="Repair them: stitch verify GALLERY --repair, or encode everything again: "
                "stitch index FOLDER --rebuild",
            )


def _structure(store: Store) -> str:
    """Return what is wrong with the database's structure; an empty text for nothing.

    A damaged tree may hide rows that nothing else misses, a caption for example.
    """
    line = str(store.value("PRAGMA integrity_check(1)"))
    return "" if line == "ok" else line


def _mean(members: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """Return the normalised mean of a set, and its length before."""
    mean = members.mean(axis=0, dtype=np.float64)
    length = max(float(np.linalg.norm(mean)), 1e-12)
    return mean / length, length


def _write_sets(store: Store, dim: int, scratch: Path, salvage: Salvage) -> dict[str, Any]:
    ids: list[str] = []
    offsets = [0]
    total = np.zeros(dim)
    sound = _SoundSets(store, dim, salvage)
    with (
        (scratch / "vectors").open("wb") as vectors,
        (scratch / "means").open("wb") as means,
        (scratch / "lengths").open("wb") as lengths,
        (scratch / "kinds").open("wb") as kinds,
    ):
        for id, members, image_count in sound:
            ids.append(id)
            offsets.append(offsets[-1] + len(members))
            vectors.write(members.tobytes())
            mean, length = _mean(members)
            means.write(mean.astype("<f4").tobytes())
            lengths.write(np.float32(length).astype("<f4").tobytes())
            total += mean * length * len(members)
            kinds.write(b"\0" * image_count + b"\1" * (len(members) - image_count))
    bounds = np.asarray(offsets, dtype="<i8")
    (scratch / "offsets").write_bytes(bounds.tobytes())
    written = np.empty((0, dim), np.float32)
    if ids:  # an empty file cannot be mapped
        written = np.memmap(scratch / "vectors", "<f4", "r", shape=(offsets[-1], dim))
    write_codes(scratch, written, bounds, total / max(offsets[-1], 1))
    Ids.of(ids).write(scratch)
    return {
        "images": len(ids),
        "views": offsets[-1],
        "damaged": sound.damaged,
        "mended": sound.salvaged,
    }


def _share(folder: Path, database: Path) -> None:
    """Copy to a cache the rights (and, for root, the owner) of the database it was made from."""
    with suppress(OSError):
        facts = database.stat()
        rights = facts.st_mode & 0o666 | 0o600
        for path in (*folder.iterdir(), folder):
            # who may read a file must be able to enter its folder
            path.chmod(rights | (rights & 0o444) >> 2 if path.is_dir() else rights)
            if hasattr(os, "geteuid") and os.geteuid() == 0:
                os.chown(path, facts.st_uid, facts.st_gid)


def _swap_in(
    scratch: Path,
    cache: Path,
    newest: Callable[[], tuple[int, str]],
    state: tuple[int, str],
    dim: int,
) -> Path:
    path = cache / str(state[0])
    for _ in range(3):
        try:
            scratch.rename(path)
            break
        except OSError:
            if open_cache(cache, state, dim) is not None:
                break  # another process was faster, with the same content
            if path.exists():
                # a damaged one, or one of another state, is in the way
                broken = Path(tempfile.mkdtemp(prefix="broken-", dir=cache))
                with suppress(FileNotFoundError):
                    path.rename(broken / "cache")
    last = max(newest()[0], state[0])
    for old in cache.iterdir():
        # older generations, those of a future that was lost with its commits, and what died
        # half-built; readers keep what they have mapped
        stale = old.name.isdigit() and not state[0] <= int(old.name) <= last
        if stale or old.name.startswith("broken-") or _is_abandoned(old):
            shutil.rmtree(old, ignore_errors=True)
    return path


def _is_abandoned(folder: Path) -> bool:
    """Return whether a half-built cache belongs to a process that is gone."""
    if not folder.name.startswith("building-"):
        return False
    if (folder / MARK).exists():
        return is_abandoned(folder)
    try:
        return time.time() - folder.stat().st_mtime > _ABANDONED
    except OSError:
        return False

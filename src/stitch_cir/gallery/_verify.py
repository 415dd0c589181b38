"""Verification: the database, every vector, the cache against them, and the files on disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from stitch_cir.errors import GalleryDamagedError
from stitch_cir.gallery._cache import ViewMatrix, open_cache
from stitch_cir.gallery._check_files import check_files
from stitch_cir.gallery._provenance import completeness
from stitch_cir.gallery._report import VerifyReport
from stitch_cir.gallery._store import Store
from stitch_cir.gallery._write import UNIT_TOLERANCE

__all__ = ["verify"]


def verify(
    store: Store,
    dim: int,
    cache: Path,
    path_of: Callable[[str], Path | None],
    *,
    read_files: bool = False,
) -> VerifyReport:
    """Check everything that can be checked without encoding; problems are told, not raised.

    A cache that is wrong is thrown away, nothing else is touched.

    ``path_of`` gives the file of an id. A changed or missing file is no problem of the gallery; it
    is counted. Files whose size and time are as recorded are read only with ``read_files``.
    """
    problems: list[str] = []
    views = images = missing = changed = 0
    try:
        problems += [
            f"database: {line}" for (line,) in store.rows("PRAGMA integrity_check") if line != "ok"
        ]
        with store.snapshot():
            views = _check_sets(store, dim, cache, problems)
        images = store.count("items")
        missing, changed = check_files(store, path_of, read=read_files)
    except GalleryDamagedError as error:
        problems.append(f"database: {error.message}")
    state = completeness(store.meta())
    return VerifyReport(
        images,
        views,
        missing,
        changed,
        tuple(problems),
        complete=state["complete"],
        waiting_files=state["waiting"],
        read_files=read_files,
    )


def _check_sets(store: Store, dim: int, cache: Path, problems: list[str]) -> int:
    """Check all vectors, and the cache's rows against them; give the number of views."""
    generation = store.generation()
    place = cache / str(generation)
    matrix = open_cache(cache, generation, complete=True)
    if matrix is None and place.exists():
        problems.append(f"cache: damaged; {_throw_away(place)}")
    recorded = store.meta().get("dim")
    if recorded != dim:
        problems.append(f"database: vectors have {recorded} dimensions, expected {dim}")
        return 0
    row = views = 0
    agrees = True
    for id, blob, pictures in store.raw_sets():
        try:
            members = np.frombuffer(blob, "<f4").reshape(-1, dim)
        except ValueError:
            problems.append(f"{id}: vectors that are not of {dim} dimensions")
            agrees = False
            continue
        views += len(members)
        if not len(members):
            problems.append(f"{id}: no vectors")
            continue
        if not np.isfinite(members).all():
            problems.append(f"{id}: vectors that are not finite")
        elif np.abs(np.linalg.norm(members, axis=1) - 1).max() > UNIT_TOLERANCE:
            problems.append(f"{id}: vectors that are not of unit length")
        agrees = agrees and _agrees(matrix, row, id, members, pictures // (4 * dim))
        row += 1
    if matrix is not None and not (agrees and row == len(matrix.ids)):
        problems.append(f"cache: does not hold what the database holds; {_throw_away(place)}")
    return views


def _throw_away(place: Path) -> str:
    shutil.rmtree(place, ignore_errors=True)
    if place.exists():
        return f"delete {place}"
    return "thrown away, the next search builds a new one"


def _agrees(
    matrix: ViewMatrix | None, row: int, id: str, members: np.ndarray, pictures: int
) -> bool:
    if matrix is None:
        return True
    if row >= len(matrix.ids) or matrix.ids[row] != id:
        return False
    start, end = matrix.offsets[row : row + 2]
    return (
        np.array_equal(matrix.vectors[start:end], members, equal_nan=True)
        and int((matrix.kinds[start:end] == 0).sum()) == pictures
    )

"""Which rows of a gallery take part in a ranking, and what rejected ones do to the query."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stitch_cir.errors import GalleryEmptyError, NotFoundError
from stitch_cir.gallery import GalleryReader, ViewMatrix, matcher
from stitch_cir.searcher._results import Query
from stitch_cir.searcher._settings import SearchSettings
from stitch_cir.searcher._suggest import suggest_ids
from stitch_cir.transition import rocchio_step

__all__ = ["away_from", "rejected_ids", "row_of", "select_candidates", "shortfall"]


def row_of(matrix: ViewMatrix, id: str) -> int | None:
    """Return the row of an id, or ``None``; ``matrix.ids`` are sorted."""
    row = bisect_left(matrix.ids, id)
    return row if row < len(matrix.ids) and matrix.ids[row] == id else None


def select_candidates(
    gallery: GalleryReader, matrix: ViewMatrix, settings: SearchSettings, left_out: Collection[str]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the rows that the filters leave to rank, (n,) int64 in id order, and notes.

    A note says which pattern matches no image: a filter never fails silently.
    """
    if not len(matrix.ids):
        raise GalleryEmptyError(
            f"The gallery {gallery.directory} holds no image.",
            hint="Index a folder that has pictures: stitch index FOLDER",
        )
    kept = np.array([id not in left_out for id in matrix.ids])
    notes = []
    for name, patterns in (("include", settings.include), ("exclude", settings.exclude)):
        matched = np.zeros(len(kept), bool)
        for pattern in patterns:
            matches = np.fromiter(map(matcher([pattern]), matrix.ids), bool, len(kept))
            matched |= matches
            if not matches.any():
                notes.append(_unmatched(name, pattern, matrix.ids))
        if patterns:
            kept &= matched == (name == "include")
    rows = np.flatnonzero(kept).astype(np.int64)
    if not len(rows):
        raise GalleryEmptyError(
            f"No image is left to rank of the {len(matrix.ids)} in {gallery.directory}.",
            hint="The filters (and the reference, which is left out) match everything away: "
            "loosen --include/--exclude, or add --include-reference.",
        )
    return rows, tuple(notes)


def _unmatched(name: str, pattern: str, ids: Sequence[str]) -> str:
    below = pattern.rstrip("/") + "/*"
    hint = f" Do you mean {below!r}?" if any(map(matcher([below]), ids)) else ""
    return f"The pattern {pattern!r} of {name} matches no image.{hint}"


def rejected_ids(gallery: GalleryReader, negatives: Sequence[str]) -> dict[str, str]:
    """Return the rejected images and their duplicates, each with the id that named it first."""
    rejected: dict[str, str] = {}
    for name in negatives:
        id = gallery.resolve(name)
        if id is None:
            raise NotFoundError(
                f"The gallery {gallery.directory} has no image {name!r} to search less like.",
                hint=suggest_ids(gallery, name) or "Give an id as printed by a search.",
            )
        for duplicate in (id, *gallery.duplicates(id)):
            rejected.setdefault(duplicate, id)
    return rejected


def away_from(
    query: Query, matrix: ViewMatrix, rejected: Mapping[str, str], weight: float
) -> Query:
    """Move a query away from rejected images by ``weight``, and note their ids in it."""
    ids = tuple(dict.fromkeys(rejected.values()))
    rows = [row for id in ids if (row := row_of(matrix, id)) is not None]
    if not rows:
        return query
    vectors = rocchio_step(query.vectors, np.asarray(matrix.means[rows]), weight)
    return replace(query, vectors=vectors, negatives=ids)


def shortfall(
    settings: SearchSettings, taking_part: int, held: int, ranked: int, kept: int
) -> list[str]:
    """Return notes on why there are fewer hits than were requested.

    Of ``held`` images in the gallery ``taking_part`` were left by the filters, of the ``ranked``
    best ``kept`` by the minimal score.
    """
    notes = []
    rest = "" if taking_part == held else f" of the {held} in the gallery"
    images = "image takes" if taking_part == 1 else "images take"
    if settings.k is not None and settings.k > taking_part:
        notes.append(f"k is {settings.k}, but only {taking_part} {images} part{rest}.")
    if settings.rerank > kept:
        notes.append(f"{settings.rerank} hits were to be reranked, but there are only {kept}.")
    if kept < ranked:
        noun = "hit" if ranked - kept == 1 else "hits"
        notes.append(
            f"{ranked - kept} {noun} of {ranked} left out: scored below {settings.min_score:g}."
        )
    return notes

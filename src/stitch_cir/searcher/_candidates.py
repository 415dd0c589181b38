"""Which rows of a gallery take part in a ranking, and why there may be too few of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stitch_cir.errors import GalleryEmptyError, NotFoundError
from stitch_cir.gallery import Ids, Snapshot, ViewMatrix
from stitch_cir.searcher._features import EncodedQuery
from stitch_cir.searcher._reference import ResolvedReference, suggest_ids
from stitch_cir.searcher._settings import SearchSettings

__all__ = ["Candidates", "select_candidates", "shortfall"]


@dataclass(frozen=True, slots=True)
class Candidates:
    """What may be ranked in one snapshot.

    ``rows``: (n,) int64, ascending; ``rejected``: the negatives and their duplicates, each with the
    id that named it first; ``notes``: patterns that match no image, and an unfinished indexing;
    ``groups``: (n,) int64, the group of every row of the gallery, where the settings group;
    ``copies``: (n,) int64, likewise for near-duplicates, where they are collapsed.
    """

    rows: NDArray[np.int64] = field(repr=False)
    rejected: Mapping[str, str]
    notes: tuple[str, ...]
    groups: NDArray[np.int64] | None = field(default=None, repr=False)
    copies: NDArray[np.int64] | None = field(default=None, repr=False)

    @property
    def num_units(self) -> int:
        """How many there are to rank: images, or groups of them."""
        return self.units(self.rows)

    def units(self, rows: NDArray[np.int64]) -> int:
        """Count some of the rows (m,): as images, or as groups of them."""
        if self.groups is None:
            return len(rows)
        return int(np.count_nonzero(np.bincount(self.groups[rows])))

    def group_rows(self, row: int) -> NDArray[np.int64]:
        """Return the candidates in the group of a row, (m,) ascending; without groups the row."""
        if self.groups is None:
            return np.array([row])
        same: NDArray[np.int64] = self.rows[self.groups[self.rows] == self.groups[row]]
        return same

    def copies_of(self, row: int, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which of ``rows`` are near-duplicates of a row that collapse to it."""
        if self.copies is None:
            return rows[:0]
        same: NDArray[np.int64] = rows[(self.copies[rows] == self.copies[row]) & (rows != row)]
        return same

    def move_away(self, query: EncodedQuery, matrix: ViewMatrix, weight: float) -> EncodedQuery:
        """Return the query moved away from the negatives by ``weight``, with their ids."""
        ids = tuple(dict.fromkeys(self.rejected.values()))
        rows = [row for id in ids if (row := matrix.ids.row_of(id)) is not None]
        if not rows:
            return query
        return query.away_from(ids, np.asarray(matrix.means[rows]), weight)


def select_candidates(
    snapshot: Snapshot,
    references: Sequence[ResolvedReference],
    negatives: Sequence[str],
    settings: SearchSettings,
) -> Candidates:
    """Return what is left to rank without the references, the negatives and what is filtered out.

    Raises ``NotFoundError`` for a negative that the gallery does not hold, ``GalleryEmptyError``
    when nothing is left.
    """
    matrix = snapshot.matrix()
    rejected = _rejected_ids(snapshot, negatives)
    reference_ids: set[str] = set()
    for reference in () if settings.include_reference else references:
        twins = () if reference.content is None else snapshot.ids_with_content(reference.content)
        reference_ids |= {*reference.excluded_ids, *twins}
    excluded = {*reference_ids, *rejected, *snapshot.damaged}
    rows, notes = _filter_rows(snapshot, matrix, settings, excluded)
    incomplete = snapshot.incomplete_note()
    if incomplete is not None:
        notes = (incomplete, *notes)
    groups = None
    if settings.group_by is not None:
        groups, _ = snapshot.attributes.groups(settings.group_by)
        notes = (*notes, *_alone_notes(groups[rows], settings.group_by))
    copies = None
    if settings.near_duplicates == "collapse":
        duplicates = snapshot.near_duplicates()
        copies = duplicates.groups
        groups = copies if groups is None else groups
        if duplicates.missing:
            notes = (
                *notes,
                f"{duplicates.missing:,} of {len(copies):,} images have no perceptual hash yet, so "
                "their near-duplicates are not recognised: stitch index FOLDER computes it.",
            )
    return Candidates(rows, rejected, notes, groups, copies)


def _alone_notes(groups: NDArray[np.int64], name: str) -> tuple[str, ...]:
    """Return a note where grouping hardly groups: most images have no value, or one of their own.

    Otherwise every image for itself would look like an answer to the question for groups.
    """
    sizes = np.bincount(groups)
    alone = int((sizes == 1).sum())
    if 2 * alone <= len(groups):
        return ()
    return (
        f"{alone:,} of {len(groups):,} images are alone in their group: they have no {name}, or "
        "one that no other has.",
    )


def _filter_rows(
    snapshot: Snapshot, matrix: ViewMatrix, settings: SearchSettings, excluded: Collection[str]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the rows that the filters leave to rank, (n,) int64 in id order, and notes.

    A note says which pattern matches no image: a filter never fails silently.
    """
    if not len(matrix.ids):
        raise GalleryEmptyError(
            f"The gallery {snapshot.directory} holds no image.",
            hint="Index a folder that has images: stitch index FOLDER",
        )
    kept = np.ones(len(matrix.ids), bool)
    kept[[row for id in excluded if (row := matrix.ids.row_of(id)) is not None]] = False
    notes = []
    for name, patterns in (("include", settings.include), ("exclude", settings.exclude)):
        matched = np.zeros(len(kept), bool)
        for pattern in patterns:
            matches = matrix.ids.matching(pattern)
            matched |= matches
            if not matches.any():
                notes.append(_unmatched(name, pattern, matrix.ids))
        if patterns:
            kept &= matched == (name == "include")
    if settings.where is not None:
        kept &= snapshot.attributes.mask(settings.where)
    rows = np.flatnonzero(kept).astype(np.int64)
    if not len(rows):
        raise GalleryEmptyError(
            f"No image is left to rank of the {len(matrix.ids)} in {snapshot.directory}.",
            hint="The filters (and the reference, which is left out) match everything away: "
            "loosen --include/--exclude and --where, or add --include-reference.",
        )
    return rows, tuple(notes)


def _unmatched(name: str, pattern: str, ids: Ids) -> str:
    below = pattern.rstrip("/") + "/*"
    hint = f" Do you mean {below!r}?" if ids.matching(below).any() else ""
    return f"The pattern {pattern!r} of {name} matches no image.{hint}"


def _rejected_ids(snapshot: Snapshot, negatives: Sequence[str]) -> dict[str, str]:
    """Return the rejected images and their duplicates, each with the id that named it first."""
    rejected: dict[str, str] = {}
    for name in negatives:
        id = snapshot.resolve(name)
        if id is None:
            raise NotFoundError(
                f"The gallery {snapshot.directory} has no image {name!r} to search less like.",
                hint=suggest_ids(snapshot, name) or "Give an id as printed by a search.",
            )
        for duplicate in (id, *snapshot.duplicates(id)):
            rejected.setdefault(duplicate, id)
    return rejected


def shortfall(
    settings: SearchSettings, candidates: Candidates, num_images: int, total: int
) -> list[str]:
    """Return notes on why there are fewer hits than were requested.

    Of ``num_images`` in the gallery the filters left the candidates, and the minimal score
    ``total`` hits (images or groups).
    """
    notes = []
    taking_part = len(candidates.rows)
    rest = "" if taking_part == num_images else f" of the {num_images} in the gallery"
    images = "image takes" if taking_part == 1 else "images take"
    units = candidates.num_units
    if settings.k is not None and units < settings.k <= taking_part:
        noun = "group takes" if units == 1 else "groups take"
        notes.append(f"k is {settings.k}, but only {units} {noun} part.")
    if settings.k is not None and settings.k > taking_part:
        notes.append(f"k is {settings.k}, but only {taking_part} {images} part{rest}.")
    if settings.rerank > total:
        notes.append(f"{settings.rerank} hits were to be reranked, but there are only {total}.")
    requested = min(units, max(settings.k or 10, settings.rerank))
    if total < requested and settings.min_score is not None:
        noun = "hit" if requested - total == 1 else "hits"
        notes.append(
            f"{requested - total} {noun} of {requested} left out: scored below "
            f"{settings.min_score:g}."
        )
    return notes

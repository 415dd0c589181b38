"""Which rows of a gallery take part in a ranking, and why there may be too few of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stitch_cir.errors import GalleryEmptyError, NotFoundError
from stitch_cir.gallery import GalleryReader, Ids, NearDuplicates, Snapshot, ViewMatrix
from stitch_cir.searcher._reference import ResolvedReference, suggest_ids
from stitch_cir.searcher._settings import SearchSettings

__all__ = [
    "Candidates",
    "LeftOut",
    "TakingPart",
    "left_out_of",
    "select_candidates",
    "select_rows",
    "shortfall",
]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a query leaves out, whatever the filters.

    ``rejected``: the negatives and their duplicates, each with the id that named it first; ``ids``:
    these, and the references with their duplicates.
    """

    rejected: Mapping[str, str]
    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class TakingPart:
    """How many images take part in a ranking, and what to note about it.

    ``images`` counts those of the gallery, ``ranked`` those that take part, ``units`` what is
    ranked of them: images, or groups; ``alone`` counts groups of one image. ``matched``: for each
    pattern of include, then of exclude, whether an id matches it, and whether one lies below it.
    ``unhashed``: images without a perceptual hash.
    """

    images: int
    ranked: int
    units: int
    alone: int = 0
    matched: tuple[tuple[bool, bool], ...] = ()
    unhashed: int = 0

    def check(self, address: str) -> None:
        """Raise ``GalleryEmptyError`` where nothing is left to rank."""
        if not self.images:
            raise GalleryEmptyError(
                f"The gallery {address} holds no image.",
                hint="Index a folder that has images: stitch index FOLDER",
            )
        if not self.ranked:
            raise GalleryEmptyError(
                f"No image is left to rank of the {self.images} in {address}.",
                hint="The filters (and the reference, which is left out) match everything away: "
                "loosen --include/--exclude and --where, or add --include-reference.",
            )

    def notes(self, settings: SearchSettings) -> tuple[str, ...]:
        """Return what to note: a filter or a grouping never fails silently."""
        patterns = [
            *(("include", pattern) for pattern in settings.include),
            *(("exclude", pattern) for pattern in settings.exclude),
        ]
        notes = [
            _unmatched(name, pattern, lies_below=below)
            for (name, pattern), (matches, below) in zip(patterns, self.matched, strict=True)
            if not matches
        ]
        if settings.group_by is not None and 2 * self.alone > self.ranked:
            # otherwise every image for itself would look like an answer to the request for groups
            notes.append(
                f"{self.alone:,} of {self.ranked:,} images are alone in their group: they have no "
                f"{settings.group_by}, or one that no other has."
            )
        if self.unhashed:
            notes.append(
                f"{self.unhashed:,} of {self.images:,} images have no perceptual hash yet, so "
                "their near-duplicates are not recognised: stitch index FOLDER computes it."
            )
        return tuple(notes)


@dataclass(frozen=True, slots=True)
class Candidates:
    """What may be ranked in one snapshot.

    ``rows``: (n,) int64, ascending; ``left_out``: what the query leaves out; ``selection``: how
    many these are; ``groups``: (n,) int64, the group of every row of the gallery, where the
    settings group; ``copies``: (n,) int64, likewise for near-duplicates, where they are collapsed.
    """

    rows: NDArray[np.int64] = field(repr=False)
    left_out: LeftOut
    selection: TakingPart
    groups: NDArray[np.int64] | None = field(default=None, repr=False)
    copies: NDArray[np.int64] | None = field(default=None, repr=False)

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


def left_out_of(
    gallery: GalleryReader,
    references: Sequence[ResolvedReference],
    negatives: Sequence[str],
    settings: SearchSettings,
) -> LeftOut:
    """Return what a query leaves out: the negatives, and the references unless they are included.

    Raises ``NotFoundError`` for a negative that the gallery does not hold.
    """
    rejected = _rejected_ids(gallery, negatives)
    ids = set(rejected)
    for reference in () if settings.include_reference else references:
        twins = () if reference.content is None else gallery.ids_with_content(reference.content)
        ids |= {*reference.excluded_ids, *twins}
    return LeftOut(rejected, frozenset(ids))


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
    left_out = left_out_of(snapshot, references, negatives, settings)
    candidates = select_rows(snapshot, settings, left_out)
    candidates.selection.check(snapshot.address)
    return candidates


def select_rows(
    snapshot: Snapshot,
    settings: SearchSettings,
    left_out: LeftOut,
    duplicates: NearDuplicates | None = None,
) -> Candidates:
    """Return what the filters and the left_out leave of a gallery, which may be nothing.

    ``duplicates``: the near-duplicates, where they are not those within the gallery.
    """
    matrix = snapshot.matrix()
    rows, matched = _filter_rows(snapshot, matrix, settings, left_out.ids | snapshot.damaged)
    groups, copies, unhashed, units, alone = None, None, 0, len(rows), 0
    if settings.group_by is not None:
        groups, _ = snapshot.attributes.groups(settings.group_by)
        sizes = np.bincount(groups[rows])
        units, alone = int(np.count_nonzero(sizes)), int((sizes == 1).sum())
    if settings.near_duplicates == "collapse":
        duplicates = duplicates or snapshot.near_duplicates()
        copies, unhashed = duplicates.groups, duplicates.missing
        if groups is None:
            groups, units = copies, int(np.count_nonzero(np.bincount(copies[rows])))
    selection = TakingPart(len(matrix.ids), len(rows), units, alone, matched, unhashed)
    return Candidates(rows, left_out, selection, groups, copies)


def _filter_rows(
    snapshot: Snapshot, matrix: ViewMatrix, settings: SearchSettings, excluded: Collection[str]
) -> tuple[NDArray[np.int64], tuple[tuple[bool, bool], ...]]:
    """Return the rows that the filters leave to rank, (n,) int64 in id order.

    Also returns for each pattern whether an id matches it, and if not, whether one lies below it.
    """
    kept = np.ones(len(matrix.ids), bool)
    kept[[row for id in excluded if (row := matrix.ids.row_of(id)) is not None]] = False
    matched_by: list[tuple[bool, bool]] = []
    for name, patterns in (("include", settings.include), ("exclude", settings.exclude)):
        matched = np.zeros(len(kept), bool)
        for pattern in patterns:
            matches = matrix.ids.matching(pattern)
            matched |= matches
            any_match = bool(matches.any())
            matched_by.append((any_match, not any_match and _lies_below(matrix.ids, pattern)))
        if patterns:
            kept &= matched == (name == "include")
    if settings.where is not None:
        kept &= snapshot.attributes.mask(settings.where)
    return np.flatnonzero(kept).astype(np.int64), tuple(matched_by)


def _below(pattern: str) -> str:
    return pattern.rstrip("/") + "/*"


def _lies_below(ids: Ids, pattern: str) -> bool:
    return bool(ids.matching(_below(pattern)).any())


def _unmatched(name: str, pattern: str, *, lies_below: bool) -> str:
    hint = f" Do you mean {_below(pattern)!r}?" if lies_below else ""
    return f"The pattern {pattern!r} of {name} matches no image.{hint}"


def _rejected_ids(gallery: GalleryReader, negatives: Sequence[str]) -> dict[str, str]:
    """Return the rejected images and their duplicates, each with the id that named it first."""
    rejected: dict[str, str] = {}
    for name in negatives:
        id = gallery.resolve(name)
        if id is None:
            gallery.check_reachable(name)
            raise NotFoundError(
                f"The gallery {gallery.address} has no image {name!r} to search less like.",
                hint=suggest_ids(gallery, name) or "Give an id as printed by a search.",
            )
        for duplicate in (id, *gallery.duplicates(id)):
            rejected.setdefault(duplicate, id)
    return rejected


def shortfall(settings: SearchSettings, selection: TakingPart, total: int) -> list[str]:
    """Return notes on why there are fewer hits than were requested.

    Of the images of the gallery the filters left those that take part, and the minimal score
    ``total`` hits (images or groups).
    """
    notes = []
    taking_part, units = selection.ranked, selection.units
    rest = "" if taking_part == selection.images else f" of the {selection.images} in the gallery"
    images = "image takes" if taking_part == 1 else "images take"
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

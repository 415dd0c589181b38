"""What is ranked, as numbers only, and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stitch_cir.ranking._nearest import nearest
from stitch_cir.ranking._terms import ScoreTerms
from stitch_cir.transition import NoTransition, Transition
from stitch_cir.transport import Scorer

__all__ = [
    "ROUNDING",
    "CaptionSet",
    "PackedCodes",
    "PackedSets",
    "Progress",
    "Ranking",
    "RankingProblem",
    "Solver",
    "as_slice",
    "set_sizes",
]

Floats: TypeAlias = NDArray[np.float32]
CaptionSet: TypeAlias = tuple[Floats, Floats | None]
"""Vectors (K, d) float32 and weights (K,) float32 of sum 1; ``None``: evenly weighted."""
Progress: TypeAlias = Callable[[int, int], None]
"""Called with (problems done, of how many)."""
ROUNDING = 1e-4
"""Sets whose float32 score is closer than this to the k-th best are scored again in float64."""


class PackedCodes(Protocol):
    """View vectors in eight bits, with how far off each set is (docs/exact-search.md)."""

    @property
    def codes(self) -> NDArray[np.uint8]:
        """(T, d) uint8, whole numbers + 128."""

    @property
    def scales(self) -> Floats:
        """(T,) float32 > 0."""

    @property
    def errors(self) -> Floats:
        """(n, 2) float32, the largest ‖v − centre − scale · c‖ and ‖scale · c‖ of each set."""

    @property
    def centre(self) -> Floats:
        """(d,) float32."""


class PackedSets(Protocol):
    """n view sets, packed one after the other; the gallery's ``ViewMatrix`` is such an object.

    Caches of solvers follow the lifetime of ``vectors``: the same array means the same sets.
    """

    @property
    def vectors(self) -> Floats:
        """(T, d) float32 unit rows."""

    @property
    def offsets(self) -> NDArray[np.int64]:
        """(n + 1,) int64; the views of row i are ``vectors[offsets[i] : offsets[i + 1]]``."""

    @property
    def means(self) -> Floats:
        """(n, d) float32, the normalised mean of each set."""

    @property
    def lengths(self) -> Floats | None:
        """(n,) float32, the length of each mean before it was normalised, or ``None``."""

    @property
    def codes(self) -> PackedCodes | None:
        """The vectors in eight bits; ``None``: bounds are computed from float32."""


def as_slice(rows: NDArray[np.int64]) -> slice | NDArray[np.int64]:
    """Return consecutive ``rows`` as a slice, by which nothing is copied, others as they are."""
    if len(rows) and int(rows[-1] - rows[0]) == len(rows) - 1:
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def set_sizes(sets: PackedSets, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of views of the sets ``rows`` (n,), ascending: (n,)."""
    part = as_slice(rows)
    if isinstance(part, slice):
        return np.diff(sets.offsets[part.start : part.stop + 1])
    return np.asarray(sets.offsets[rows + 1] - sets.offsets[rows])


@dataclass(frozen=True, slots=True, eq=False)
class RankingProblem:
    """One query against n packed view sets, as numbers.

    Parameters
    ----------
    sets:
        The packed view sets, n of them.
    rows:
        (r,) int64, ascending: the sets that take part. Problems that share this array are scanned
        together by ``solve_many``.
    vectors, weights:
        (K, d) float32 unit rows, the captions after transition, and (K,) float32 of sum 1.
    scorer:
        Scores a caption set against a view set.
    transition:
        Combines the scores of the captions with those of ``reference_vectors``, where it is a
        transition that does so.
    reference_vectors:
        (R, d) float32 unit rows, captions of the unchanged reference, or ``None``.
    penalty:
        (n,) float64 taken off the score of each set (see :class:`HubnessCache`), or ``None``.
    excluded:
        (e,) int64, rows that are left out of ``rows`` for this query alone, in any order.
    groups:
        (n,) int64 ≥ 0, the group of each set, or ``None``: every set for itself. Where there are
        groups, the best k *groups* are ranked, each by its best set.
    watched:
        (w,) int64, rows whose scores come with the ranking, wherever and whether they rank; or
        ``None``.
    span:
        (b, d) float32, vectors of which ``vectors`` are combinations, or ``None``. Problems that
        share this array share its products with the views in ``solve_many``; it changes no ranking.
    terms:
        Further caption sets that count in the score, with their factors.
    """

    sets: PackedSets = field(repr=False)
    rows: NDArray[np.int64] = field(repr=False)
    vectors: Floats = field(repr=False)
    weights: Floats
    scorer: Scorer
    transition: Transition = field(default_factory=NoTransition)
    reference_vectors: Floats | None = field(default=None, repr=False)
    penalty: NDArray[np.float64] | None = field(default=None, repr=False)
    excluded: NDArray[np.int64] | None = field(default=None, repr=False)
    groups: NDArray[np.int64] | None = field(default=None, repr=False)
    watched: NDArray[np.int64] | None = field(default=None, repr=False)
    span: Floats | None = field(default=None, repr=False)
    terms: ScoreTerms = field(default_factory=ScoreTerms)

    @property
    def candidates(self) -> NDArray[np.int64]:
        """(c,) int64, ascending: ``rows`` without ``excluded``."""
        return self.rows if self.excluded is None else self.rows[self.included()]

    def included(self) -> NDArray[np.bool_]:
        """Return which of ``rows`` are candidates: (r,) bool."""
        kept = np.ones(len(self.rows), bool)
        if self.excluded is not None and len(self.rows):
            # rows ascend: this takes no time where np.isin looks at all of them
            where = np.minimum(np.searchsorted(self.rows, self.excluded), len(self.rows) - 1)
            kept[where[self.rows[where] == self.excluded]] = False
        return kept

    @property
    def combines(self) -> bool:
        """Whether the scores of two caption sets are combined."""
        return self.transition.combines_scores and self.reference_vectors is not None

    @property
    def rounding(self) -> float:
        """How far off float32 scores may be, but for rounding of their sum: at least 1e-4."""
        # of a CoarseScorer, whose protocol takes as long to check as fifty sets to score
        return max(ROUNDING, float(getattr(self.scorer, "rounding", 0.0)))

    def caption_sets(self) -> tuple[CaptionSet, ...]:
        """Return the caption sets to score: the captions, and the reference's where they count."""
        refined: CaptionSet = (self.vectors, self.weights)
        if not self.combines or self.reference_vectors is None:
            return (refined,)
        return (refined, (self.reference_vectors, None))

    def scored_sets(self) -> tuple[tuple[CaptionSet, Scorer], ...]:
        """Return every caption set that is scored, with its scorer: those above, then the terms."""
        sets = ((captions, self.scorer) for captions in self.caption_sets())
        return (*sets, *((term.captions, term.scorer) for term in self.terms.terms))

    def combine(
        self, scores: Sequence[NDArray[np.floating[Any]]], rows: NDArray[np.int64]
    ) -> NDArray[np.floating[Any]]:
        """Combine the scores (m,) of :meth:`scored_sets` for ``rows`` (m,), less the penalty.

        The result has the dtype of the first scores.
        """
        refined, *rest = scores
        reference = rest.pop(0) if self.combines else None
        combined = np.asarray(self.transition.combine(refined, reference), dtype=refined.dtype)
        combined = self.terms.combine(combined, rest)
        if self.penalty is None:
            return combined
        return combined - self.penalty[rows].astype(refined.dtype)

    def shortlisted(self, count: int) -> RankingProblem:
        """Return the problem of the ``count`` candidates whose mean view is nearest.

        Nearness is the product of the set's normalised mean with the weighted mean caption; of
        equally near ones the smaller row comes first.
        """
        rows = self.candidates
        if count < len(rows):
            rows = np.sort(nearest(self, count)[0])
        return replace(self, rows=rows, excluded=None)


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """The best sets of one problem, or the best set of each of its best groups.

    ``rows``: (≤ k,) int64 row numbers, best first, equal scores by row number; ``scores``: (≤ k,)
    float64. ``bounded``: sets whose upper bound was computed, 0 where everything was scored right
    away; ``scored``: sets scored exactly. ``watched``: (w,) float64, the scores of the problem's
    watched rows.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    bounded: int
    scored: int
    watched: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))


class Solver(Protocol):
    """Solves ranking problems exactly: every solver returns the same rows and the same scores."""

    @property
    def device(self) -> str:
        """Where sets are scored: ``"cpu"`` or a torch device."""

    def solve(self, problem: RankingProblem, k: int) -> Ranking:
        """Rank the candidates and return the best ``k``, or all where there are fewer."""

    def above(self, problem: RankingProblem, score: float) -> NDArray[np.int64]:
        """Return all candidates whose float64 score is at least ``score``: (m,), ascending."""

    def solve_many(
        self, problems: Sequence[RankingProblem], k: int, *, progress: Progress | None = None
    ) -> list[Ranking]:
        """Return what :meth:`solve` returns for each problem, in order."""

"""Ranking a gallery for encoded queries: the numbers of a search, without ids, files or texts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from stitch_cir.gallery import Gallery, ViewMatrix
from stitch_cir.ranking import (
    Bounded,
    Exhaustive,
    HubnessCache,
    OnDevice,
    Ranking,
    RankingProblem,
    ScoreTerms,
    Solver,
    chance_scores,
    count_neighbours,
)
from stitch_cir.searcher._features import EncodedQuery
from stitch_cir.searcher._hit import View
from stitch_cir.searcher._roles import RoleShare, role_shares, score_terms
from stitch_cir.searcher._settings import SearchSettings
from stitch_cir.transport import CalibratedScorer, IterativeScorer, PointSets, Scorer, TransportPlan

__all__ = [
    "GalleryRanker",
    "GallerySolvers",
    "RankedWay",
    "limited_neighbours",
    "rank_ways",
]


class GallerySolvers:
    """The solvers of one open gallery, with what they keep for its next query.

    ``gallery.resource(GallerySolvers)`` returns the gallery's own. Safe to share between threads.
    """

    def __init__(self) -> None:
        """Start with nothing kept."""
        self._bounded = Bounded()
        self._on_device: dict[str, OnDevice] = {}
        self.hubness = HubnessCache()

    def on(self, device: str) -> Solver:
        """Return the solver that scores on ``device``, as ``open_device`` names it."""
        if device == "cpu":
            return self._bounded
        return self._on_device.setdefault(device, OnDevice(device))


@dataclass(frozen=True, slots=True)
class GalleryRanker:
    """Ranks the view sets of one gallery generation under one set of settings.

    ``settings`` are those that are used: a small gallery limits the neighbours of hubness, and
    ``notes`` say so. ``penalty``: (n,) float64 taken off the score of each row, or ``None``. Safe
    to share between threads.
    """

    matrix: ViewMatrix = field(repr=False)
    settings: SearchSettings
    solver: Solver
    penalty: NDArray[np.float64] | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, gallery: Gallery, matrix: ViewMatrix, settings: SearchSettings, solver: Solver
    ) -> GalleryRanker:
        """Return the ranker of the settings; hubness comes from the gallery's cache if it can."""
        settings, notes = _limit_neighbours(matrix, settings)
        hubness = gallery.resource(GallerySolvers).hubness
        penalty = hubness.hubness_penalty(
            matrix, settings.scorer, settings.hubness.weight, settings.hubness.neighbours
        )
        return cls(matrix, settings, solver, penalty, notes)

    @classmethod
    def of_each(
        cls,
        gallery: Gallery,
        matrix: ViewMatrix,
        ways: Sequence[SearchSettings],
        solver: Solver,
    ) -> list[GalleryRanker]:
        """Return the ranker of each of several settings; their hubness is measured together."""
        scorers: dict[int, list[Scorer]] = {}
        for settings in ways:
            if settings.hubness.weight:
                neighbours = _limit_neighbours(matrix, settings)[0].hubness.neighbours
                scorers.setdefault(neighbours, []).append(settings.scorer)
        for neighbours, of_one in scorers.items():
            gallery.resource(GallerySolvers).hubness.measure(matrix, of_one, neighbours)
        return [cls.of(gallery, matrix, each, solver) for each in ways]

    @property
    def scorer(self) -> Scorer:
        """The scorer of the settings."""
        return self.settings.scorer

    def scorer_of(self, query: EncodedQuery) -> Scorer:
        """Return the scorer of a query: that of the settings, unless its cosines are calibrated."""
        counted = query.calibration
        if counted is None:
            return self.scorer
        return CalibratedScorer(self.scorer, counted.scale, counted.offset, query.weights)

    @property
    def is_iterative(self) -> bool:
        """Whether the scorer iterates to its plans, and so may stop before they are exact."""
        return isinstance(self.scorer, IterativeScorer)

    def rank(
        self,
        query: EncodedQuery,
        rows: NDArray[np.int64],
        k: int,
        *,
        shortlist: int | None = None,
        groups: NDArray[np.int64] | None = None,
    ) -> Ranking:
        """Rank ``rows`` (r,) ascending for the query and return the best ``k``.

        ``shortlist``: only as many rows, nearest by mean view, are scored. ``groups``: (n,) int64,
        the group of every row of the gallery; the best ``k`` groups then, by their best rows.
        """
        problem = replace(self.problem(query, rows), groups=groups)
        if shortlist is not None:
            problem = problem.shortlisted(max(shortlist, k))
        return self.solver.solve(problem, k)

    def above(
        self, query: EncodedQuery, rows: NDArray[np.int64], score: float
    ) -> NDArray[np.int64]:
        """Return all of the ``rows`` that score at least ``score``, ascending."""
        return self.solver.above(self.problem(query, rows), score)

    def chance(
        self,
        query: EncodedQuery,
        requests: PointSets,
        rows: NDArray[np.int64],
        directions: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float64]:
        """Score ``rows`` (r,) under B random requests, as the query's scores are: (B, r).

        ``directions``: (B, d), what the roles of the requests are about.
        """
        return chance_scores(self.problem(query, rows), requests, rows, directions)

    def rank_many(
        self,
        queries: Sequence[EncodedQuery],
        rows: NDArray[np.int64],
        k: int,
        *,
        excluded: Sequence[Collection[int]] = (),
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Ranking]:
        """Rank ``rows`` for several queries, which are scanned together, in their order.

        ``excluded``: for each query the rows that are left out for it alone. ``progress`` is called
        with (queries ranked, of how many).
        """
        way = RankedWay(self, queries, excluded)
        return rank_ways([way], rows, k, progress=progress)[0]

    def rank_of(self, query: EncodedQuery, rows: NDArray[np.int64], row: int) -> tuple[int, float]:
        """Return the rank, from 1, and the score of one of the ``rows`` among all of them."""
        return Exhaustive().rank_of(self.problem(query, rows), row)

    def plan(self, query: EncodedQuery, row: int) -> TransportPlan:
        """Return the transport plan between the query and the view set of a row."""
        start, end = self.matrix.offsets[row : row + 2]
        views = np.asarray(self.matrix.vectors[start:end])
        return self.scorer_of(query).plan(query.vectors @ views.T, query.weights, None)

    def role_shares(
        self, query: EncodedQuery, row: int, plan: TransportPlan, views: Sequence[View]
    ) -> tuple[RoleShare, ...]:
        """Return what each role adds to the score of a row, whose plan and views these are."""
        terms, texts = self._terms(query)
        start, end = self.matrix.offsets[row : row + 2]
        vectors = np.asarray(self.matrix.vectors[start:end])
        plans = [
            term.scorer.plan(term.vectors @ vectors.T, term.weights, None) for term in terms.terms
        ]
        return role_shares(terms, texts, plan, plans, views)

    def _terms(self, query: EncodedQuery) -> tuple[ScoreTerms, tuple[tuple[str, ...], ...]]:
        settings = self.settings
        weight, tau = settings.forbidden_weight, settings.role_tau
        return score_terms(query, settings.scorer, weight, tau)

    def problem(
        self,
        query: EncodedQuery,
        rows: NDArray[np.int64],
        excluded: Collection[int] = (),
        watched: NDArray[np.int64] | None = None,
    ) -> RankingProblem:
        """Return the ranking of ``rows`` (r,) for a query as numbers, without ``excluded`` ones.

        ``watched``: (w,) int64, rows whose scores come with the ranking.
        """
        return RankingProblem(
            self.matrix,
            rows,
            query.vectors,
            query.weights,
            self.scorer_of(query),
            self.settings.transition,
            query.reference_captions,
            self.penalty,
            np.fromiter(excluded, np.int64, len(excluded)) if excluded else None,
            watched=watched,
            span=query.span,
            terms=self._terms(query)[0],
        )


@dataclass(frozen=True, slots=True)
class RankedWay:
    """Queries that one ranker ranks.

    ``excluded``: for each query the rows that are left out for it alone; none where it is empty.
    ``watched``: for each query (w,) int64, rows whose scores come with its ranking.
    """

    ranker: GalleryRanker
    queries: Sequence[EncodedQuery] = field(repr=False)
    excluded: Sequence[Collection[int]] = field(default=(), repr=False)
    watched: Sequence[NDArray[np.int64] | None] = field(default=(), repr=False)

    def problems(self, rows: NDArray[np.int64]) -> list[RankingProblem]:
        """Return the problem of each query."""
        left_out = self.excluded or [()] * len(self.queries)
        watched = self.watched or [None] * len(self.queries)
        return [
            self.ranker.problem(query, rows, without, also)
            for query, without, also in zip(self.queries, left_out, watched, strict=True)
        ]


def rank_ways(
    ways: Sequence[RankedWay],
    rows: NDArray[np.int64],
    k: int,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[list[Ranking]]:
    """Rank ``rows`` for the queries of several ways, all rankers of one matrix and one solver.

    Queries of the same features share their products with the gallery, whatever the way. Returns
    the rankings of each way in the order of its queries; ``progress`` is called with (rankings,
    of how many).
    """
    problems = [way.problems(rows) for way in ways]
    every = [problem for of_way in problems for problem in of_way]
    if not every:
        return [[] for _ in ways]
    rankings = iter(ways[0].ranker.solver.solve_many(every, k, progress=progress))
    return [[next(rankings) for _ in of_way] for of_way in problems]


def _limit_neighbours(
    matrix: ViewMatrix, settings: SearchSettings
) -> tuple[SearchSettings, tuple[str, ...]]:
    """Return the settings with the neighbours that hubness averages over here, and a note on it.

    A small gallery has fewer than the settings request; the note says so, and is left out where the
    settings hold or no hubness is taken off.
    """
    if not settings.hubness.weight:
        return settings, ()
    used = count_neighbours(matrix, settings.hubness.neighbours)
    return limited_neighbours(settings, used, len(matrix.ids))


def limited_neighbours(
    settings: SearchSettings, used: int, images: int
) -> tuple[SearchSettings, tuple[str, ...]]:
    """Return the settings with the neighbours that are ``used``, noted where they are fewer."""
    requested = settings.hubness.neighbours
    if used == requested:
        return settings, ()
    note = (
        f"Hubness averages over {used} neighbours instead of {requested}: of a gallery of "
        f"{images:,}, more would measure how typical an image is."
    )
    return settings.with_(hubness_neighbours=used), (note,)

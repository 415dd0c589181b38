"""Ranking all queries of a benchmark in one way, by its protocol."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stitch_cir.benchmarks._galleries import BenchmarkGallery
from stitch_cir.benchmarks._predictions import Predictions
from stitch_cir.benchmarks._queries import PreparedQuery
from stitch_cir.benchmarks._run_files import QueryHead
from stitch_cir.benchmarks._variants import Variant
from stitch_cir.datasets import Benchmark
from stitch_cir.errors import VectorError
from stitch_cir.gallery import Progress, ProgressEvent, ViewMatrix
from stitch_cir.ranking import Exhaustive
from stitch_cir.searcher import (
    GallerySolvers,
    Query,
    is_iterative,
    limit_neighbours,
    plans_converged,
    ranking_problem,
)

__all__ = ["Ranked", "rank_queries"]

SHOWN = 10
"""Hits of a query's head."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One variant's rankings: predictions in the form metrics read, and each query's head."""

    predictions: Predictions
    heads: tuple[QueryHead, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Ranking:
    """One query's ranking: benchmark ids best first, and the scores of those that have vectors."""

    prepared: PreparedQuery
    vectors: Query
    names: tuple[str, ...]
    scores: NDArray[np.float64]

    @property
    def head(self) -> QueryHead:
        """The best hits, and the rank of the first right answer."""
        query = self.prepared.query
        rank = next((n for n, id in enumerate(self.names, 1) if id in query.answers), None)
        hits = zip(self.names[:SHOWN], self.scores, strict=False)
        return QueryHead(query.id, tuple((id, float(score)) for id, score in hits), rank)


def rank_queries(
    benchmark: Benchmark,
    galleries: dict[str, BenchmarkGallery],
    queries: Sequence[PreparedQuery],
    variant: Variant,
    depth: int,
    *,
    stage: str,
    progress: Progress | None = None,
) -> Ranked:
    """Rank every query in the way of ``variant``, ``depth`` images deep; ``stage`` names progress.

    Images without vectors rank behind all others, in the gallery's order, and right answers among
    them last. In the small gallery of a single query, equal scores count against the right answer.
    A query that cannot be searched with in this way (image only without a reference's vectors, say)
    has an empty ranking: a miss, which the notes count.
    """
    report = progress or (lambda event: None)
    role = benchmark.dataset.group_role
    ranked: dict[str, tuple[str, ...]] = {}
    subset: dict[str, tuple[str, ...]] = {}
    heads: dict[str, QueryHead] = {}
    failures: Counter[str] = Counter()
    approximate = 0
    limited: list[str] = []
    for task in benchmark.tasks:
        gallery = galleries[task.name]
        solvers = gallery.gallery.resource(GallerySolvers)
        penalty = solvers.hubness_penalty(gallery.gallery.matrix(), variant.settings)
        limited += limit_neighbours(gallery.gallery.matrix(), variant.settings)[1]
        searchable: list[tuple[PreparedQuery, Query]] = []
        for prepared in queries:
            if prepared.task.name != task.name:
                continue
            vectors, why = _vectors(prepared, gallery, variant)
            if vectors is None:
                failures[why] += 1
                heads[prepared.query.id] = QueryHead(prepared.query.id, (), None)
                continue
            if penalty is not None:
                vectors = replace(vectors, hubness_penalty=penalty)
            searchable.append((prepared, vectors))
        if role == "gallery":
            rankings = []
            for number, (prepared, vectors) in enumerate(searchable, 1):
                rankings.append(_rank_group(prepared, gallery, vectors, variant))
                report(ProgressEvent(stage, number, len(searchable)))
        else:
            rankings = _rank_task(
                gallery, searchable, variant, depth, benchmark.dataset.keep_reference, stage, report
            )
        for ranking in rankings:
            id = ranking.prepared.query.id
            ranked[id], heads[id] = ranking.names, ranking.head
            # checked only where it can fail: a plan for each hit that is shown costs little
            if is_iterative(variant.settings.scorer):
                approximate += not _converged(gallery, variant, ranking)
        if role == "subset":
            for prepared, vectors in searchable:
                subset[prepared.query.id] = _rank_group(prepared, gallery, vectors, variant).names
    order = list(benchmark.queries)
    notes = [
        f"{count:,} queries could not be searched with: {why}." for why, count in failures.items()
    ]
    counted = [f"{note} They count as misses." for note in notes]
    notes += dict.fromkeys(limited)
    counted += dict.fromkeys(limited)
    if approximate:
        scorer = variant.settings.scorer.name.capitalize()
        notes.append(
            f"{scorer} did not converge for a hit among the first "
            f"{SHOWN} of {approximate:,} queries: their scores are approximate."
        )
        counted.append(notes[-1])
    predictions = Predictions(
        {id: ranked[id] for id in order if id in ranked},
        {id: subset[id] for id in order if id in subset},
        tuple(id for id in order if id not in ranked),
        tuple(counted),
    )
    return Ranked(predictions, tuple(heads[id] for id in order), tuple(notes))


def _converged(gallery: BenchmarkGallery, variant: Variant, ranking: _Ranking) -> bool:
    """Return whether the plans of the first hits converged; images without vectors have none."""
    rows = [gallery.rows[id] for id in ranking.names[:SHOWN] if id in gallery.rows]
    scorer = variant.settings.scorer
    return all(plans_converged(scorer, ranking.vectors, gallery.gallery.matrix(), rows))


def _vectors(
    prepared: PreparedQuery, gallery: BenchmarkGallery, variant: Variant
) -> tuple[Query | None, str]:
    """Return what is searched with in the way of ``variant``, or None and the reason."""
    if variant.query == "image":
        if prepared.row is None:
            return None, "the reference has no vectors"
        matrix = gallery.gallery.matrix()
        views = np.array(
            matrix.vectors[matrix.offsets[prepared.row] : matrix.offsets[prepared.row + 1]]
        )
        even = np.full(len(views), 1.0 / len(views), np.float32)
        return Query(views, even, ("",) * len(views), None, prepared.query.reference, None), ""
    if prepared.encoded is None:
        return None, "there is neither a reference with vectors nor a modification"
    try:
        return prepared.encoded.refine(variant.settings.transition), ""
    except VectorError as error:
        return None, error.message.rstrip(".")


def _rank_task(
    gallery: BenchmarkGallery,
    queries: Sequence[tuple[PreparedQuery, Query]],
    variant: Variant,
    depth: int,
    keep_reference: bool,
    stage: str,
    report: Progress,
) -> list[_Ranking]:
    """Rank the task's whole gallery for each query."""
    ids = {row: id for id, row in gallery.rows.items()}
    matrix, rows = gallery.gallery.matrix(), gallery.candidates
    problems = [
        ranking_problem(
            matrix,
            rows,
            vectors,
            variant.settings,
            excluded=() if keep_reference or prepared.row is None else (prepared.row,),
        )
        for prepared, vectors in queries
    ]
    results = (
        gallery.gallery.resource(GallerySolvers)
        .on("cpu")
        .solve_many(
            problems, depth, progress=lambda done, total: report(ProgressEvent(stage, done, total))
        )
    )
    rankings = []
    for (prepared, vectors), result in zip(queries, results, strict=True):
        names = [ids[int(row)] for row in result.rows]
        if len(names) < depth:
            left_out = () if keep_reference else (prepared.query.reference,)
            rest = [id for id in gallery.missing if id not in left_out]
            rest.sort(key=lambda id: id in prepared.query.answers)
            names += rest[: depth - len(names)]
        rankings.append(_Ranking(prepared, vectors, tuple(names), result.scores))
    return rankings


def _rank_group(
    prepared: PreparedQuery, gallery: BenchmarkGallery, vectors: Query, variant: Variant
) -> _Ranking:
    """Rank a query's group: equal scores and missing vectors count against the right answer."""
    query = prepared.query
    matrix: ViewMatrix = gallery.gallery.matrix()
    ids = {gallery.rows[id]: id for id in query.group if id in gallery.rows}
    scored: list[tuple[float, bool, str]] = []
    if ids:
        rows = np.array(sorted(ids), dtype=np.int64)
        problem = ranking_problem(matrix, rows, vectors, variant.settings)
        ranking = Exhaustive().solve(problem, len(rows))
        scored = [
            (-float(score), ids[int(row)] in query.answers, ids[int(row)])
            for row, score in zip(ranking.rows, ranking.scores, strict=True)
        ]
        scored.sort(key=lambda entry: entry[:2])
    rest = sorted(
        (id for id in query.group if id not in gallery.rows), key=lambda id: id in query.answers
    )
    names = tuple(id for _, _, id in scored) + tuple(rest)
    return _Ranking(prepared, vectors, names, np.array([-score for score, _, _ in scored]))

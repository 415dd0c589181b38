"""Ranking all queries of a benchmark in one way, by its protocol."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stitch_cir.benchmarks._galleries import BenchmarkGallery
from stitch_cir.benchmarks._predictions import Predictions
from stitch_cir.benchmarks._queries import PreparedQuery
from stitch_cir.benchmarks._run_files import QueryHead
from stitch_cir.benchmarks._variants import Variant
from stitch_cir.datasets import Benchmark, BenchmarkQuery
from stitch_cir.errors import VectorError
from stitch_cir.gallery import Progress, ProgressEvent
from stitch_cir.searcher import ComposedQuery, EncodedQuery, Searcher

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
class _RankedQuery:
    """One query's ranking: benchmark ids best first, and the scores of those that have vectors."""

    query: BenchmarkQuery
    names: tuple[str, ...]
    scores: NDArray[np.float64]

    @property
    def head(self) -> QueryHead:
        """The best hits, and the rank of the first right answer."""
        rank = next((n for n, id in enumerate(self.names, 1) if id in self.query.answers), None)
        hits = zip(self.names[:SHOWN], self.scores, strict=False)
        return QueryHead(self.query.id, tuple((id, float(score)) for id, score in hits), rank)


class _TaskRanker:
    """Ranks the queries of one task in the way of one variant.

    ``encoded``: what is searched with; ``failures``: why other queries cannot be searched with, by
    query id.
    """

    def __init__(
        self, gallery: BenchmarkGallery, queries: Sequence[PreparedQuery], variant: Variant
    ) -> None:
        self._gallery = gallery
        self._searcher = Searcher(gallery.gallery, settings=variant.settings)
        self._ranker = self._searcher.ranker()
        self.encoded: list[tuple[PreparedQuery, EncodedQuery]] = []
        self.notes = self._ranker.notes
        self.failures: dict[str, str] = {}
        for prepared in queries:
            encoded = self._encode(prepared, variant)
            if isinstance(encoded, str):
                self.failures[prepared.query.id] = encoded
            else:
                self.encoded.append((prepared, encoded))

    def rank_gallery(
        self, depth: int, *, keep_reference: bool, progress: Callable[[int, int], None]
    ) -> list[_RankedQuery]:
        """Rank the task's whole gallery for each query, ``depth`` images deep."""
        ids = {row: id for id, row in self._gallery.rows.items()}
        rankings = self._ranker.rank_many(
            [encoded for _, encoded in self.encoded],
            self._gallery.candidates,
            depth,
            excluded=[
                () if keep_reference or prepared.row is None else (prepared.row,)
                for prepared, _ in self.encoded
            ],
            progress=progress,
        )
        ranked = []
        for (prepared, _), ranking in zip(self.encoded, rankings, strict=True):
            query = prepared.query
            names = [ids[int(row)] for row in ranking.rows]
            if len(names) < depth:
                left_out = () if keep_reference else (query.reference,)
                rest = [id for id in self._gallery.missing if id not in left_out]
                rest.sort(key=lambda id: id in query.answers)
                names += rest[: depth - len(names)]
            ranked.append(_RankedQuery(query, tuple(names), ranking.scores))
        return ranked

    def rank_groups(self, progress: Callable[[int, int], None]) -> list[_RankedQuery]:
        """Rank each query's group: equal scores and missing vectors count against the answer."""
        ranked = []
        for number, (prepared, encoded) in enumerate(self.encoded, 1):
            ranked.append(self._rank_group(prepared.query, encoded))
            progress(number, len(self.encoded))
        return ranked

    def count_approximate(self, ranked: Sequence[_RankedQuery]) -> int:
        """Return for how many queries a plan among the first hits did not converge."""
        # checked only where it can fail: a plan for each hit that is shown costs little
        if not self._ranker.is_iterative:
            return 0
        rows = self._gallery.rows
        return sum(
            # images without vectors have no plans
            not self._ranker.plans_converged(
                encoded, [rows[id] for id in each.names[:SHOWN] if id in rows]
            )
            for (_, encoded), each in zip(self.encoded, ranked, strict=True)
        )

    def _encode(self, prepared: PreparedQuery, variant: Variant) -> EncodedQuery | str:
        """Return what is searched with, or why the query cannot be searched with."""
        features = prepared.features
        if variant.query == "image":
            if prepared.row is None:
                return "the reference has no vectors"
            reference = self._gallery.reference(prepared.query.reference)
            (features,) = self._searcher.encode_many([ComposedQuery((reference,), "", None)])
        if features is None:
            return "there is neither a reference with vectors nor a modification"
        try:
            return features.refine(variant.settings.transition)
        except VectorError as error:
            return error.message.rstrip(".")

    def _rank_group(self, query: BenchmarkQuery, encoded: EncodedQuery) -> _RankedQuery:
        rows = self._gallery.rows
        ids = {rows[id]: id for id in query.group if id in rows}
        scored: list[tuple[float, bool, str]] = []
        if ids:
            ranking = self._ranker.rank(encoded, np.array(sorted(ids), dtype=np.int64), len(ids))
            scored = [
                (-float(score), ids[int(row)] in query.answers, ids[int(row)])
                for row, score in zip(ranking.rows, ranking.scores, strict=True)
            ]
            scored.sort(key=lambda entry: entry[:2])
        rest = sorted(
            (id for id in query.group if id not in rows), key=lambda id: id in query.answers
        )
        names = tuple(id for _, _, id in scored) + tuple(rest)
        return _RankedQuery(query, names, np.array([-score for score, _, _ in scored]))


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

    def report(done: int, total: int) -> None:
        if progress is not None:
            progress(ProgressEvent(stage, done, total))

    dataset = benchmark.dataset
    ranked: dict[str, _RankedQuery] = {}
    subset: dict[str, tuple[str, ...]] = {}
    failures: dict[str, str] = {}
    limited: dict[str, None] = {}
    approximate = 0
    for task in benchmark.tasks:
        of_task = [prepared for prepared in queries if prepared.task.name == task.name]
        ranker = _TaskRanker(galleries[task.name], of_task, variant)
        failures |= ranker.failures
        limited |= dict.fromkeys(ranker.notes)
        if dataset.group_role == "gallery":
            rankings = ranker.rank_groups(report)
        else:
            rankings = ranker.rank_gallery(
                depth, keep_reference=dataset.keep_reference, progress=report
            )
        ranked |= {each.query.id: each for each in rankings}
        approximate += ranker.count_approximate(rankings)
        if dataset.group_role == "subset":
            groups = ranker.rank_groups(lambda done, total: None)
            subset |= {each.query.id: each.names for each in groups}
    order = list(benchmark.queries)
    reasons = Counter(failures.values())
    notes = [
        f"{count:,} queries could not be searched with: {why}." for why, count in reasons.items()
    ]
    counted = [f"{note} They count as misses." for note in notes]
    if approximate:
        scorer = variant.settings.scorer.name.capitalize()
        notes.append(
            f"{scorer} did not converge for a hit among the first "
            f"{SHOWN} of {approximate:,} queries: their scores are approximate."
        )
        counted.append(notes[-1])
    notes += limited
    counted += limited
    predictions = Predictions(
        {id: ranked[id].names for id in order if id in ranked},
        {id: subset[id] for id in order if id in subset},
        tuple(id for id in order if id not in ranked),
        tuple(counted),
    )
    heads = (ranked[id].head if id in ranked else QueryHead(id, (), None) for id in order)
    return Ranked(predictions, tuple(heads), tuple(notes))

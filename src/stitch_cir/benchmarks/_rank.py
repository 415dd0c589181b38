"""Ranking all queries of a benchmark in several ways at once, by its protocol."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from stitch_cir._hints import counted
from stitch_cir.benchmarks._galleries import BenchmarkGallery
from stitch_cir.benchmarks._predictions import Predictions
from stitch_cir.benchmarks._queries import PreparedQuery
from stitch_cir.benchmarks._run_files import QueryHead
from stitch_cir.benchmarks._variants import Variant
from stitch_cir.datasets import Benchmark, BenchmarkQuery, DataSet
from stitch_cir.errors import VectorError
from stitch_cir.searcher import (
    ComposedQuery,
    EncodedQuery,
    GalleryRanker,
    RankedWay,
    Searcher,
    count_approximate,
    learned,
    rank_ways,
)
from stitch_cir.transition import Transition

__all__ = ["Ranked", "measure_hubness", "rank_variants"]

In = TypeVar("In")
Out = TypeVar("Out")
SHOWN = 10
"""Hits of a query's head."""
QUERIES_TOGETHER = 256
"""Queries whose vectors are in memory for all variants at once."""


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


@dataclass(slots=True)
class _Rankings:
    """What was ranked in the way of one variant, for all tasks.

    ``ranked`` and ``subsets``: rankings of the gallery and of each query's group, by query id;
    ``failures``: why other queries cannot be searched with; ``approximate``: queries for which a
    plan among the first hits did not converge; ``limits``: notes of the rankers.
    """

    variant: Variant
    ranked: dict[str, _RankedQuery] = field(default_factory=dict)
    subsets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    approximate: int = 0
    limits: dict[str, None] = field(default_factory=dict)

    def result(self, order: Sequence[str]) -> Ranked:
        """Return the rankings in the order of the queries, with notes on those that failed."""
        reasons = Counter(self.failures.values())
        notes = [
            f"{counted(count, 'query')} could not be searched with: {why}."
            for why, count in reasons.items()
        ]
        listed = [f"{note} Each counts as a miss." for note in notes]
        if self.approximate:
            scorer = self.variant.settings.scorer.name.capitalize()
            notes.append(
                f"{scorer} did not converge for a hit among the first "
                f"{SHOWN} of {counted(self.approximate, 'query')}: their scores are approximate."
            )
            listed.append(notes[-1])
        ranked = self.ranked
        predictions = Predictions(
            {id: ranked[id].names for id in order if id in ranked},
            {id: self.subsets[id] for id in order if id in self.subsets},
            tuple(id for id in order if id not in ranked),
            (*listed, *self.limits),
        )
        heads = (ranked[id].head if id in ranked else QueryHead(id, (), None) for id in order)
        return Ranked(predictions, tuple(heads), (*notes, *self.limits))


_OfWay: TypeAlias = list[tuple[PreparedQuery, EncodedQuery]]
"""The queries that one variant ranks, with what it searches with."""


class _TaskRanker:
    """Ranks the queries of one task in the way of every variant, and adds to its rankings."""

    def __init__(self, gallery: BenchmarkGallery, rankings: Sequence[_Rankings]) -> None:
        self._gallery = gallery
        # to look at what is committed takes milliseconds, for each query and transition again
        self._matrix = gallery.gallery.matrix()
        self._ids = {row: id for id, row in gallery.rows.items()}
        self._searcher = Searcher(gallery.gallery, settings=rankings[0].variant.settings)
        rankers = self._searcher.rankers([each.variant.settings for each in rankings])
        self._ways = list(zip(rankings, rankers, strict=True))
        for each, ranker in self._ways:
            each.limits |= dict.fromkeys(ranker.notes)

    def rank(
        self,
        encoded: Sequence[_OfWay],
        dataset: DataSet,
        depth: int,
        progress: Callable[[int], None],
    ) -> None:
        """Rank queries, as :meth:`encode` returns them; ``progress`` is called with those done.

        A query counts once for every variant that it is ranked by.
        """
        if dataset.group_role == "gallery":
            for (rankings, ranker), of_way in zip(self._ways, encoded, strict=True):
                ranked = []
                for prepared, query in of_way:
                    rows = self._group_rows(prepared.query)
                    ranking = ranker.rank(query, rows, len(rows))
                    scores = dict(zip(ranking.rows.tolist(), ranking.scores.tolist(), strict=True))
                    ranked.append(self._rank_group(prepared.query, scores))
                self._add(rankings, ranker, [query for _, query in of_way], ranked)
        else:
            subsets = dataset.group_role == "subset"
            self._rank_gallery(encoded, depth, dataset.keep_reference, subsets, progress)

    def encode(self, queries: Sequence[PreparedQuery]) -> list[_OfWay]:
        """Return what each variant searches with; what cannot be searched with is its failure.

        Variants of one transition have the same vectors.
        """
        moved: dict[str, list[EncodedQuery | str]] = {}
        encoded: list[_OfWay] = []
        for rankings, _ in self._ways:
            variant = rankings.variant
            together = [variant.composed, variant.settings.composed_weight, variant.settings.fusion]
            moved_by = variant.settings.transition.settings()
            key = json.dumps([variant.query, together, moved_by], default=str)
            if key not in moved:
                moved[key] = self._encode_way(queries, variant)
            encoded.append([])
            for prepared, query in zip(queries, moved[key], strict=True):
                if isinstance(query, str):
                    rankings.failures[prepared.query.id] = query
                else:
                    encoded[-1].append((prepared, query))
        return encoded

    def _encode_way(
        self, queries: Sequence[PreparedQuery], variant: Variant
    ) -> list[EncodedQuery | str]:
        """Return what one variant searches with, or why a query cannot be searched with."""
        try:
            gallery, matrix = self._gallery.gallery, self._matrix
            transition = learned(gallery, matrix, variant.settings.transition)
        except VectorError as error:
            return [error.message.rstrip(".")] * len(queries)
        return [self._encode_query(prepared, variant, transition) for prepared in queries]

    def _encode_query(
        self, prepared: PreparedQuery, variant: Variant, transition: Transition
    ) -> EncodedQuery | str:
        """Return what is searched with, or why the query cannot be searched with."""
        features = prepared.features
        if variant.query == "image":
            if prepared.row is None:
                return "the reference has no vectors"
            references = self._gallery.references(prepared.query)
            (features,) = self._searcher.encode_many([ComposedQuery(references, "", None)])
        if features is None:
            return "there is neither a reference with vectors nor a modification"
        together = features.composed.get(variant.composed)
        if variant.composed and together is None:
            return "reference and text together have no vector"
        try:
            settings, matrix = variant.settings, self._matrix
            moved = features.refine(transition)
            joined = moved.joined_by(together, settings.composed_weight)
            return joined.fused(settings.fusion, matrix.means)
        except VectorError as error:
            return error.message.rstrip(".")

    def _rank_gallery(
        self,
        encoded: Sequence[_OfWay],
        depth: int,
        keep_reference: bool,
        subsets: bool,
        progress: Callable[[int], None],
    ) -> None:
        """Rank the task's whole gallery for each query, ``depth`` images deep, and its subset."""
        ways = [
            RankedWay(
                ranker,
                [query for _, query in of_way],
                [
                    () if keep_reference else self._reference_rows(prepared.query)
                    for prepared, _ in of_way
                ],
                [self._group_rows(prepared.query) for prepared, _ in of_way] if subsets else (),
            )
            for (_, ranker), of_way in zip(self._ways, encoded, strict=True)
        ]
        solved = rank_ways(
            ways, self._gallery.candidates, depth, progress=lambda done, _: progress(done)
        )
        for (rankings, ranker), of_way, of_solved in zip(self._ways, encoded, solved, strict=True):
            ranked = []
            for (prepared, _), ranking in zip(of_way, of_solved, strict=True):
                query = prepared.query
                names = [self._ids[row] for row in ranking.rows.tolist()]
                if len(names) < depth:
                    left_out = () if keep_reference else query.references
                    rest = [id for id in self._gallery.missing if id not in left_out]
                    rest.sort(key=lambda id, query=query: id in query.answers)  # type: ignore[misc]
                    names += rest[: depth - len(names)]
                ranked.append(_RankedQuery(query, tuple(names), ranking.scores))
                if subsets:
                    rows = self._group_rows(query).tolist()
                    scores = dict(zip(rows, ranking.watched.tolist(), strict=True))
                    rankings.subsets[query.id] = self._rank_group(query, scores).names
            self._add(rankings, ranker, [query for _, query in of_way], ranked)

    def _reference_rows(self, query: BenchmarkQuery) -> tuple[int, ...]:
        rows = self._gallery.rows
        return tuple(rows[id] for id in query.references if id in rows)

    def _group_rows(self, query: BenchmarkQuery) -> NDArray[np.int64]:
        """Return the rows of a query's group, ascending: (g,) int64."""
        rows = self._gallery.rows
        return np.array(sorted({rows[id] for id in query.group if id in rows}), dtype=np.int64)

    def _rank_group(self, query: BenchmarkQuery, scores: Mapping[int, float]) -> _RankedQuery:
        """Rank a query's group by the scores of its rows.

        Equal scores and missing vectors count against the answer.
        """
        rows, answers = self._gallery.rows, query.answers
        present = [id for id in query.group if id in rows]
        present.sort(key=lambda id: (-scores[rows[id]], id in answers, rows[id]))
        rest = [id for id in query.group if id not in rows]
        rest.sort(key=lambda id: id in answers)
        best = np.array([scores[rows[id]] for id in present])
        return _RankedQuery(query, (*present, *rest), best)

    def _add(
        self,
        rankings: _Rankings,
        ranker: GalleryRanker,
        encoded: Sequence[EncodedQuery],
        ranked: Sequence[_RankedQuery],
    ) -> None:
        """Add rankings, and how many of them have hits among the first that are approximate."""
        rankings.ranked |= {each.query.id: each for each in ranked}
        # images without vectors have no plans
        rows = self._gallery.rows
        shown = [[rows[id] for id in each.names[:SHOWN] if id in rows] for each in ranked]
        rankings.approximate += count_approximate(ranker, encoded, shown)


def measure_hubness(galleries: Mapping[str, BenchmarkGallery], variants: Sequence[Variant]) -> None:
    """Measure what hubness all variants take off, which costs less together; it is kept."""
    settings = [variant.settings for variant in variants]
    for gallery in galleries.values() if settings else ():
        Searcher(gallery.gallery, settings=settings[0]).rankers(settings)


def rank_variants(
    benchmark: Benchmark,
    galleries: dict[str, BenchmarkGallery],
    queries: Sequence[PreparedQuery],
    variants: Sequence[Variant],
    depth: int,
    *,
    progress: Callable[[int], None] | None = None,
) -> list[Ranked]:
    """Rank every query in the way of each variant, ``depth`` images deep.

    Images without vectors rank behind all others, in the gallery's order, and right answers among
    them last. In the small gallery of a single query, equal scores count against the right answer.
    A query that cannot be searched with in this way (image only without a reference's vectors, say)
    has an empty ranking: a miss, which the notes count.

    What a query has in common in all variants is computed once. ``progress`` is called with the
    number of queries done, each counted once for every variant.
    """
    rankings = [_Rankings(variant) for variant in variants]
    done = 0
    for task in benchmark.tasks:
        of_task = [prepared for prepared in queries if prepared.task.name == task.name]
        ranker = _TaskRanker(galleries[task.name], rankings)
        starts = range(0, len(of_task), QUERIES_TOGETHER)
        parts = [of_task[start : start + QUERIES_TOGETHER] for start in starts]
        for part, encoded in zip(parts, _ahead(ranker.encode, parts), strict=True):

            def report(ranked: int, before: int = done) -> None:
                if progress is not None:
                    progress(before + ranked)

            ranker.rank(encoded, benchmark.dataset, depth, report)
            done += len(part) * len(variants)
            report(0, done)
    order = list(benchmark.queries)
    return [each.result(order) for each in rankings]


def _ahead(encode: Callable[[In], Out], parts: Iterable[In]) -> Iterator[Out]:
    """Yield what ``encode`` makes of each part, the next of which it does in the meantime."""
    with ThreadPoolExecutor(1, thread_name_prefix="encode") as pool:
        following: Future[Out] | None = None
        for part in parts:
            current, following = following, pool.submit(encode, part)
            if current is not None:
                yield current.result()
        if following is not None:
            yield following.result()

"""Ranking all queries of a benchmark in one way, by its protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stitch_cir.benchmarks._ask import Asked
from stitch_cir.benchmarks._data import Benchmark
from stitch_cir.benchmarks._predictions import Predictions
from stitch_cir.benchmarks._run_files import Top
from stitch_cir.benchmarks._sources import Source
from stitch_cir.benchmarks._variants import Variant
from stitch_cir.errors import VectorError
from stitch_cir.gallery import Progress, ProgressEvent, ViewMatrix
from stitch_cir.search import Query, handicap, is_iterative, plans_converged, rank, rank_many

__all__ = ["Ranked", "rank_queries"]

SHOWN = 10
OWN_GALLERY = ("genecis",)
"""Data sets whose queries each rank a small gallery of their own."""
SUBSET = ("cirr", "cirr-captions")
"""Data sets that also rank each query's look-alikes."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One variant's rankings: predictions in the form metrics read, and each query's head."""

    predictions: Predictions
    tops: tuple[Top, ...]
    notes: tuple[str, ...] = ()


def rank_queries(
    benchmark: Benchmark,
    sources: dict[str, Source],
    asked: Sequence[Asked],
    variant: Variant,
    depth: int,
    *,
    stage: str,
    progress: Progress | None = None,
) -> Ranked:
    """Rank every query in the way of ``variant``, ``depth`` images deep; ``stage`` names progress.

    Images without vectors rank behind all others, in the gallery's order, and right answers among
    them last. In small galleries of a query's own, equal scores fall against the right answer. A
    query that cannot be asked in this way (image only without a reference's vectors, say) has an
    empty ranking: a miss, and told in the notes.
    """
    tell = progress or (lambda event: None)
    ranked: dict[str, tuple[str, ...]] = {}
    subset: dict[str, tuple[str, ...]] = {}
    tops: dict[str, Top] = {}
    silent: dict[str, int] = {}
    approximate = 0
    for task in benchmark.tasks:
        source = sources[task.name]
        taken = handicap(source.gallery.matrix(), variant.settings)
        own: list[tuple[Asked, Query]] = []
        for one in asked:
            if one.task.name != task.name:
                continue
            vectors, why = _vectors(one, source, variant)
            if vectors is not None and taken is not None:
                vectors = replace(vectors, handicap=taken)
            if vectors is None:
                silent[why] = silent.get(why, 0) + 1
                tops[one.query.id] = Top(one.query.id, (), None)
            else:
                own.append((one, vectors))
        # looked at only where it can happen: a plan for each hit that is shown costs little
        iterative = is_iterative(variant.settings.make_scorer())
        if benchmark.name in OWN_GALLERY:
            for number, (one, vectors) in enumerate(own, 1):
                names, scores = _rank_group(one, source, vectors, variant)
                ranked[one.query.id] = names
                tops[one.query.id] = _top(one, names, scores)
                approximate += iterative and not _converged(source, variant, vectors, names)
                tell(ProgressEvent(stage, number, len(own)))
            continue
        rankings = _rank_task(benchmark, source, own, variant, depth, stage, tell)
        for (one, names, scores), (_, vectors) in zip(rankings, own, strict=True):
            ranked[one.query.id] = names
            tops[one.query.id] = _top(one, names, scores)
            approximate += iterative and not _converged(source, variant, vectors, names)
        if benchmark.name in SUBSET:
            for one, vectors in own:
                subset[one.query.id], _ = _rank_group(one, source, vectors, variant)
    order = list(benchmark.queries)
    notes = [f"{count:,} queries could not be asked: {why}." for why, count in silent.items()]
    counted = [f"{note} They count as misses." for note in notes]
    if approximate:
        notes.append(
            f"{variant.settings.scorer.capitalize()} did not converge for a hit among the first "
            f"{SHOWN} of {approximate:,} queries: their scores are approximate."
        )
        counted.append(notes[-1])
    missing = tuple(id for id in order if id not in ranked)
    found = Predictions(
        {id: ranked[id] for id in order if id in ranked},
        {id: subset[id] for id in order if id in subset},
        missing,
        tuple(counted),
    )
    return Ranked(found, tuple(tops[id] for id in order), tuple(notes))


def _converged(source: Source, variant: Variant, vectors: Query, names: Sequence[str]) -> bool:
    """Return whether the plans of the first hits converged; images without vectors have none."""
    rows = [source.rows[id] for id in names[:SHOWN] if id in source.rows]
    return all(
        plans_converged(variant.settings.make_scorer(), vectors, source.gallery.matrix(), rows)
    )


def _vectors(one: Asked, source: Source, variant: Variant) -> tuple[Query | None, str]:
    if variant.query == "image":
        if one.row is None:
            return None, "the reference has no vectors"
        matrix = source.gallery.matrix()
        views = np.array(matrix.vectors[matrix.offsets[one.row] : matrix.offsets[one.row + 1]])
        even = np.full(len(views), 1.0 / len(views), np.float32)
        return Query(views, even, ("",) * len(views), None, one.query.reference, None), ""
    if one.encoded is None:
        return None, "there is neither a reference with vectors nor a modification"
    try:
        return one.encoded.refine(variant.settings.make_transition()), ""
    except VectorError as error:
        return None, error.message.rstrip(".")


def _rank_task(
    benchmark: Benchmark,
    source: Source,
    own: Sequence[tuple[Asked, Query]],
    variant: Variant,
    depth: int,
    stage: str,
    tell: Progress,
) -> list[tuple[Asked, tuple[str, ...], NDArray[np.float64]]]:
    matrix = source.gallery.matrix()
    ids = {row: id for id, row in source.rows.items()}
    exclude = [[] if benchmark.keep_reference or one.row is None else [one.row] for one, _ in own]
    rankings = rank_many(
        matrix,
        [vectors for _, vectors in own],
        variant.settings.make_scorer(),
        variant.settings.make_transition(),
        depth,
        rows=source.ranked,
        exclude=exclude,
        progress=lambda done, total: tell(ProgressEvent(stage, done, total)),
    )
    found = []
    for (one, _), ranking in zip(own, rankings, strict=True):
        names = [ids[int(row)] for row in ranking.rows]
        if len(names) < depth:
            left = () if benchmark.keep_reference else (one.query.reference,)
            rest = [id for id in source.missing if id not in left]
            rest.sort(key=lambda id: id in one.query.answers)
            names += rest[: depth - len(names)]
        found.append((one, tuple(names), ranking.scores))
    return found


def _rank_group(
    one: Asked, source: Source, vectors: Query, variant: Variant
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Rank a query's own small gallery: equal scores, and no vectors, fall against the answer."""
    matrix: ViewMatrix = source.gallery.matrix()
    ids = {source.rows[id]: id for id in one.query.group if id in source.rows}
    scored: list[tuple[float, bool, str]] = []
    if ids:
        rows = np.array(sorted(ids), dtype=np.int64)
        settings = variant.settings
        ordered, scores = rank(
            matrix, rows, vectors, settings.make_scorer(), settings.make_transition(), len(rows)
        )
        scored = [
            (-float(score), ids[int(row)] in one.query.answers, ids[int(row)])
            for row, score in zip(ordered, scores, strict=True)
        ]
        scored.sort(key=lambda entry: entry[:2])
    rest = sorted(
        (id for id in one.query.group if id not in source.rows),
        key=lambda id: id in one.query.answers,
    )
    names = tuple(id for _, _, id in scored) + tuple(rest)
    return names, np.array([-score for score, _, _ in scored])


def _top(one: Asked, names: tuple[str, ...], scores: NDArray[np.float64]) -> Top:
    place = next((n for n, id in enumerate(names, 1) if id in one.query.answers), None)
    hits = tuple((id, float(score)) for id, score in zip(names[:SHOWN], scores, strict=False))
    return Top(one.query.id, hits, place)

"""The exact best k without scoring everything: bound all sets, score those that may matter.

The ranking is that of ``rank``, which scores every set: same images, order and float64 scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stitch_cir.gallery import ViewMatrix
from stitch_cir.search._rank import ROUNDING, rank, score_rows, settle
from stitch_cir.search._results import Query
from stitch_cir.search._scan import scan
from stitch_cir.transition import Transition
from stitch_cir.transport import BoundedScorer, Scorer, SetBound

__all__ = ["Ranking", "rank_by_bounds", "rank_many"]

WORTH_BOUNDING = 1 << 23
"""Numbers in the vectors to rank below which scoring all of them is as fast."""
WORTH_IF_COSTLY = 1 << 20
"""The same for scorers that iterate."""
FIRST = 64
"""Sets scored before the first look at the cut."""
TRIED = 1 / 32
"""Share of the sets to score before giving up on the bounds."""
TOO_MANY = 0.5
"""Share of the sets from which on scoring all, in order, is cheaper than picking."""
COLUMNS = 512
"""Captions of different queries scanned together."""
BOUNDS = 1 << 26
"""Bounds held at a time (256 MiB)."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best images of one query.

    ``rows``: (≤ k,) int64 row numbers of the matrix, best first, ties by id; ``scores``: (≤ k,)
    float64. ``bounded``: sets whose upper bound was computed, 0 where everything was scored right
    away; ``scored``: sets scored exactly.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    bounded: int
    scored: int


def rank_by_bounds(
    matrix: ViewMatrix,
    rows: NDArray[np.int64],
    query: Query,
    scorer: Scorer,
    transition: Transition,
    k: int,
) -> Ranking:
    """Rank ``rows`` (n,) ascending, n ≥ 1, and give the best ``k`` exactly."""
    bound = _usable_bound(matrix, rows, query, scorer, transition)
    if bound is None:
        return _all_scored(matrix, rows, query, scorer, transition, k)
    bounds = _bounds(matrix, rows, [query], bound, transition)[0]
    return _best(matrix, rows, bounds, query, scorer, transition, k)


def rank_many(
    matrix: ViewMatrix,
    queries: Sequence[Query],
    scorer: Scorer,
    transition: Transition,
    k: int,
    *,
    rows: NDArray[np.int64] | None = None,
    exclude: Sequence[Sequence[int] | NDArray[np.int64]] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Ranking]:
    """Rank the same gallery for many queries, in blocks over both.

    Parameters
    ----------
    queries:
        As ``build_query`` makes them; they may have different numbers of captions.
    k:
        Number of images wanted; fewer come back where fewer are left.
    rows:
        (n,) ascending row numbers that all queries rank; ``None``: the whole gallery.
    exclude:
        For every query the row numbers to leave out, such as its reference.
    progress:
        Told (queries done, of how many).

    Returns one :class:`Ranking` a query, equal to that of ``rank`` for it alone. A query with
    nothing left to rank gets an empty one. Memory beyond the map does not grow with the queries.
    """
    everything = np.arange(len(matrix.ids), dtype=np.int64) if rows is None else rows
    left_out = [np.asarray(own, np.int64) for own in exclude or [()] * len(queries)]
    results: dict[int, Ranking] = {}

    def finish(number: int, bounds: NDArray[np.float32] | None) -> None:
        kept = np.isin(everything, left_out[number], invert=True)
        mine, query = everything[kept], queries[number]
        if bounds is None:
            results[number] = _all_scored(matrix, mine, query, scorer, transition, k)
        else:
            results[number] = _best(matrix, mine, bounds[kept], query, scorer, transition, k)
        if progress is not None:
            progress(len(results), len(queries))

    alike: dict[tuple[int, int, SetBound], list[int]] = {}
    for number, query in enumerate(queries):
        bound = _usable_bound(matrix, everything, query, scorer, transition)
        if bound is None:
            finish(number, None)
        else:
            before = 0 if query.before is None else len(query.before)
            alike.setdefault((len(query.vectors), before, bound), []).append(number)
    for (captions, _, bound), members in alike.items():
        together = max(1, min(COLUMNS // captions, BOUNDS // len(everything)))
        for start in range(0, len(members), together):
            part = members[start : start + together]
            asked = [queries[number] for number in part]
            found = _bounds(matrix, everything, asked, bound, transition)
            for number, bounds in zip(part, found, strict=True):
                finish(number, bounds)
    return [results[number] for number in range(len(queries))]


def _usable_bound(
    matrix: ViewMatrix,
    rows: NDArray[np.int64],
    query: Query,
    scorer: Scorer,
    transition: Transition,
) -> SetBound | None:
    """Say how the query's scores are bounded; ``None`` where scoring everything is the way."""
    if not len(rows) or not isinstance(scorer, BoundedScorer):
        return None
    bound = scorer.set_bound()
    if _is_combined(query, transition):
        monotone = getattr(transition, "combines_monotonically", False)
        if not (monotone and bound.two_sided):
            return None
    if bound.kind == "means" and matrix.lengths is None:
        return None
    views = int((matrix.offsets[rows + 1] - matrix.offsets[rows]).sum())
    least = WORTH_IF_COSTLY if bound.costly else WORTH_BOUNDING
    return bound if views * query.vectors.shape[1] >= least else None


def _is_combined(query: Query, transition: Transition) -> bool:
    return transition.combines_scores and query.before is not None


def _bounds(
    matrix: ViewMatrix,
    rows: NDArray[np.int64],
    queries: Sequence[Query],
    bound: SetBound,
    transition: Transition,
) -> NDArray[np.float32]:
    """Bound the combined scores, less what is taken off them, from above: (Q, n)."""
    found = scan(matrix, rows, queries, bound)
    if _is_combined(queries[0], transition):
        before = scan(matrix, rows, [_before(query) for query in queries], bound, lower=True)
        with np.errstate(invalid="ignore"):
            found = np.asarray(transition.combine(found, before), dtype=np.float32)
        # infinities that cancel: an image whose vectors are no numbers
        found[np.isnan(found)] = np.inf
    for own, query in zip(found, queries, strict=True):
        if query.handicap is not None:
            taken = query.handicap[rows]
            # rounding to float32 and subtracting: an ulp of either each
            own -= taken.astype(np.float32)
            own += np.float32(2.0**-22) * (np.abs(own) + np.abs(taken)).astype(np.float32)
    return found


def _before(query: Query) -> Query:
    assert query.before is not None
    even = np.full(len(query.before), 1.0 / len(query.before), np.float32)
    return replace(query, vectors=query.before, weights=even, before=None)


def _all_scored(
    matrix: ViewMatrix,
    rows: NDArray[np.int64],
    query: Query,
    scorer: Scorer,
    transition: Transition,
    k: int,
) -> Ranking:
    if not len(rows):
        return Ranking(rows, np.empty(0), 0, 0)
    best, scores = rank(matrix, rows, query, scorer, transition, k)
    return Ranking(best, scores, 0, len(rows))


def _best(
    matrix: ViewMatrix,
    rows: NDArray[np.int64],
    bounds: NDArray[np.float32],
    query: Query,
    scorer: Scorer,
    transition: Transition,
    k: int,
) -> Ranking:
    """Score in the order of the bounds until no bound beats the k-th best score.

    The cut only rises, so what falls below it stays below. A set that is left out has an exact
    score of at most its bound, which is below the k-th best float32 score less its rounding: it is
    not among the best k, tied or not.
    """
    count = len(rows)
    k = min(k, count)
    if not k:
        return Ranking(rows[:0], np.empty(0), count, 0)
    size = min(count, max(FIRST, 4 * k))
    picked = np.argpartition(-bounds, size - 1)[:size]
    scores = score_rows(matrix, rows[picked], query, scorer, transition)
    cut = _kth(scores, k)
    waiting = np.setdiff1d(np.flatnonzero(bounds >= cut - ROUNDING), picked)
    waiting = waiting[np.argsort(-bounds[waiting], kind="stable")]
    while len(waiting):
        if len(picked) > TRIED * count and len(waiting) > TOO_MANY * count:
            best, fine = rank(matrix, rows, query, scorer, transition, k)
            return Ranking(best, fine, count, count)
        size *= 2
        now, waiting = waiting[:size], waiting[size:]
        scores = np.append(scores, score_rows(matrix, rows[now], query, scorer, transition))
        picked = np.append(picked, now)
        cut = _kth(scores, k)
        waiting = waiting[bounds[waiting] >= cut - ROUNDING]
    close = rows[np.sort(picked[scores >= cut - ROUNDING])]
    best, fine = settle(matrix, close, query, scorer, transition)
    return Ranking(best[:k], fine[:k], count, len(picked))


def _kth(scores: NDArray[np.float32], k: int) -> np.float32:
    found: np.float32 = np.partition(scores, len(scores) - k)[len(scores) - k]
    return found

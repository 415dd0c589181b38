"""The exact best k groups: each group counts by its best set.

A ranking is a total order: larger score first, equal scores by row number. The *representative* of
a group is its first set in that order, and groups stand in the order of their representatives. The
best k groups of a problem are therefore what is left of the whole ranking when every set behind
another one of its group is taken away, cut after k.

**No solver may lose a representative.** Let S be any subset of the candidates, and let c be the
k-th largest of the maxima of S over groups. Then at least k groups have a set of score ≥ c. Let r
be the representative of one of the best k groups. If its score were below c, these k groups would
all stand before its group (each has a representative of score ≥ c), so its group would not be among
the best k. Hence score(r) ≥ c: whatever has a score, or an upper bound of its score, below c is no
representative of a best group. The same holds with c lowered by the rounding of float32 scores,
which is how every solver uses it, whether S is everything or what was scored so far. What is left
is ordered in float64 and walked through once; the first set of each group is its representative,
since any set of the group that stands before it would have a score of at least c and be left as
well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stitch_cir.ranking._problem import Ranking, RankingProblem, Solver
from stitch_cir.ranking._scores import (
    BLOCK_BYTES,
    kth_largest,
    score_each_float64,
    score_float64,
)

__all__ = ["best_members", "count_units", "kth_best", "rank_each_exactly", "rank_exactly"]


def count_units(problem: RankingProblem, rows: NDArray[np.int64]) -> int:
    """Count what is ranked among ``rows``: the sets, or their groups."""
    if problem.groups is None:
        return len(rows)
    return int(np.count_nonzero(np.bincount(problem.groups[rows])))


def kth_best(
    problem: RankingProblem, rows: NDArray[np.int64], scores: NDArray[np.float32], k: int
) -> np.float32:
    """Return the k-th largest score (m,) of ``rows`` (m,), or of the best of each group.

    −∞ where there are fewer than k ≥ 1.
    """
    if problem.groups is not None:
        labels, inverse = np.unique(problem.groups[rows], return_inverse=True)
        best = np.full(len(labels), -np.inf, np.float32)
        np.maximum.at(best, inverse, scores)
        scores = best
    return kth_largest(scores, k) if len(scores) >= k else np.float32(-np.inf)


def rank_exactly(
    problem: RankingProblem,
    rows: NDArray[np.int64],
    k: int,
    *,
    bounded: int = 0,
    scored: int = 0,
    block_bytes: int = BLOCK_BYTES,
) -> Ranking:
    """Rank ``rows`` (m,), of which no other candidate is better, by float64 score.

    Equal scores are ordered by row number. Watched rows are scored with them; ``bounded`` and
    ``scored`` are counts for the ranking.
    """
    fine = score_float64(problem, _with_watched(problem, rows), block_bytes=block_bytes)
    return _ranked(problem, rows, fine, k, bounded, scored)


def rank_each_exactly(
    problems: Sequence[RankingProblem],
    rows: Sequence[NDArray[np.int64]],
    k: int,
    scored: Sequence[int],
) -> list[Ranking]:
    """Return :func:`rank_exactly` of each problem's ``rows``, all of the same sets."""
    fine = score_each_float64(problems, list(map(_with_watched, problems, rows)))
    return [
        _ranked(problem, close, exact, k, 0, count)
        for problem, close, exact, count in zip(problems, rows, fine, scored, strict=True)
    ]


def _with_watched(problem: RankingProblem, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return rows if problem.watched is None else np.concatenate([rows, problem.watched])


def _ranked(
    problem: RankingProblem,
    rows: NDArray[np.int64],
    fine: NDArray[np.float64],
    k: int,
    bounded: int,
    scored: int,
) -> Ranking:
    """Order ``rows`` (m,) by the first m of the scores ``fine``; the rest are of watched rows."""
    scores, of_watched = fine[: len(rows)], fine[len(rows) :]
    order = np.lexsort((rows, -scores))
    kept = order[_first_of_groups(problem, rows[order], k)]
    return Ranking(rows[kept], scores[kept], bounded, scored, of_watched)


def _first_of_groups(
    problem: RankingProblem, ordered: NDArray[np.int64], k: int
) -> NDArray[np.int64]:
    """Return which of the rows in ranking order to keep: the first k, or the first of k groups."""
    if problem.groups is None:
        return np.arange(min(k, len(ordered)))
    positions = np.unique(problem.groups[ordered], return_index=True)[1]
    return np.asarray(np.sort(positions)[:k], dtype=np.int64)


def best_members(
    solver: Solver, problem: RankingProblem, rows: Sequence[int], count: int
) -> list[Ranking]:
    """Return the best ``count`` sets of the group of each row, best first.

    Exact as ``solver`` is: the group alone is ranked.
    """
    groups, candidates = problem.groups, problem.candidates
    if groups is None:
        raise ValueError("The problem has no groups.")
    labels = groups[candidates]
    return [
        solver.solve(
            replace(problem, rows=candidates[labels == groups[row]], groups=None, excluded=None),
            count,
        )
        for row in rows
    ]

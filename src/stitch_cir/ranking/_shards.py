"""One ranking from those of shards, each of which holds some of the sets: bit-equal to the whole.

**Order.** Rankings are in the total order ≺: larger float64 score first, rounded to nine decimals;
equal scores by *key*, smaller first. A key is what a set is called in every shard, its id; the rows
of a shard ascend with their keys, so that its ties fall as those of the whole do.

**Why merging is exact.** The score of a set depends on it and on the query alone (a penalty is a
number of the set, and comes with it). A shard's ranking begins with its first sets under ≺. Let x
be among the first k of all. Fewer than k sets precede x anywhere, so fewer than k do in its own
shard, and x is among the first k there. Sorting the union of the shards' first k, and cutting it
after k, is therefore the ranking of all. With groups the same holds for representatives: that of
one of the best k groups is the first of its group in its shard too, and fewer than k groups stand
before it there. Filters and exclusions are decided for each set, whatever its shard.

**Bounds.** A shard may return fewer than k: what it left out comes after its last one under ≺. As
long as that last one is not before the k-th of the union, nothing left out can be among the first
k. :func:`find_short` returns the shards of which this is not yet certain.

**Second rounds.** What compares a set with all others takes two: the nearest for a shortlist
(:func:`nearest_in_shard`, :func:`merge`, :func:`keep_keys`), the place of one set (its score from
its own shard, then the sum of :func:`count_before`), and hubness (:func:`bank_images`, then
:class:`HubnessBank` and :func:`hubness_against`). How many there are to rank, of which k may be too
many, is :func:`count_all`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.ranking._bounded import Bounded
from stitch_cir.ranking._exhaustive import Exhaustive
from stitch_cir.ranking._groups import count_units
from stitch_cir.ranking._nearest import nearest
from stitch_cir.ranking._problem import RankingProblem, Solver
from stitch_cir.ranking._scores import score_float64

__all__ = [
    "ShardRanking",
    "ShardUnits",
    "count_all",
    "count_before",
    "count_in_shard",
    "find_short",
    "keep_keys",
    "merge",
    "nearest_in_shard",
    "rank_shard",
]

Keys = Sequence[Any]
"""(n,) what the sets of a shard are called, ascending; the keys of all shards can be compared."""


@dataclass(frozen=True, slots=True)
class ShardRanking:
    """The first sets of a shard, or of several, under ≺.

    ``keys`` and ``scores``: (m,), best first; ``groups``: (m,) what their groups are called in
    every shard, ``None`` for a set that stands for itself; ``complete``: whether nothing was
    left out behind them; ``bounded``, ``scored``: as in :class:`Ranking`.
    """

    keys: tuple[Any, ...]
    scores: tuple[float, ...]
    groups: tuple[Hashable, ...]
    complete: bool = True
    bounded: int = 0
    scored: int = 0

    def order(self) -> list[tuple[float, Any]]:
        """Return what sorts by ≺, of each set."""
        return [(-score, key) for score, key in zip(self.scores, self.keys, strict=True)]


@dataclass(frozen=True, slots=True)
class ShardUnits:
    """What a shard has to rank: sets that stand for themselves, and the names of its groups."""

    count: int
    groups: frozenset[Hashable] = field(default=frozenset(), repr=False)


def rank_shard(
    problem: RankingProblem,
    k: int,
    keys: Keys,
    *,
    group_keys: Sequence[Hashable] | None = None,
    solver: Solver | None = None,
) -> ShardRanking:
    """Return the best ``k`` sets of a shard, or of its groups.

    ``group_keys``: by the labels of ``problem.groups``, what each is called in every shard, or
    ``None`` for that of a set that stands for itself.
    """
    ranking = (solver or Bounded()).solve(problem, k)
    rows = ranking.rows.tolist()
    return ShardRanking(
        tuple(keys[row] for row in rows),
        tuple(ranking.scores.tolist()),
        tuple(_groups_of(problem, ranking.rows, group_keys)),
        len(rows) == count_units(problem, problem.candidates),
        ranking.bounded,
        ranking.scored,
    )


def merge(parts: Sequence[ShardRanking], k: int) -> ShardRanking:
    """Return the best ``k`` of all shards, from the best of each.

    Raises ``ValueError`` where a shard returned too few for that to be certain.
    """
    short = find_short(parts, k)
    if short:
        raise ValueError(f"Shards {list(short)} returned too few sets for the best {k} of all.")
    entries = _best(parts, k)
    return ShardRanking(
        tuple(key for _, key, _ in entries),
        tuple(-negative for negative, _, _ in entries),
        tuple(group for _, _, group in entries),
        all(part.complete for part in parts) and len(_best(parts, k + 1)) == len(entries),
        sum(part.bounded for part in parts),
        sum(part.scored for part in parts),
    )


def find_short(parts: Sequence[ShardRanking], k: int) -> tuple[int, ...]:
    """Return the positions of shards that may hold more of the best ``k`` than they returned."""
    entries = _best(parts, k)
    last = entries[-1][:2] if entries and len(entries) == k else None
    return tuple(
        position
        for position, part in enumerate(parts)
        if k > 0
        and not part.complete
        and (last is None or not part.keys or part.order()[-1] < last)
    )


def nearest_in_shard(problem: RankingProblem, count: int, keys: Keys) -> ShardRanking:
    """Return the ``count`` candidates whose mean view is nearest, with nearness as their score."""
    rows, nearness = nearest(problem, count)
    return ShardRanking(
        tuple(keys[row] for row in rows.tolist()),
        tuple(nearness.tolist()),
        (None,) * len(rows),
        complete=len(rows) == len(problem.candidates),
    )


def keep_keys(problem: RankingProblem, keys: Keys, kept: Sequence[Any]) -> RankingProblem:
    """Return the problem of those candidates of a shard whose keys are ``kept``."""
    positions = [(bisect_left(keys, key), key) for key in kept]
    rows = [row for row, key in positions if row < len(keys) and keys[row] == key]
    chosen = np.intersect1d(problem.candidates, np.asarray(rows, np.int64))
    return replace(problem, rows=chosen, excluded=None)


def count_before(problem: RankingProblem, score: float, key: Any, keys: Keys) -> int:
    """Count the candidates of a shard that stand before a set of any shard under ≺."""
    rows = Exhaustive().above(problem, score)
    fine: NDArray[np.float64] = score_float64(problem, rows)
    behind = bisect_left(keys, key)
    return int(((fine > score) | ((fine == score) & (rows < behind))).sum())


def count_in_shard(
    problem: RankingProblem, *, group_keys: Sequence[Hashable] | None = None
) -> ShardUnits:
    """Count what a shard has to rank, with ``group_keys`` as in :func:`rank_shard`."""
    groups = _groups_of(problem, problem.candidates, group_keys)
    names = frozenset(group for group in groups if group is not None)
    return ShardUnits(sum(group is None for group in groups), names)


def count_all(parts: Sequence[ShardUnits]) -> int:
    """Return how many there are to rank in all shards: sets, or their groups."""
    return sum(part.count for part in parts) + len(
        frozenset[Hashable]().union(*(part.groups for part in parts))
    )


def _groups_of(
    problem: RankingProblem, rows: NDArray[np.int64], group_keys: Sequence[Hashable] | None
) -> list[Hashable]:
    if problem.groups is None:
        return [None] * len(rows)
    labels: list[int] = problem.groups[rows].tolist()
    return [label if group_keys is None else group_keys[label] for label in labels]


def _best(parts: Sequence[ShardRanking], k: int) -> list[tuple[float, Any, Hashable]]:
    """Return (−score, key, group) of the first ``k`` of the union, the first of each group."""
    union = sorted(
        (
            (*order, group)
            for part in parts
            for order, group in zip(part.order(), part.groups, strict=True)
        ),
        key=lambda entry: entry[:2],
    )
    counted: set[Hashable] = set()
    best: list[tuple[float, Any, Hashable]] = []
    for entry in union:
        if len(best) == k:
            break
        if entry[2] is None or entry[2] not in counted:
            counted.add(entry[2])
            best.append(entry)
    return best

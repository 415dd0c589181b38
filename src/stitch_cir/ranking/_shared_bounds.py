"""The best of many problems whose scorer iterates: bounded together, and few sets scored together.

The bound of such a scorer is Chamfer's score at its ρ, which takes what any score takes that
is computed from shared products. Every problem's best sets by bound are scored exactly, those of
many problems in one call, as iterations are cheap where many pairs iterate at once. A problem is
done where no other bound reaches its k-th best score; of the few that are left, every set whose
bound does is scored in a second round, which settles them: the k-th best of some sets is at most
that of all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stitch_cir.ranking._problem import ROUNDING, Floats, Ranking, RankingProblem
from stitch_cir.ranking._shared_products import can_share, solve_sharing
from stitch_cir.transport import Chamfer, SetBound

__all__ = ["can_share_bounds", "solve_sharing_bounds"]


def can_share_bounds(problem: RankingProblem, bound: SetBound) -> bool:
    """Return whether a problem of this bound is solved by :func:`solve_sharing_bounds`."""
    plain = not (problem.combines or problem.terms or problem.groups is not None)
    return bound.costly and bound.kind == "members" and plain and can_share(problem)


def solve_sharing_bounds(
    problems: Sequence[RankingProblem], numbers: Sequence[int], k: int, bound: SetBound, first: int
) -> Iterator[dict[int, Ranking]]:
    """Rank the problems of these numbers, all of the same ``sets``, ``rows`` and ``bound``.

    ``k`` ≥ 1; of each problem at least ``first`` sets are scored. Yields the rankings of some
    problems after the other, by number.
    """
    chamfer = Chamfer(bound.rho)
    coarse = {number: replace(problems[number], scorer=chamfer) for number in numbers}
    reached: dict[int, float] = {}  # the k-th best score of the first round
    left: dict[int, float] = {}  # the largest bound of what it left out
    scored: dict[int, int] = {}

    def select(number: int, bounds: Floats) -> NDArray[np.int64]:
        kept = problems[number].included()
        rows, bounds = problems[number].rows[kept], bounds[kept]
        size = min(len(rows), max(first, 4 * k))
        if number in reached:
            rows = rows[bounds >= reached[number] - ROUNDING]
        elif size == len(rows):
            left[number] = -np.inf
        else:
            order = np.argpartition(-bounds, size)
            left[number] = float(bounds[order[size]])
            rows = np.sort(rows[order[:size]])
        scored[number] = len(rows)
        return rows

    waiting = numbers
    while waiting:
        again = []
        for rankings in solve_sharing(problems, waiting, k, select, coarse=coarse):
            solved = {}
            for number, ranking in rankings.items():
                least = float(ranking.scores[-1]) if len(ranking.scores) else -np.inf
                if number in reached or least - ROUNDING > left[number]:
                    count = len(problems[number].candidates)
                    solved[number] = replace(ranking, bounded=count, scored=scored[number])
                else:
                    reached[number] = least
                    again.append(number)
            yield solved
        waiting = again

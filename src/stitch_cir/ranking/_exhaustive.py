"""Ranking by scoring every candidate: what the other solvers are measured against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from stitch_cir.ranking._groups import count_units, kth_best, rank_exactly
from stitch_cir.ranking._problem import Floats, Progress, Ranking, RankingProblem
from stitch_cir.ranking._scores import BLOCK_BYTES, rescore_float64, score_rows
from stitch_cir.ranking._shared_products import can_share, solve_sharing

__all__ = ["Exhaustive"]


@dataclass(frozen=True, slots=True)
class Exhaustive:
    """Score every candidate in float32, and those near the cut again in float64.

    ``block_bytes``: upper bound on the view vectors scored at a time.
    """

    block_bytes: int = BLOCK_BYTES

    device: ClassVar[str] = "cpu"

    def solve(self, problem: RankingProblem, k: int) -> Ranking:
        """Rank the candidates and return the best ``k``, or all where there are fewer."""
        rows = problem.candidates
        if k >= len(rows):
            # nothing is cut off, so that only the order is missing
            return rank_exactly(problem, rows, k, scored=len(rows), block_bytes=self.block_bytes)
        coarse = score_rows(problem, rows, block_bytes=self.block_bytes)
        return self._order(problem, rows, coarse, k)

    def above(self, problem: RankingProblem, score: float) -> NDArray[np.int64]:
        """Return all candidates whose float64 score is at least ``score``: (m,), ascending."""
        rows = problem.candidates
        if not len(rows):
            return rows
        coarse = score_rows(problem, rows, block_bytes=self.block_bytes)
        near = np.abs(coarse - score) <= problem.rounding
        ordered, fine = rescore_float64(problem, rows[near], block_bytes=self.block_bytes)
        return np.sort(
            np.concatenate([rows[coarse > score + problem.rounding], ordered[fine >= score]])
        )

    def solve_many(
        self, problems: Sequence[RankingProblem], k: int, *, progress: Progress | None = None
    ) -> list[Ranking]:
        """Return what :meth:`solve` returns for each problem, in order.

        Problems with the same ``sets`` and ``rows`` (the same objects) are multiplied with the
        views together, those with the same ``span`` only once.
        """
        groups: dict[tuple[int, int], list[int]] = {}
        for number, problem in enumerate(problems):
            groups.setdefault((id(problem.sets), id(problem.rows)), []).append(number)
        rankings: dict[int, Ranking] = {}

        def select(number: int, scores: Floats) -> NDArray[np.int64]:
            kept = problems[number].included()
            return _close_rows(problems[number], problems[number].rows[kept], scores[kept], k)

        def solve(numbers: Sequence[int]) -> Iterator[dict[int, Ranking]]:
            if len(numbers) > 1 and k > 0 and can_share(problems[numbers[0]]):
                yield from solve_sharing(problems, numbers, k, select)
            else:
                yield from ({number: self.solve(problems[number], k)} for number in numbers)

        for numbers in groups.values():
            for solved in solve(numbers):
                rankings |= solved
                if progress is not None:
                    progress(len(rankings), len(problems))
        return [rankings[number] for number in range(len(problems))]

    def _order(
        self, problem: RankingProblem, rows: NDArray[np.int64], coarse: Floats, k: int
    ) -> Ranking:
        """Order the best ``k`` of the candidates ``rows`` (m,) with these float32 scores (m,)."""
        close = _close_rows(problem, rows, coarse, k)
        scored = len(rows) if k else 0
        return rank_exactly(problem, close, k, scored=scored, block_bytes=self.block_bytes)

    def rank_of(self, problem: RankingProblem, row: int) -> tuple[int, float]:
        """Return the 1-based rank of candidate ``row`` among all candidates, and its score."""
        rows = problem.candidates
        coarse = score_rows(problem, rows, block_bytes=self.block_bytes)
        score = coarse[np.searchsorted(rows, row)]
        above = int((coarse > score + problem.rounding).sum())
        near = rows[np.abs(coarse - score) <= problem.rounding]
        ordered, fine = rescore_float64(problem, near, block_bytes=self.block_bytes)
        index = int(np.flatnonzero(ordered == row)[0])
        return above + index + 1, float(fine[index])


def _close_rows(
    problem: RankingProblem, rows: NDArray[np.int64], coarse: Floats, k: int
) -> NDArray[np.int64]:
    """Return which of the candidates ``rows`` (m,) may be among the best ``k``, ascending."""
    k = min(k, count_units(problem, rows))
    return rows[coarse >= kth_best(problem, rows, coarse, k) - problem.rounding] if k else rows[:0]

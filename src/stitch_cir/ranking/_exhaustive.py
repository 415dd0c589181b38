"""Ranking by scoring every candidate: what the other solvers are measured against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from stitch_cir.ranking._groups import count_units, first_of_groups, kth_best
from stitch_cir.ranking._problem import Progress, Ranking, RankingProblem, solve_each
from stitch_cir.ranking._scores import (
    BLOCK_BYTES,
    ROUNDING,
    rescore_float64,
    score_rows,
)

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
        k = min(k, count_units(problem, rows))
        if not k:
            return Ranking(rows[:0], np.empty(0), 0, 0)
        coarse = score_rows(problem, rows, block_bytes=self.block_bytes)
        close = rows[coarse >= kth_best(problem, rows, coarse, k) - ROUNDING]
        ordered, fine = rescore_float64(problem, close, block_bytes=self.block_bytes)
        kept = first_of_groups(problem, ordered, k)
        return Ranking(ordered[kept], fine[kept], 0, len(rows))

    def above(self, problem: RankingProblem, score: float) -> NDArray[np.int64]:
        """Return all candidates whose float64 score is at least ``score``: (m,), ascending."""
        rows = problem.candidates
        if not len(rows):
            return rows
        coarse = score_rows(problem, rows, block_bytes=self.block_bytes)
        near = np.abs(coarse - score) <= ROUNDING
        ordered, fine = rescore_float64(problem, rows[near], block_bytes=self.block_bytes)
        return np.sort(np.concatenate([rows[coarse > score + ROUNDING], ordered[fine >= score]]))

    def solve_many(
        self, problems: Sequence[RankingProblem], k: int, *, progress: Progress | None = None
    ) -> list[Ranking]:
        """Solve the problems one after the other."""
        return solve_each(self, problems, k, progress)

    def rank_of(self, problem: RankingProblem, row: int) -> tuple[int, float]:
        """Return the 1-based rank of candidate ``row`` among all candidates, and its score."""
        rows = problem.candidates
        coarse = score_rows(problem, rows, block_bytes=self.block_bytes)
        score = coarse[np.searchsorted(rows, row)]
        above = int((coarse > score + ROUNDING).sum())
        near = rows[np.abs(coarse - score) <= ROUNDING]
        ordered, fine = rescore_float64(problem, near, block_bytes=self.block_bytes)
        index = int(np.flatnonzero(ordered == row)[0])
        return above + index + 1, float(fine[index])

"""The sets whose mean view is nearest to the mean caption, in an order that no layout changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from stitch_cir.ranking._problem import RankingProblem

__all__ = ["nearest"]

ROUNDING = 1e-4
"""Nearness in float32 is closer than this to the exact one, for unit vectors of any length."""
DECIMALS = 9


def nearest(problem: RankingProblem, count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the ``count`` nearest candidates, or all where there are fewer, and their nearness.

    Nearness is the product of the normalised mean view with the weighted mean caption, in float64
    and rounded to nine decimals. Returns rows (m,), nearest first, equal ones by row number, and
    (m,) float64.
    """
    rows = problem.candidates
    # without BLAS: the same sums for the same numbers wherever they stand
    query = np.einsum("k,kd->d", *map(np.float64, (problem.weights, problem.vectors)))
    if 0 < count < len(rows):
        coarse = np.asarray(problem.sets.means)[rows] @ query.astype(np.float32)
        cut = np.partition(coarse, len(rows) - count)[len(rows) - count]
        rows = rows[coarse >= cut - 2 * ROUNDING]
    means = np.asarray(problem.sets.means)[rows].astype(np.float64)
    exact = np.round(np.einsum("nd,d->n", means, query), DECIMALS)
    order = np.lexsort((rows, -exact))[:count]
    return rows[order], exact[order]

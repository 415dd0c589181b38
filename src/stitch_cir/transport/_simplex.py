"""The transportation problem solved exactly for many small pairs at once.

A revised simplex method. A basis is a spanning tree of K + M − 1 cells; the constraint matrix is
totally unimodular, so its inverse holds only −1, 0 and 1 and every update of it is exact. Masses
are whole numbers, so every flow is exact, and equal flows are recognised as equal: ties, zero
weights and degenerate corners need no tolerance. Among tied cells the one to leave is chosen as if
the masses had been shifted by infinitely small, never cancelling amounts, which rules out cycling
(Charnes 1952; Dantzig & Thapa, "Linear Programming 2", 2003, §§1, 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["solve"]

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

TOTAL = float(1 << 50)
"""Mass of each side as a whole number: float64 adds and subtracts such numbers exactly."""
SLACK = 1e-13
"""Rounding allowed in a reduced cost, for each basic cell and unit of cost.

A plan whose reduced costs all exceed −x is within x of the optimal cost.
"""
MOST_PIVOTS = 100_000
"""A stop that no problem of sensible size comes near."""


@dataclass(slots=True)
class _State:
    """The problems still being solved; R = K + M − 1 basic cells each.

    ``cost`` (n, K·M); ``cells`` (n, R) basic cells as flat indices; ``inverse`` (n, R, R + 1) the
    basis inverse, with a zero column for the redundant last view; ``flow`` (n, R) whole numbers;
    ``nudge`` (n, R) the flow of the infinitely small shifts; ``slack`` (n,) rounding allowed in a
    reduced cost; ``index`` (n,) position in the results.
    """

    cost: Doubles
    cells: Integers
    inverse: Doubles
    flow: Doubles
    nudge: Doubles
    slack: Doubles
    index: Integers

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Drop the problems that are not kept."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name)[kept])


def solve(cost: Doubles, p: Doubles, q: Doubles) -> tuple[Doubles, NDArray[np.bool_], int]:
    """Minimise ``Σ P_km cost_km`` over couplings P of p and q.

    Parameters
    ----------
    cost:
        (n, K, M), finite.
    p, q:
        (n, K) and (n, M), ≥ 0, sum 1. Rounded to multiples of 2⁻⁵⁰.

    Returns the plans (n, K, M), whether each is proven optimal (n,), and the pivots of the slowest.
    """
    count, rows, columns = cost.shape
    plan = np.zeros((count, rows * columns))
    proven = np.zeros(count, dtype=bool)
    state = _start(cost, _whole_masses(p), _whole_masses(q))
    pivots = 0
    while True:
        # duals from the basic cells; a nonbasic cell's reduced cost says whether it would pay
        basic = np.take_along_axis(state.cost, state.cells, axis=1)
        duals = (basic[:, None, :] @ state.inverse)[:, 0]
        priced = duals[:, :rows, None] + duals[:, None, rows:]
        reduced = state.cost - priced.reshape(len(priced), -1)
        entering = reduced.argmin(axis=1)
        done = np.take_along_axis(reduced, entering[:, None], axis=1)[:, 0] >= -state.slack
        proven[state.index[done]] = True
        if pivots == MOST_PIVOTS:
            done[:] = True
        if done.any():
            finished = state.index[done]
            plan[finished[:, None], state.cells[done]] = state.flow[done]
            state.keep(~done)
            entering = entering[~done]
        if not len(entering):
            return (plan / TOTAL).reshape(cost.shape), proven, pivots
        _pivot(state, entering, rows, columns)
        pivots += 1


def _pivot(state: _State, entering: Integers, rows: int, columns: int) -> None:
    """Bring one cell into every basis and take one out."""
    each = np.arange(len(entering))
    # flow along the tree's cycle: +1 where a basic cell loses what the entering cell gains
    change = state.inverse[each, :, entering // columns]
    change = change + state.inverse[each, :, rows + entering % columns]
    losing = change > 0.5
    gain = np.where(losing, state.flow, np.inf).min(axis=1)
    tied = losing & (state.flow == gain[:, None])
    leaving = np.where(tied, state.nudge, np.inf).argmin(axis=1)
    nudge = state.nudge[each, leaving]
    row = state.inverse[each, leaving]
    change[each, leaving] = 0.0
    state.flow -= change * gain[:, None]
    state.nudge -= change * nudge[:, None]
    state.inverse -= change[:, :, None] * row[:, None, :]
    state.flow[each, leaving] = gain
    state.nudge[each, leaving] = nudge
    state.cells[each, leaving] = entering


def _start(cost: Doubles, p: Doubles, q: Doubles) -> _State:
    """Start from the greedy plan: fill the cheapest open cell, close its row or its column."""
    count, rows, columns = cost.shape
    size = rows + columns - 1
    each = np.arange(count)
    open_cost = cost.copy()
    left_p, left_q = p.copy(), q.copy()
    open_rows = np.full(count, rows)
    open_columns = np.full(count, columns)
    cells = np.empty((count, size), dtype=np.int64)
    for step in range(size):
        cell = open_cost.reshape(count, -1).argmin(axis=1)
        k, m = cell // columns, cell % columns
        cells[:, step] = cell
        supply, demand = left_p[each, k], left_q[each, m]
        moved = np.minimum(supply, demand)
        left_p[each, k] -= moved
        left_q[each, m] -= moved
        # exactly one line closes at a time, or the basic cells would not span a tree
        by_row = ((supply <= demand) & (open_rows > 1)) | (open_columns == 1)
        open_cost[each[by_row], k[by_row], :] = np.inf
        open_cost[each[~by_row], :, m[~by_row]] = np.inf
        open_rows -= by_row
        open_columns -= ~by_row
    basis = np.zeros((count, size + 1, size))
    steps = np.arange(size)
    basis[each[:, None], cells // columns, steps] = 1.0
    basis[each[:, None], rows + cells % columns, steps] = 1.0
    inverse = np.zeros((count, size, size + 1))
    # the inverse of a unimodular matrix is whole, so rounding makes it exact
    inverse[:, :, :-1] = np.rint(np.linalg.inv(basis[:, :-1]))
    masses = np.concatenate([p, q], axis=1)
    flow = (inverse @ masses[:, :, None])[:, :, 0]
    nudge = np.broadcast_to(_nudges(size), (count, size)).copy()
    flat = cost.reshape(count, -1)
    slack = SLACK * size * np.maximum(1.0, np.abs(flat).max(axis=1))
    return _State(flat, cells, inverse, flow, nudge, slack, each)


def _nudges(size: int) -> Doubles:
    """Return the infinitely small shifts of the first basis' flows, as ratios: (size,).

    Later bases hold sums of them with factors −1, 0 and 1, which must not vanish: powers of two
    guarantee it; beyond 50 cells float64 could not add these exactly, and large random whole
    numbers make it as good as certain.
    """
    if size <= 50:
        return np.exp2(np.arange(size, dtype=np.float64))
    return np.random.default_rng(0).integers(1, 1 << 40, size).astype(np.float64)


def _whole_masses(weights: Doubles) -> Doubles:
    """Round weights (n, size) to whole numbers of sum TOTAL; the largest takes the remainder."""
    masses: Doubles = np.floor(weights / weights.sum(axis=1, keepdims=True) * TOTAL)
    largest = masses.argmax(axis=1)
    masses[np.arange(len(masses)), largest] += TOTAL - masses.sum(axis=1)
    return masses

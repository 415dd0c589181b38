"""What the optimal transports share: score and attention follow from a coupling P."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from stitch_cir.transport._assemble import Attention
from stitch_cir.transport._blocks import Block
from stitch_cir.transport._bounds import SetBound
from stitch_cir.transport._marginals import Floats
from stitch_cir.transport._scorer import BlockScorer

__all__ = ["Coupling", "CouplingScorer", "full_marginals"]


@dataclass(frozen=True, slots=True)
class Coupling:
    """Couplings of n pairs.

    ``mass``: (K, M, n) float64 ≥ 0, row sums p and column sums q. ``converged``: whether all pairs
    met the tolerance. ``iterations``: those of the slowest pair. ``marginal_error``: the largest L1
    error of a pair's marginals before they were made to fit.
    """

    mass: NDArray[np.float64]
    converged: bool
    iterations: int
    marginal_error: float


class CouplingScorer(BlockScorer):
    """Scores by ``2 Σ_k Σ_m P_km s_km``, which is 2 − 2·cost for the cost 1 − s; in float64."""

    __slots__ = ()

    _precision: ClassVar[type[np.float64] | None] = np.float64

    def set_bound(self) -> SetBound:
        """Return: at most Chamfer (``upper_bound``), which needs no iteration."""
        return SetBound("members", costly=True)

    @abstractmethod
    def _couple(self, block: Block) -> Coupling:
        """Find the couplings of a block."""

    def score_block(self, block: Block) -> Floats:
        """Score a block: (n,)."""
        return np.asarray(2.0 * (self._couple(block).mass * block.s).sum(axis=(0, 1)))

    def attend(self, block: Block) -> Attention:
        """Explain a block."""
        coupling = self._couple(block)
        return Attention(
            _conditional(coupling.mass, 1, block.side(1)[0]),
            _conditional(coupling.mass, 0, block.side(0)[0]),
            converged=coupling.converged,
            iterations=coupling.iterations,
            marginal_error=coupling.marginal_error,
        )


def _conditional(mass: NDArray[np.float64], axis: int, otherwise: Floats) -> Floats:
    """Divide a coupling by its sums along ``axis``; a member without mass attends to all."""
    total = mass.sum(axis=axis, keepdims=True)
    empty = total <= 0
    return np.where(empty, otherwise, mass / np.where(empty, 1.0, total))


def full_marginals(block: Block) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return p (K, n) and q (M, n) in float64, written out for every pair."""
    rows, columns, count = block.s.shape
    p = np.broadcast_to(block.p.weights.astype(np.float64), (rows, count))
    q = np.broadcast_to(block.q.weights.astype(np.float64), (columns, count))
    return np.ascontiguousarray(p), np.ascontiguousarray(q)

"""Exact optimal transport (earth mover's distance) between weighted sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from stitch_cir.transport._blocks import Block
from stitch_cir.transport._coupling import Coupling, CouplingScorer, full_marginals
from stitch_cir.transport._simplex import solve

__all__ = ["ExactTransport"]

CHUNK_ELEMENTS = 1 << 20
"""Elements of basis inverses in memory at a time."""


@dataclass(frozen=True, slots=True)
class ExactTransport(CouplingScorer):
    r"""The best coupling of captions and views: every caption's and view's mass must be placed.

    .. math::

        \text{score} = 2 \max_{P \ge 0,\; P \mathbf 1 = p,\; P^\top \mathbf 1 = q}
            \sum_{km} P_{km} s_{km} = 2 - 2\, \text{EMD}, \quad \text{cost } 1 - s .

    The earth mover's distance of Rubner, Tomasi & Guibas (IJCV 2000), solved as a linear program to
    1e-10 whatever the ties and zero weights. Of several optimal plans one is returned.
    """

    name: ClassVar[str] = "exact"

    def settings(self) -> dict[str, Any]:
        """Return the name, JSON-ready."""
        return {"scorer": self.name}

    def _couple(self, block: Block) -> Coupling:
        rows, columns, count = block.s.shape
        p, q = full_marginals(block)
        mass = np.empty((rows, columns, count))
        converged, pivots = True, 0
        step = max(1, CHUNK_ELEMENTS // (rows + columns) ** 2)
        for start in range(0, count, step):
            part = slice(start, start + step)
            cost = 1.0 - block.s[:, :, part].astype(np.float64).transpose(2, 0, 1)
            if not np.isfinite(cost).all():
                mass[:, :, part] = np.nan  # reported as an unusable similarity by the caller
                continue
            plan, proven, used = solve(np.ascontiguousarray(cost), p[:, part].T, q[:, part].T)
            mass[:, :, part] = plan.transpose(1, 2, 0)
            converged, pivots = converged and bool(proven.all()), max(pivots, used)
        return Coupling(mass, converged, pivots, 0.0)

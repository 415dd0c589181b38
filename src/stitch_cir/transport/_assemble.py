"""The plan of a batch, gathered from the attention of its blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stitch_cir.transport._blocks import Batch, Block
from stitch_cir.transport._directions import direction_weights
from stitch_cir.transport._marginals import Floats
from stitch_cir.transport._plan import TransportPlan

__all__ = ["Attention", "PlanBuilder"]


@dataclass(frozen=True, slots=True)
class Attention:
    """How a scorer explains a block: which members attend to which, and how it was computed.

    ``forward`` and ``backward``: (K, M, n), see :class:`TransportPlan`. ``q``: (M, n) or (M, 1)
    where a scorer does not use the views' weights as given; ``p``: (K, n), likewise for captions.
    """

    forward: Floats
    backward: Floats
    q: Floats | None = None
    p: Floats | None = None
    converged: bool = True
    iterations: int = 0
    marginal_error: float = 0.0


class PlanBuilder:
    """Gathers the attention of a float64 batch, block by block, into its :class:`TransportPlan`."""

    def __init__(self, batch: Batch) -> None:
        """Make room for n pairs: arrays (n, K, M), (n, K) and (n, M)."""
        self._batch = batch
        shape = (len(batch), *batch.sizes)
        self._forward, self._backward, self._s = np.empty(shape), np.empty(shape), np.empty(shape)
        self._p, self._q = np.empty(shape[:2]), np.empty((shape[0], shape[2]))
        self._converged, self._iterations, self._error = True, 0, 0.0

    def add(self, part: slice, block: Block, attention: Attention) -> None:
        """Add the pairs ``part`` of the batch."""
        absent = block.absent
        for target, source in (
            (self._forward, attention.forward),
            (self._backward, attention.backward),
        ):
            present = source if absent is None else np.where(absent, 0.0, source)
            target[part] = present.transpose(2, 0, 1)
        self._s[part] = block.s.transpose(2, 0, 1)
        self._p[part] = (block.p.weights if attention.p is None else attention.p).T
        self._q[part] = (block.q.weights if attention.q is None else attention.q).T
        self._converged = self._converged and attention.converged
        self._iterations = max(self._iterations, attention.iterations)
        self._error = max(self._error, attention.marginal_error)

    def finish(self, settings: Mapping[str, Any], rho: float) -> TransportPlan:
        """Return the plan in the batch's shape, with the scorer's settings and its ρ.

        The score is the sum of the contributions, so that an explanation always adds up.
        """
        forward, backward, p, q, s = self._forward, self._backward, self._p, self._q, self._s
        of_captions, of_views = direction_weights(rho)
        captions = of_captions * (p * (forward * s).sum(axis=-1)).sum(axis=-1)
        views = of_views * (q * (backward * s).sum(axis=-2)).sum(axis=-1)
        shape, (rows, columns) = self._batch.shape, self._batch.sizes
        return TransportPlan(
            forward=forward.reshape(*shape, rows, columns),
            backward=backward.reshape(*shape, rows, columns),
            p=p.reshape(*shape, rows),
            q=q.reshape(*shape, columns),
            similarities=s.reshape(*shape, rows, columns),
            score=np.asarray(captions + views).reshape(shape),
            settings=settings,
            rho=rho,
            converged=self._converged,
            iterations=self._iterations,
            marginal_error=self._error,
        )

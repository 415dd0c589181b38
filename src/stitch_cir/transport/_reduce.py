"""Maxima and means over the members of a block, shared by scorers so that bounds hold exactly."""

from __future__ import annotations

import numpy as np

from stitch_cir.transport._blocks import Block
from stitch_cir.transport._marginals import Floats, Marginal

__all__ = ["average", "chamfer", "tops"]


def tops(block: Block, axis: int) -> Floats:
    """Give the largest similarity among present members along ``axis``, kept as an axis of 1.

    Absent members are set to −∞ first: multiplying them by 0 instead would let them win against
    negative similarities.
    """
    _, absent, _ = block.side(axis)
    s = block.s if absent is None else np.where(absent, np.array(-np.inf, block.s.dtype), block.s)
    return np.asarray(s.max(axis=axis, keepdims=True))


def average(values: Floats, marginal: Marginal) -> Floats:
    """Give the weighted mean of ``values`` (size, n) over its first axis: (n,)."""
    if marginal.even:
        return np.asarray(values.mean(axis=0))
    return np.asarray((marginal.weights * values).sum(axis=0))


def chamfer(block: Block) -> Floats:
    """Score a block by ``Σ_k p_k max_m s_km + Σ_m q_m max_k s_km``: (n,)."""
    captions = average(tops(block, 1)[:, 0], block.p)
    views = average(tops(block, 0)[0], block.q)
    return captions + views

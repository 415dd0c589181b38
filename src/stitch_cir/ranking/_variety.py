"""Maximal marginal relevance (Carbonell, Goldstein 1998): hits like better ones step back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["POOL", "variety_order"]

POOL = 200
"""Best hits that are put into another order; those behind them stay where they are."""
_DECIMALS = 6
"""Similarities are compared after rounding, so that the order is the same on every machine."""


def variety_order(
    scores: NDArray[np.float64], means: NDArray[np.float32], weight: float
) -> list[int]:
    """Return the order of marginal relevance of the best hits of a ranking.

    ``scores`` (m,) of at most 200 hits, best first, and their normalised mean views ``means``
    (m, d). The first stays the first; each next one has the largest (1 − weight) · score −
    weight · s, where s is its largest similarity to a hit before it: the cosine of their mean
    views. Scores and similarities both run from 0 to 1 over these hits, so that a weight means the
    same for every encoder. Equal ones stay in order. The order does not depend on how many hits are
    requested.
    """
    if not weight or len(scores) < 3:
        return list(range(len(scores)))
    views = np.asarray(means, dtype=np.float64)
    similarities = _spread(np.round(views @ views.T, _DECIMALS))
    relevance = (1 - weight) * _spread(scores)
    order, nearest = [0], similarities[0].copy()
    waiting = np.ones(len(scores), bool)
    waiting[0] = False
    while len(order) < len(scores):
        marginal = np.where(waiting, relevance - weight * nearest, -np.inf)
        best = int(np.argmax(marginal))
        order.append(best)
        waiting[best] = False
        np.maximum(nearest, similarities[best], out=nearest)
    return order


def _spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values from 0 to 1; all 0 where they are equal."""
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)

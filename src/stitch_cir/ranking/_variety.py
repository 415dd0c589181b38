"""Maximal marginal relevance (Carbonell, Goldstein 1998): hits like better ones step back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stitch_cir.ranking._problem import PackedSets, Ranking

__all__ = ["POOL", "vary"]

POOL = 200
"""Best hits that are put into another order; those behind them stay where they are."""
_DECIMALS = 6
"""Similarities are compared after rounding, so that the order is the same on every machine."""


def vary(ranking: Ranking, sets: PackedSets, weight: float, count: int) -> Ranking:
    """Return a ranking whose best ``count`` hits, at most 200, are in order of marginal relevance.

    The first stays the first; each next one has the largest (1 − weight) · score − weight · s,
    where s is its largest similarity to a hit before it: the cosine of their mean views. Scores and
    similarities both run from 0 to 1 over these hits, so that a weight means the same for every
    encoder. Equal ones stay in order. The order does not depend on how many hits are requested.
    """
    pool = min(count, POOL, len(ranking.rows))
    if not weight or pool < 3:
        return ranking
    means = np.asarray(sets.means[ranking.rows[:pool]], dtype=np.float64)
    similarities = _spread(np.round(means @ means.T, _DECIMALS))
    relevance = (1 - weight) * _spread(ranking.scores[:pool])
    order, nearest = [0], similarities[0].copy()
    waiting = np.ones(pool, bool)
    waiting[0] = False
    while len(order) < pool:
        marginal = np.where(waiting, relevance - weight * nearest, -np.inf)
        best = int(np.argmax(marginal))
        order.append(best)
        waiting[best] = False
        np.maximum(nearest, similarities[best], out=nearest)
    whole = np.concatenate([order, np.arange(pool, len(ranking.rows))]).astype(np.int64)
    return Ranking(ranking.rows[whole], ranking.scores[whole], ranking.bounded, ranking.scored)


def _spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values from 0 to 1; all 0 where they are equal."""
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)

"""Recall at K for one target."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["recall"]


def recall(ranked: Sequence[str], target: str, k: int) -> float:
    """R@K = [target ∈ {p_1, …, p_K}], 0 or 1 for a query; the mean over queries is reported.

    >>> recall(["a", "b", "c"], "b", 1), recall(["a", "b", "c"], "b", 2)
    (0.0, 1.0)
    """
    return float(target in ranked[:k])

"""CIRR's recall within the subset of look-alikes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

__all__ = ["subset_recall"]


def subset_recall(ranked: Sequence[str], target: str, group: Collection[str], k: int) -> float:
    """Rs@K: R@K after everything but the ``group`` is struck from the ranking, 0 or 1.

    The group are the five other members of the reference's image set. Source: Liu et al., ICCV
    2021, §4.2.

    >>> subset_recall(["x", "a", "y", "b"], "b", {"a", "b"}, 2)
    1.0
    """
    return float(target in [id for id in ranked if id in group][:k])

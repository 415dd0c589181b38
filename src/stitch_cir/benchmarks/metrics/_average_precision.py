"""Average precision at K, as CIRCO defines it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

__all__ = ["average_precision"]


def average_precision(ranked: Sequence[str], answers: Collection[str], k: int) -> float:
    """AP@K = Σ_{j≤K} Prec(j) · [p_j ∈ G] / min(|G|, K), in [0, 1].

    ``Prec(j)`` is the share of the first j that are right; G are the right answers. Ranks beyond
    the end of ``ranked`` count as wrong. Source: Baldrati et al., ICCV 2023, eq. 5.

    >>> average_precision(["a", "x", "b"], {"a", "b", "c"}, 5)  # (1/1 + 2/3) / 3
    0.5555555555555555
    """
    right, total = 0, 0.0
    for place, id in enumerate(ranked[:k], 1):
        if id in answers:
            right += 1
            total += right / place
    return total / min(len(answers), k)

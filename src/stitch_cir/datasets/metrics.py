"""The metrics of the data sets with their formulas; each returns a value for each query."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from stitch_cir.datasets._data import BenchmarkQuery

__all__ = [
    "Metric",
    "average_precision",
    "average_precisions",
    "recall",
    "recalls",
    "subset_recall",
    "subset_recalls",
]


@dataclass(frozen=True, slots=True)
class Metric:
    """A named figure: ``compute(query, ranked ids)`` in [0, 1], which reads ``depth`` ids at most.

    ``on_subset``: it is computed on the ranking of the query's group instead of the gallery's.
    """

    name: str
    depth: int
    compute: Callable[[BenchmarkQuery, Sequence[str]], float]
    on_subset: bool = False


def recall(ranked: Sequence[str], target: str, k: int) -> float:
    """Return R@K = [target ∈ {p_1, …, p_K}], 0 or 1; its mean over the queries is reported.

    >>> recall(["a", "b", "c"], "b", 1), recall(["a", "b", "c"], "b", 2)
    (0.0, 1.0)
    """
    return float(target in ranked[:k])


def subset_recall(ranked: Sequence[str], target: str, group: Collection[str], k: int) -> float:
    """Return Rs@K: R@K of the ranking that is left when only the ``group`` is kept, 0 or 1.

    The group holds the five other members of the reference's image set. Source: Liu et al., ICCV
    2021, §4.2.

    >>> subset_recall(["x", "a", "y", "b"], "b", {"a", "b"}, 2)
    1.0
    """
    return recall([id for id in ranked if id in group], target, k)


def average_precision(ranked: Sequence[str], answers: Collection[str], k: int) -> float:
    """Return AP@K = Σ_{j≤K} Prec(j) · [p_j ∈ G] / min(|G|, K), in [0, 1], as CIRCO defines it.

    ``Prec(j)`` is the share of the first j that are right; G are the right answers. Ranks beyond
    the end of ``ranked`` count as wrong. Source: Baldrati et al., ICCV 2023, eq. 5.

    >>> average_precision(["a", "x", "b"], {"a", "b", "c"}, 5)  # (1/1 + 2/3) / 3
    0.5555555555555555
    """
    right, total = 0, 0.0
    for rank, id in enumerate(ranked[:k], 1):
        if id in answers:
            right += 1
            total += right / rank
    return total / min(len(answers), k)


def recalls(*depths: int) -> tuple[Metric, ...]:
    """Return the metrics R@K for each K."""

    def metric(k: int) -> Metric:
        return Metric(f"R@{k}", k, lambda query, ranked: recall(ranked, query.target or "", k))

    return tuple(map(metric, depths))


def average_precisions(*depths: int) -> tuple[Metric, ...]:
    """Return the metrics mAP@K for each K."""

    def metric(k: int) -> Metric:
        return Metric(
            f"mAP@{k}", k, lambda query, ranked: average_precision(ranked, query.answers, k)
        )

    return tuple(map(metric, depths))


def subset_recalls(*depths: int) -> tuple[Metric, ...]:
    """Return the metrics Rs@K for each K, on the rankings of the queries' groups."""

    def metric(k: int) -> Metric:
        return Metric(
            f"Rs@{k}",
            k,
            lambda query, ranked: subset_recall(ranked, query.target or "", query.group, k),
            on_subset=True,
        )

    return tuple(map(metric, depths))

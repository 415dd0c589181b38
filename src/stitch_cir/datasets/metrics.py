"""The metrics of the data sets with their formulas; each returns a value for each query."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from stitch_cir.datasets._data import BenchmarkQuery

__all__ = [
    "Metric",
    "average_precision",
    "average_precisions",
    "hits",
    "negative_rate",
    "negative_rates",
    "precisions",
    "recall",
    "recalls",
    "subset_recall",
    "subset_recalls",
    "trapezoid_average_precision",
]


@dataclass(frozen=True, slots=True)
class Metric:
    """A named figure: ``compute(query, ranked ids)`` in [0, 1], which reads ``depth`` ids at most.

    ``on_subset``: it is computed on the ranking of the query's group instead of the gallery's.
    ``lower_is_better``: it counts what is wrong.
    """

    name: str
    depth: int
    compute: Callable[[BenchmarkQuery, Sequence[str]], float]
    on_subset: bool = False
    lower_is_better: bool = False


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


def negative_rate(ranked: Sequence[str], negatives: Collection[str], k: int) -> float:
    """Return |{p_1, …, p_K} ∩ N| / min(|N|, K), the share of hard negatives; 0 without any.

    Source: PinPoint (Mahadev et al., CVPR 2026), where it is called NegRecall@K.

    >>> negative_rate(["a", "n", "b"], {"n", "m"}, 2)
    0.5
    """
    wrong = sum(id in negatives for id in ranked[:k])
    return wrong / min(len(negatives), k) if negatives else 0.0


def trapezoid_average_precision(ranked: Sequence[str], answers: Collection[str]) -> float:
    """Return the area under the precision of the whole ranking by the trapezoidal rule, as i-CIR.

    Between two right answers the precisions before and after the second one are averaged, the first
    of them 1 where it is at rank 1.

    >>> trapezoid_average_precision(["a", "x", "b"], {"a", "b"})  # (1 + 1) / 4 + (1/2 + 2/3) / 4
    0.7916666666666666
    """
    right, total = 0, 0.0
    for rank, id in enumerate(ranked):
        if id in answers:
            before = 1.0 if rank == 0 else right / rank
            right += 1
            total += (before + right / (rank + 1)) / 2
    return total / len(answers) if answers else 0.0


def precisions(*depths: int) -> tuple[Metric, ...]:
    """Return the metrics P@K for each K: the share of right answers among the first K."""

    def metric(k: int) -> Metric:
        return Metric(
            f"P@{k}", k, lambda query, ranked: sum(id in query.answers for id in ranked[:k]) / k
        )

    return tuple(map(metric, depths))


def negative_rates(*depths: int) -> tuple[Metric, ...]:
    """Return the metrics Neg@K for each K, of which less is better."""

    def metric(k: int) -> Metric:
        return Metric(
            f"Neg@{k}",
            k,
            lambda query, ranked: negative_rate(ranked, query.negatives, k),
            lower_is_better=True,
        )

    return tuple(map(metric, depths))


def recalls(*depths: int) -> tuple[Metric, ...]:
    """Return the metrics R@K for each K."""

    def metric(k: int) -> Metric:
        return Metric(f"R@{k}", k, lambda query, ranked: recall(ranked, query.target or "", k))

    return tuple(map(metric, depths))


def hits(*depths: int) -> tuple[Metric, ...]:
    """Return the metrics hit@K for each K: whether any right answer is among the first K."""

    def metric(k: int) -> Metric:
        return Metric(
            f"hit@{k}",
            k,
            lambda query, ranked: float(any(id in query.answers for id in ranked[:k])),
        )

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

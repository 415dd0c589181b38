"""How certain a figure is, and whether two runs differ: bootstrap intervals, paired tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.benchmarks._clusters import Clusters, sum_clusters
from stitch_cir.benchmarks._score import Scores, Values, with_averages
from stitch_cir.errors import SettingError

__all__ = [
    "Comparison",
    "Interval",
    "compare",
    "compare_values",
    "composition_gap",
    "intervals",
]

SAMPLES = 10_000
SEED = 20260


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean in percent with its bootstrap interval (percentiles 2.5 and 97.5)."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Second minus first, in points, with its interval.

    ``p`` is the two-sided p-value of a paired randomisation test: how often flipping the sign of
    each cluster's difference at random gives a mean at least as far from zero. ``drawn`` is what
    was drawn for both: queries, or clusters of queries that share images.
    """

    metric: str
    first: float
    second: float
    difference: Interval
    p: float
    drawn: str = "queries"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return asdict(self)


def intervals(scores: Scores, *, samples: int = SAMPLES, seed: int = SEED) -> dict[str, Interval]:
    """Return every metric's interval: clusters are redrawn within each task, tasks weigh alike.

    All metrics share the draws. Averages of metrics have one too, of their per-query values.
    """
    values = with_averages(scores.values, scores.averages)
    names = list(next(iter(values.values())))
    numbers = [scores.clusters.numbers.get(task) for task in values]
    spans = _spans(_columns(values, names), samples, _random(seed), numbers)
    return dict(zip(names, spans, strict=True))


def compare(
    first: Scores, second: Scores, *, samples: int = SAMPLES, seed: int = SEED
) -> list[Comparison]:
    """Compare two runs on the same queries, metric by metric.

    Raises ``SettingError`` when they are of different data sets, splits or queries.
    """
    if (first.benchmark, first.split, first.ids) != (second.benchmark, second.split, second.ids):
        raise SettingError(
            "The two runs are not on the same queries.", hint="Compare runs of one split."
        )
    values = [with_averages(scores.values, scores.averages) for scores in (first, second)]
    others = {"": values[1]}
    return compare_values(values[0], others, first.clusters, samples=samples, seed=seed)[""]


def compare_values(
    first: Values,
    others: Mapping[str, Values],
    clusters: Clusters | None = None,
    *,
    samples: int = SAMPLES,
    seed: int = SEED,
) -> dict[str, list[Comparison]]:
    """Compare each of the others with the first: the caller vouches that the queries' order agrees.

    ``clusters`` are those of the queries; without them every query is drawn by itself.

    The random draws are shared by all metrics and all others, which makes many comparisons cost
    little more than one.
    """
    pairs, differences = [], []
    for other, values in others.items():
        names = next(iter(values.values()))
        shared = [name for name in next(iter(first.values())) if name in names]
        pairs += [(other, name, _mean(first, name), _mean(values, name)) for name in shared]
        differences.append(
            [
                after - before
                for before, after in zip(
                    _columns(first, shared), _columns(values, shared), strict=True
                )
            ]
        )
    comparisons: dict[str, list[Comparison]] = {other: [] for other in others}
    if not pairs:
        return comparisons
    random = _random(seed)
    clusters = clusters or Clusters()
    numbers = [clusters.numbers.get(task) for task in first]
    table = [np.concatenate(task, axis=1) for task in zip(*differences, strict=True)]
    spans = _spans(table, samples, random, numbers)
    for (other, name, before, after), span, p in zip(
        pairs, spans, _randomisation(table, samples, random, numbers), strict=True
    ):
        drawn = clusters.describe()
        comparisons[other].append(Comparison(name, before, after, span, p, drawn))
    return comparisons


def composition_gap(
    both: Values,
    alone: Sequence[Values],
    clusters: Clusters | None = None,
    *,
    samples: int = SAMPLES,
    seed: int = SEED,
) -> dict[str, Interval]:
    """Return ``1 − max(alone) / both`` by metric, in percent: what needs both parts of a query.

    ``both`` are the values of the method, ``alone`` those of image only and text only, on the same
    queries. Each draw of the interval has its own better one of these. A metric of which ``both``
    has a mean of 0 in some draw has no gap.
    """
    names = [
        name
        for name in next(iter(both.values()))
        if all(name in next(iter(each.values())) for each in alone)
    ]
    numbers = [(clusters or Clusters()).numbers.get(task) for task in both]
    table = [
        np.concatenate(task, axis=1)
        for task in zip(*(_columns(each, names) for each in (both, *alone)), strict=True)
    ]
    means = np.mean([values.mean(axis=0) for values in table], axis=0)[None]
    drawn = np.concatenate([means, _drawn_means(table, samples, _random(seed), numbers)])
    by_way = drawn.reshape(len(drawn), 1 + len(alone), len(names))
    gaps = {}
    for column, name in enumerate(names):
        of_both, best = by_way[:, 0, column], by_way[:, 1:, column].max(axis=1)
        if (of_both > 0).all():
            shares = 100 * (1 - best / of_both)
            low, high = np.percentile(shares[1:], (2.5, 97.5))
            gaps[name] = Interval(float(shares[0]), float(low), float(high))
    return gaps


def _mean(values: Values, metric: str) -> float:
    return 100 * float(np.mean([metrics[metric].mean() for metrics in values.values()]))


def _columns(values: Values, names: list[str]) -> list[NDArray[np.float64]]:
    """Return each task's values as (queries, metrics)."""
    return [np.stack([metrics[name] for name in names], axis=1) for metrics in values.values()]


def _random(seed: int) -> np.random.Generator:
    # named explicitly: the stream of default_rng may change between versions of NumPy
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))


def _spans(
    tasks: list[NDArray[np.float64]],
    samples: int,
    random: np.random.Generator,
    clusters: Sequence[tuple[int, ...] | None] | None = None,
) -> list[Interval]:
    """Return an interval for each column, bootstrapping the tasks' (queries, metrics) together.

    ``clusters``: the cluster of each query, by task; ``None``: each query is one. A draw of
    clusters of different sizes has its own number of queries, by which its sum is divided.
    """
    drawn = _drawn_means(tasks, samples, random, clusters)
    low, high = np.percentile(100 * drawn, (2.5, 97.5), axis=0)
    mean = 100 * np.mean([values.mean(axis=0) for values in tasks], axis=0)
    return [Interval(*map(float, ends)) for ends in zip(mean, low, high, strict=True)]


def _drawn_means(
    tasks: list[NDArray[np.float64]],
    samples: int,
    random: np.random.Generator,
    clusters: Sequence[tuple[int, ...] | None] | None = None,
) -> NDArray[np.float64]:
    """Return the mean of each column in every bootstrap draw: (samples, metrics), fractions."""
    means = np.zeros((samples, tasks[0].shape[1]))
    for values, numbers in zip(tasks, clusters or [None] * len(tasks), strict=True):
        sums, queries = sum_clusters(values, numbers)
        size = len(sums)
        for start in range(0, samples, 500):  # memory stays flat for any number of queries
            count = min(500, samples - start)
            drawn = random.integers(0, size, (count, size))
            # how many times each cluster was drawn, all rows in a single count
            flat = (drawn + size * np.arange(count)[:, None]).ravel()
            times = np.bincount(flat, minlength=count * size).reshape(count, size)
            total = (times @ queries)[:, None]
            means[start : start + count] += times @ sums / total / len(tasks)
    return means


def _randomisation(
    tasks: list[NDArray[np.float64]],
    samples: int,
    random: np.random.Generator,
    clusters: Sequence[tuple[int, ...] | None] | None = None,
) -> list[float]:
    """Return each column's two-sided p-value under random signs of the clusters' differences."""
    observed = np.abs(np.mean([values.mean(axis=0) for values in tasks], axis=0))
    means = np.zeros((samples, tasks[0].shape[1]))
    for values, numbers in zip(tasks, clusters or [None] * len(tasks), strict=True):
        sums, _ = sum_clusters(values, numbers)
        for start in range(0, samples, 500):
            count = min(500, samples - start)
            signs = random.integers(0, 2, (count, len(sums)), dtype=np.int8) * 2 - 1
            means[start : start + count] += signs @ sums / len(values) / len(tasks)
    # the observed assignment is one of the possible ones, so p is never 0
    reached = (np.abs(means) >= observed - 1e-12).sum(axis=0)
    return [float(share) for share in (1 + reached) / (1 + samples)]

"""How sure a figure is, and whether two runs differ: bootstrap intervals and paired tests."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.benchmarks._score import Scores
from stitch_cir.errors import SettingError

__all__ = ["Comparison", "Interval", "compare", "intervals"]

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
    each query's difference at random gives a mean at least as far from zero.
    """

    metric: str
    first: float
    second: float
    difference: Interval
    p: float

    def to_dict(self) -> dict[str, Any]:
        """Give JSON-ready data."""
        return asdict(self)


def intervals(scores: Scores, *, samples: int = SAMPLES, seed: int = SEED) -> dict[str, Interval]:
    """Give every metric's interval: queries are drawn anew within each task, tasks weigh alike."""
    random = _random(seed)
    return {
        metric: _interval([own[metric] for own in scores.values.values()], samples, random)
        for metric in next(iter(scores.values.values()))
    }


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
    random = _random(seed)
    shared = [
        name
        for name in next(iter(first.values.values()))
        if name in next(iter(second.values.values()))
    ]
    found = []
    for metric in shared:
        pairs = [(first.values[task][metric], second.values[task][metric]) for task in first.values]
        differences = [b - a for a, b in pairs]
        found.append(
            Comparison(
                metric,
                100 * float(np.mean([a.mean() for a, _ in pairs])),
                100 * float(np.mean([b.mean() for _, b in pairs])),
                _interval(differences, samples, random),
                _randomisation(differences, samples, random),
            )
        )
    return found


def _random(seed: int) -> np.random.Generator:
    # named explicitly: the stream of default_rng may change between versions of NumPy
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))


def _interval(
    tasks: list[NDArray[np.float64]], samples: int, random: np.random.Generator
) -> Interval:
    means = np.zeros(samples)
    for values in tasks:
        for start in range(0, samples, 500):  # memory stays flat for any number of queries
            count = min(500, samples - start)
            drawn = random.integers(0, len(values), (count, len(values)))
            means[start : start + count] += values[drawn].mean(axis=1) / len(tasks)
    low, high = np.percentile(100 * means, (2.5, 97.5))
    mean = 100 * float(np.mean([values.mean() for values in tasks]))
    return Interval(mean, float(low), float(high))


def _randomisation(
    tasks: list[NDArray[np.float64]], samples: int, random: np.random.Generator
) -> float:
    observed = abs(float(np.mean([values.mean() for values in tasks])))
    means = np.zeros(samples)
    for values in tasks:
        for start in range(0, samples, 500):
            count = min(500, samples - start)
            signs = random.integers(0, 2, (count, len(values)), dtype=np.int8) * 2 - 1
            means[start : start + count] += signs @ values / len(values) / len(tasks)
    # the observed assignment is one of the possible ones, so p is never 0
    return float((1 + (np.abs(means) >= observed - 1e-12).sum()) / (1 + samples))

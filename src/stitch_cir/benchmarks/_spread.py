"""How far apart the figures of paraphrases are: queries that ask the same in other words."""

from __future__ import annotations

import numpy as np

from stitch_cir.benchmarks._compare import SAMPLES, SEED, Interval
from stitch_cir.benchmarks._score import Values
from stitch_cir.datasets import Benchmark

__all__ = ["paraphrase_spread"]


def paraphrase_spread(
    benchmark: Benchmark, values: Values, *, samples: int = SAMPLES, seed: int = SEED
) -> dict[str, Interval]:
    """Return by metric how much its value varies between paraphrases, in points.

    It is max − min over the queries of a group, averaged over the groups of at least two, as
    PinPoint's linguistic sensitivity; the interval draws groups. Empty where no two queries are
    paraphrases.
    """
    groups: dict[str, list[tuple[str, int]]] = {}
    for task in benchmark.tasks:
        for number, query in enumerate(task.queries):
            if query.variation_of and task.name in values:
                groups.setdefault(query.variation_of, []).append((task.name, number))
    several = [group for group in groups.values() if len(group) > 1]
    if not several:
        return {}
    names = next(iter(values.values()))
    ranges = np.array(
        [
            [np.ptp([values[task][name][number] for task, number in group]) for name in names]
            for group in several
        ]
    )
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    drawn = np.stack(
        [ranges[random.integers(0, len(ranges), len(ranges))].mean(axis=0) for _ in range(samples)]
    )
    low, high = np.percentile(100 * drawn, (2.5, 97.5), axis=0)
    means = 100 * ranges.mean(axis=0)
    return {
        name: Interval(float(means[n]), float(low[n]), float(high[n]))
        for n, name in enumerate(names)
    }

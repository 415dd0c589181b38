"""From predictions to figures: a value for every query and metric, means, and the averages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.benchmarks._data import Benchmark, Query
from stitch_cir.benchmarks._predictions import Predictions
from stitch_cir.benchmarks.metrics import average_precision, recall, subset_recall
from stitch_cir.errors import RecordError

__all__ = ["AVERAGE", "Scores", "score"]

AVERAGE = "(R@5+Rs@1)/2"
"""The average that CIRR's papers print."""

Metric = Callable[[Query, Predictions], float]


@dataclass(frozen=True, slots=True)
class Scores:
    """Figures of one prediction file, in percent.

    ``values`` holds the per-query values (fractions) by task and metric, in the order of ``ids``;
    ``headline`` are the figures that papers print, the first of them the one to compare by.
    """

    benchmark: str
    split: str
    protocol: str
    ids: Mapping[str, tuple[str, ...]]
    values: Mapping[str, Mapping[str, NDArray[np.float64]]]
    headline: Mapping[str, float]
    kinds: Mapping[str, tuple[float, int]]
    counts: Mapping[str, int]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give JSON-ready data, without the per-query values."""
        return {
            "benchmark": self.benchmark,
            "split": self.split,
            "protocol": self.protocol,
            "headline": {name: round(value, 4) for name, value in self.headline.items()},
            "tasks": {
                task: {name: round(100 * float(own.mean()), 4) for name, own in metrics.items()}
                for task, metrics in self.values.items()
            },
            "kinds": {
                name: {"value": round(value, 4), "queries": count}
                for name, (value, count) in self.kinds.items()
            },
            "counts": dict(self.counts),
            "notes": list(self.notes),
        }


def score(benchmark: Benchmark, predictions: Predictions) -> Scores:
    """Score predictions by the benchmark's protocol. Every query counts in every mean.

    Raises ``RecordError`` for a split whose answers are withheld, and for CIRR's subset metric when
    the rankings do not reach all five members and no subset file was given.
    """
    if not benchmark.labelled:
        raise RecordError(
            f"The answers of {benchmark.name} {benchmark.split} are not public.",
            hint="Send a submission to the data set's server: stitch bench submit.",
        )
    metrics = _METRICS[benchmark.name](predictions)
    values, ids = {}, {}
    for task in benchmark.tasks:
        ids[task.name] = tuple(query.id for query in task.queries)
        values[task.name] = {
            name: np.array([metric(query, predictions) for query in task.queries])
            for name, metric in metrics.items()
        }
    counts = {"queries": len(benchmark.queries), "without_prediction": len(predictions.missing)}
    notes = [*benchmark.notes, *predictions.notes, *_short(benchmark, predictions)]
    return Scores(
        benchmark.name,
        benchmark.split,
        benchmark.protocol,
        ids,
        values,
        _headline(benchmark, values),
        _kinds(benchmark, values),
        counts,
        tuple(notes),
    )


def _ranked(query: Query, predictions: Predictions) -> tuple[str, ...]:
    return predictions.ranked.get(query.id, ())


def _recall(k: int) -> Metric:
    return lambda query, given: recall(_ranked(query, given), query.target or "", k)


def _precision(k: int) -> Metric:
    return lambda query, given: average_precision(_ranked(query, given), query.answers, k)


def _subset(k: int) -> Metric:
    def metric(query: Query, given: Predictions) -> float:
        ranked = given.subset.get(query.id, _ranked(query, given))
        return subset_recall(ranked, query.target or "", query.group, k)

    return metric


def _circo(given: Predictions) -> dict[str, Metric]:
    depths = (5, 10, 25, 50)
    return {
        **{f"mAP@{k}": _precision(k) for k in depths},
        **{f"R@{k}": _recall(k) for k in depths},
    }


def _cirr(given: Predictions) -> dict[str, Metric]:
    whole = {f"R@{k}": _recall(k) for k in (1, 5, 10, 50)} if given.ranked else {}
    # a list of fifty need not hold the five members: Rs then needs a ranking of its own
    subset = {f"Rs@{k}": _subset(k) for k in (1, 2, 3)} if given.subset else {}
    return {**whole, **subset}


def _fashioniq(given: Predictions) -> dict[str, Metric]:
    return {f"R@{k}": _recall(k) for k in (10, 50)}


def _genecis(given: Predictions) -> dict[str, Metric]:
    return {f"R@{k}": _recall(k) for k in (1, 2, 3)}


_METRICS: dict[str, Callable[[Predictions], dict[str, Metric]]] = {
    "circo": _circo,
    "cirr": _cirr,
    "cirr-captions": _cirr,
    "fashioniq": _fashioniq,
    "genecis": _genecis,
    "stamps": _circo,
}


def _headline(
    benchmark: Benchmark, values: Mapping[str, Mapping[str, NDArray[np.float64]]]
) -> dict[str, float]:
    """Means over the tasks, each task with equal weight, in percent."""
    names = next(iter(values.values()))
    found = {
        name: 100 * float(np.mean([own[name].mean() for own in values.values()])) for name in names
    }
    if "R@5" in found and "Rs@1" in found:
        found[AVERAGE] = (found["R@5"] + found["Rs@1"]) / 2
    return found


def _kinds(
    benchmark: Benchmark, values: Mapping[str, Mapping[str, NDArray[np.float64]]]
) -> dict[str, tuple[float, int]]:
    """mAP@10 for each kind of query (CIRCO's semantic aspects)."""
    found: dict[str, list[float]] = {}
    for task in benchmark.tasks:
        if "mAP@10" not in values[task.name]:
            continue
        for query, value in zip(task.queries, values[task.name]["mAP@10"], strict=True):
            for kind in query.kinds:
                found.setdefault(kind, []).append(float(value))
    return {kind: (100 * float(np.mean(own)), len(own)) for kind, own in sorted(found.items())}


def _short(benchmark: Benchmark, given: Predictions) -> list[str]:
    deepest = 3 if benchmark.name == "genecis" else 50
    short = sum(len(ranked) < deepest for ranked in given.ranked.values())
    return (
        [f"{short} lists are shorter than {deepest}: what lacks counts as wrong."] if short else []
    )

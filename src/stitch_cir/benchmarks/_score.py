"""From predictions to figures: a value for every query and metric, means, and averages of means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.benchmarks._clusters import Clusters, clusters_of
from stitch_cir.benchmarks._predictions import Predictions
from stitch_cir.datasets import Benchmark, Metric, Task
from stitch_cir.errors import RecordError

__all__ = ["Scores", "Values", "score", "with_averages"]

Values = Mapping[str, Mapping[str, NDArray[np.float64]]]
"""Per-query values (fractions) by task and metric."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Figures of one prediction file, in percent.

    ``values`` holds the per-query values (fractions) by task and metric, in the order of ``ids``;
    ``headline`` are the figures that papers print, the first of them the one to compare by.
    ``averages`` names the metrics of which a headline figure is the mean; ``kinds`` holds, by kind
    of query, the mean of ``kind_metric`` and the number of queries. ``clusters`` are what intervals
    and paired tests draw.
    """

    benchmark: str
    split: str
    protocol: str
    ids: Mapping[str, tuple[str, ...]]
    values: Values
    headline: Mapping[str, float]
    kinds: Mapping[str, tuple[float, int]]
    counts: Mapping[str, int]
    notes: tuple[str, ...] = ()
    averages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kind_metric: str = ""
    clusters: Clusters = field(default_factory=Clusters)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data, without the per-query values."""
        return {
            "benchmark": self.benchmark,
            "split": self.split,
            "protocol": self.protocol,
            "headline": {name: round(value, 4) for name, value in self.headline.items()},
            "tasks": {
                task: {
                    name: round(100 * float(values.mean()), 4) for name, values in metrics.items()
                }
                for task, metrics in self.values.items()
            },
            "kinds": {
                name: {"value": round(value, 4), "queries": count}
                for name, (value, count) in self.kinds.items()
            },
            "counts": dict(self.counts),
            "drawn": {"kind": self.clusters.kind, "count": self.clusters.count or None},
            "notes": list(self.notes),
        }


def score(benchmark: Benchmark, predictions: Predictions) -> Scores:
    """Score predictions by the data set's protocol. Every query counts in every mean.

    Metrics of the subset are left out where no rankings of it were given, and those of the gallery
    where only the subset was ranked.

    Raises ``RecordError`` for a split whose answers are withheld.
    """
    if not benchmark.labelled:
        raise RecordError(
            f"The answers of {benchmark.name} {benchmark.split} are not public.",
            hint="Send a submission to the data set's server: stitch bench submit.",
        )
    dataset = benchmark.dataset
    # a list of fifty need not hold the members of a group: a subset needs a ranking for itself
    ranked = predictions.ranked or not predictions.subset
    metrics = [
        metric for metric in dataset.metrics if (predictions.subset if metric.on_subset else ranked)
    ]
    values = {
        task.name: {metric.name: _values(metric, task, predictions) for metric in metrics}
        for task in benchmark.tasks
    }
    return Scores(
        benchmark.name,
        benchmark.split,
        benchmark.protocol,
        {task.name: tuple(query.id for query in task.queries) for task in benchmark.tasks},
        values,
        _headline(with_averages(values, dataset.averages)),
        _kinds(benchmark, values),
        {"queries": len(benchmark.queries), "without_prediction": len(predictions.missing)},
        (*benchmark.notes, *predictions.notes, *_short_lists(dataset.depth, predictions)),
        dataset.averages,
        dataset.kind_metric,
        clusters_of(benchmark),
    )


def with_averages(values: Values, averages: Mapping[str, tuple[str, ...]]) -> Values:
    """Add the per-query values of every average whose metrics are all there, to each task."""
    return {
        task: {
            **metrics,
            **{
                name: np.mean([metrics[part] for part in parts], axis=0)
                for name, parts in averages.items()
                if all(part in metrics for part in parts)
            },
        }
        for task, metrics in values.items()
    }


def _values(metric: Metric, task: Task, predictions: Predictions) -> NDArray[np.float64]:
    """Compute the metric of every query: (queries,) float64. No prediction counts as a miss."""
    lists = {**predictions.ranked, **(predictions.subset if metric.on_subset else {})}
    return np.array([metric.compute(query, lists.get(query.id, ())) for query in task.queries])


def _headline(values: Values) -> dict[str, float]:
    """Average over the tasks, each task with equal weight, in percent."""
    return {
        name: 100 * float(np.mean([metrics[name].mean() for metrics in values.values()]))
        for name in next(iter(values.values()))
    }


def _kinds(benchmark: Benchmark, values: Values) -> dict[str, tuple[float, int]]:
    """Average the data set's ``kind_metric`` over the queries of each kind, in percent."""
    by_kind: dict[str, list[float]] = {}
    for task in benchmark.tasks:
        metric = values[task.name].get(benchmark.dataset.kind_metric)
        if metric is None:
            continue
        for query, value in zip(task.queries, metric, strict=True):
            for kind in query.kinds:
                by_kind.setdefault(kind, []).append(float(value))
    return {kind: (100 * float(np.mean(each)), len(each)) for kind, each in sorted(by_kind.items())}


def _short_lists(depth: int, predictions: Predictions) -> list[str]:
    short = sum(len(ranked) < depth for ranked in predictions.ranked.values())
    if not short:
        return []
    return [f"{short} lists are shorter than {depth}: missing ranks count as wrong."]

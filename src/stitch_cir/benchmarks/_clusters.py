"""Queries that share images: what intervals and paired tests draw is their cluster, not the query.

Queries about the same images succeed and fail together, so that intervals which draw them one by
one are too narrow. Drawing whole clusters (the cluster bootstrap: Davison & Hinkley, "Bootstrap
Methods and their Application", 1997, §3.8) keeps what they have in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.datasets import Benchmark

__all__ = ["Clusters", "clusters_of", "sum_clusters"]

QUERY = "query"


@dataclass(frozen=True, slots=True)
class Clusters:
    """What is drawn: ``kind`` names it, such as ``"image set"``.

    ``numbers`` holds the cluster of each query by task, in the order of the queries, numbered from
    0 by first appearance. Tasks that are left out have clusters of one query each.
    """

    kind: str = QUERY
    numbers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """The number of clusters of all tasks; 0 where queries are drawn one by one."""
        return sum(len(set(numbers)) for numbers in self.numbers.values())

    def describe(self) -> str:
        """Return what is drawn, for a line of output, such as ``"503 image sets"``."""
        return f"{self.count:,} {self.kind}s" if self.numbers else "queries"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "kind": self.kind,
            "numbers": {task: list(numbers) for task, numbers in self.numbers.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Clusters:
        """Read the output of :meth:`to_dict`."""
        numbers = {task: tuple(map(int, each)) for task, each in data["numbers"].items()}
        return cls(str(data["kind"]), numbers)


def clusters_of(benchmark: Benchmark) -> Clusters:
    """Return the clusters that the data set declares; queries alone where none shares its own.

    A task whose queries are all of one cluster is left out: a single cluster, drawn again and
    again, would look certain.
    """
    dataset = benchmark.dataset
    numbers: dict[str, tuple[int, ...]] = {}
    for task in benchmark.tasks:
        first: dict[str, int] = {}
        keys = [dataset.cluster_key(query) for query in task.queries]
        of_task = tuple(first.setdefault(key, len(first)) for key in keys)
        if len(first) > 1:
            numbers[task.name] = of_task
    if all(len(set(each)) == len(each) for each in numbers.values()):
        return Clusters()
    return Clusters(dataset.cluster_kind, numbers)


def sum_clusters(
    values: NDArray[np.float64], numbers: tuple[int, ...] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Add up the values (queries, metrics) of every cluster.

    Returns the sums (clusters, metrics) and the numbers of queries (clusters,); without ``numbers``
    the values themselves and ones.
    """
    if numbers is None:
        return values, np.ones(len(values))
    sums = np.zeros((max(numbers, default=-1) + 1, values.shape[1]))
    np.add.at(sums, np.asarray(numbers), values)
    return sums, np.bincount(numbers).astype(np.float64)

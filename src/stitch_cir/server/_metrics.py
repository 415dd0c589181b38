"""Counts and times in Prometheus' format; no text of users, no ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import generate_latest as write_out
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

__all__ = ["CONTENT_TYPE", "CountsShards", "Metrics"]

CONTENT_TYPE = CONTENT_TYPE_LATEST
_METHODS = {"GET", "POST", "DELETE", "HEAD", "PUT", "PATCH", "OPTIONS"}
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class ShardLike(Protocol):
    """The counters of a shard, ``number`` from 1.

    It ``answered`` so many questions in ``seconds``, of which each was answered ``within`` so many.
    """

    @property
    def number(self) -> int: ...

    @property
    def answered(self) -> int: ...

    @property
    def seconds(self) -> float: ...

    @property
    def within(self) -> Mapping[float, int]: ...

    @property
    def hedged(self) -> int: ...

    @property
    def failed(self) -> int: ...


class ShardsState(Protocol):
    """What is known of the shards of a gallery; ``missing``: by number from 0, and why.

    ``nodes``: on how many nodes replicas of each answer.
    """

    @property
    def images(self) -> int | None: ...

    @property
    def missing(self) -> Mapping[int, str]: ...

    @property
    def nodes(self) -> Mapping[int, int]: ...


@runtime_checkable
class CountsShards(Protocol):
    """A gallery that shards of a cluster search."""

    def shard_counts(self) -> Sequence[ShardLike]:
        """Return what was counted of each shard."""

    def state(self) -> ShardsState:
        """Return what is known of the shards, without asking them."""


class _ShardCollector(Collector):
    """Writes what a router counted of every shard, by its number from 1."""

    def __init__(self, gallery: CountsShards) -> None:
        self._gallery = gallery

    def collect(self) -> Iterator[Any]:
        """Yield the metric families."""
        seconds = HistogramMetricFamily(
            "stitch_shard_seconds", "Time until a shard answered a question", labels=["shard"]
        )
        hedged = CounterMetricFamily(
            "stitch_shard_hedged", "Questions that a further replica was asked", labels=["shard"]
        )
        failed = CounterMetricFamily(
            "stitch_shard_failed", "Calls of a replica that failed", labels=["shard"]
        )
        silent = GaugeMetricFamily(
            "stitch_shard_silent", "1 while a shard does not answer, else 0", labels=["shard"]
        )
        nodes = GaugeMetricFamily(
            "stitch_shard_nodes", "Nodes on which replicas of a shard answer", labels=["shard"]
        )
        state = self._gallery.state()
        for number, count in sorted(state.nodes.items()):
            nodes.add_metric([str(number + 1)], count)
        for each in self._gallery.shard_counts():
            label = [str(each.number)]
            buckets = [(str(bound), float(count)) for bound, count in each.within.items()]
            seconds.add_metric(label, [*buckets, ("+Inf", each.answered)], each.seconds)
            hedged.add_metric(label, each.hedged)
            failed.add_metric(label, each.failed)
            silent.add_metric(label, each.number - 1 in state.missing)
        yield from (seconds, hedged, failed, silent, nodes)


class Metrics:
    """The metrics of one application."""

    def __init__(self) -> None:
        """Register the counters and histograms."""
        self._registry = CollectorRegistry()
        names = ("method", "route", "status")
        self._requests = Counter(
            "stitch_requests", "Requests answered", names, registry=self._registry
        )
        self._seconds = Histogram(
            "stitch_request_seconds",
            "Time from the first byte of a request to the last of its answer",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._calls = Counter(
            "stitch_encoder_calls", "Calls of the encoder", ("kind",), registry=self._registry
        )
        self._batch = Histogram(
            "stitch_encoder_batch_inputs",
            "Inputs of one call of the encoder",
            ("kind",),
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=self._registry,
        )

    def gauge(self, name: str, about: str, read: Callable[[], float]) -> None:
        """Add a gauge that is read at every scrape."""
        Gauge(f"stitch_{name}", about, registry=self._registry).set_function(read)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; ``route`` is its template, never its path."""
        label = method if method in _METHODS else "other"
        self._requests.labels(label, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def encoder(self, kind: str, inputs: int) -> None:
        """Count a call of the encoder."""
        self._calls.labels(kind).inc()
        self._batch.labels(kind).observe(inputs)

    def shards(self, gallery: CountsShards) -> None:
        """Add the counts of a cluster's shards, which are read at every scrape."""
        self._registry.register(_ShardCollector(gallery))

    def text(self) -> bytes:
        """Return all metrics as text."""
        return write_out(self._registry)

"""Counts and times in Prometheus' format; no text of users, no ids."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import generate_latest as write_out

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = CONTENT_TYPE_LATEST
_METHODS = {"GET", "POST", "DELETE", "HEAD", "PUT", "PATCH", "OPTIONS"}
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


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

    def text(self) -> bytes:
        """Return all metrics as text."""
        return write_out(self._registry)

"""Measure what a search took: seconds between its steps, and what models were used."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stitch_cir.composers import Composer, model_usage
from stitch_cir.reranker import Reranker

if TYPE_CHECKING:
    from stitch_cir.chat import Usage

__all__ = ["Clock", "UsageRecorder"]


class UsageRecorder:
    """Records what a composer or reranker uses of its model from now on."""

    def __init__(self, source: Composer | Reranker | None) -> None:
        self._source = source
        self._start = self._usage()

    def read(self) -> dict[str, int] | None:
        """Return the answers and tokens since the start, ``None`` where there is no model."""
        usage = self._usage()
        if usage is None or self._start is None:
            return None
        return (usage - self._start).to_dict()

    def _usage(self) -> Usage | None:
        if isinstance(self._source, Reranker):
            return self._source.usage()
        return model_usage(self._source)


class Clock:
    """Seconds between named points."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Record the seconds since the last lap, or since the start."""
        now = time.perf_counter()
        self.laps[name] = now - self._last
        self._last = now

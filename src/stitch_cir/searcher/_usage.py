"""What a search took: seconds of its stages, and what was used of models."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stitch_cir.composers import Composer, model_usage
from stitch_cir.reranker import Reranker

if TYPE_CHECKING:
    from stitch_cir.chat import Usage

__all__ = ["StageTimer", "UsageRecorder"]


class UsageRecorder:
    """Records what a composer or reranker uses of its model from now on."""

    def __init__(self, source: Composer | Reranker | None) -> None:
        """Start recording."""
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


class StageTimer:
    """Seconds of each stage of a search; ``seconds`` is in the order of the stages."""

    def __init__(self) -> None:
        """Start the first stage now."""
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def finish(self, stage: str) -> None:
        """Record the seconds since the last stage was finished, or since the start."""
        now = time.perf_counter()
        self.seconds[stage] = now - self._last
        self._last = now

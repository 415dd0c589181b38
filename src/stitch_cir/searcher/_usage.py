"""What a search took: seconds of its stages, and what was used of models."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from stitch_cir.composers import Composer, model_usage
from stitch_cir.reranker import Reranker

if TYPE_CHECKING:
    from stitch_cir.chat import Usage

__all__ = ["StageTimer", "UsageRecorder"]


class UsageRecorder:
    """Records what composers and rerankers, by name, use of their models from now on."""

    def __init__(self, sources: Mapping[str, Composer | Reranker | None]) -> None:
        """Start recording."""
        self._sources = sources
        self._start = {name: _usage_of(source) for name, source in sources.items()}

    def read(self) -> dict[str, dict[str, int]]:
        """Return the answers and tokens since the start, of those that have a model."""
        used: dict[str, dict[str, int]] = {}
        for name, source in self._sources.items():
            usage, before = _usage_of(source), self._start[name]
            if usage is not None and before is not None:
                used[name] = (usage - before).to_dict()
        return used


def _usage_of(source: Composer | Reranker | None) -> Usage | None:
    return source.usage() if isinstance(source, Reranker) else model_usage(source)


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

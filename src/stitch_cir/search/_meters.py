"""What a search took: seconds between its steps, and what models were asked."""

from __future__ import annotations

import time

from stitch_cir.composers import Composer
from stitch_cir.verifier import Verifier

__all__ = ["Clock", "Meter"]


class Meter:
    """What a composer or verifier asks of its model while this exists."""

    def __init__(self, asker: Composer | Verifier | None) -> None:
        self._chat = getattr(asker, "chat", None)
        self._start = getattr(self._chat, "usage", None)

    def read(self) -> dict[str, int] | None:
        """Give the answers and tokens since the start, ``None`` where there is no model."""
        if self._chat is None or self._start is None:
            return None
        used: dict[str, int] = (self._chat.usage - self._start).to_dict()
        return used


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

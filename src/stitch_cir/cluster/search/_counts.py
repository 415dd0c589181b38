"""Counters of a router's calls to shards, for monitoring."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

__all__ = ["ShardCount", "ShardCounts"]

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
"""Seconds that answers are compared with; after 20 s a shard is given up."""


@dataclass(frozen=True, slots=True)
class ShardCount:
    """Counters of one shard, ``number`` from 1.

    ``answered``: questions answered, in ``seconds`` altogether; ``within``: how many of them took
    at most so many seconds; ``hedged``: questions that were also sent to another replica;
    ``failed``: calls of a replica that ended in an error.
    """

    number: int
    answered: int = 0
    seconds: float = 0.0
    hedged: int = 0
    failed: int = 0
    within: Mapping[float, int] = field(default_factory=lambda: dict.fromkeys(_BOUNDS, 0))


@dataclass(slots=True)
class ShardCounts:
    """The counts of all shards of a router; safe to share between threads."""

    _of: dict[int, ShardCount] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def answered(self, number: int, seconds: float) -> None:
        """Count an answer of a shard, ``number`` from 0, which took ``seconds``."""
        with self._lock:
            was = self._get(number)
            self._of[number] = replace(
                was,
                answered=was.answered + 1,
                seconds=was.seconds + seconds,
                within={bound: n + (seconds <= bound) for bound, n in was.within.items()},
            )

    def hedged(self, number: int) -> None:
        """Count a question that was sent to another replica as well."""
        with self._lock:
            was = self._get(number)
            self._of[number] = replace(was, hedged=was.hedged + 1)

    def failed(self, number: int) -> None:
        """Count a call that failed."""
        with self._lock:
            was = self._get(number)
            self._of[number] = replace(was, failed=was.failed + 1)

    def read(self) -> Sequence[ShardCount]:
        """Return the counts of every shard that was ever asked, by number."""
        with self._lock:
            return tuple(self._of[number] for number in sorted(self._of))

    def _get(self, number: int) -> ShardCount:
        return self._of.get(number, ShardCount(number + 1))

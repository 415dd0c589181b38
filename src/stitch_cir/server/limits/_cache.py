"""A cache bounded by bytes, which drops the least recently used values first."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["ByteBoundedCache"]

V = TypeVar("V")


class ByteBoundedCache(Generic[V]):
    """Holds values by key, at most ``room`` bytes of them, each for ``seconds``; thread-safe.

    A value larger than the whole cache is not stored.
    """

    def __init__(
        self,
        room: int,
        *,
        seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start empty; ``clock`` returns seconds."""
        self.room = room
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, tuple[V, int, float]] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        """Count the values that have not expired."""
        with self._lock:
            self._drop_expired()
            return len(self._entries)

    @property
    def bytes(self) -> int:
        """Bytes of all values that have not expired."""
        with self._lock:
            self._drop_expired()
            return self._bytes

    def put(self, key: Hashable, value: V, size: int) -> bool:
        """Store a value of ``size`` bytes; return whether it fits at all."""
        with self._lock:
            self._drop_expired()
            self._drop(key)
            if size > self.room:
                return False
            while self._bytes + size > self.room:
                self._drop(next(iter(self._entries)))
            self._entries[key] = (value, size, self._clock())
            self._bytes += size
            return True

    def get(self, key: Hashable) -> V | None:
        """Return a value, now the most recently used, its age unchanged; None if there is none."""
        with self._lock:
            self._drop_expired()
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def drop(self, key: Hashable) -> bool:
        """Drop a value before its time; return whether there was one."""
        with self._lock:
            self._drop_expired()
            was_there = key in self._entries
            self._drop(key)
            return was_there

    def age(self, key: Hashable) -> float | None:
        """Return the seconds since a value was stored."""
        with self._lock:
            entry = self._entries.get(key)
            return None if entry is None else self._clock() - entry[2]

    def _drop(self, key: Hashable) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry[1]

    def _drop_expired(self) -> None:
        if self._seconds is None:
            return
        limit = self._clock() - self._seconds
        for key in [key for key, (_, _, stored) in self._entries.items() if stored <= limit]:
            self._drop(key)

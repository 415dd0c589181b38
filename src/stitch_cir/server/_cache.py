"""A cache that is bounded by bytes: the least recently used leave first."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["ByteBoundedCache"]

V = TypeVar("V")


class ByteBoundedCache(Generic[V]):
    """Keeps values by key, at most ``room`` bytes of them, each for ``seconds``; thread-safe.

    A value larger than the whole cache is not kept.
    """

    def __init__(
        self,
        room: int,
        *,
        seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make an empty cache; ``clock`` gives seconds."""
        self.room = room
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[V, int, float]] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        """Count the values that are kept and still fresh."""
        with self._lock:
            self._drop_old()
            return len(self._kept)

    @property
    def bytes(self) -> int:
        """Bytes of all values that are kept."""
        with self._lock:
            self._drop_old()
            return self._bytes

    def put(self, key: Hashable, value: V, size: int) -> bool:
        """Keep a value of ``size`` bytes; tell whether it fits at all."""
        with self._lock:
            self._drop_old()
            self._drop(key)
            if size > self.room:
                return False
            while self._bytes + size > self.room:
                self._drop(next(iter(self._kept)))
            self._kept[key] = (value, size, self._clock())
            self._bytes += size
            return True

    def get(self, key: Hashable) -> V | None:
        """Give a value and move it to the front, its age unchanged; None where there is none."""
        with self._lock:
            self._drop_old()
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
            return found[0]

    def age(self, key: Hashable) -> float | None:
        """Give the seconds since a value was put."""
        with self._lock:
            found = self._kept.get(key)
            return None if found is None else self._clock() - found[2]

    def _drop(self, key: Hashable) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._bytes -= found[1]

    def _drop_old(self) -> None:
        if self._seconds is None:
            return
        limit = self._clock() - self._seconds
        for key in [key for key, (_, _, born) in self._kept.items() if born <= limit]:
            self._drop(key)

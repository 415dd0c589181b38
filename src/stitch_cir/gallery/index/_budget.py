"""How much memory the images under way may take together: few large ones at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from pathlib import Path

from stitch_cir.errors import MemoryLimitError, SettingError

__all__ = ["MEGABYTE", "Hold", "MemoryBudget", "default_memory"]

MEGABYTE = 1_000_000
SMALLEST = 64 * MEGABYTE
_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def default_memory(limits: Sequence[Path] = _CGROUP_LIMITS) -> int:
    """Return a default budget in bytes: half of the machine's or container's memory up to 2 GB.

    Where there is more than 8 GB it is a quarter, up to 4 GB. ``limits`` are the files in which a
    container's limit may be found.
    """
    sizes = [16_000 * MEGABYTE]
    with suppress(AttributeError, OSError, ValueError):
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for file in limits:
        with suppress(OSError, ValueError):  # "max" says that there is no limit
            sizes.append(int(file.read_text()))
    total = min(sizes)
    return max(SMALLEST, min(total // 2, 2_000 * MEGABYTE), total // 4)


class Hold:
    """Memory of a decoded image, counted until it is released."""

    def __init__(self, budget: MemoryBudget, size: int) -> None:
        """Use :meth:`MemoryBudget.hold`."""
        self._budget = budget
        self.size = size

    def release(self) -> None:
        """Stop counting it; doing so twice does no harm."""
        size, self.size = self.size, 0
        self._budget._free(size)


class MemoryBudget:
    """Bytes that images may take while they are decoded and while they wait for the encoder.

    Decoding waits until there is room. Images are numbered in the order in which they are used:
    the first of them (see :meth:`advance`) may exceed the budget when nothing else is decoded, so
    that images that wait for it never lock it out. ``in_use`` is what is counted now.
    """

    def __init__(self, total: int) -> None:
        """Allow ``total`` bytes. Raises ``SettingError`` for less than 64 MB."""
        if total < SMALLEST:
            raise SettingError(
                f"The memory for images is {total / MEGABYTE:g} MB.",
                hint=f"It must be at least {SMALLEST // MEGABYTE} MB.",
            )
        self.total = total
        self.in_use = 0
        self._first = 0
        self._decoding = 0
        self._is_closed = False
        self._changed = threading.Condition()

    @contextmanager
    def decoding(self, number: int, need: int) -> Iterator[None]:
        """Count ``need`` bytes meanwhile, when there is room for them.

        Raises ``MemoryLimitError`` when there never will be, ``CancelledError`` once closed.
        """
        if need > self.total:
            raise MemoryLimitError(
                f"the file is too large: decoding it takes about {-(-need // MEGABYTE):,} MB of "
                f"memory, allowed are {self.total // MEGABYTE:,} MB.",
                hint="Scale it down, or allow more with --memory MB (memory, in bytes, in Python).",
            )
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._has_room(number, need))
            if self._is_closed:
                raise CancelledError
            self.in_use += need
            self._decoding += 1
        try:
            yield
        finally:
            with self._changed:
                self._decoding -= 1
            self._free(need)

    def hold(self, size: int) -> Hold:
        """Count ``size`` bytes of an image that is decoded, without waiting."""
        with self._changed:
            self.in_use += size
        return Hold(self, size)

    def advance(self, number: int) -> None:
        """Make the image of this number the next to be used."""
        with self._changed:
            self._first = number
            self._changed.notify_all()

    def close(self) -> None:
        """Wake everybody who waits, with ``CancelledError``."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _has_room(self, number: int, need: int) -> bool:
        is_next = number == self._first and self._decoding == 0
        return is_next or self.in_use + need <= self.total

    def _free(self, size: int) -> None:
        with self._changed:
            self.in_use -= size
            self._changed.notify_all()

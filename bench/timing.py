"""Timing things against each other: in turn, many times, so that noise meets all of them.

The threads of BLAS and OpenMP wait for their next work by spinning, for some tens of milliseconds:
what is measured right after a product has a core less. So every measurement begins after a pause.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any


def seconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


PAUSE = 0.1
"""Seconds before each measurement."""


def in_turn(calls: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Run all calls once to warm up, then ``rounds`` times in turn; return every time in seconds."""
    for call in calls.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            time.sleep(PAUSE)
            times[name].append(seconds(call))
    return times


def ratio(first: list[float], second: list[float]) -> float:
    """Return the median ratio of paired times."""
    return statistics.median(a / b for a, b in zip(first, second, strict=True))

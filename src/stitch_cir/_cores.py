"""How many processor cores this process may use. Any room may ask."""

from __future__ import annotations

import math
import os
from pathlib import Path

from stitch_cir.errors import SettingError

__all__ = ["THREADS", "usable_cores"]

THREADS = "STITCH_THREADS"
"""Variable of the environment: the most threads of a scan, of indexing and of a model."""

_CGROUPS = Path("/proc/self/cgroup")
_MOUNT = Path("/sys/fs/cgroup")
_MANY = 1 << 16


def usable_cores() -> int:
    """Return the cores that this process may run on, at least 1.

    A process does not have all cores of its machine in a container, under ``taskset`` or in a
    batch job: its affinity counts, and the quota of its control group where that can be read.
    ``STITCH_THREADS`` says how many of several processes on one machine each takes; no result
    depends on it. Raises ``SettingError`` where that is no whole number above 0.
    """
    return max(1, min(_affinity(), _quota(), _limit()))


def _limit() -> int:
    text = os.environ.get(THREADS, "").strip()
    if not text:
        return _MANY
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise SettingError(
            f"{THREADS} is {text!r} in the environment.",
            hint=f"Set {THREADS} to a whole number of at least 1, or unset it to use all cores.",
        )
    return int(text)


def _affinity() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # macOS and Windows have no such call
        count = getattr(os, "process_cpu_count", os.cpu_count)()
        return int(count or 1)


def _quota(cgroups: Path = _CGROUPS, mount: Path = _MOUNT) -> int:
    """Return the cores of the smallest quota up the tree of control groups; many without one."""
    most = _MANY
    try:
        lines = cgroups.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return most
    for line in lines:
        _, controllers, group_path = line.split(":", 2) if line.count(":") >= 2 else ("", "", "")
        if controllers == "":
            tree, quota, period = mount, "cpu.max", None
        elif "cpu" in controllers.split(","):
            tree, quota, period = mount / "cpu", "cpu.cfs_quota_us", "cpu.cfs_period_us"
        else:
            continue
        folder = tree / group_path.lstrip("/")
        for group in (folder, *folder.parents):
            most = min(most, _cores(group / quota, group / period if period else None))
            if group == tree:
                break
    return most


def _cores(quota: Path, period: Path | None) -> int:
    """Return the cores of one quota, rounded up: a thread more than the quota only waits.

    Many without one, for which the second version writes ``max`` and the first -1.
    """
    try:
        words = quota.read_text(encoding="utf-8").split()
        if period is not None:
            words += period.read_text(encoding="utf-8").split()
        limit, duration = int(words[0]), int(words[1])
        return _MANY if limit < 0 else max(1, math.ceil(limit / duration))
    except (OSError, ValueError, IndexError, ZeroDivisionError):
        return _MANY

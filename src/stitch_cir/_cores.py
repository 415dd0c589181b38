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
            folder = mount / group_path.lstrip("/")
            for group in (folder, *folder.parents):
                most = min(most, _cores(group / "cpu.max", None))
                if group == mount:
                    break
        elif "cpu" in controllers.split(","):
            folder = mount / "cpu" / group_path.lstrip("/")
            most = min(most, _cores(folder / "cpu.cfs_quota_us", folder / "cpu.cfs_period_us"))
    return most


def _cores(quota: Path, period: Path | None) -> int:
    """Return the cores of one quota, rounded up: a thread more than the quota only waits."""
    try:
        words = quota.read_text(encoding="utf-8").split()
        if period is not None:
            words += period.read_text(encoding="utf-8").split()
        return max(1, math.ceil(int(words[0]) / int(words[1])))
    except (OSError, ValueError, IndexError, ZeroDivisionError):
        return _MANY

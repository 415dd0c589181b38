"""Progress of long work, told through a callback: the library itself never prints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Progress", "ProgressEvent"]


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """One step: ``done`` of ``total`` in a ``stage`` (``total`` is None while it is unknown).

    ``skipped`` is the reason when the file ``path`` had to be left out.
    """

    stage: str
    done: int
    total: int | None
    path: str | None = None
    skipped: str | None = None


Progress: TypeAlias = Callable[[ProgressEvent], None]

"""Checks of single settings, so that every scorer refuses bad values in the same words."""

from __future__ import annotations

import math
from typing import Any

from stitch_cir.errors import SettingError

__all__ = ["positive", "whole"]


def positive(name: str, value: Any, low: float | None = None) -> float:
    """Give ``value`` as a float if it is finite, above 0 and at least ``low``.

    Raises ``SettingError`` otherwise.
    """
    fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not fits or not math.isfinite(value) or value <= 0 or (low is not None and value < low):
        span = "above 0" if low is None else f"of at least {low}"
        raise SettingError(
            f"{name} is {value!r}, outside its range.",
            hint=f"{name} must be a finite number {span}.",
        )
    return float(value)


def whole(name: str, value: Any, low: int = 1) -> int:
    """Give ``value`` as an int of at least ``low``; raise ``SettingError`` otherwise."""
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise SettingError(
            f"{name} is {value!r}, outside its range.",
            hint=f"{name} must be a whole number of at least {low}.",
        )
    return value

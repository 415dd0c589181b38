"""The two directions of a score and the weight ρ between them."""

from __future__ import annotations

import math
from typing import Any

from stitch_cir.errors import SettingError

__all__ = ["EVEN", "direction_weights", "read_rho"]

EVEN = 0.5
"""ρ at which both directions count the same, as in the paper."""


def direction_weights(rho: float) -> tuple[float, float]:
    """Return ``2 (1 − ρ)`` and ``2 ρ``, the factors of the captions' and of the views' direction.

    They sum to 2, so that scores of cosines lie in [−2, 2] for every ρ. ρ = ½ makes both exactly 1,
    and multiplying by 1 changes no bit.
    """
    return 2.0 * (1.0 - rho), 2.0 * rho


def read_rho(value: Any) -> float:
    """Return ρ as a float; raise ``SettingError`` unless it is a number in [0, 1]."""
    fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not fits or not math.isfinite(value) or not 0 <= value <= 1:
        raise SettingError(
            f"rho is {value!r}, outside its range.",
            hint="rho must be a number from 0 (captions alone) to 1 (views alone).",
        )
    return float(value)

"""The two directions of a score and the weight ρ between them."""

from __future__ import annotations

from stitch_cir._schema import default_of

__all__ = ["EVEN", "direction_weights"]

EVEN: float = default_of("rho")
"""ρ at which both directions count the same, as in the paper."""


def direction_weights(rho: float) -> tuple[float, float]:
    """Return ``2 (1 − ρ)`` and ``2 ρ``, the factors of the captions' and of the views' direction.

    They sum to 2, so that scores of cosines lie in [−2, 2] for every ρ. ρ = ½ makes both exactly 1,
    and multiplying by 1 changes no bit.
    """
    return 2.0 * (1.0 - rho), 2.0 * rho

"""SEIZE's semantic increment: a transition on scores instead of vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from stitch_cir.errors import VectorError
from stitch_cir.transition._checks import LARGEST, number
from stitch_cir.transition._protocol import Plain, Scores

__all__ = ["SemanticIncrement"]


@dataclass(frozen=True, slots=True)
class SemanticIncrement(Plain):
    r"""Reward images that gained by the edit, and punish those that lost.

    .. math::

        s = s_\text{after} + λ_- \min(d, 0) + λ_+ \max(d, 0), \qquad
        d = s_\text{after} - s_\text{before},

    where s_before scores plain captions of the unchanged reference (Yang et al., "Semantic Editing
    Increment Benefits Zero-Shot Composed Image Retrieval", ACM MM 2024). The formula is homogeneous
    in the scores, so factors tuned on cosines keep their meaning on scores in [−2, 2]; the combined
    score may leave that range.

    Parameters
    ----------
    gain:
        λ₊ in [0, 1000]. The default is what the authors' code names for CIRCO with CLIP L/14.
    loss:
        λ₋ ≥ 0, likewise.

    The vectors stay unchanged; without ``before`` the scores do too. Raises ``SettingError`` for a
    factor outside its range.
    """

    gain: float = 0.13
    loss: float = 2.1

    name: ClassVar[str] = "semantic-increment"
    needs_before: ClassVar[bool] = True
    combines_scores: ClassVar[bool] = True
    combines_monotonically: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check the factors."""
        object.__setattr__(self, "gain", number("gain", self.gain, 0.0, LARGEST))
        object.__setattr__(self, "loss", number("loss", self.loss, 0.0, LARGEST))

    def settings(self) -> dict[str, Any]:
        """Name and factors, JSON-ready."""
        return {"transition": self.name, "gain": self.gain, "loss": self.loss}

    def combine(self, after: Scores, before: Scores | None) -> Scores:
        """Give s, of the shape and float type of ``after``.

        Raises ``VectorError`` when the two score arrays differ in shape.
        """
        if before is None:
            return after
        if np.shape(after) != np.shape(before):
            raise VectorError(
                f"There are scores of shape {np.shape(after)} after and {np.shape(before)} before.",
                hint="Both must score the same images.",
            )
        increment = after - before
        fallen, risen = np.minimum(increment, 0.0), np.maximum(increment, 0.0)
        return np.asarray(after + self.loss * fallen + self.gain * risen, dtype=after.dtype)

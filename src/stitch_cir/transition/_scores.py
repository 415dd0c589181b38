"""The transition that moves scores instead of vectors: SEIZE's semantic increment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stitch_cir._schema import default_of
from stitch_cir.errors import VectorError
from stitch_cir.transition._protocol import Scores, TransitionBase

__all__ = ["SemanticIncrement"]


@dataclass(frozen=True, slots=True)
class SemanticIncrement(TransitionBase):
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

    The vectors stay unchanged; without captions of the reference the scores do too. Raises
    ``SettingError`` for a factor outside its range.
    """

    gain: float = default_of("gain")
    loss: float = default_of("loss")

    name: ClassVar[str] = "semantic-increment"
    needs_reference_captions: ClassVar[bool] = True
    combines_scores: ClassVar[bool] = True
    combines_monotonically: ClassVar[bool] = True

    def combine(self, scores: Scores, reference_scores: Scores | None) -> Scores:
        """Return s, of the shape and float type of ``scores``.

        Raises ``VectorError`` when the two score arrays differ in shape.
        """
        if reference_scores is None:
            return scores
        if np.shape(scores) != np.shape(reference_scores):
            raise VectorError(
                f"There are scores of shape {np.shape(scores)} after and "
                f"{np.shape(reference_scores)} before.",
                hint="Both must score the same images.",
            )
        increment = scores - reference_scores
        fallen, risen = np.minimum(increment, 0.0), np.maximum(increment, 0.0)
        return np.asarray(scores + self.loss * fallen + self.gain * risen, dtype=scores.dtype)

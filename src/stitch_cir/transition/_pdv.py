"""Prompt directional vectors: move along what the prompt changed in the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from stitch_cir.transition._checks import LARGEST, number, read_row, read_rows, to_unit
from stitch_cir.transition._protocol import Plain, Vectors

__all__ = ["PDV"]


@dataclass(frozen=True, slots=True)
class PDV(Plain):
    r"""Scale the step from the reference's text to the composed text, and give it to the image too.

    With r the normalised mean of the reference's plain captions, x the reference image and

    .. math::

        Δ_k = f(t_k) - r, \qquad
        a_k = \operatorname{normalise}(r + λ Δ_k), \qquad
        b_k = \operatorname{normalise}(x + λ Δ_k),

    the refined caption is ``normalise((1 − w) a_k + w b_k)``: dynamic text, semantic transfer to
    the image, and their fusion (Tursun et al., "PDV: Prompt Directional Vectors for Zero-shot
    Composed Image Retrieval", WACV 2026, arXiv 2502.07215). One λ serves text and image here, and
    both are normalised before they are fused.

    The defaults are the values that the paper reports for the composer nearest to this one, several
    captions a query (LDRE with PDV on CIRCO and CIRR, every backbone): α_T = α_I = 1.4, β = 0.75.
    The paper's β weighs the text, w = 1 − β. ``PDV(1, 0)`` is the identity.

    Parameters
    ----------
    scale:
        λ in [−1000, 1000]; 1 keeps the composed captions, more exaggerates the change, 0 gives
        back the reference, less than 0 turns the change around.
    image_weight:
        w in [0, 1]; 0 searches with text alone, 1 with the moved image alone.

    Without captions of the reference there is no direction, and the captions stay unchanged.
    Without a reference image w counts as 0. Raises ``SettingError`` for a value outside its range;
    ``refine`` raises ``VectorError`` where a sum cancels to zero.
    """

    scale: float = 1.4
    image_weight: float = 0.25

    name: ClassVar[str] = "pdv"
    needs_before: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check the settings."""
        object.__setattr__(self, "scale", number("scale", self.scale, -LARGEST, LARGEST))
        object.__setattr__(
            self, "image_weight", number("image_weight", self.image_weight, 0.0, 1.0)
        )

    def settings(self) -> dict[str, Any]:
        """Name and settings, JSON-ready."""
        return {
            "transition": self.name,
            "scale": self.scale,
            "image_weight": self.image_weight,
        }

    def refine(
        self,
        captions: Vectors,
        modification: Vectors | None,
        *,
        before: Vectors | None = None,
        reference_image: Vectors | None = None,
    ) -> Vectors:
        """Give the refined captions, (K, d) float32 unit rows; the modification is not used."""
        rows = read_rows("captions", captions)
        if before is None:
            return np.asarray(captions, dtype=np.float32)
        plain = read_rows("captions of the reference", before, rows.shape[1])
        reference = to_unit("mean caption of the reference", plain.mean(axis=0, keepdims=True))
        step = self.scale * (rows - reference)
        text = to_unit("moved text", reference + step)
        if reference_image is None or self.image_weight == 0:
            return text
        image = read_row("reference image", reference_image, rows.shape[1])
        moved = to_unit("moved image", image + step)
        weight = self.image_weight
        return to_unit("fusion", (1.0 - weight) * text.astype(np.float64) + weight * moved)

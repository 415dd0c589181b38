"""The transition of SDR-CIR: an anchor in the reference image, whose bias the score takes off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stitch_cir._schema import default_of
from stitch_cir.transition._checks import read_row, read_rows, to_unit
from stitch_cir.transition._protocol import QueryPart, TransitionBase, Vectors

__all__ = ["AnchorDebias"]


@dataclass(frozen=True, slots=True)
class AnchorDebias(TransitionBase):
    r"""Anchor every caption in the reference image, and take off what the captions have of it.

    .. math::

        t̂_k = \operatorname{normalise}((1 - a) f(t_k) + a\, x), \qquad
        S = (1 + b)\, S_q - b\, (S_d - S_m),

    x the reference image, S_q the score of t̂, S_d that of the captions before, and S_m that of the
    modification alone: what a caption scores beyond the modification comes from the reference
    (SDR-CIR, "Semantic Debias Ranking for zero-shot composed image retrieval", 2026).

    A large anchor lifts benchmarks whose targets look like their references, and ruins the others,
    so it should be small: 0.05 to 0.2.

    Parameters
    ----------
    anchor_weight:
        a in [0, 1], the weight of the reference image.
    debias_weight:
        b in [0, 10].

    Without a reference image a counts as 0, without a modification b does. Raises ``SettingError``
    for a value outside its range; ``refine`` raises ``VectorError`` where a sum cancels to zero.
    """

    anchor_weight: float = default_of("anchor_weight")
    debias_weight: float = default_of("debias_weight")

    name: ClassVar[str] = "anchor-debias"
    needs_reference_image: ClassVar[bool] = True

    def refine(
        self,
        captions: Vectors,
        modification: Vectors | None,
        *,
        reference_captions: Vectors | None = None,
        reference_image: Vectors | None = None,
    ) -> Vectors:
        """Return t̂, (K, d) float32 unit rows."""
        rows = read_rows("captions", captions)
        if reference_image is None or self.anchor_weight == 0:
            return np.asarray(captions, dtype=np.float32)
        anchor = read_row("reference image", reference_image, rows.shape[1])
        weight = self.anchor_weight
        return to_unit("anchored caption", (1.0 - weight) * rows + weight * anchor)

    def part_weights(self) -> Mapping[QueryPart, float]:
        """Return the factors of S_q, S_d and S_m."""
        bias = self.debias_weight
        return {"refined": 1.0 + bias, "captions": -bias, "modification": bias}

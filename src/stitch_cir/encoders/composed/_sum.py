"""Image vector plus text vector: what any dual encoder can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.encoders._protocol import DualEncoder
from stitch_cir.encoders.composed._protocol import ComposedInput
from stitch_cir.errors import VectorError
from stitch_cir.views import ViewBox

__all__ = ["SumEncoder"]

_SHORTEST = 1e-6


class SumEncoder:
    """``normalise(Φ_I(image) + Φ_T(text))`` of a dual encoder.

    This is how BGE-VL composes a query ("MegaPairs", Zhou et al., ACL 2025, arXiv 2412.14475), for
    which both of its towers were trained; with CLIP's own weights it is the control "image + text"
    of most papers on composed image retrieval. There is no instruction.
    """

    name = "sum"
    needs_image = False

    def __init__(self, encoder: DualEncoder) -> None:
        """Add the vectors of ``encoder``, which is the gallery's."""
        self._encoder = encoder

    def composed_settings(self) -> Mapping[str, Any]:
        """Return the name and the encoder that both vectors are of."""
        return {"composed": self.name, "encoder": self._encoder.name}

    def encode_composed(self, inputs: Sequence[ComposedInput]) -> list[NDArray[np.float32]]:
        """Encode n inputs: n arrays (1, d) float32, unit rows.

        Raises ``VectorError`` where an input has neither an image nor its vector, and where the two
        vectors cancel out.
        """
        texts = [each.text for each in inputs if each.text_vector is None]
        encoded = iter(self._encoder.encode_texts(texts)) if texts else iter(())
        sums = []
        for each in inputs:
            text = next(encoded) if each.text_vector is None else each.text_vector
            total = np.asarray(self._image_vector(each), np.float64) + text
            length = float(np.linalg.norm(total))
            if length < _SHORTEST:
                raise VectorError(
                    f"The vectors of the reference and of {each.text[:60]!r} cancel out.",
                    hint="Use another text, or another composed-query encoder.",
                )
            sums.append(np.asarray(total / length, dtype=np.float32)[None])
        return sums

    def _image_vector(self, each: ComposedInput) -> NDArray[np.float32]:
        if each.image_vector is not None:
            return each.image_vector
        if each.image is None:
            raise VectorError(
                f"There is neither an image nor its vector to add to {each.text[:60]!r}.",
                hint="Give a reference whose image can be opened.",
            )
        encoded = self._encoder.encode_views([each.image], [[ViewBox()]])
        return np.asarray(encoded[0, 0], dtype=np.float32)

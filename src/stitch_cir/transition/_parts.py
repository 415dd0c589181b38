"""Transitions that search with the reference and the modification, and with no caption."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stitch_cir._schema import default_of
from stitch_cir.transition._checks import Doubles, read_row, read_rows, to_unit
from stitch_cir.transition._protocol import TransitionBase, Vectors

__all__ = ["ImageText", "Parts"]


class _WithoutCaptions(TransitionBase):
    """Base of transitions of x, the reference image, or else the mean of its plain captions."""

    __slots__ = ()

    needs_reference_captions: ClassVar[bool] = True
    needs_reference_image: ClassVar[bool] = True
    keeps_captions: ClassVar[bool] = False

    @staticmethod
    def reference_of(dim: int, captions: Vectors | None, image: Vectors | None) -> Doubles | None:
        """Return x, (d,) float64; ``None`` where there is neither image nor caption."""
        if image is not None:
            return read_row("reference image", image, dim)
        if captions is None:
            return None
        plain = read_rows("captions of the reference", captions, dim)
        mean = to_unit("mean caption of the reference", plain.mean(axis=0, keepdims=True))
        return np.asarray(mean[0], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class ImageText(_WithoutCaptions):
    """Search with one vector, ``normalise((1 − α) x + α f(m))``, x the reference image.

    The query of WeiMoCIR (Wu et al., arXiv 2409.04918), and of many papers' "image + text". Without
    an image x is the mean of the reference's plain captions; without these, or without a
    modification, the other part is left.

    Parameters
    ----------
    alpha:
        α in [0, 1], the weight of the modification.

    Raises ``SettingError`` for an α out of range; ``refine`` raises ``VectorError`` where both
    cancel.
    """

    alpha: float = default_of("alpha")

    name: ClassVar[str] = "image-text"

    def refine(
        self,
        captions: Vectors,
        modification: Vectors | None,
        *,
        reference_captions: Vectors | None = None,
        reference_image: Vectors | None = None,
    ) -> Vectors:
        """Return the vector, (1, d) float32; the captions where there is neither part."""
        rows = read_rows("captions", captions)
        dim = rows.shape[1]
        reference = self.reference_of(dim, reference_captions, reference_image)
        text = None if modification is None else read_row("modification", modification, dim)
        if reference is None and text is None:
            return np.asarray(captions, dtype=np.float32)
        if reference is None or text is None:
            only = text if reference is None else reference
            return to_unit("query", np.asarray(only)[None])
        return to_unit(
            "sum of image and text", ((1 - self.alpha) * reference + self.alpha * text)[None]
        )


@dataclass(frozen=True, slots=True)
class Parts(_WithoutCaptions):
    """Search with two vectors: x, the reference image, and f(m), the modification.

    For scorers that fuse what an image has of both, such as ``product``. Without an image x is the
    mean of the reference's plain captions; a part that is missing is left out.
    """

    name: ClassVar[str] = "parts"

    def refine(
        self,
        captions: Vectors,
        modification: Vectors | None,
        *,
        reference_captions: Vectors | None = None,
        reference_image: Vectors | None = None,
    ) -> Vectors:
        """Return the vectors, (2, d) float32; fewer where a part is missing."""
        rows = read_rows("captions", captions)
        dim = rows.shape[1]
        parts = [self.reference_of(dim, reference_captions, reference_image)]
        if modification is not None:
            parts.append(read_row("modification", modification, dim))
        present = [part for part in parts if part is not None]
        return (
            to_unit("parts of the query", np.stack(present)) if present else rows.astype(np.float32)
        )

"""A perceptual hash, which copies of an image share: resized, recompressed, a little cropped.

256 bits of structure as in PDQ (Meta, 2019): of a small grey image the 16 × 16 lowest frequencies
of the cosine transform, each above or below their median; and 16 × 2 bytes of colour, so that the
same dress in red and in blue stays two images. It is written here because the libraries that have
such a hash need a compiler (pdqhash) or SciPy and PyWavelets (ImageHash).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["COLOUR_BYTES", "STRUCTURE_BYTES", "perceptual_hash"]

_SIDE, _KEPT, _CELLS = 64, 16, 4
STRUCTURE_BYTES = _KEPT * _KEPT // 8
COLOUR_BYTES = 2 * _CELLS * _CELLS
_LEAST_DETAIL = 2.0
"""Sum of the mean steps across and down, in levels of grey, below which the bits are noise."""


def perceptual_hash(image: Image.Image) -> bytes | None:
    """Return the 64 bytes of an upright RGB image: structure, then colour.

    ``None`` for one without any detail, whose bits would be noise.
    """
    small = image.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    grey = np.asarray(small.convert("L"), dtype=np.float64)
    if sum(np.abs(np.diff(grey, axis=axis)).mean() for axis in (0, 1)) < _LEAST_DETAIL:
        return None
    cosines = _cosines()
    frequencies = cosines @ grey @ cosines.T
    structure = np.packbits(frequencies > np.median(frequencies)).tobytes()
    cells = small.resize((_CELLS, _CELLS), Image.Resampling.BOX).convert("YCbCr")
    return structure + np.ascontiguousarray(np.asarray(cells)[..., 1:]).tobytes()


@cache
def _cosines() -> NDArray[np.float64]:
    """Return rows 1 to 16 of the cosine transform: (16, 64). Row 0, the brightness, is left out."""
    rows = np.arange(1, _KEPT + 1)[:, None]
    columns = np.arange(_SIDE)[None, :]
    return np.asarray(np.sqrt(2 / _SIDE) * np.cos(np.pi / (2 * _SIDE) * rows * (2 * columns + 1)))

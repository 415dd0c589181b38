"""Colours, light and background, measured on pixels in OKLab (Ottosson 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir.encoders.mini._vision import box_weights
from stitch_cir.views import ViewBox

__all__ = ["ColourStatistics", "Palette", "measure", "shrink"]

SIDE = 48
"""Images are measured at SIDE × SIDE: colour names need no detail."""
NEAR_BACKGROUND = 0.07
"""Pixels closer than this to the background's colour (OKLab distance) belong to it."""


@dataclass(frozen=True, slots=True)
class ColourStatistics:
    """What pixels say of an image.

    ``colours``: (M, C) float32, share of each colour name in each box, background left out where
    it is plain; ``light``: mean OKLab lightness in [0, 1]; ``plain``: whether the border is of one
    colour; ``flat``: share of pixels that equal their neighbour (drawings have many); ``chroma``:
    mean OKLab chroma.
    """

    colours: NDArray[np.float32]
    light: float
    plain: bool
    flat: float
    chroma: float


class Palette:
    """Colour names with their anchors; a pixel takes the name of the nearest anchor."""

    def __init__(self, colours: Sequence[tuple[str, Sequence[str]]]) -> None:
        """Take names and sRGB anchors such as ``"#d01f1f"``."""
        self.names = tuple(name for name, _ in colours)
        anchors = [bytes.fromhex(anchor[1:]) for _, hexes in colours for anchor in hexes]
        self._anchors = oklab(np.frombuffer(b"".join(anchors), np.uint8).reshape(-1, 3))
        self._owner = np.repeat(np.arange(len(colours)), [len(hexes) for _, hexes in colours])

    def name_pixels(self, lab: NDArray[np.float32]) -> NDArray[np.float32]:
        """Name pixels (P, 3): (P, C) float32 with one 1 in each row."""
        distances = (lab[:, None, :] - self._anchors) ** 2 @ _WEIGHTS
        nearest = self._owner[distances.argmin(axis=1)]
        return np.asarray(np.eye(len(self.names))[nearest], dtype=np.float32)


_WEIGHTS = np.array([0.5, 2.0, 2.0], dtype=np.float32)
"""Hue decides a colour's name more than lightness does."""


def shrink(image: Image.Image) -> NDArray[np.uint8]:
    """Reduce an RGB image to what is measured: (SIDE, SIDE, 3)."""
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.uint8)


def measure(
    small: NDArray[np.uint8], boxes: Sequence[ViewBox], palette: Palette
) -> ColourStatistics:
    """Measure an image (see :func:`shrink`) and its boxes."""
    lab = oklab(small.reshape(-1, 3))
    grid = lab.reshape(SIDE, SIDE, 3)
    border = np.concatenate([grid[0], grid[-1], grid[1:-1, 0], grid[1:-1, -1]])
    middle = np.median(border, axis=0)
    away = np.linalg.norm(border - middle, axis=1)
    plain = bool(np.quantile(away, 0.8) < NEAR_BACKGROUND)
    if plain:
        front = (np.linalg.norm(lab - middle, axis=1) > NEAR_BACKGROUND).astype(np.float32)
    else:
        # without a plain background the subject is likelier in the middle
        line = np.linspace(-1, 1, SIDE, dtype=np.float32)
        front = np.exp(-2 * (line[:, None] ** 2 + line**2)).reshape(-1)
    weights = box_weights(boxes, SIDE, SIDE)
    names = palette.name_pixels(lab)
    inside = weights * front
    amount = inside.sum(axis=1, keepdims=True)
    # a box that holds background only is described by it
    share = np.where(amount > 0.01, inside / np.maximum(amount, 1e-9), weights)
    steps = np.abs(np.diff(small.astype(np.int16), axis=1)).max(axis=2)
    return ColourStatistics(
        colours=(share @ names).astype(np.float32),
        light=float(lab[:, 0].mean()),
        plain=plain,
        flat=float((steps <= 1).mean()),
        chroma=float(np.hypot(lab[:, 1], lab[:, 2]).mean()),
    )


def oklab(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convert sRGB bytes (P, 3) to OKLab (P, 3) float32 (Ottosson, "A perceptual color space")."""
    channel = rgb.astype(np.float32) / 255
    linear = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
    cones = np.cbrt(linear @ _TO_CONES.T)
    return np.asarray(cones @ _TO_LAB.T, dtype=np.float32)


_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    dtype=np.float32,
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    dtype=np.float32,
)

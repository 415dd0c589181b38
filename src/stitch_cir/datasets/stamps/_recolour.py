"""Colouring a cut-out so that it fits a colour's name and keeps its light and lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["recolour"]

# hue in degrees, saturation and value in [0, 1]
TARGETS = {
    "red": (357, 0.88, 0.84),
    "orange": (27, 0.95, 0.98),
    "yellow": (52, 0.9, 0.98),
    "green": (128, 0.75, 0.66),
    "blue": (220, 0.82, 0.85),
    "purple": (280, 0.72, 0.68),
    "pink": (336, 0.45, 1.0),
}
NEAR, FAR = 32.0, 58.0
"""Degrees from the dominant hue within which a pixel is recoloured fully, and at all."""


def recolour(image: Image.Image, colour: str, how: str) -> Image.Image:
    """Return a recoloured copy of an RGBA image.

    ``how`` "hue" turns only pixels near the dominant hue, so that wheels, windows and trims stay;
    "tint" turns every pixel, for white and grey objects. Saturation and value are scaled so that
    their medians meet the colour's: folds and outlines stay, a pale object becomes strong.
    """
    pixels = np.asarray(image, dtype=np.uint8)
    hsv = np.asarray(image.convert("RGB").convert("HSV"), dtype=np.float32)
    hue, saturation, value = hsv[..., 0] * (360 / 255), hsv[..., 1] / 255, hsv[..., 2] / 255
    solid = pixels[..., 3] > 127
    if how == "hue":
        weight = saturation * value * solid
        counts = np.bincount((hue // 10).astype(int).ravel() % 36, weight.ravel(), minlength=36)
        around = counts + np.roll(counts, 1) + np.roll(counts, -1)
        middle = float(around.argmax()) * 10 + 5
        away = np.abs((hue - middle + 180) % 360 - 180)
        share = np.clip((FAR - away) / (FAR - NEAR), 0, 1) * np.clip(
            (saturation - 0.12) / 0.16, 0, 1
        )
    else:
        share = np.ones_like(hue)
    goal_hue, goal_saturation, goal_value = TARGETS[colour]
    body = solid & (share > 0.5)
    if not body.any():
        return image.copy()
    if how == "hue":
        # pale highlights stay paler than the body
        new_saturation = goal_saturation * (saturation / _median(saturation[body])) ** 0.7
    else:
        new_saturation = np.full_like(hue, goal_saturation)
    new_value = goal_value * (value / _median(value[body])) ** 0.9
    turned = np.stack(
        [np.full_like(hue, goal_hue * 255 / 360), 255 * new_saturation, 255 * new_value], axis=-1
    )
    mode = Image.fromarray(np.clip(turned, 0, 255).astype(np.uint8), "HSV").convert("RGB")
    mixed = np.asarray(mode, dtype=np.float32) * share[..., None] + pixels[..., :3] * (
        1 - share[..., None]
    )
    result = np.dstack([np.clip(mixed + 0.5, 0, 255).astype(np.uint8), pixels[..., 3]])
    return Image.fromarray(result, "RGBA")


def _median(values: NDArray[np.float32]) -> float:
    return max(float(np.median(values)), 0.05)

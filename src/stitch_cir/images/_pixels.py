"""From Pillow's many modes to upright RGB, strip by strip: little memory beside the pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from stitch_cir.images._colour import lab_transform, profile_transform

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

__all__ = ["ON_THE_SIDE", "TURNS", "upright_rgb"]

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation to the transposition that makes the image upright."""
ON_THE_SIDE = frozenset(TURNS[number] for number in (5, 6, 7, 8))

_STRIP_PIXELS = 1 << 20

_T = Image.Transpose
Convert = Callable[[Image.Image], Image.Image]
Box = tuple[int, int, int, int]


def upright_rgb(
    image: Image.Image, *, turn: Image.Transpose | None, factor: int, profile: object
) -> Image.Image:
    """Convert a loaded image to RGB in sRGB, turn it, and reduce it by a whole factor ≥ 1.

    The result is an image of its own (no view of ``image``), without metadata.
    """
    transform = profile_transform(profile, image.mode)
    convert = _converter(image)
    finish: Convert = _identity
    if transform is not None and transform.input_mode == "CMYK":
        convert = transform.apply
    elif transform is not None and transform.input_mode == "L":
        finish = partial(_coloured_grey, transform)
    elif transform is not None:
        finish = transform.apply
    if turn is None and convert is _identity and finish is _identity:
        # strips save memory where something is converted; here each would be copied twice
        whole = image.reduce(factor)
        whole.info = {}
        return whole
    width, height = image.size
    if turn in ON_THE_SIDE:
        width, height = height, width
    whole = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    for top, bottom in _strips(width, height, factor):
        strip = convert(image.crop(_stored((0, top, width, bottom), turn, image.size)))
        if turn is not None:
            strip = strip.transpose(turn)
        # reduced when it is upright, so that all orientations of an image give the same pixels
        if factor > 1:
            strip = strip.reduce(factor)
        whole.paste(finish(strip), (0, top // factor))
    return whole


def _strips(width: int, height: int, factor: int) -> Iterator[tuple[int, int]]:
    rows = max(1, _STRIP_PIXELS // (width * factor)) * factor
    for top in range(0, height, rows):
        yield top, min(top + rows, height)


def _stored(box: Box, turn: Image.Transpose | None, size: tuple[int, int]) -> Box:
    """Find the rows of the upright image in the stored one, whose ``size`` is given."""
    _, top, _, bottom = box
    width, height = size
    if turn in ON_THE_SIDE:
        if turn in (_T.TRANSVERSE, _T.ROTATE_90):
            return width - bottom, 0, width - top, height
        return top, 0, bottom, height
    if turn in (_T.ROTATE_180, _T.FLIP_TOP_BOTTOM):
        return 0, height - bottom, width, height - top
    return 0, top, width, bottom


def _coloured_grey(transform: ImageCmsTransform, strip: Image.Image) -> Image.Image:
    return transform.apply(strip.getchannel(0))


def _identity(strip: Image.Image) -> Image.Image:
    return strip


def _converter(image: Image.Image) -> Convert:
    if image.mode == "RGB" and "transparency" not in image.info:
        return _identity
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _deep_scaling(image)
    if image.mode == "LAB":
        return lab_transform().apply
    if image.has_transparency_data and not _is_padding(image):
        return _over_white
    return lambda strip: strip.convert("RGB")


def _is_padding(image: Image.Image) -> bool:
    """Return whether the alpha of a BMP is 0 everywhere: its programs leave that byte empty."""
    return (
        image.format == "BMP"
        and image.mode == "RGBA"
        and image.getchannel("A").getextrema() == (0, 0)
    )


def _over_white(strip: Image.Image) -> Image.Image:
    over = strip.convert("RGBA")
    white = Image.new("RGBA", over.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, over).convert("RGB")


def _deep_scaling(image: Image.Image) -> Convert:
    """Bring deep grey to 8 bit: 16-bit values by their range, others by their own extent."""
    low, high = _extent(image)
    if image.mode.startswith("I;16"):
        low, high = 0.0, 65535.0
    elif low >= 0:
        # the usual conventions first (0…1, 0…255, 0…65535); anything else by its maximum
        usual = (1.0, 255.0, high) if image.mode == "F" else (255.0, 65535.0, high)
        low, high = 0.0, next(limit for limit in usual if high <= limit)
    gain = 255.0 / max(high - low, 1e-30)

    def scale(strip: Image.Image) -> Image.Image:
        rows = np.asarray(strip).astype(np.float64)
        rows = np.nan_to_num(rows, nan=low, neginf=low, posinf=high)
        grey = np.rint((rows - low) * gain).clip(0, 255).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")

    return scale


def _extent(image: Image.Image) -> tuple[float, float]:
    """Return the smallest and the largest finite value, 0 and 0 if there is none."""
    if image.mode.startswith("I;16"):
        return 0.0, 0.0
    low, high = np.inf, -np.inf
    for top, bottom in _strips(image.width, image.height, 1):
        values = np.asarray(image.crop((0, top, image.width, bottom)))
        finite = values[np.isfinite(values)] if image.mode == "F" else values
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return (low, high) if low <= high else (0.0, 0.0)

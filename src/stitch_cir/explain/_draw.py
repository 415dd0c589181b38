"""Small drawing helpers on Pillow, shared by explanation images and contact sheets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from stitch_cir._notebook import COLOURS
from stitch_cir.errors import ImageError
from stitch_cir.explain._fonts import Face, font, writable
from stitch_cir.images import MAX_PIXELS, open_image

__all__ = [
    "COLOURS",
    "fit",
    "ink_on",
    "line_height",
    "montage",
    "text_block",
    "thumbnail",
    "tint",
    "wrap",
]

INK = (28, 32, 38)
MUTED = (110, 118, 128)
PAPER = (255, 255, 255)
LINE = (222, 226, 230)
SOFT = (246, 247, 248)


def thumbnail(
    source: Path | Image.Image | None, side: int, *, max_pixels: int = MAX_PIXELS
) -> Image.Image | None:
    """Fit an image into ``side`` × ``side`` pixels; ``None`` if it cannot be opened."""
    if source is None:
        return None
    if isinstance(source, Image.Image):
        return fit(source, side)
    try:
        image = open_image(source, max_pixels=max_pixels, decode_side=side)
    except ImageError:
        return None
    return fit(image, side)


def montage(
    sources: Sequence[Path | Image.Image], side: int, *, max_pixels: int = MAX_PIXELS
) -> Image.Image | None:
    """Fit several images into one of ``side`` pixels, row by row; ``None`` if none can be opened.

    One image is fitted as it is.
    """
    if len(sources) < 2:
        return thumbnail(next(iter(sources), None), side, max_pixels=max_pixels)
    columns = math.isqrt(len(sources) - 1) + 1
    rows = -(-len(sources) // columns)
    cell = side // columns
    image = Image.new("RGB", (cell * columns, cell * rows), SOFT)
    opened = 0
    for number, source in enumerate(sources):
        small = thumbnail(source, cell - 2, max_pixels=max_pixels)
        if small is None:
            continue
        opened += 1
        row, column = divmod(number, columns)
        corner = (
            column * cell + (cell - small.width) // 2,
            row * cell + (cell - small.height) // 2,
        )
        image.paste(small, corner)
    return image if opened else None


def fit(image: Image.Image, side: int) -> Image.Image:
    """Scale an image so that its longer side has ``side`` pixels (at least one pixel high)."""
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC)


def wrap(text: str, width: int, *, size: int, lines: int) -> list[str]:
    """Break a text into at most ``lines`` rows of ``width`` pixels; what is left out ends in …

    Words longer than a row (long file names, scripts without spaces) are broken inside.
    """
    face = font(size, text)
    rows: list[str] = []
    words = writable(text).split()
    while words and len(rows) < lines:
        row = words.pop(0)
        cut = _fitting(row, width, face)
        if cut < len(row):
            words.insert(0, row[cut:])
            row = row[:cut]
        while words and face.getlength(f"{row} {words[0]}") <= width:
            row = f"{row} {words.pop(0)}"
        rows.append(row)
    if words:
        rest = rows[-1]
        while rest and face.getlength(rest + "…") > width:
            rest = rest[:-1]
        rows[-1] = rest.rstrip() + "…"
    return rows


def _fitting(word: str, width: int, face: Face) -> int:
    """Count the leading characters that fit into ``width`` pixels, at least one."""
    if face.getlength(word) <= width:
        return len(word)
    count = 1
    while count < len(word) and face.getlength(word[: count + 1]) <= width:
        count += 1
    return count


def text_block(
    draw: ImageDraw.ImageDraw,
    corner: tuple[float, float],
    text: str,
    width: int,
    *,
    size: int = 14,
    colour: tuple[int, int, int] = INK,
    lines: int = 3,
) -> int:
    """Write text wrapped to ``width`` pixels and at most ``lines`` lines; give the height used."""
    rows = wrap(text, width, size=size, lines=lines)
    for number, row in enumerate(rows):
        spot = (corner[0], corner[1] + number * line_height(size))
        draw.text(spot, row, font=font(size, row), fill=colour)
    return line_height(size) * len(rows)


def line_height(size: int) -> int:
    """Return the distance between lines of text of ``size`` pixels."""
    return round(size * 1.3)


def tint(colour: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    """Mix paper (0) with a colour (1)."""
    red, green, blue = (round(255 + (channel - 255) * share) for channel in colour)
    return red, green, blue


def ink_on(fill: tuple[int, int, int]) -> tuple[int, int, int]:
    """Choose dark or light writing, whichever is read better on a colour."""
    red, green, blue = fill
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else PAPER

"""Small drawing helpers on Pillow, shared by the explanation picture and the contact sheet."""

from __future__ import annotations

import functools
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from stitch_cir.errors import ImageError
from stitch_cir.images import open_image

__all__ = ["COLOURS", "fit", "font", "text_block", "thumbnail"]

INK = (28, 32, 38)
MUTED = (110, 118, 128)
PAPER = (255, 255, 255)
LINE = (222, 226, 230)
COLOURS = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
    (120, 94, 240),
    (100, 100, 100),
)
"""Okabe and Ito's colours: told apart by colour-blind readers too."""


@functools.cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Give Pillow's own scalable font, so that pictures look the same on every machine."""
    return ImageFont.load_default(size)


def thumbnail(source: Path | Image.Image | None, side: int) -> Image.Image | None:
    """Fit a picture into ``side`` × ``side`` pixels; ``None`` if it cannot be opened."""
    if source is None:
        return None
    if isinstance(source, Image.Image):
        return fit(source, side)
    try:
        image = open_image(source, decode_side=side)
    except ImageError:
        return None
    return fit(image, side)


def fit(image: Image.Image, side: int) -> Image.Image:
    """Scale a picture so that its longer side has ``side`` pixels (at least one pixel high)."""
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC)


def text_block(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    width: int,
    *,
    size: int = 14,
    colour: tuple[int, int, int] = INK,
    lines: int = 3,
) -> int:
    """Write text wrapped to ``width`` pixels and at most ``lines`` lines; give the height used."""
    face = font(size)
    rows: list[str] = []
    row = ""
    words = text.split()
    for number, word in enumerate(words):
        longer = f"{row} {word}".strip()
        if draw.textlength(longer, font=face) <= width or not row:
            row = longer
            continue
        rows.append(row)
        row = word
        if len(rows) == lines:
            row = ""
            rows[-1] = _shorten(draw, f"{rows[-1]} {' '.join(words[number:])}", width, face)
            break
    if row:
        rows.append(row)
    height = round(size * 1.3)
    for number, line in enumerate(rows[:lines]):
        clean = _shorten(draw, line, width, face)
        draw.text((place[0], place[1] + number * height), clean, font=face, fill=colour)
    return height * min(len(rows), lines)


def _shorten(
    draw: ImageDraw.ImageDraw,
    line: str,
    width: int,
    face: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> str:
    if draw.textlength(line, font=face) <= width:
        return line
    while line and draw.textlength(line + "…", font=face) > width:
        line = line[:-1]
    return line.rstrip() + "…"

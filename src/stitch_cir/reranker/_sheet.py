"""A numbered contact sheet: the reference and all candidates in one image."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

from stitch_cir.chat import ImagePart
from stitch_cir.errors import SettingError

__all__ = ["MOST_CANDIDATES", "contact_sheet"]

MOST_CANDIDATES = 35
"""More would leave cells of less than 128 pixels."""
_SIDE = 768
"""Sides in pixels: no end point gets more of an image."""
_STRIP = 22
_LAYOUT = "sheet-1"
"""Part of what identifies a sheet: another layout gets another name."""


def contact_sheet(reference: ImagePart, candidates: Sequence[ImagePart]) -> ImagePart:
    """Return one image: the reference in the first cell, then the candidates, numbered from 1.

    Numbers stand above the images, never on them. It is identified by the contents of its cells, so
    that its answers are cached like those of any image.

    Raises ``SettingError`` for more candidates than can be recognised.
    """
    if len(candidates) > MOST_CANDIDATES:
        raise SettingError(
            f"A contact sheet of {len(candidates)} hits would be too small to read.",
            hint=f"Rerank at most {MOST_CANDIDATES} (--rerank), or use --verify-mode list.",
        )
    cells = [("reference", reference)]
    cells += [(str(number), each) for number, each in enumerate(candidates, 1)]
    names = "\n".join([_LAYOUT, *(f"{label} {part.content}" for label, part in cells)])
    content = hashlib.sha256(names.encode()).hexdigest()
    if any(part.image is None for _, part in cells):
        return ImagePart(content)
    columns = math.ceil(math.sqrt(len(cells)))
    side = _SIDE // columns
    rows = math.ceil(len(cells) / columns)
    sheet = Image.new("RGB", (columns * side, rows * side), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_STRIP - 6)
    for position, (label, part) in enumerate(cells):
        left, top = position % columns * side, position // columns * side
        draw.rectangle((left + 1, top + 1, left + side - 2, top + _STRIP), fill="black")
        draw.text((left + 6, top + 1), label, fill="white", font=font)
        assert part.image is not None
        box = (side - 4, side - _STRIP - 4)
        small = ImageOps.contain(part.image.convert("RGB"), box, Image.Resampling.LANCZOS)
        offset = (left + (side - small.width) // 2, top + _STRIP + 2)
        sheet.paste(small, offset)
    return ImagePart(content, sheet)

"""Captions drawn as a card, where there is no image to show."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from stitch_cir.explain._draw import LINE, MUTED, SOFT, text_block

__all__ = ["caption_card"]


def caption_card(id: str, captions: Sequence[str], side: int) -> Image.Image:
    """Draw an item without an image as a square card of its captions, ``side`` pixels (RGB)."""
    card = Image.new("RGB", (side, side), SOFT)
    draw = ImageDraw.Draw(card)
    size, gap = max(9, side // 14), max(4, side // 16)
    draw.rectangle((0, 0, side - 1, side - 1), outline=LINE)
    room = side - 2 * gap
    used = text_block(
        draw, (gap, gap), id[:200], room, size=max(8, size - 3), colour=MUTED, lines=1
    )
    text = " · ".join(captions)[:1000] or "(no caption)"
    lines = max(1, (room - used - gap) // round(size * 1.3))
    text_block(draw, (gap, gap + used + gap // 2), text, room, size=size, lines=lines)
    return card

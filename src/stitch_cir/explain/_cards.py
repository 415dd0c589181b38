"""Small drawings without the picture: what each caption gave to a score, and captions as a card."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from stitch_cir.explain._draw import COLOURS, INK, LINE, MUTED, PAPER, text_block
from stitch_cir.explain._table import caption_shares
from stitch_cir.search import Hit, Query

__all__ = ["caption_card", "draw_contributions"]

WIDTH = 640
ROW = 64
MARGIN = 20


def draw_contributions(query: Query, hit: Hit) -> Image.Image:
    """Draw a bar a caption: how much of the score it gave, both directions together (RGB)."""
    shares = caption_shares(hit)
    picture = Image.new("RGB", (WIDTH, 2 * MARGIN + 30 + ROW * len(shares)), PAPER)
    draw = ImageDraw.Draw(picture)
    title = f"score {hit.score:.3f}, by caption"
    text_block(draw, (MARGIN, MARGIN - 6), title, WIDTH - 2 * MARGIN, size=15, lines=1)
    longest = max(float(abs(shares).max()), 1e-9)
    room = WIDTH - 2 * MARGIN - 70
    for row, share in enumerate(shares.tolist()):
        top = MARGIN + 28 + row * ROW
        label = f"{row + 1}  {query.labels[row]}"
        text_block(draw, (MARGIN, top), label, WIDTH - 2 * MARGIN, size=13, lines=1)
        bar = max(1, round(room * abs(share) / longest))
        # a caption that takes away is drawn hollow
        fill = COLOURS[row % len(COLOURS)] if share >= 0 else PAPER
        area = (MARGIN, top + 22, MARGIN + bar, top + 46)
        draw.rectangle(area, fill=fill, outline=COLOURS[row % len(COLOURS)], width=2)
        draw.text((MARGIN + bar + 8, top + 26), f"{share:.3f}", fill=INK, font_size=13)
    return picture


def caption_card(id: str, captions: Sequence[str], side: int) -> Image.Image:
    """Draw an item without a picture as a square card of its captions, ``side`` pixels (RGB)."""
    card = Image.new("RGB", (side, side), (246, 247, 248))
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

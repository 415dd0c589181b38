"""What each caption gave to a score, as bars."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from stitch_cir.explain._draw import (
    COLOURS,
    INK,
    LINE,
    MUTED,
    PAPER,
    line_height,
    text_block,
    tint,
    wrap,
)
from stitch_cir.explain._fonts import font
from stitch_cir.searcher import Hit, RoleShare

__all__ = ["draw_contributions"]

BAR = 18
NUMBER = 62
SIZE = 13


def draw_contributions(hit: Hit, *, width: int = 640) -> Image.Image:
    """Draw a bar a caption: how much of the score it contributes (RGB, ``width`` pixels wide).

    The dark part comes from the caption's attention to the views, the light part from the views'
    attention to it; both of all captions add up to the plan's score. What takes away points left.
    Where roles count or something is avoided, a bar for each role follows, and these add up to the
    score. What the hit's score holds besides (hubness taken off, the unchanged reference) is named.
    """
    forward, backward = hit.caption_halves()
    summed = float(forward.sum() + backward.sum())
    texts = [f"{row + 1}  {label}" for row, label in enumerate(hit.query.labels)]
    if hit.roles:
        shares = np.array([each.share for each in hit.roles])
        summed = float(shares.sum())
        forward = np.concatenate([forward, shares])
        backward = np.concatenate([backward, np.zeros(len(shares))])
        texts += [_role_label(each) for each in hit.roles]
    labels = [wrap(text, width - 8, size=SIZE, lines=3) for text in texts]
    rows = [line_height(SIZE) * len(label) + BAR + 16 for label in labels]
    image = Image.new("RGB", (width, 62 + sum(rows)), PAPER)
    draw = ImageDraw.Draw(image)
    text_block(
        draw,
        (0, 0),
        f"What each {hit.query.row_noun} gives to the score {hit.score:.3f}",
        width,
        size=15,
    )
    legend = "dark: where it looks · light: views that look at it"
    besides = hit.score - summed
    if abs(besides) >= 0.0005:
        legend += f" · besides: {besides:+.3f}"
    text_block(draw, (0, 24), legend, width, size=12, colour=MUTED, lines=1)

    low, high = _span(forward, backward)
    scale = (width - NUMBER - 8) / (high - low)
    zero = 4 - low * scale
    top = 50
    for row, lines in enumerate(labels):
        colour = COLOURS[row % len(COLOURS)]
        for line in lines:
            draw.text((4, top), line, fill=INK, font=font(SIZE, line))
            top += line_height(SIZE)
        end = _stack(draw, zero, top + 3, scale, (forward[row], backward[row]), colour)
        draw.line((zero, top + 1, zero, top + BAR + 5), fill=MUTED)
        draw.text(
            (end + 8, top + 5), f"{forward[row] + backward[row]:.3f}", fill=INK, font=font(SIZE)
        )
        top += BAR + 16
        draw.line((0, top - 6, width, top - 6), fill=LINE)
    return image


def _role_label(share: RoleShare) -> str:
    """Return a role with its phrases, or the captions' part of the score."""
    if share.role == "global":
        return "all captions, as they count beside the roles"
    phrases = ", ".join(match.text for match in share.matches)
    return f"{share.role}: {phrases}"


def _span(forward: NDArray[np.float64], backward: NDArray[np.float64]) -> tuple[float, float]:
    """Return how far bars reach to the left (≤ 0) and to the right of zero."""
    halves = np.stack([forward, backward])
    low = float(np.minimum(halves, 0).sum(axis=0).min(initial=0.0))
    high = float(np.maximum(halves, 0).sum(axis=0).max(initial=0.0))
    return low, max(high, low + 1e-9)


def _stack(
    draw: ImageDraw.ImageDraw,
    zero: float,
    top: float,
    scale: float,
    halves: tuple[float, float],
    colour: tuple[int, int, int],
) -> float:
    """Draw both parts from the zero line outwards; return the right end."""
    left = right = zero
    for part, fill in zip(halves, (colour, tint(colour, 0.45)), strict=True):
        length = part * scale
        start = right if length >= 0 else left + length
        if abs(length) >= 0.5:
            draw.rectangle((start, top, start + abs(length), top + BAR), fill=fill, outline=colour)
        if length >= 0:
            right += length
        else:
            left += length
    return right

"""The plan as a heat map: captions by views, in both directions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from stitch_cir.errors import ImageError
from stitch_cir.explain._draw import (
    COLOURS,
    INK,
    LINE,
    MUTED,
    PAPER,
    SOFT,
    fit,
    ink_on,
    line_height,
    text_block,
    tint,
    wrap,
)
from stitch_cir.explain._fonts import font
from stitch_cir.images import open_image
from stitch_cir.searcher import Hit, View
from stitch_cir.views import ViewBox, cut

__all__ = ["draw_heatmap"]

LABEL = 236
ROOM = 620
GIVES = 58
SIZE = 13
MOST_VIEWS = 24
"""More columns than this cannot be read; the rest is summed up in a line."""


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where things are: ``columns`` are the views shown, ``rows`` the captions' wrapped lines."""

    columns: tuple[int, ...]
    rows: tuple[tuple[str, ...], ...]
    cell: int
    head: int

    def height(self, row: int) -> int:
        return max(36, line_height(SIZE) * len(self.rows[row]) + 8)

    @property
    def body(self) -> int:
        return sum(self.height(row) for row in range(len(self.rows)))

    def left(self, position: int) -> int:
        return LABEL + position * self.cell

    @property
    def width(self) -> int:
        return LABEL + max(len(self.columns) * self.cell, 300) + GIVES


def draw_heatmap(hit: Hit) -> Image.Image:
    """Draw the plan: a row a caption, a column a view, once for each direction (RGB).

    Above: where each caption looks (a row of ``plan.forward`` sums to 100 %), with cosines. Below:
    where each view looks (a column of ``plan.backward`` sums to 100 %). Views are shown as cut,
    captions as text. Of more than ``MOST_VIEWS`` views those with most mass are drawn.
    """
    grid = _grid(hit)
    plan = hit.plan
    notes = _left_out(hit, grid.columns)
    panel = 30 + grid.body + 14
    foot = 16 if notes else 0
    image = Image.new("RGB", (grid.width, grid.head + 2 * panel + foot), PAPER)
    draw = ImageDraw.Draw(image)
    _draw_head(image, hit, grid)
    top = grid.head
    title = f"Where each {hit.query.row_noun} looks, in % (rows sum to 100); small: cosine"
    shares = hit.caption_shares()
    _draw_panel(draw, top, title, plan.forward, plan.similarities, grid)
    row_top = top + 30
    draw.text((grid.width - GIVES + 8, top + 8), "gives", fill=MUTED, font=font(12))
    for row, share in enumerate(shares.tolist()):
        middle = row_top + grid.height(row) // 2
        position = (grid.width - GIVES + 8, middle)
        draw.text(position, f"{share:.3f}", fill=INK, font=font(12), anchor="lm")
        row_top += grid.height(row)
    title = "Where each view looks, in % (columns sum to 100)"
    _draw_panel(draw, top + panel, title, plan.backward, None, grid)
    text_block(draw, (0, top + 2 * panel - 4), notes, grid.width, size=12, colour=MUTED, lines=1)
    return image


def _grid(hit: Hit) -> _Grid:
    mass = hit.plan.joint.sum(axis=0)
    strongest = np.argsort(-mass, kind="stable")[:MOST_VIEWS]
    columns = tuple(sorted(strongest.tolist()))
    worded = any(hit.views[column].caption is not None for column in columns)
    cell = max(36, min(200 if worded else 62, ROOM // max(1, len(columns))))
    labels = hit.query.labels
    most = 3 if len(labels) <= 12 else 2
    rows = tuple(
        tuple(wrap(f"{row + 1}  {label}", LABEL - 22, size=SIZE, lines=most))
        for row, label in enumerate(labels)
    )
    return _Grid(columns, rows, cell, 112 if worded else cell + 20)


def _left_out(hit: Hit, columns: tuple[int, ...]) -> str:
    if len(columns) == len(hit.views):
        return ""
    rest = 1.0 - float(hit.plan.joint[:, list(columns)].sum())
    return f"{len(hit.views) - len(columns)} further views hold {rest:.1%} of the mass."


def _draw_head(sheet: Image.Image, hit: Hit, grid: _Grid) -> None:
    draw = ImageDraw.Draw(sheet)
    source = _source(hit)
    for position, column in enumerate(grid.columns):
        view = hit.views[column]
        area = (grid.left(position), 1, grid.cell - 4, grid.head - 22)
        if view.caption is not None:
            _draw_words(draw, view.caption, area)
        else:
            small = _schema(view) if source is None else _cut(source, view)
            small.thumbnail((area[2], area[3]))
            spot = (
                area[0] + (area[2] - small.width) // 2,
                area[1] + (area[3] - small.height) // 2,
            )
            sheet.paste(small, spot)
            # a white image on white paper would have no edge
            frame = (spot[0] - 1, spot[1] - 1, spot[0] + small.width, spot[1] + small.height)
            draw.rectangle(frame, outline=LINE)
        best = view.index == hit.best_view.index
        draw.text(
            (area[0] + area[2] // 2, grid.head - 9),
            f"{view.index}{' best' if best else ''}",
            fill=INK if best else MUTED,
            font=font(12),
            anchor="mm",
        )
    draw.text((8, grid.head - 9), "view", fill=MUTED, font=font(12), anchor="lm")


def _draw_words(draw: ImageDraw.ImageDraw, caption: str, area: tuple[int, int, int, int]) -> None:
    left, top, width, height = area
    draw.rectangle((left, top, left + width, top + height), fill=SOFT, outline=LINE)
    lines = (height - 8) // line_height(12)
    text_block(draw, (left + 5, top + 4), f"“{caption}”", width - 10, size=12, lines=lines)


def _source(hit: Hit) -> Image.Image | None:
    if hit.path is None:
        return None
    try:
        return fit(open_image(hit.path, max_pixels=hit.max_pixels, decode_side=320), 480)
    except ImageError:
        return None


def _cut(source: Image.Image, view: View) -> Image.Image:
    return cut(source, view.box or ViewBox()).copy()


def _schema(view: View) -> Image.Image:
    """Show where a view lies when the image itself cannot be opened."""
    box = view.box or ViewBox()
    side = 58
    plain = Image.new("RGB", (side, side), SOFT)
    draw = ImageDraw.Draw(plain)
    inner = tuple(end * (side - 1) for end in (box.x0, box.y0, box.x1, box.y1))
    draw.rectangle(inner, fill=LINE)
    draw.rectangle((0, 0, side - 1, side - 1), outline=MUTED)
    return plain


def _draw_panel(
    draw: ImageDraw.ImageDraw,
    top: int,
    title: str,
    shares: NDArray[np.float64],
    cosines: NDArray[np.float64] | None,
    grid: _Grid,
) -> None:
    draw.text((0, top + 6), title, fill=INK, font=font(14))
    top += 30
    for row, lines in enumerate(grid.rows):
        colour = COLOURS[row % len(COLOURS)]
        height = grid.height(row)
        draw.rectangle((0, top + 1, 7, top + height - 3), fill=colour)
        for number, line in enumerate(lines):
            spot = (14, top + 2 + number * line_height(SIZE))
            draw.text(spot, line, fill=INK, font=font(SIZE, line))
        for position, column in enumerate(grid.columns):
            share = float(shares[row, column])
            left = grid.left(position)
            area = (left, top + 1, left + grid.cell - 4, top + height - 3)
            fill = tint(colour, share)
            draw.rectangle(area, fill=fill, outline=LINE)
            ink = ink_on(fill)
            centre = left + (grid.cell - 4) // 2
            middle = top + height // 2 - 1
            if share >= 0.005:
                spot = (centre, middle if cosines is None else middle - 7)
                draw.text(spot, f"{100 * share:.0f}", fill=ink, font=font(13), anchor="mm")
            if cosines is not None:
                cosine = f"{float(cosines[row, column]):.2f}".replace("0.", ".")
                pale = MUTED if share < 0.3 else ink
                spot = (centre, middle + 8)
                draw.text(spot, cosine, fill=pale, font=font(10), anchor="mm")
        top += height

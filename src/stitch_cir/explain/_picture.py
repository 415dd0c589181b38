"""One hit explained as a picture: its matched views, the plan, and what each caption gave."""

from __future__ import annotations

from typing import TypeAlias

from PIL import Image, ImageDraw

from stitch_cir._hints import did_you_mean
from stitch_cir.errors import ImageError, SettingError
from stitch_cir.explain._contributions import draw_contributions
from stitch_cir.explain._draw import (
    COLOURS,
    INK,
    LINE,
    MUTED,
    PAPER,
    SOFT,
    fit,
    ink_on,
    text_block,
    wrap,
)
from stitch_cir.explain._fonts import font
from stitch_cir.explain._heatmap import draw_heatmap
from stitch_cir.images import open_image
from stitch_cir.searcher import Hit, Match
from stitch_cir.views import ViewBox

__all__ = ["KINDS", "check_kind", "draw_hit", "draw_matches"]

KINDS = ("all", "matches", "heatmap", "contributions")
"""Kinds of explanation pictures; the first is the default."""

SIDE = 460
MARGIN = 28
HEAD = 56
TAG = (38, 20)
_Area: TypeAlias = tuple[float, float, float, float]


def draw_hit(hit: Hit, *, kind: str = "all", boxes: int = 5) -> Image.Image:
    """Explain one hit as a picture (RGB).

    Parameters
    ----------
    kind:
        ``"matches"``: the picture with its ``boxes`` strongest views, each in the colour of the
        caption that it met; ``"heatmap"``: captions by views, both directions of the plan;
        ``"contributions"``: what each caption gave to the score; ``"all"``: the three together.

    A gallery without pictures (captions only) gets its views as text. Raises ``SettingError`` for
    another kind.
    """
    check_kind(kind)
    parts = []
    if kind in ("all", "matches"):
        parts.append([draw_matches(hit, boxes=boxes)])
    if kind == "contributions":
        parts.append([draw_contributions(hit)])
    if kind == "all":
        parts[0].append(draw_contributions(hit, width=SIDE))
    if kind in ("all", "heatmap"):
        parts.append([draw_heatmap(hit)])
    return _compose(hit, parts)


def check_kind(kind: str) -> None:
    """Raise ``SettingError`` unless ``kind`` is one of :data:`KINDS`."""
    if kind not in KINDS:
        raise SettingError(
            f"There is no explanation picture {kind!r}.",
            hint=f"{did_you_mean(kind, KINDS)}Kinds: {', '.join(KINDS)}.",
        )


def _compose(hit: Hit, columns: list[list[Image.Image]]) -> Image.Image:
    """Lay pictures out in columns below a title and the question."""
    widths = [max(part.width for part in column) for column in columns]
    heights = [sum(part.height + MARGIN for part in column) for column in columns]
    width = max(SIDE, sum(widths) + MARGIN * (len(columns) - 1)) + 2 * MARGIN
    sheet = Image.new("RGB", (width, MARGIN + HEAD + max(heights)), PAPER)
    draw = ImageDraw.Draw(sheet)
    room = width - 2 * MARGIN
    title = f"#{hit.rank}  score {hit.score:.3f}  {hit.id}"
    text_block(draw, (MARGIN, MARGIN - 8), title, room, size=20, lines=1)
    asked = " + ".join(part for part in (hit.query.reference, hit.query.text) if part)
    line = f"asked: {asked}"
    text_block(draw, (MARGIN, MARGIN + 20), line, room, size=14, colour=MUTED, lines=1)
    left = MARGIN
    for column, wide in zip(columns, widths, strict=True):
        top = MARGIN + HEAD
        for part in column:
            sheet.paste(part, (left, top))
            top += part.height + MARGIN
        left += wide + MARGIN
    return sheet


def draw_matches(hit: Hit, *, boxes: int = 5) -> Image.Image:
    """Draw the picture with its ``boxes`` strongest views, each in its caption's colour (RGB).

    A tag says which caption (from 1) met which view (from 0); line width follows the mass. Without
    a picture (captions only, or the file is gone) the same is written out.
    """
    try:
        source = (
            None
            if hit.path is None
            else open_image(hit.path, max_pixels=hit.max_pixels, decode_side=SIDE)
        )
    except ImageError:
        source = None
    if source is None:
        return _draw_pairs(hit, boxes)
    picture = fit(source, SIDE)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, picture.width - 1, picture.height - 1), outline=LINE)
    tags: list[tuple[_Area, Match]] = []
    strongest = _strongest(hit, boxes)
    for place, match in enumerate(strongest):
        box = match.view.box or ViewBox()
        # boxes that share an edge are drawn side by side, not on top of each other
        inset = 3 + 5 * place
        corners = (
            box.x0 * picture.width + inset,
            box.y0 * picture.height + inset,
            max(box.x0 * picture.width + inset + 1, box.x1 * picture.width - inset),
            max(box.y0 * picture.height + inset + 1, box.y1 * picture.height - inset),
        )
        width = 2 + round(4 * match.mass / strongest[0].mass)
        draw.rectangle(corners, outline=_colour(match), width=width)
        tags.append((_free_place(corners, [tag for tag, _ in tags]), match))
    for tag, match in tags:  # last, so that no box crosses them out
        _draw_tag(draw, tag, match)
    return picture


def _strongest(hit: Hit, count: int) -> list[Match]:
    """Give the ``count`` views that took most mass, each with the caption it met most."""
    best: dict[int, Match] = {}
    for match in hit.matches(least=0.0):
        if match.mass > 0 and len(best) < count:
            best.setdefault(match.view.index, match)
    return list(best.values())


def _draw_pairs(hit: Hit, count: int) -> Image.Image:
    """Write who met whom, where there is no picture to draw boxes on."""
    rows: list[tuple[Match, list[str], list[str]]] = []
    for match in _strongest(hit, count):
        label = wrap(match.label, SIDE - 70, size=14, lines=2)
        told = f"meets {match.view.label}, cosine {match.similarity:.2f}"
        rows.append((match, label, wrap(told, SIDE - 70, size=13, lines=3)))
    heights = [18 * (len(label) + len(met)) + 14 for _, label, met in rows]
    picture = Image.new("RGB", (SIDE, 44 + sum(heights)), SOFT)
    draw = ImageDraw.Draw(picture)
    note = "No picture: captions only." if hit.path is None else "The picture cannot be opened."
    text_block(draw, (14, 12), note, SIDE - 28, size=13, colour=MUTED, lines=1)
    top = 40
    for (match, label, met), height in zip(rows, heights, strict=True):
        _draw_tag(draw, (14, top, 14 + TAG[0], top + TAG[1]), match)
        for number, line in enumerate(label + met):
            colour = INK if number < len(label) else MUTED
            draw.text((62, top + 18 * number), line, fill=colour, font=font(14, line))
        top += height
    return picture


def _colour(match: Match) -> tuple[int, int, int]:
    return COLOURS[match.caption % len(COLOURS)]


def _draw_tag(draw: ImageDraw.ImageDraw, tag: _Area, match: Match) -> None:
    colour = _colour(match)
    draw.rectangle(tag, fill=colour)
    middle = ((tag[0] + tag[2]) / 2, (tag[1] + tag[3]) / 2)
    label = f"{match.caption + 1}·{match.view.index}"
    draw.text(middle, label, fill=ink_on(colour), font=font(13), anchor="mm")


def _free_place(corners: _Area, taken: list[_Area]) -> _Area:
    """Find room for a tag inside a box, along its top, then its bottom edge."""
    left, top, right, bottom = corners
    width, height = TAG
    for y in (top, bottom - height):
        x = left
        while x + width <= right:
            tag = (x, y, x + width, y + height)
            if not any(_overlap(tag, other) for other in taken):
                return tag
            x += width + 2
    return (left, top, left + width, top + height)


def _overlap(one: _Area, other: _Area) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]

"""One hit explained as an image: its matched views, the plan, and each caption's contribution."""

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
"""Kinds of explanation images; the first is the default."""

SIDE = 460
MARGIN = 28
HEAD = 56
TAG = (38, 20)
_Area: TypeAlias = tuple[float, float, float, float]


def draw_hit(hit: Hit, *, kind: str = "all", boxes: int = 5) -> Image.Image:
    """Draw why a hit ranks where it does (RGB).

    Parameters
    ----------
    kind:
        ``"matches"``: the image with its ``boxes`` strongest views, each in the colour of the
        caption that it matched; ``"heatmap"``: captions by views, both directions of the plan;
        ``"contributions"``: what each caption contributed to the score; ``"all"``: all three.

    In a gallery without images (captions only) views are drawn as text. Raises ``SettingError``
    for another kind.
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
            f"There is no kind of explanation {kind!r}.",
            hint=f"{did_you_mean(kind, KINDS)}Kinds: {', '.join(KINDS)}.",
        )


def _compose(hit: Hit, columns: list[list[Image.Image]]) -> Image.Image:
    """Lay images out in columns below a title and the query."""
    widths = [max(part.width for part in column) for column in columns]
    heights = [sum(part.height + MARGIN for part in column) for column in columns]
    width = max(SIDE, sum(widths) + MARGIN * (len(columns) - 1)) + 2 * MARGIN
    sheet = Image.new("RGB", (width, MARGIN + HEAD + max(heights)), PAPER)
    draw = ImageDraw.Draw(sheet)
    room = width - 2 * MARGIN
    title = f"#{hit.rank}  score {hit.score:.3f}  {hit.id}"
    text_block(draw, (MARGIN, MARGIN - 8), title, room, size=20, lines=1)
    query = " + ".join(filter(None, (*hit.query.reference_names, hit.query.text)))
    line = f"asked: {query}"
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
    """Draw the image with its ``boxes`` strongest views, each in its caption's colour (RGB).

    A tag names the caption (from 1) and the view (from 0); line width follows the mass. Of an item
    of several images, the one with the strongest view is drawn, and its views. Without an image
    (captions only, or the file is gone) the same is written out.
    """
    number = hit.best_view.image
    path = hit.path if number is None else hit.image_paths[number - 1]
    try:
        source = (
            None if path is None else open_image(path, max_pixels=hit.max_pixels, decode_side=SIDE)
        )
    except ImageError:
        source = None
    if source is None:
        return _draw_pairs(hit, boxes)
    image = fit(source, SIDE)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, image.width - 1, image.height - 1), outline=LINE)
    tags: list[tuple[_Area, Match]] = []
    strongest = [
        match for match in hit.strongest_matches(len(hit.views)) if match.view.image == number
    ][:boxes]
    for position, match in enumerate(strongest):
        box = match.view.box or ViewBox()
        # boxes that share an edge are drawn side by side, not on top of each other
        inset = 3 + 5 * position
        corners = (
            box.x0 * image.width + inset,
            box.y0 * image.height + inset,
            max(box.x0 * image.width + inset + 1, box.x1 * image.width - inset),
            max(box.y0 * image.height + inset + 1, box.y1 * image.height - inset),
        )
        width = 2 + round(4 * match.mass / strongest[0].mass)
        draw.rectangle(corners, outline=_colour(match), width=width)
        tags.append((_free_area(corners, [tag for tag, _ in tags]), match))
    for tag, match in tags:  # last, so that no box crosses them out
        _draw_tag(draw, tag, match)
    return image


def _draw_pairs(hit: Hit, count: int) -> Image.Image:
    """Write which caption matched which view, where there is no image to draw boxes on."""
    rows: list[tuple[Match, list[str], list[str]]] = []
    for match in hit.strongest_matches(count):
        label = wrap(match.label, SIDE - 70, size=14, lines=2)
        line = f"matches {match.view.label}, cosine {match.similarity:.2f}"
        rows.append((match, label, wrap(line, SIDE - 70, size=13, lines=3)))
    heights = [18 * (len(label) + len(met)) + 14 for _, label, met in rows]
    image = Image.new("RGB", (SIDE, 44 + sum(heights)), SOFT)
    draw = ImageDraw.Draw(image)
    note = "No image: captions only." if hit.path is None else "The image cannot be opened."
    text_block(draw, (14, 12), note, SIDE - 28, size=13, colour=MUTED, lines=1)
    top = 40
    for (match, label, met), height in zip(rows, heights, strict=True):
        _draw_tag(draw, (14, top, 14 + TAG[0], top + TAG[1]), match)
        for number, line in enumerate(label + met):
            colour = INK if number < len(label) else MUTED
            draw.text((62, top + 18 * number), line, fill=colour, font=font(14, line))
        top += height
    return image


def _colour(match: Match) -> tuple[int, int, int]:
    return COLOURS[match.caption % len(COLOURS)]


def _draw_tag(draw: ImageDraw.ImageDraw, tag: _Area, match: Match) -> None:
    colour = _colour(match)
    draw.rectangle(tag, fill=colour)
    middle = ((tag[0] + tag[2]) / 2, (tag[1] + tag[3]) / 2)
    label = f"{match.caption + 1}·{match.view.index}"
    draw.text(middle, label, fill=ink_on(colour), font=font(13), anchor="mm")


def _free_area(corners: _Area, taken: list[_Area]) -> _Area:
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


def _overlap(a: _Area, b: _Area) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]

"""One hit explained as a picture: its matched views drawn as boxes, and the plan as a heat map."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageOps

from stitch_cir.errors import ImageError
from stitch_cir.explain._draw import COLOURS, INK, LINE, MUTED, PAPER, fit, text_block
from stitch_cir.explain._table import caption_shares, matches
from stitch_cir.images import open_image
from stitch_cir.search import Hit, Query

__all__ = ["draw_hit", "draw_matches", "draw_plan"]

SIDE = 520
COLUMN = 560
MARGIN = 28


def draw_hit(query: Query, hit: Hit, *, boxes: int = 5) -> Image.Image:
    """Draw one hit: left the picture with its ``boxes`` strongest views, right the plan.

    Every box has the colour of the caption that it met; line width follows the transported mass.
    A gallery without pictures (captions only) gets the plan alone. Returns an RGB image.
    """
    plan_picture = _draw_plan(query, hit)
    picture = draw_matches(query, hit, boxes=boxes)
    height = max(picture.height, plan_picture.height) + 2 * MARGIN + 60
    sheet = Image.new("RGB", (picture.width + plan_picture.width + 3 * MARGIN, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    title = f"#{hit.rank}  {hit.id}   score {hit.score:.3f}"
    text_block(draw, (MARGIN, MARGIN - 8), title, sheet.width - 2 * MARGIN, size=20, lines=1)
    asked = " + ".join(part for part in (query.reference, query.text) if part)
    text_block(
        draw,
        (MARGIN, MARGIN + 22),
        f"asked: {asked}",
        sheet.width - 2 * MARGIN,
        size=14,
        colour=MUTED,
        lines=1,
    )
    sheet.paste(picture, (MARGIN, MARGIN + 56))
    sheet.paste(plan_picture, (picture.width + 2 * MARGIN, MARGIN + 56))
    return sheet


def draw_matches(query: Query, hit: Hit, *, boxes: int = 5) -> Image.Image:
    """Draw the picture with its ``boxes`` strongest views, each in its caption's colour (RGB)."""
    try:
        source = None if hit.path is None else open_image(hit.path, decode_side=SIDE)
    except ImageError:
        source = None
    if source is None:
        blank = Image.new("RGB", (SIDE, 120), (246, 247, 248))
        text_block(
            ImageDraw.Draw(blank),
            (20, 48),
            "(no picture: captions only, or the file is gone)",
            SIDE - 40,
            colour=MUTED,
        )
        return blank
    picture = fit(source, SIDE)
    draw = ImageDraw.Draw(picture)
    seen: set[int] = set()
    strongest = [match for match in matches(query, hit, least=0.0) if match.view.box is not None]
    for match in strongest:
        if len(seen) == boxes:
            break
        if match.view.index in seen:
            continue
        seen.add(match.view.index)
        box = match.view.box
        assert box is not None
        # boxes that share an edge are drawn side by side, not on top of each other
        inset = 3 + 5 * (len(seen) - 1)
        corners = (
            box.x0 * picture.width + inset,
            box.y0 * picture.height + inset,
            max(box.x0 * picture.width + inset + 1, box.x1 * picture.width - inset),
            max(box.y0 * picture.height + inset + 1, box.y1 * picture.height - inset),
        )
        colour = COLOURS[match.caption % len(COLOURS)]
        draw.rectangle(corners, outline=colour, width=2 + round(4 * match.mass / strongest[0].mass))
        draw.rectangle((corners[0], corners[1], corners[0] + 34, corners[1] + 20), fill=colour)
        draw.text(
            (corners[0] + 5, corners[1] + 2),
            f"{match.caption + 1}·{match.view.index}",
            fill=PAPER,
            font_size=13,
        )
    return picture


def draw_plan(query: Query, hit: Hit) -> Image.Image:
    """Draw the plan: a row a caption, a column a view, darker where more mass moves (RGB)."""
    return ImageOps.expand(_draw_plan(query, hit), MARGIN, PAPER)


def _draw_plan(query: Query, hit: Hit) -> Image.Image:
    joint = hit.plan.joint
    strongest = float(joint.max()) or 1.0
    rows, columns = joint.shape
    cell = max(8, min(44, (COLUMN - 20) // max(1, columns)))
    row_height = 72
    picture = Image.new("RGB", (COLUMN, 40 + rows * row_height + 90), PAPER)
    draw = ImageDraw.Draw(picture)
    draw.text(
        (0, 0),
        "captions (rows) by views (columns): transported mass, cosine",
        fill=MUTED,
        font_size=14,
    )
    contributions = caption_shares(hit)
    for row in range(rows):
        top = 30 + row * row_height
        colour = COLOURS[row % len(COLOURS)]
        draw.rectangle((0, top, 8, top + row_height - 10), fill=colour)
        label = f"{row + 1}  {query.labels[row]}"
        text_block(draw, (16, top - 2), label, COLUMN - 110, size=13, lines=1)
        draw.text(
            (COLUMN - 84, top - 2), f"gives {contributions[row]:.3f}", fill=MUTED, font_size=13
        )
        for column in range(columns):
            share = float(joint[row, column]) / strongest
            left, cell_top = 16 + column * cell, top + 20
            # paper towards the caption's colour
            fill = tuple(round(255 + (channel - 255) * share) for channel in colour)
            area = (left, cell_top, left + cell - 3, cell_top + 34)
            draw.rectangle(area, fill=fill, outline=LINE)
            if cell >= 36:
                value = float(hit.plan.similarities[row, column])
                draw.text(
                    (left + 4, cell_top + 9),
                    f"{value:.2f}".replace("0.", "."),
                    fill=PAPER if share > 0.55 else INK,
                    font_size=12,
                )
    bottom = 30 + rows * row_height
    if cell >= 16:
        for column in range(columns):
            draw.text((16 + column * cell + 4, bottom - 4), str(column), fill=MUTED, font_size=12)
    best = f"strongest view: {hit.best_view.index} ({hit.best_view.label})"
    text_block(draw, (16, bottom + 18), best, COLUMN - 20, size=13, colour=MUTED, lines=2)
    return picture

"""Contact sheets: several searches on one page, as self-contained HTML and as PNG."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from stitch_cir.explain._draw import (
    COLOURS,
    INK,
    LINE,
    MUTED,
    PAPER,
    SOFT,
    text_block,
    thumbnail,
)
from stitch_cir.explain._fonts import font
from stitch_cir.explain._picture import draw_hit
from stitch_cir.explain._table import summary
from stitch_cir.search import Results

__all__ = ["Sheet", "render_html", "render_png"]

THUMBNAIL = 180


@dataclass(frozen=True, slots=True)
class Sheet:
    """A titled list of searches; ``reference_paths`` are the pictures that were pointed
    at, as files or open."""

    title: str
    searches: Sequence[Results]
    reference_paths: Sequence[Path | Image.Image | None]
    note: str = ""


def render_html(sheet: Sheet, *, explain_best: bool = True) -> str:
    """Render a page that needs no other file: pictures are embedded as JPEG data.

    ``explain_best`` adds the explanation picture of each search's first hit.
    """
    import jinja2  # only a page needs a template engine; a search does not

    template = resources.files(__package__).joinpath("templates/sheet.html").read_text("utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    searches = [
        _search_data(results, path, explain_best)
        for results, path in zip(sheet.searches, sheet.reference_paths, strict=True)
    ]
    page = environment.from_string(template)
    return page.render(title=sheet.title, note=sheet.note, searches=searches)


def _search_data(
    results: Results, path: Path | Image.Image | None, explain_best: bool
) -> dict[str, Any]:
    composition = results.query.composition
    explained = None
    if explain_best and results.hits:
        explained = _data_url(draw_hit(results.query, results.hits[0]))
    return {
        "reference": results.query.reference,
        "text": results.query.text,
        "picture": _data_url(thumbnail(path, 2 * THUMBNAIL)),
        "captions": results.query.labels if composition else (),
        "notes": (*_rejected(results), *results.notes),
        "settings": (
            f"{results.gallery.get('encoder')} ({results.gallery.get('weights_tag')}), "
            f"{results.settings.method()}, {results.ranked} images ranked"
        ),
        "explained": explained,
        "hits": [
            {
                "rank": hit.rank,
                "id": hit.id,
                "score": f"{hit.score:.3f}",
                "why": summary(results.query, hit),
                "words": hit.best_view.caption or "no picture",
                "picture": _data_url(thumbnail(hit.path, 2 * THUMBNAIL)),
            }
            for hit in results.hits
        ],
    }


def _rejected(results: Results) -> tuple[str, ...]:
    ids = results.query.less_like
    return (f"Less like: {', '.join(ids)}.",) if ids else ()


def _data_url(image: Image.Image | None) -> str | None:
    if image is None:
        return None
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def render_png(sheet: Sheet, *, columns: int = 6) -> Image.Image:
    """Draw the same sheet as one picture: a row a search, the reference first, then its hits."""
    cell, gap, head = THUMBNAIL + 16, 20, 64
    row_height = head + THUMBNAIL + 62
    width = gap + (columns + 1) * cell + 2 * gap
    picture = Image.new("RGB", (width, 90 + len(sheet.searches) * row_height), PAPER)
    draw = ImageDraw.Draw(picture)
    text_block(draw, (gap, 16), sheet.title, width - 2 * gap, size=24, lines=1)
    text_block(draw, (gap, 50), sheet.note, width - 2 * gap, size=13, colour=MUTED, lines=2)
    for number, (results, path) in enumerate(
        zip(sheet.searches, sheet.reference_paths, strict=True)
    ):
        top = 90 + number * row_height
        draw.line((gap, top, width - gap, top), fill=LINE)
        asked = results.query.text or "(like this)"
        text_block(draw, (gap, top + 10), f"“{asked}”", width - 2 * gap, size=19, lines=1)
        line = " · ".join(results.query.labels) if results.query.composition else ""
        text_block(draw, (gap, top + 36), line, width - 2 * gap, size=12, colour=MUTED, lines=1)
        _cell(
            draw,
            picture,
            (gap, top + head),
            path,
            results.query.reference or "text only",
            "reference" if results.query.reference else "no reference",
            COLOURS[0],
        )
        for place, hit in enumerate(results.hits[:columns]):
            left = 2 * gap + (place + 1) * cell
            _cell(
                draw,
                picture,
                (left, top + head),
                hit.path,
                hit.id,
                f"#{hit.rank}   {hit.score:.3f}",
                None,
            )
    return picture


def _cell(
    draw: ImageDraw.ImageDraw,
    sheet: Image.Image,
    place: tuple[int, int],
    path: Path | Image.Image | None,
    name: str,
    label: str,
    frame: tuple[int, int, int] | None,
) -> None:
    left, top = place
    small = thumbnail(path, THUMBNAIL)
    draw.rectangle((left, top, left + THUMBNAIL, top + THUMBNAIL), fill=SOFT)
    if small is not None:
        offset = ((THUMBNAIL - small.width) // 2, (THUMBNAIL - small.height) // 2)
        sheet.paste(small, (left + offset[0], top + offset[1]))
    if frame is not None:
        draw.rectangle((left, top, left + THUMBNAIL, top + THUMBNAIL), outline=frame, width=3)
    draw.text((left, top + THUMBNAIL + 5), label, fill=frame or INK, font=font(13))
    text_block(draw, (left, top + THUMBNAIL + 22), name, THUMBNAIL, size=11, colour=MUTED, lines=1)

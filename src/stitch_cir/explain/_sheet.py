"""Contact sheets: several searches on one page, as self-contained HTML and as PNG."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from stitch_cir.errors import SettingError
from stitch_cir.explain._draw import (
    COLOURS,
    INK,
    LINE,
    MUTED,
    PAPER,
    SOFT,
    montage,
    text_block,
    thumbnail,
)
from stitch_cir.explain._fonts import font
from stitch_cir.explain._hit_image import draw_hit
from stitch_cir.searcher import Hit, Results

__all__ = ["Sheet", "render_html", "render_png"]

THUMBNAIL = 180


@dataclass(frozen=True, slots=True)
class Sheet:
    """A titled list of searches, each with its ``references`` as files or open images."""

    title: str
    searches: Sequence[Results]
    references: Sequence[Sequence[Path | Image.Image]]
    note: str = ""


def render_html(sheet: Sheet, *, explain_best: bool = True) -> str:
    """Render a page that needs no other file: images are embedded as JPEG data.

    ``explain_best`` adds the explanation image of each search's first hit.
    """
    import jinja2  # only a page needs a template engine; a search does not

    template = resources.files(__package__).joinpath("templates/sheet.html").read_text("utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    searches = [
        _search_data(results, references, explain_best)
        for results, references in zip(sheet.searches, sheet.references, strict=True)
    ]
    page = environment.from_string(template)
    return page.render(title=sheet.title, note=sheet.note, searches=searches)


def _search_data(
    results: Results, references: Sequence[Path | Image.Image], explain_best: bool
) -> dict[str, Any]:
    composition = results.query.composition
    explained = None
    if explain_best and results.hits:
        explained = _data_url(draw_hit(results.hits[0]))
    return {
        "reference": ", ".join(results.query.reference_names),
        "text": results.query.text,
        "image": _data_url(montage(references, 2 * THUMBNAIL)),
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
                "why": hit.summary(),
                "words": hit.best_view.caption or "no image",
                "roles": _role_bars(hit),
                "image": _data_url(thumbnail(hit.path, 2 * THUMBNAIL, max_pixels=hit.max_pixels)),
            }
            for hit in results.hits
        ],
    }


def _role_bars(hit: Hit) -> list[dict[str, Any]]:
    """Return what each role gave to the score, with the width of its bar in percent."""
    longest = max((abs(each.share) for each in hit.roles), default=0.0) or 1.0
    return [
        {
            "name": "all captions" if each.role == "global" else each.role,
            "phrases": ", ".join(match.text for match in each.matches),
            "share": f"{each.share:+.3f}",
            "width": f"{100 * abs(each.share) / longest:.0f}",
            "minus": each.share < 0,
        }
        for each in hit.roles
    ]


def _rejected(results: Results) -> tuple[str, ...]:
    ids = results.query.negatives
    return (f"Less like: {', '.join(ids)}.",) if ids else ()


def _data_url(image: Image.Image | None) -> str | None:
    if image is None:
        return None
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def render_png(sheet: Sheet, *, columns: int = 6, max_pixels: int = 64_000_000) -> Image.Image:
    """Draw the same sheet as one image (RGB): the reference first, then every hit of each search.

    ``columns`` is how many hits stand in a row of a short list; long lists get more, so that the
    image stays about square, and smaller thumbnails where it would exceed ``max_pixels`` (192 MB
    while it is drawn, and below every format's longest side).

    Raises ``SettingError`` for more hits than could be recognised then.
    """
    grid = _Grid.of([len(results) for results in sheet.searches], columns, max_pixels)
    blocks = [_Block.of(results, grid) for results in sheet.searches]
    width = _GAP + (grid.columns + 1) * grid.cell + 2 * _GAP
    height = _TITLE + sum(block.height for block in blocks)
    image = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(image)
    room = width - 2 * _GAP
    text_block(draw, (_GAP, 16), sheet.title, room, size=24, lines=1)
    text_block(draw, (_GAP, 50), sheet.note, room, size=13, colour=MUTED, lines=2)
    top = _TITLE
    for block, results, references in zip(blocks, sheet.searches, sheet.references, strict=True):
        draw.line((_GAP, top, width - _GAP, top), fill=LINE)
        query = results.query.text or "(like this)"
        text_block(draw, (_GAP, top + 10), f"“{query}”", room, size=19, lines=1)
        line = " · ".join(results.query.labels) if results.query.composition else ""
        text_block(draw, (_GAP, top + 36), line, room, size=12, colour=MUTED, lines=1)
        for number, note in enumerate(block.notes):
            spot = (_GAP, top + 54 + number * _NOTE)
            text_block(draw, spot, note, room, size=12, colour=MUTED, lines=1)
        first = top + block.head
        names = results.query.reference_names
        label = "no reference" if not names else "reference"
        _cell(
            image,
            (_GAP, first),
            montage(references, grid.side),
            ", ".join(names) or "text only",
            label if len(names) < 2 else f"{len(names)} references",
            COLOURS[0],
            grid.side,
        )
        for position, hit in enumerate(results.hits):
            row, column = divmod(position, grid.columns)
            corner = (2 * _GAP + (column + 1) * grid.cell, first + row * grid.row)
            label = f"#{hit.rank}   {hit.score:.3f}" if grid.side >= 60 else f"#{hit.rank}"
            _cell(image, corner, hit.path, hit.id, label, None, grid.side)
        top += block.height
    return image


_GAP = 20
_TITLE = 90
_NOTE = 17
_SMALLEST = 24
"""Side of the smallest thumbnails in which something can be recognised."""


@dataclass(frozen=True, slots=True)
class _Grid:
    """Thumbnails of ``side`` pixels, ``columns`` in a row."""

    side: int
    columns: int

    @property
    def cell(self) -> int:
        return self.side + 16

    @property
    def row(self) -> int:
        return self.side + 52

    @classmethod
    def of(cls, counts: Sequence[int], columns: int, max_pixels: int) -> _Grid:
        """Choose the largest thumbnails with which all hits fit."""
        for side in (THUMBNAIL, 120, 90, 60, 40, _SMALLEST):
            grid = cls(side, columns)
            # about square: as many columns as make the rows' heights equal to their width
            square = math.isqrt(sum(counts) * grid.row // grid.cell) if sum(counts) else 0
            grid = cls(side, max(columns, min(square, max(counts, default=0))))
            rows = sum(max(1, -(-count // grid.columns)) for count in counts)
            if (grid.columns + 1) * grid.cell * rows * grid.row <= max_pixels:
                return grid
        raise SettingError(
            f"One image cannot show {sum(counts):,} hits.",
            hint="Name the sheet .html, or ask for fewer hits (-k).",
        )


@dataclass(frozen=True, slots=True)
class _Block:
    """One search on the sheet: its notes, and how high it is with its head, in pixels."""

    notes: tuple[str, ...]
    head: int
    height: int

    @classmethod
    def of(cls, results: Results, grid: _Grid) -> _Block:
        notes = (*_rejected(results), *results.notes)
        head = 64 + _NOTE * len(notes)
        rows = max(1, -(-len(results) // grid.columns))
        return cls(notes, head, head + rows * grid.row + 10)


def _cell(
    sheet: Image.Image,
    corner: tuple[int, int],
    path: Path | Image.Image | None,
    name: str,
    label: str,
    frame: tuple[int, int, int] | None,
    side: int,
) -> None:
    left, top = corner
    draw = ImageDraw.Draw(sheet)
    small = thumbnail(path, side)
    draw.rectangle((left, top, left + side, top + side), fill=SOFT)
    if small is not None:
        offset = ((side - small.width) // 2, (side - small.height) // 2)
        sheet.paste(small, (left + offset[0], top + offset[1]))
    if frame is not None:
        draw.rectangle((left, top, left + side, top + side), outline=frame, width=3)
    draw.text((left, top + side + 5), label, fill=frame or INK, font=font(13 if side >= 90 else 9))
    if side >= 60:
        text_block(draw, (left, top + side + 22), name, side, size=11, colour=MUTED, lines=1)

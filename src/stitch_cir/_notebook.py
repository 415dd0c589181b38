"""Pieces of HTML with which results show themselves in notebooks; nothing here knows a result.

They carry their styles, because a notebook has none of ours, and leave text and ground to the
notebook's theme.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["COLOURS", "caption_tag", "escaped", "figure", "heat_table", "image_tag", "row"]

COLOURS = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
    (120, 94, 240),
    (100, 100, 100),
)
"""Okabe and Ito's colours: told apart by colour-blind readers too."""
_CELL = "padding:2px 8px;text-align:right"
_HEAD = "padding:2px 8px;text-align:left;font-weight:normal"


def escaped(text: object) -> str:
    """Return a text as HTML."""
    return html.escape(str(text).encode("utf-8", "replace").decode("utf-8"))


def caption_tag(index: int) -> str:
    """Return the number of a caption, from 0, as a tag of its colour that counts from 1."""
    colour = ",".join(map(str, COLOURS[index % len(COLOURS)]))
    return (
        f'<span style="background:rgb({colour});color:#fff;border-radius:3px;padding:0 5px">'
        f"{index + 1}</span>"
    )


def image_tag(image: Image.Image, text: str) -> str:
    """Return an image (RGB) as an element that needs no file."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return (
        f'<img alt="{escaped(text)}" width="{image.width}" height="{image.height}" '
        f'style="display:block" src="data:image/jpeg;base64,{data}">'
    )


def figure(image: str, lines: Iterable[str], *, width: int) -> str:
    """Return an image over lines of HTML, ``width`` pixels wide."""
    text = "<br>".join(lines)
    return (
        f'<div style="width:{width}px;font-size:12px;line-height:1.35;overflow-wrap:anywhere">'
        f"{image}{text}</div>"
    )


def row(parts: Iterable[str]) -> str:
    """Return parts side by side, in more rows where they do not fit."""
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:12px;align-items:flex-start">'
        f"{''.join(parts)}</div>"
    )


def heat_table(
    values: Sequence[Sequence[float]], rows: Sequence[str], columns: Sequence[str]
) -> str:
    """Return a table of shares in per cent, (rows, columns); the darker, the more.

    ``rows`` and ``columns`` are their headings, as HTML.
    """
    largest = max((value for line in values for value in line), default=0.0) or 1.0
    head = "".join(f'<th style="{_CELL};font-weight:normal">{each}</th>' for each in columns)
    body = "".join(
        f'<tr><th style="{_HEAD}">{heading}</th>'
        + "".join(
            f'<td style="{_CELL};background:rgba(0,114,178,{0.75 * value / largest:.2f})">'
            f"{100 * value:.0f}</td>"
            for value in line
        )
        + "</tr>"
        for heading, line in zip(rows, values, strict=True)
    )
    return (
        '<table class="stitch-plan" style="border-collapse:collapse;font-size:12px">'
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>"
    )

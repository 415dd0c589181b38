"""The references of a tool's call: gallery ids, and images that the assistant sends along."""

from __future__ import annotations

import base64
import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from stitch_cir.errors import ImageTooLargeError, QueryError
from stitch_cir.searcher import ResolvedReference, Searcher, WeightedReference

__all__ = ["MAX_IMAGE_BYTES", "ReferenceItem", "resolve_items"]

MAX_IMAGE_BYTES = 16 << 20
"""Bytes of an image that an assistant sends."""
_MAX_PIXELS = 64_000_000
_DATA = re.compile(r"data:[\w/+.-]*(?:;[\w=-]+)*;base64,", re.I)


class ReferenceItem(BaseModel):
    """One of several references: an id of the gallery, or an image in base64."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str | None, Field(description="A gallery id.")] = None
    image: Annotated[str | None, Field(description="The bytes of an image file in base64.")] = None
    weight: Annotated[
        float,
        Field(gt=0, allow_inf_nan=False, description="How much it counts beside the others."),
    ] = 1.0


def resolve_items(
    searcher: Searcher, reference: str | None, items: list[str | ReferenceItem]
) -> list[WeightedReference]:
    """Look every reference up: ``reference`` first, then the items, in their order.

    Ids only: an assistant must not read files of its choice. Raises ``NotFoundError``,
    ``QueryError`` for what is neither an id nor an image, ``ImageError`` for an image that cannot
    be opened.
    """
    alone = [] if reference is None else [reference]
    return [
        _resolve(searcher, each if isinstance(each, ReferenceItem) else ReferenceItem(id=each))
        for each in (*alone, *items)
    ]


def _resolve(searcher: Searcher, item: ReferenceItem) -> WeightedReference:
    if bool(item.id) == bool(item.image):
        raise QueryError(
            "A reference needs either an id or an image.",
            hint='Send {"id": "a.jpg"} or {"image": "BASE64"}, each with a weight if you like.',
        )
    if item.id and not _DATA.match(item.id):
        return WeightedReference(searcher.resolve_id(item.id), item.weight)
    return WeightedReference(_open(searcher, item.image or item.id or ""), item.weight)


def _open(searcher: Searcher, data: str) -> ResolvedReference:
    """Open an image in base64, as it is or as a data URL."""
    letters = _DATA.sub("", data, count=1)
    # a third of the letters is overhead: refused before anything is decoded
    if len(letters) > MAX_IMAGE_BYTES // 3 * 4 + 4:
        raise ImageTooLargeError(
            f"The image has more than {MAX_IMAGE_BYTES:,} bytes.", hint="Send a smaller one."
        )
    try:
        content = base64.b64decode("".join(letters.split()), validate=True)
    except ValueError as error:
        raise QueryError(
            f"The image is no base64: {error}.",
            hint="Send the bytes of an image file in base64, or a data URL.",
        ) from error
    return searcher.resolve_upload("(image)", content, max_pixels=_MAX_PIXELS)

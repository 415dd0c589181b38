"""The arguments of the tools: lenient, because many assistants fill in every argument.

``null``, ``""`` and lists of empty texts count as left out; numbers may be texts, and a single text
a list. What cannot be read is reported in one plain line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from stitch_cir.wire import MAX_CAPTIONS, MAX_NEGATIVES, MAX_OBJECT, MAX_TEXT

__all__ = [
    "MAX_HITS",
    "MAX_THUMBNAILS",
    "Alpha",
    "Captions",
    "DrawingKind",
    "Facets",
    "GroupBy",
    "Id",
    "K",
    "Negatives",
    "NumCaptions",
    "NumThumbnails",
    "ObjectName",
    "Reference",
    "Text",
    "Where",
    "describe_errors",
]

MAX_HITS = 100
MAX_THUMBNAILS = 20


def _drop_blank(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _to_list(value: Any) -> Any:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return value
    return [item for item in value if _drop_blank(item) is not None] or None


def _lower_case(value: Any) -> Any:
    value = _drop_blank(value)
    return value.strip().lower() if isinstance(value, str) else value


_Blank = BeforeValidator(_drop_blank)
# the bounds belong to the inner type: around the union they would apply to None too
_Line = Annotated[str, Field(max_length=MAX_TEXT)]

Text = Annotated[
    _Line | None,
    _Blank,
    Field(
        description="What should change in the reference, e.g. 'in red instead'; without a "
        "reference, what the image should show.",
    ),
]
Reference = Annotated[
    str | None,
    _Blank,
    Field(description="Gallery id of the reference image, as returned by a search."),
]
ObjectName = Annotated[
    Annotated[str, Field(max_length=MAX_OBJECT)] | None,
    _Blank,
    Field(
        description="What the reference shows, where a note says that it may be misread, e.g. "
        "'dress'.",
    ),
]
Captions = Annotated[
    Annotated[list[_Line], Field(max_length=MAX_CAPTIONS)] | None,
    BeforeValidator(_to_list),
    Field(description="Target captions to use instead of composed ones."),
]
NumCaptions = Annotated[
    Annotated[int, Field(ge=1, le=MAX_CAPTIONS)] | None, _Blank, Field(description="How many. [5]")
]
Id = Annotated[str, Field(min_length=1, description="Gallery id of the image to explain.")]
K = Annotated[
    Annotated[int, Field(ge=1)] | None,
    _Blank,
    Field(
        description=f"How many hits, at most {MAX_HITS}; fewer where the gallery holds fewer. [10]",
    ),
]
NumThumbnails = Annotated[
    Annotated[int, Field(ge=0)] | None,
    _Blank,
    Field(description=f"How many hits to show as thumbnails, at most {MAX_THUMBNAILS}. [4]"),
]
Negatives = Annotated[
    Annotated[list[str], Field(max_length=MAX_NEGATIVES)] | None,
    BeforeValidator(_to_list),
    Field(description="Gallery ids of rejected images."),
]
Where = Annotated[
    _Line | None,
    _Blank,
    Field(
        description='Only images whose attributes meet this condition, e.g. "price < 50 and brand '
        "= 'Acme' and not sold_out and taken >= 2024-06-01\".",
    ),
]
GroupBy = Annotated[
    _Line | None,
    _Blank,
    Field(description="An attribute: only the best image of each of its values."),
]
Facets = Annotated[
    Annotated[list[str], Field(max_length=50)] | None,
    BeforeValidator(_to_list),
    Field(description="Attributes to count: 'brand', 'price:0,50,100', 'taken:year'."),
]
Alpha = Annotated[
    Annotated[float, Field(ge=0, le=1)] | None,
    _Blank,
    Field(description="Weight of the text over the captions. [0.45]"),
]
DrawingKind = Annotated[
    Literal["all", "matches", "heatmap", "contributions", "none"] | None,
    BeforeValidator(_lower_case),
    Field(description="What to draw. [matches]"),
]


def describe_errors(errors: Sequence[Any]) -> str:
    """Return one line that says which argument is wrong and what it may be."""
    lines = []
    for error in errors:
        where = ".".join(str(part) for part in error["loc"]) or "the arguments"
        sent = "" if error["type"] == "missing" else f" (sent: {str(error.get('input'))[:40]!r})"
        lines.append(f"{where}: {str(error['msg'])[:300]}{sent}")
    return "; ".join(dict.fromkeys(lines)) + ". The tool's schema says what each argument may be."

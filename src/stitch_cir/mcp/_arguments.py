"""The arguments of the tools: lenient, because many assistants fill in every argument.

``null``, ``""`` and lists of empty texts count as left out; numbers may be texts, and a single text
a list. What cannot be read is reported in one plain line.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import BeforeValidator, Field

from stitch_cir._schema import SETTINGS, Setting
from stitch_cir.mcp._references import ReferenceItem, resolve_items
from stitch_cir.searcher import Query, Searcher
from stitch_cir.wire import (
    MAX_AVOIDED,
    MAX_CAPTIONS,
    MAX_NEGATIVES,
    MAX_OBJECT,
    MAX_OFFSET,
    MAX_REFERENCES,
    MAX_TEXT,
    MAX_TURNS,
)

__all__ = [
    "COMPOSING",
    "EXPLAINING",
    "MAX_HITS",
    "MAX_THUMBNAILS",
    "SEARCHING",
    "Avoided",
    "Captions",
    "CursorText",
    "DrawingKind",
    "Facets",
    "Id",
    "Negatives",
    "NumThumbnails",
    "ObjectName",
    "Offset",
    "Reference",
    "References",
    "Text",
    "ToolQuery",
    "Turns",
    "describe_errors",
    "query_arguments",
    "setting_argument",
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
    Field(
        description="Gallery id of the reference image, as returned by a search; or an image of "
        "your own as a data URL, data:image/jpeg;base64,…"
    ),
]


References = Annotated[
    Annotated[list[str | ReferenceItem], Field(max_length=MAX_REFERENCES)] | None,
    BeforeValidator(_to_list),
    Field(
        description="Several references, ids or objects; the text may number them: 'the dress of "
        "the first in the colour of the second'.",
    ),
]
Turns = Annotated[
    Annotated[list[_Line], Field(max_length=MAX_TURNS)] | None,
    BeforeValidator(_to_list),
    Field(description="Texts of earlier turns that still hold, oldest first; text is the newest."),
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
Id = Annotated[str, Field(min_length=1, description="Gallery id of the image to explain.")]
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
Avoided = Annotated[
    Annotated[list[_Line], Field(max_length=MAX_AVOIDED)] | None,
    BeforeValidator(_to_list),
    Field(description="What the hits should not show, e.g. 'stripes'; they lose points for it."),
]
Facets = Annotated[
    Annotated[list[str], Field(max_length=50)] | None,
    BeforeValidator(_to_list),
    Field(description="Attributes to count: 'brand', 'price:0,50,100', 'taken:year'."),
]
Offset = Annotated[
    Annotated[int, Field(ge=0, le=MAX_OFFSET)] | None,
    _Blank,
    Field(description="How many of the best hits to leave out, to see those after them. [0]"),
]
CursorText = Annotated[
    Annotated[str, Field(max_length=200)] | None,
    _Blank,
    Field(description="The next_cursor of a search, to see its next hits with the same arguments."),
]
DrawingKind = Annotated[
    Literal["all", "matches", "heatmap", "contributions", "none"] | None,
    BeforeValidator(_lower_case),
    Field(description="What to draw. [matches]"),
]


@dataclass(frozen=True)
class ToolQuery:
    """What is searched for; tools take each field as an argument."""

    text: Text = None
    reference: Reference = None
    references: References = None
    turns: Turns = None
    captions: Captions = None
    negatives: Negatives = None
    object: ObjectName = None
    avoid: Avoided = None

    def query(self, searcher: Searcher) -> Query:
        """Return the query. Raises what :func:`resolve_items` raises."""
        return Query(
            resolve_items(searcher, self.reference, self.references or []),
            self.text or "",
            self.captions or (),
            self.negatives or (),
            self.object or "",
            turns=self.turns or (),
            avoid=self.avoid or (),
        )


def _without(*names: str) -> tuple[Setting, ...]:
    return tuple(setting for setting in SETTINGS if setting.name not in names)


_NEVER = ("shortlist", "measure_recall", "rerank", "rerank_weight", "verify_mode", "device")
SEARCHING = _without(*_NEVER)
EXPLAINING = _without(
    *_NEVER,
    "k",
    "min_score",
    "strictness",
    "below_cutoff",
    "near_duplicates",
    "variety",
    "group_by",
    "group_size",
)
COMPOSING = tuple(setting for setting in SETTINGS if setting.name == "num_captions")
"""The settings that each tool takes; ``tests/test_settings_fronts.py`` says why not the others."""

_TYPES: dict[str, Any] = {
    "number": float,
    "whole": int,
    "flag": bool,
    "name": str,
    "patterns": list[str],
    "options": dict[str, bool | int | float | str],
}


def setting_argument(setting: Setting) -> inspect.Parameter:
    """Return the argument of a tool that is a setting, lenient and described."""
    bounds: dict[str, Any] = {}
    if setting.kind in ("number", "whole"):
        low = "gt" if setting.range.open else "ge"
        span = {low: setting.range.low, "le": setting.range.high}
        bounds = {name: value for name, value in span.items() if math.isfinite(value)}
    read = _to_list if setting.kind == "patterns" else _drop_blank
    most = f", at most {MAX_HITS}" if setting.name == "k" else ""
    text = f"{setting.describe().removesuffix('.')}{most}. [{setting.shown_default()}]"
    kind: Any = Annotated[_TYPES[setting.kind], Field(**bounds)]
    annotation = Annotated[kind | None, BeforeValidator(read), Field(description=text)]
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(setting.name, keyword, default=None, annotation=annotation)


def query_arguments() -> list[inspect.Parameter]:
    """Return the arguments of a tool that are the fields of :class:`ToolQuery`."""
    types = get_type_hints(ToolQuery, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=types[field.name],
        )
        for field in fields(ToolQuery)
    ]


def describe_errors(errors: Sequence[Any]) -> str:
    """Return one line that says which argument is wrong and what it may be."""
    lines = []
    for error in errors:
        where = ".".join(str(part) for part in error["loc"]) or "the arguments"
        sent = "" if error["type"] == "missing" else f" (sent: {str(error.get('input'))[:40]!r})"
        lines.append(f"{where}: {str(error['msg'])[:300]}{sent}")
    return "; ".join(dict.fromkeys(lines)) + ". The tool's schema says what each argument may be."

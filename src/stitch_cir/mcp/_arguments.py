"""What the tools take: lenient, because many assistants fill in every argument.

``null``, ``""`` and lists of empty texts are as good as nothing; numbers may be texts, and one text
a list of one. What cannot be read is one plain line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

__all__ = [
    "MOST_HITS",
    "MOST_SHOWN",
    "Alpha",
    "Captions",
    "Count",
    "Drawing",
    "Id",
    "K",
    "LessLike",
    "Reference",
    "Shown",
    "Text",
    "explain_faults",
]

MOST_HITS = 100
MOST_SHOWN = 20


def _text(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _texts(value: Any) -> Any:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return value
    return [item for item in value if _text(item) is not None] or None


def _word(value: Any) -> Any:
    value = _text(value)
    return value.strip().lower() if isinstance(value, str) else value


_Blank = BeforeValidator(_text)
# the bounds belong to what is inside: around it they would be asked of None too
_Line = Annotated[str, Field(max_length=2000)]

Text = Annotated[
    _Line | None,
    _Blank,
    Field(
        description="What should change in the reference, e.g. 'in red instead'; without a "
        "reference, what the picture should show.",
    ),
]
Reference = Annotated[
    str | None,
    _Blank,
    Field(description="Gallery id of the picture pointed at, as given by a search."),
]
Captions = Annotated[
    Annotated[list[_Line], Field(max_length=64)] | None,
    BeforeValidator(_texts),
    Field(description="Target captions to use instead of composed ones."),
]
Count = Annotated[
    Annotated[int, Field(ge=1, le=64)] | None, _Blank, Field(description="How many. [5]")
]
Id = Annotated[str, Field(min_length=1, description="Gallery id of the image to explain.")]
K = Annotated[
    Annotated[int, Field(ge=1)] | None,
    _Blank,
    Field(
        description=f"How many hits, at most {MOST_HITS}; fewer where the gallery holds fewer. "
        "[10]",
    ),
]
Shown = Annotated[
    Annotated[int, Field(ge=0)] | None,
    _Blank,
    Field(description=f"How many hits to show as pictures, at most {MOST_SHOWN}. [4]"),
]
LessLike = Annotated[
    Annotated[list[str], Field(max_length=100)] | None,
    BeforeValidator(_texts),
    Field(description="Gallery ids of rejected pictures."),
]
Alpha = Annotated[
    Annotated[float, Field(ge=0, le=1)] | None,
    _Blank,
    Field(description="Weight of the text over the captions. [0.45]"),
]
Drawing = Annotated[
    Literal["all", "matches", "heatmap", "contributions", "none"] | None,
    BeforeValidator(_word),
    Field(description="The picture to draw. [matches]"),
]


def explain_faults(faults: Sequence[Any]) -> str:
    """Return one line that says which argument is wrong and what it may be."""
    lines = []
    for fault in faults:
        where = ".".join(str(part) for part in fault["loc"]) or "the arguments"
        sent = "" if fault["type"] == "missing" else f" (sent: {str(fault.get('input'))[:40]!r})"
        lines.append(f"{where}: {str(fault['msg'])[:300]}{sent}")
    return "; ".join(dict.fromkeys(lines)) + ". The tool's schema says what each argument may be."

"""The five kinds of attributes: how values are recognised, checked, stored and shown."""

from __future__ import annotations

import datetime
import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

__all__ = [
    "KINDS",
    "MAX_TEXT",
    "AttributeKind",
    "AttributeValue",
    "StoredValue",
    "UnusableValueError",
    "as_kind",
    "date_interval",
    "kind_of",
    "shown",
    "stored_date",
]

AttributeKind: TypeAlias = Literal["text", "number", "boolean", "date", "list"]
AttributeValue: TypeAlias = (
    str | int | float | bool | datetime.date | datetime.datetime | Sequence[str]
)
"""A value in Python's terms; a date may be a ``date``, a ``datetime`` or a text in ISO 8601."""
StoredValue: TypeAlias = str | int | float
"""What one row of the database holds."""
KINDS: tuple[AttributeKind, ...] = get_args(AttributeKind)
MAX_TEXT = 10_000
"""Characters of a text, or of one entry of a list."""
MAX_ENTRIES = 1_000
"""Entries of a list."""

_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)(Z|[+-]\d\d:\d\d)?)?)?)?"
)
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")
_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}
_EPOCH = datetime.datetime(1970, 1, 1)
_MICROSECOND = datetime.timedelta(microseconds=1)
_ADVICE = {
    "number": "Write numbers with a point and without a currency or unit: 12.50",
    "boolean": "Write true or false.",
    "date": "Write dates as 2024-06-01, or with a time as 2024-06-01T14:30.",
    "text": f"A text has at most {MAX_TEXT:,} characters.",
    "list": f"A list has at most {MAX_ENTRIES:,} texts of at most {MAX_TEXT:,} characters each.",
}


class UnusableValueError(ValueError):
    """A value is not of the kind that it must have; ``hint`` says how to write it."""

    def __init__(self, kind: AttributeKind, reason: str) -> None:
        """Keep the reason, a clause such as ``which is not a number``."""
        super().__init__(reason)
        self.reason = reason
        self.hint = _ADVICE[kind]


def kind_of(value: Any, *, is_typed: bool) -> AttributeKind | None:
    """Return the narrowest kind that a value fits; ``None`` for what can be no attribute.

    With ``is_typed`` a text is a text, or a date if it is spelled like one in full; otherwise (in a
    table, where everything is text) also a number or a boolean.
    """
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, datetime.date):
        return "date"
    if isinstance(value, str):
        text = value.strip()
        if not is_typed and text.lower() in ("true", "false"):
            return "boolean"
        if not is_typed and _NUMBER.fullmatch(text):
            return "number"
        return "date" if _is_full_date(text) else "text"
    if isinstance(value, Sequence) and all(isinstance(entry, str) for entry in value):
        return "list"
    return None


def as_kind(kind: AttributeKind, value: Any, *, is_typed: bool) -> list[StoredValue]:
    """Return a value as the rows that store it, of which only a list has several.

    Without ``is_typed`` a number or boolean may be spelled as text, and a list as texts between
    ``|``. Raises ``UnusableValueError``.
    """
    if kind == "list":
        return [*_entries(value, is_typed=is_typed)]
    if kind == "text":
        return [_text(value, kind)]
    if kind == "date":
        return [stored_date(value)]
    if kind == "boolean":
        return [int(_boolean(value, is_typed=is_typed))]
    return [_number(value, is_typed=is_typed)]


def shown(kind: AttributeKind, stored: Sequence[StoredValue]) -> Any:
    """Return stored rows as JSON-ready data: a date as text in ISO 8601, a list as a list."""
    if kind == "list":
        return list(stored)
    first = stored[0]
    if kind == "boolean":
        return bool(first)
    if kind == "date":
        return _shown_date(int(first))
    return first


def stored_date(value: Any) -> int:
    """Return a date, a time or a text in ISO 8601 as microseconds since 1970.

    A time with a zone is converted to UTC; one without counts as it is written. Raises
    ``UnusableValueError``.
    """
    if isinstance(value, str) and _is_full_date(value.strip()):
        return date_interval(value.strip())[0]
    if isinstance(value, datetime.date):
        if not 1000 <= value.year <= 9998:
            raise UnusableValueError("date", "whose year is not between 1000 and 9998")
        if isinstance(value, datetime.datetime):
            return _microseconds(value)
        return _microseconds(datetime.datetime.combine(value, datetime.time()))
    raise UnusableValueError("date", "which is not a date")


def date_interval(text: str) -> tuple[int, int]:
    """Return the first microsecond since 1970 of a date, and the first one after it.

    A year (``2024``), month, day, minute, second or fraction of one, in ISO 8601. Raises
    ``UnusableValueError``.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise UnusableValueError("date", "which is not a date")
    year, month, day, time, zone = match.groups()
    if not 1000 <= int(year) <= 9998:
        raise UnusableValueError("date", "whose year is not between 1000 and 9998")
    try:
        if time is not None:
            start = _microseconds(
                datetime.datetime.fromisoformat(f"{year}-{month}-{day}T{time}{zone or ''}")
            )
            length = 60_000_000 if len(time) == 5 else 1_000_000 if len(time) == 8 else 1
            return start, start + length
        first = datetime.datetime(int(year), int(month or 1), int(day or 1))
        start = _microseconds(first)
        if day is not None:
            return start, start + 24 * 3600 * 1_000_000
        # four days after the 28th it is always the next month
        last = first.replace(month=first.month if month else 12, day=28)
        return start, _microseconds((last + datetime.timedelta(days=4)).replace(day=1))
    except (ValueError, OverflowError) as error:
        raise UnusableValueError("date", "which no calendar has") from error


def _is_full_date(text: str) -> bool:
    match = _DATE.fullmatch(text)
    if match is None or match[3] is None:
        return False
    try:
        date_interval(text)
    except UnusableValueError:
        return False
    return True


def _microseconds(moment: datetime.datetime) -> int:
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.UTC).replace(tzinfo=None)
    return (moment - _EPOCH) // _MICROSECOND


def _shown_date(microseconds: int) -> str:
    moment = _EPOCH + microseconds * _MICROSECOND
    at_midnight = moment.time() == datetime.time()
    return moment.date().isoformat() if at_midnight else moment.isoformat()


def _text(value: Any, kind: AttributeKind) -> str:
    if not isinstance(value, str):
        raise UnusableValueError(kind, "which is not text")
    if len(value) > MAX_TEXT:
        raise UnusableValueError(kind, f"a text of {len(value):,} characters")
    text = " ".join(unicodedata.normalize("NFC", value).split())
    if not text or "\0" in text:
        raise UnusableValueError(kind, "an empty text" if not text else "a text with a zero byte")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UnusableValueError(kind, "half of a surrogate pair") from error
    return text


def _entries(value: Any, *, is_typed: bool) -> list[str]:
    if isinstance(value, str):
        if is_typed:
            raise UnusableValueError("list", "which is not a list")
        value = [entry for entry in value.split("|") if entry.strip()]
    if not isinstance(value, Sequence):
        raise UnusableValueError("list", "which is not a list")
    if not value:
        raise UnusableValueError("list", "an empty list")
    if len(value) > MAX_ENTRIES:
        raise UnusableValueError("list", f"a list of {len(value):,} entries")
    # in order of writing, each once
    return list(dict.fromkeys(_text(entry, "list") for entry in value))


def _boolean(value: Any, *, is_typed: bool) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and not is_typed and value.strip().lower() in _BOOLEANS:
        return _BOOLEANS[value.strip().lower()]
    raise UnusableValueError("boolean", "which is neither true nor false")


def _number(value: Any, *, is_typed: bool) -> int | float:
    if isinstance(value, str) and not is_typed and _NUMBER.fullmatch(value.strip()):
        text = value.strip()
        value = int(text) if text.lstrip("+-").isdigit() and len(text) < 30 else float(text)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UnusableValueError("number", "which is not a number")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise UnusableValueError("number", "a whole number of more than 64 bits")
    if not math.isfinite(value):
        raise UnusableValueError("number", "which is not a finite number")
    # 3.0 and 3 are one value
    return (
        int(value)
        if isinstance(value, float) and abs(value) < 2**53 and value == int(value)
        else value
    )

"""Conditions checked against the schema, and turned into parameterised SQL.

Each comparison becomes one of a few fixed statements that list the items which meet it; nothing
that a user wrote is ever part of a statement. What combines comparisons is done on the lists.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from stitch_cir._hints import did_you_mean
from stitch_cir.errors import QueryError
from stitch_cir.gallery._names import fold
from stitch_cir.gallery.attributes._kinds import (
    AttributeKind,
    UnusableValueError,
    as_kind,
    date_interval,
)
from stitch_cir.gallery.attributes._where import (
    AllOf,
    AnyOf,
    AttributeComparison,
    DateLiteral,
    Literal,
    Near,
    Not,
    Where,
)
from stitch_cir.gallery.store._attributes import AttributeRow

__all__ = ["Circle", "Combination", "Plan", "Selection", "compile_where", "find_attribute"]

_FROM = "SELECT item FROM attribute_values WHERE attribute = ?"
_STATEMENTS = {
    "has": f"{_FROM} AND position = 0",
    "=": f"{_FROM} AND value = ?",
    "!=": f"{_FROM} AND value <> ?",
    "<": f"{_FROM} AND value < ?",
    "<=": f"{_FROM} AND value <= ?",
    ">": f"{_FROM} AND value > ?",
    ">=": f"{_FROM} AND value >= ?",
    "between": f"{_FROM} AND value >= ? AND value <= ?",
    "within": f"{_FROM} AND value >= ? AND value < ?",
    "outside": f"{_FROM} AND (value < ? OR value >= ?)",
    # distinct values first: many items share one
    "contains": f"{_FROM} AND value IN (SELECT DISTINCT value FROM attribute_values"
    " WHERE attribute = ? AND instr(fold(value), ?))",
}
_KINDS_OF: dict[str, tuple[AttributeKind, ...]] = {
    **dict.fromkeys(("=", "!="), ("text", "number", "boolean", "date")),
    **dict.fromkeys(("<", "<=", ">", ">=", "between"), ("text", "number", "date")),
    "in": ("text", "number", "date", "list"),
    "contains": ("text", "list"),
    "true": ("boolean",),
    "missing": ("text", "number", "boolean", "date", "list"),
}
_EARTH_KM = 6371.0088
_KM_PER_DEGREE = math.pi * _EARTH_KM / 180


@dataclass(frozen=True, slots=True)
class Selection:
    """Statements whose items together meet a comparison, each with its parameters."""

    statements: tuple[tuple[str, tuple[Any, ...]], ...]


@dataclass(frozen=True, slots=True)
class Circle:
    """Items near a place: parameters of a statement that lists a belt, and how far is near."""

    statement: str
    parameters: tuple[Any, ...]
    near: Near


@dataclass(frozen=True, slots=True)
class Combination:
    """``and``, ``or`` or ``not`` of plans."""

    operator: str
    parts: tuple[Plan, ...]


Plan: TypeAlias = Selection | Circle | Combination
Schema: TypeAlias = Mapping[str, AttributeRow]
"""Attributes by folded name."""


def compile_where(where: Where, schema: Schema) -> Plan:
    """Return how to evaluate a condition.

    Raises ``QueryError`` for an attribute that is not in the schema, or a value or an operator that
    does not fit its kind.
    """
    if isinstance(where, (AllOf, AnyOf)):
        operator = "and" if isinstance(where, AllOf) else "or"
        return Combination(operator, tuple(compile_where(part, schema) for part in where.parts))
    if isinstance(where, Not):
        return Combination("not", (compile_where(where.part, schema),))
    if isinstance(where, Near):
        return _circle(where, schema)
    assert isinstance(where, AttributeComparison)
    attribute = find_attribute(schema, where.attribute)
    if attribute.kind not in _KINDS_OF[where.operator]:
        raise _wrong_operator(where, attribute)
    if where.operator == "missing":
        return Combination("not", (_selection(("has", attribute.number)),))
    if where.operator == "true":
        return _selection(("=", attribute.number, 1))
    if where.operator == "contains":
        return _contains(attribute, where)
    if attribute.kind == "date":
        return _of_date(attribute, where)
    values = [_stored(attribute, value, where) for value in where.values]
    if where.operator == "in":
        return _selection(*(("=", attribute.number, value) for value in values))
    return _selection((where.operator, attribute.number, *values))


def find_attribute(schema: Schema, name: str) -> AttributeRow:
    """Return an attribute, whatever the case of its name. Raises ``QueryError``."""
    attribute = schema.get(fold(name))
    if attribute is not None:
        return attribute
    if not schema:
        raise QueryError(
            f"There is no attribute {name[:100]!r}: this gallery has none.",
            hint="Set some: stitch attributes set GALLERY FILE",
        )
    names = [row.name for row in schema.values()]
    listed = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    raise QueryError(
        f"There is no attribute {name[:100]!r}.",
        hint=f"{did_you_mean(name[:100], names)}Attributes: {listed}.",
    )


def _selection(*tests: tuple[Any, ...]) -> Selection:
    return Selection(tuple((_STATEMENTS[name], tuple(values)) for name, *values in tests))


def _contains(attribute: AttributeRow, where: AttributeComparison) -> Selection:
    (value,) = where.values
    if not isinstance(value, str) or not value.strip():
        raise _wrong_value(attribute, value, where, "which is not text", "Put the text in quotes.")
    if attribute.kind == "list":
        return _selection(("=", attribute.number, _stored(attribute, value, where)))
    words = fold(" ".join(value.split()))
    return _selection(("contains", attribute.number, attribute.number, words))


def _of_date(attribute: AttributeRow, where: AttributeComparison) -> Selection:
    """Compare with all of a year, a day or a minute: ``<=`` includes it, ``>`` is after it."""
    number = attribute.number
    intervals = [_interval(attribute, value, where) for value in where.values]
    start, end = intervals[0]
    if where.operator == "in":
        return _selection(*(("within", number, *interval) for interval in intervals))
    if where.operator == "between":
        return _selection(("within", number, start, intervals[1][1]))
    return {
        "=": _selection(("within", number, start, end)),
        "!=": _selection(("outside", number, start, end)),
        "<": _selection(("<", number, start)),
        "<=": _selection(("<", number, end)),
        ">": _selection((">=", number, end)),
        ">=": _selection((">=", number, start)),
    }[where.operator]


def _interval(
    attribute: AttributeRow, value: Literal, where: AttributeComparison
) -> tuple[int, int]:
    if isinstance(value, DateLiteral):
        text = value.text
    elif isinstance(value, int) and not isinstance(value, bool) and 1000 <= value <= 9998:
        text = str(value)  # a year
    else:
        text = value.strip() if isinstance(value, str) else ""
    try:
        return date_interval(text)
    except UnusableValueError as error:
        raise _wrong_value(attribute, value, where, error.reason, error.hint) from error


def _stored(attribute: AttributeRow, value: Literal, where: AttributeComparison) -> Any:
    kind: AttributeKind = "text" if attribute.kind == "list" else attribute.kind  # type: ignore[assignment]
    if isinstance(value, DateLiteral):
        value = value.text
    try:
        return as_kind(kind, value, is_typed=True)[0]
    except UnusableValueError as error:
        hint = "Put the text in quotes." if kind == "text" else error.hint
        if isinstance(value, str) and not value.strip():
            hint = f"Items without a value: {attribute.name} is missing"
        raise _wrong_value(attribute, value, where, error.reason, hint) from error


def _circle(near: Near, schema: Schema) -> Circle:
    latitude, longitude = (find_attribute(schema, name) for name in ("latitude", "longitude"))
    for attribute in (latitude, longitude):
        if attribute.kind != "number":
            raise QueryError(
                f"near(…) needs numbers, but {attribute.name} is a {attribute.kind}.",
                hint="Set latitude and longitude in degrees, as numbers.",
            )
    if not (abs(near.latitude) <= 90 and abs(near.longitude) <= 180 and near.km >= 0):
        raise QueryError(
            f"{near} names no place on Earth.",
            hint="Give latitude (-90 to 90), longitude (-180 to 180) and a distance: "
            "near(52.5, 13.4, 10km)",
        )
    belt = near.km / _KM_PER_DEGREE + 1e-6
    statement = (
        "SELECT a.item, a.value, o.value FROM attribute_values a JOIN attribute_values o"
        " ON o.attribute = ? AND o.item = a.item AND o.position = 0"
        " WHERE a.attribute = ? AND a.value BETWEEN ? AND ?"
    )
    south, north = near.latitude - belt, near.latitude + belt
    return Circle(statement, (longitude.number, latitude.number, south, north), near)


def _wrong_operator(where: AttributeComparison, attribute: AttributeRow) -> QueryError:
    kind, name = attribute.kind, attribute.name
    instead = {
        "list": f"A list is tested so: {name} contains 'x', {name} in ('x', 'y').",
        "boolean": f"A boolean is tested so: {name}, not {name}, {name} = true.",
    }
    shown = f"{name!r} alone" if where.operator == "true" else f"{where.operator!r}"
    return QueryError(
        f"{name} is a {kind}, for which there is no {shown}.",
        hint=instead.get(kind, f"Compare it: {name} = …, {name} < …, {name} in (…)."),
    )


def _wrong_value(
    attribute: AttributeRow, value: Literal, where: AttributeComparison, reason: str, hint: str
) -> QueryError:
    shown = value.text if isinstance(value, DateLiteral) else repr(value)
    shown = shown if len(shown) <= 60 else shown[:60] + "…"
    return QueryError(
        f"{attribute.name} is a {attribute.kind}, but is compared with {shown}, {reason}.",
        hint=hint,
    )

"""Conditions on attributes as objects; ``str`` of one is text that parses back to the same."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

__all__ = [
    "KEYWORDS",
    "AllOf",
    "AnyOf",
    "Attribute",
    "AttributeComparison",
    "DateLiteral",
    "Literal",
    "Near",
    "Not",
    "Where",
]

KEYWORDS = frozenset("and or not in between is missing contains near true false".split())
"""Words of the grammar; an attribute of such a name is written in double quotes."""


@dataclass(frozen=True, slots=True)
class DateLiteral:
    """A year, month, day or time in ISO 8601, as it is written: all of that time is meant."""

    text: str


Literal: TypeAlias = str | int | float | bool | DateLiteral
"""What an attribute is compared with."""


class Where:
    """A condition that items meet or do not; combine conditions with ``&``, ``|`` and ``~``.

    An item without the attribute meets no comparison; ``~`` turns that round as well.
    """

    __slots__ = ()

    def __and__(self, other: Where) -> Where:
        """Return the condition that both hold."""
        return AllOf((*_parts(AllOf, self), *_parts(AllOf, other)))

    def __or__(self, other: Where) -> Where:
        """Return the condition that at least one holds."""
        return AnyOf((*_parts(AnyOf, self), *_parts(AnyOf, other)))

    def __invert__(self) -> Where:
        """Return the condition that this one does not hold."""
        return Not(self)

    def __bool__(self) -> bool:
        """Raise ``TypeError``: ``and``, ``or`` and ``not`` cannot combine conditions."""
        raise TypeError("Combine conditions with &, | and ~, not with and, or and not.")


@dataclass(frozen=True, slots=True)
class AttributeComparison(Where):
    """One comparison of an attribute: ``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``in``, …

    ``between`` has two values, ``in`` one or more, ``missing`` and ``true`` (a boolean alone) none.
    """

    attribute: str
    operator: str
    values: tuple[Literal, ...] = ()

    def __str__(self) -> str:
        """Return the text of the condition."""
        name, values = _name(self.attribute), [_literal(value) for value in self.values]
        if self.operator == "true":
            return name
        if self.operator == "missing":
            return f"{name} is missing"
        if self.operator == "in":
            return f"{name} in ({', '.join(values)})"
        if self.operator == "between":
            return f"{name} between {values[0]} and {values[1]}"
        return f"{name} {self.operator} {values[0]}"


@dataclass(frozen=True, slots=True)
class Near(Where):
    """At most ``km`` kilometres from a place, by the attributes ``latitude`` and ``longitude``."""

    latitude: float
    longitude: float
    km: float

    def __str__(self) -> str:
        """Return the text of the condition."""
        numbers = (self.latitude, self.longitude, self.km)
        return "near({}, {}, {}km)".format(*(repr(each).removesuffix(".0") for each in numbers))


@dataclass(frozen=True, slots=True)
class AllOf(Where):
    """All parts hold."""

    parts: tuple[Where, ...]

    def __str__(self) -> str:
        """Return the text of the condition."""
        return " and ".join(_enclosed(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf(Where):
    """At least one part holds."""

    parts: tuple[Where, ...]

    def __str__(self) -> str:
        """Return the text of the condition."""
        return " or ".join(_enclosed(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Not(Where):
    """The part does not hold."""

    part: Where

    def __str__(self) -> str:
        """Return the text of the condition."""
        return f"not {_enclosed(self.part)}"


class Attribute:
    """An attribute by name, whose comparisons are conditions: ``Attribute("price") < 50``."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name: str) -> None:
        """Name an attribute; whether a gallery has it shows when the condition is used."""
        self._name = name

    def __eq__(self, value: object) -> Where:  # type: ignore[override]
        """Return the condition that the value is this one."""
        return self._test("=", value)

    def __ne__(self, value: object) -> Where:  # type: ignore[override]
        """Return the condition that there is a value, and another one."""
        return self._test("!=", value)

    def __lt__(self, value: object) -> Where:
        """Return the condition that the value is smaller, or earlier."""
        return self._test("<", value)

    def __le__(self, value: object) -> Where:
        """Return the condition that the value is at most this one."""
        return self._test("<=", value)

    def __gt__(self, value: object) -> Where:
        """Return the condition that the value is larger, or later."""
        return self._test(">", value)

    def __ge__(self, value: object) -> Where:
        """Return the condition that the value is at least this one."""
        return self._test(">=", value)

    def is_in(self, values: Iterable[object]) -> Where:
        """Return the condition that the value, or an entry of the list, is one of these."""
        return AttributeComparison(self._name, "in", tuple(_as_literal(value) for value in values))

    def between(self, low: object, high: object) -> Where:
        """Return the condition that the value lies between these, both included."""
        return AttributeComparison(self._name, "between", (_as_literal(low), _as_literal(high)))

    def contains(self, text: str) -> Where:
        """Return the condition that a text holds these words, or a list this entry."""
        return AttributeComparison(self._name, "contains", (text,))

    def is_missing(self) -> Where:
        """Return the condition that there is no value."""
        return AttributeComparison(self._name, "missing")

    def is_true(self) -> Where:
        """Return the condition that the boolean is true."""
        return AttributeComparison(self._name, "true")

    def _test(self, operator: str, value: object) -> Where:
        return AttributeComparison(self._name, operator, (_as_literal(value),))


def _as_literal(value: object) -> Literal:
    if isinstance(value, (datetime.date, datetime.datetime)):
        return DateLiteral(value.isoformat())
    if isinstance(value, (str, bool, int, float, DateLiteral)):
        return value
    raise TypeError(f"An attribute cannot be compared with {value!r}.")


def _parts(kind: type[AllOf] | type[AnyOf], where: Where) -> tuple[Where, ...]:
    return where.parts if isinstance(where, kind) else (where,)


def _enclosed(where: Where) -> str:
    return str(where) if isinstance(where, (AttributeComparison, Near)) else f"({where})"


def _name(name: str) -> str:
    plain = name.isidentifier() and name.lower() not in KEYWORDS
    return name if plain else '"' + name.replace('"', '""') + '"'


def _literal(value: Literal) -> str:
    if isinstance(value, DateLiteral):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)

"""Counts of an attribute's values, or of ranges of them, over rows of a gallery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from stitch_cir.errors import QueryError
from stitch_cir.gallery._names import fold
from stitch_cir.gallery.attributes._columns import NUMBERS, Column
from stitch_cir.gallery.attributes._compile import Schema, find_attribute
from stitch_cir.gallery.attributes._kinds import (
    AttributeKind,
    UnusableValueError,
    date_interval,
    shown,
)
from stitch_cir.gallery.attributes._where import (
    AllOf,
    AttributeComparison,
    DateLiteral,
    Where,
)
from stitch_cir.gallery.attributes._where import Literal as WhereLiteral
from stitch_cir.gallery.store._attributes import AttributeRow

__all__ = [
    "Facet",
    "FacetCount",
    "FacetRequest",
    "Occurrences",
    "count_occurrences",
    "facet_of",
    "facet_request",
    "joined_occurrences",
]

Period = Literal["year", "month", "day"]
MAX_EDGES = 100
MAX_VALUES = 1_000
"""Values that one facet counts."""
_UNITS = {"year": "Y", "month": "M", "day": "D"}


@dataclass(frozen=True, slots=True)
class FacetRequest:
    """What to count: the most frequent values, ranges between ``edges``, or a date's ``period``.

    ``edges`` are ascending numbers, or dates as text. ``limit`` bounds the values that are listed.
    """

    attribute: str
    edges: tuple[float | str, ...] = ()
    period: Period | None = None
    limit: int = 20

    def __str__(self) -> str:
        """Return the text that requests the same: ``price:0,50,100``."""
        edges = ",".join(
            f"{edge:.12g}" if isinstance(edge, float) else str(edge) for edge in self.edges
        )
        rest = self.period or edges
        return f"{self.attribute}:{rest}" if rest else self.attribute


@dataclass(frozen=True, slots=True)
class FacetCount:
    """How many rows have a value, or one in the range from ``low`` up to, not including, ``high``.

    ``value`` is JSON-ready and None for a range, whose open end is None; ``where`` selects these
    rows.
    """

    value: Any
    count: int
    where: Where
    low: Any = None
    high: Any = None

    @property
    def label(self) -> str:
        """What is counted, in words."""
        if self.value is not None:
            words = {True: "yes", False: "no"}
            is_flag = isinstance(self.value, bool)
            return words[self.value] if is_flag else str(self.value)
        low, high = (f"{end:g}" if isinstance(end, float) else end for end in (self.low, self.high))
        if low is None:
            return f"below {high}"
        return f"{low} and more" if high is None else f"{low} to {high}"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        data: dict[str, Any] = {"count": self.count, "where": str(self.where)}
        if self.value is None:
            return {"low": self.low, "high": self.high, **data}
        return {"value": self.value, **data}


@dataclass(frozen=True, slots=True)
class Facet:
    """The counts of one attribute over ``total`` rows, ``missing`` of which have no value.

    ``distinct`` counts the values that occur, of which ``counts`` may list fewer: values by count,
    then in order; ranges and periods in order. ``smallest`` and ``largest`` are those of a number
    or a date, None where nothing occurs.
    """

    attribute: str
    kind: AttributeKind
    counts: tuple[FacetCount, ...]
    total: int
    missing: int
    distinct: int
    smallest: Any = None
    largest: Any = None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "attribute": self.attribute,
            "kind": self.kind,
            "total": self.total,
            "missing": self.missing,
            "distinct": self.distinct,
            "smallest": self.smallest,
            "largest": self.largest,
            "counts": [count.to_dict() for count in self.counts],
        }


def facet_request(text: str, schema: Schema) -> FacetRequest:
    """Return what a text requests: ``brand``, ``price:0,50,100``, ``taken:year``.

    Raises ``QueryError``.
    """
    parts = text.split(":")
    # a name may hold a colon, and so may an edge
    names = [":".join(parts[:count]).strip() for count in range(len(parts), 0, -1)]
    name = next((name for name in names if fold(name) in schema), names[-1])
    attribute = find_attribute(schema, name)
    if name == names[0]:
        return FacetRequest(attribute.name)
    rest = ":".join(parts[len(name.split(":")) :])
    period = rest.strip().lower()
    if period in get_args(Period):
        return FacetRequest(attribute.name, period=cast(Period, period))
    edges = [edge.strip() for edge in rest.split(",")]
    if attribute.kind == "number":
        try:
            return FacetRequest(attribute.name, tuple(float(edge) for edge in edges))
        except ValueError as error:
            raise _wrong_edges(attribute, rest) from error
    return FacetRequest(attribute.name, tuple(edges))


@dataclass(frozen=True, slots=True, eq=False)
class Occurrences:
    """Which values of an attribute occur in rows of a gallery, or of a part of it.

    ``values`` are distinct stored values in ascending order, ``counts`` (d,) how many of the rows
    have each; ``total`` counts the rows, ``with_value`` those that have any.
    """

    name: str
    kind: AttributeKind
    values: tuple[Any, ...] = field(repr=False)
    counts: NDArray[np.int64] = field(repr=False)
    total: int
    with_value: int

    @property
    def numbers(self) -> NDArray[Any] | None:
        """The values as (d,) float64 for a number, int64 for a date, ``None`` otherwise."""
        dtype = NUMBERS.get(self.kind)
        return None if dtype is None else np.array(self.values, dtype=dtype)


def count_occurrences(
    attribute: AttributeRow,
    column: Column,
    rows: NDArray[np.int64],
    is_counted: NDArray[np.bool_],
) -> Occurrences:
    """Count the values of an attribute.

    ``rows`` (v,) are the rows of the column's values, −1 for items that are no row; ``is_counted``
    (n,) says which rows count.
    """
    # −1 is no row, and reads the last entry
    counted = np.append(is_counted, False)[rows]
    codes = column.codes[counted]
    occurring = np.bincount(codes, minlength=len(column.values))
    present = np.flatnonzero(occurring)
    with_value = len(np.unique(rows[counted])) if attribute.kind == "list" else len(codes)
    return Occurrences(
        attribute.name,
        cast(AttributeKind, attribute.kind),
        tuple(column.values[code] for code in present.tolist()),
        occurring[present],
        int(is_counted.sum()),
        with_value,
    )


def joined_occurrences(parts: Sequence[Occurrences]) -> Occurrences:
    """Return the occurrences in all parts of a gallery, of which there is at least one."""
    counts: dict[Any, int] = {}
    for part in parts:
        for value, count in zip(part.values, part.counts.tolist(), strict=True):
            counts[value] = counts.get(value, 0) + count
    values = sorted(counts)
    return Occurrences(
        parts[0].name,
        parts[0].kind,
        tuple(values),
        np.array([counts[value] for value in values], np.int64),
        sum(part.total for part in parts),
        sum(part.with_value for part in parts),
    )


def facet_of(request: FacetRequest, occurrences: Occurrences) -> Facet:
    """Return the facet of the values that occur.

    Raises ``QueryError`` for edges or a period that do not fit.
    """
    attribute, values, counted = occurrences, occurrences.values, occurrences.counts
    if not 1 <= request.limit <= MAX_VALUES:
        raise QueryError(
            f"{request.limit} values of {attribute.name} were requested.",
            hint=f"It must be between 1 and {MAX_VALUES:,}.",
        )
    kind, numbers = occurrences.kind, occurrences.numbers
    ends = (None, None)
    if numbers is not None and values:
        ends = tuple(shown(kind, [values[end]]) for end in (0, -1))
    if request.period is not None:
        counts = _periods(attribute, request.period)
    elif request.edges:
        counts = _ranges(attribute, request.edges)
    else:
        order = np.argsort(-counted, kind="stable")[: request.limit]
        counts = [
            FacetCount(
                shown("text" if kind == "list" else kind, [values[code]]),
                int(counted[code]),
                _equals(attribute, values[code]),
            )
            for code in order.tolist()
        ]
    total = occurrences.total
    missing = total - occurrences.with_value
    return Facet(attribute.name, kind, tuple(counts), total, missing, len(values), *ends)


def _equals(attribute: Occurrences, value: Any) -> Where:
    if attribute.kind == "list":
        return AttributeComparison(attribute.name, "contains", (value,))
    return AttributeComparison(attribute.name, "=", (_literal(attribute, value),))


def _literal(attribute: Occurrences, value: Any) -> WhereLiteral:
    if attribute.kind == "boolean":
        return bool(value)
    if attribute.kind == "date":
        text = str(shown("date", [value]))
        # a day alone would mean all of it
        return DateLiteral(text if "T" in text else f"{text}T00:00:00.000000")
    return cast(WhereLiteral, value)


def _periods(attribute: Occurrences, period: Period) -> list[FacetCount]:
    numbers, occurring = attribute.numbers, attribute.counts
    if attribute.kind != "date" or numbers is None:
        raise QueryError(
            f"{attribute.name} is a {attribute.kind}, which has no {period}.",
            hint="Only dates are counted by year, month or day.",
        )
    spans = numbers.astype("datetime64[us]").astype(f"datetime64[{_UNITS[period]}]")
    names, codes = np.unique(spans, return_inverse=True)
    counts = np.bincount(codes, weights=occurring, minlength=len(names)).astype(np.int64)
    return [
        FacetCount(str(name), int(count), _in_period(attribute.name, str(name)))
        for name, count in zip(names, counts.tolist(), strict=True)
        if count
    ]


def _in_period(name: str, text: str) -> Where:
    return AttributeComparison(name, "=", (int(text) if len(text) == 4 else DateLiteral(text),))


def _ranges(attribute: Occurrences, edges: tuple[float | str, ...]) -> list[FacetCount]:
    numbers, occurring = attribute.numbers, attribute.counts
    if numbers is None:
        raise _wrong_edges(attribute, ",".join(map(str, edges)))
    values = _edges(attribute, edges)
    bins = np.searchsorted(values, numbers, side="right")
    counts = np.bincount(bins, weights=occurring, minlength=len(values) + 1).astype(np.int64)
    literals: list[WhereLiteral] = [
        DateLiteral(str(edge)) if attribute.kind == "date" else float(edge) for edge in edges
    ]
    result = []
    for number, count in enumerate(counts.tolist()):
        low = literals[number - 1] if number else None
        high = literals[number] if number < len(literals) else None
        tests = [
            AttributeComparison(attribute.name, operator, (edge,))
            for operator, edge in ((">=", low), ("<", high))
            if edge is not None
        ]
        where: Where = AllOf(tuple(tests)) if len(tests) == 2 else tests[0]
        ends = (edges[number - 1] if number else None, edges[number] if high is not None else None)
        result.append(FacetCount(None, count, where, *ends))
    return result


def _edges(attribute: Occurrences, edges: tuple[float | str, ...]) -> NDArray[Any]:
    """Return the edges as stored numbers, ascending."""
    shown_edges = ",".join(str(edge) for edge in edges)
    if len(edges) > MAX_EDGES:
        raise _wrong_edges(attribute, shown_edges)
    try:
        if attribute.kind == "date":
            values = np.array([date_interval(str(edge))[0] for edge in edges], np.int64)
        else:
            values = np.array([float(edge) for edge in edges], np.float64)
    except (UnusableValueError, ValueError) as error:
        raise _wrong_edges(attribute, shown_edges) from error
    if not (np.isfinite(values).all() and (np.diff(values) > 0).all()):
        raise _wrong_edges(attribute, shown_edges)
    return values


def _wrong_edges(attribute: AttributeRow | Occurrences, edges: str) -> QueryError:
    if attribute.kind not in ("number", "date"):
        return QueryError(
            f"{attribute.name} is a {attribute.kind}, which has no ranges.",
            hint="Only numbers and dates are counted by range; leave the edges out.",
        )
    example = "0,50,100" if attribute.kind == "number" else "2024-01-01,2024-07-01"
    return QueryError(
        f"{attribute.name} cannot be counted between the edges {edges[:100]!r}.",
        hint=f"Give at most {MAX_EDGES} ascending values: {attribute.name}:{example}",
    )

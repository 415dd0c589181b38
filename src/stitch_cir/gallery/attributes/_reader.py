"""The attributes of one state of a gallery: schema, values, filters, counts, groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from stitch_cir.errors import QueryError
from stitch_cir.gallery._names import fold
from stitch_cir.gallery.attributes._columns import (
    AttributeCache,
    Column,
    flat,
    read_column,
    row_numbers,
)
from stitch_cir.gallery.attributes._compile import (
    Circle,
    Combination,
    Plan,
    compile_where,
    find_attribute,
)
from stitch_cir.gallery.attributes._facets import (
    Facet,
    FacetRequest,
    Occurrences,
    count_occurrences,
    facet_of,
    facet_request,
)
from stitch_cir.gallery.attributes._kinds import AttributeKind
from stitch_cir.gallery.attributes._parse import parse_where
from stitch_cir.gallery.attributes._suggest import Suggestions, suggest
from stitch_cir.gallery.attributes._where import Near, Where
from stitch_cir.gallery.store import Store
from stitch_cir.gallery.store import _attributes as tables
from stitch_cir.gallery.store._attributes import AttributeRow

__all__ = ["AttributeSchema", "Attributes"]

_EARTH_KM = 6371.0088


@dataclass(frozen=True, slots=True)
class AttributeSchema:
    """One attribute: its name, its kind, and how many items have it (vanished ones count)."""

    name: str
    kind: AttributeKind
    items: int


class Attributes:
    """The attributes of a snapshot; rows are those of its matrix. Safe to share between threads.

    Every method raises ``QueryError`` for an attribute that the gallery does not have.
    """

    def __init__(
        self,
        store: Store,
        ids: Callable[[], Sequence[str]],
        commit: tuple[int, str],
        cache: AttributeCache,
    ) -> None:
        """Use :meth:`Gallery.snapshot`, whose ``attributes`` this is."""
        self._store = store
        self._ids = ids
        self._commit = commit
        self._cache = cache
        self._version = tables.version(store)
        self._schema = {fold(row.name): row for row in tables.attributes(store)}

    @property
    def version(self) -> int:
        """How often attributes have changed; no generation of the gallery depends on it."""
        return self._version[0]

    @property
    def state(self) -> str:
        """What identifies the last change; unlike the version it never repeats."""
        return self._version[1]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all attributes, in the order of first sight."""
        return tuple(row.name for row in self._schema.values())

    def __contains__(self, name: object) -> bool:
        """Return whether the gallery has an attribute of this name, whatever its case."""
        return isinstance(name, str) and fold(name) in self._schema

    def schema(self) -> tuple[AttributeSchema, ...]:
        """Return all attributes in the order of first sight, with counts of items."""
        counts = tables.counts(self._store)
        return tuple(
            AttributeSchema(row.name, cast(AttributeKind, row.kind), counts.get(row.number, 0))
            for row in self._schema.values()
        )

    def rows(self, where: Where | str) -> NDArray[np.int64]:
        """Return the rows that meet a condition: (m,) int64, ascending.

        Raises ``QueryError`` for a text that is no condition, an unknown attribute, or a value of
        the wrong kind.
        """
        return np.flatnonzero(self.mask(where)).astype(np.int64)

    def mask(self, where: Where | str) -> NDArray[np.bool_]:
        """Return which rows meet a condition: (n,) bool. Raises what :meth:`rows` raises.

        The answer is kept, a bit a row: the same filter often holds for many queries.
        """
        parsed = parse_where(where) if isinstance(where, str) else where
        plan, count = compile_where(parsed, self._schema), len(self._ids())
        key = (f"condition {plan!r}", self._commit, self._version, count)
        bits = self._cache.get(key, lambda: np.packbits(self._evaluate(plan)))
        return np.unpackbits(bits, count=count).astype(np.bool_)

    def check(self, where: Where | str) -> None:
        """Raise what :meth:`rows` would raise, without looking at any value."""
        compile_where(parse_where(where) if isinstance(where, str) else where, self._schema)

    def check_facet(self, request: FacetRequest | str) -> None:
        """Raise what :meth:`facets` would raise, by counting over no row."""
        self.facets([request], np.empty(0, np.int64))

    def facets(
        self,
        requests: Sequence[FacetRequest | str],
        rows: NDArray[np.int64] | None = None,
        *,
        where: Where | str | None = None,
    ) -> list[Facet]:
        """Count values or ranges over ``rows`` (m,), or what meets a condition, or everything.

        Raises ``QueryError`` for ranges of what has no order, or edges that do not ascend.
        """
        rows = rows if where is None else self.rows(where)
        counted = self.occurrences(requests, rows)
        return [facet_of(request, occurrences) for request, occurrences in counted]

    def occurrences(
        self, requests: Sequence[FacetRequest | str], rows: NDArray[np.int64] | None = None
    ) -> list[tuple[FacetRequest, Occurrences]]:
        """Count what :meth:`facets` shows, of each request all values that occur."""
        is_counted = np.ones(len(self._ids()), bool)
        if rows is not None:
            is_counted[:] = False
            is_counted[rows] = True
        counted = []
        for each in requests:
            request = facet_request(each, self._schema) if isinstance(each, str) else each
            attribute = find_attribute(self._schema, request.attribute)
            column = self._column(attribute)
            rows_of = self._rows_of(column.items)
            counted.append((request, count_occurrences(attribute, column, rows_of, is_counted)))
        return counted

    def all_occurrences(self) -> list[Occurrences]:
        """Count the values of every attribute over the whole gallery."""
        return [each for _, each in self.occurrences([FacetRequest(name) for name in self.names])]

    def suggestions(self) -> Suggestions:
        """Return which attributes are worth counting and grouping by, over the whole gallery."""
        key = ("suggestions", self._commit, self._version, len(self._ids()))
        made: Suggestions = self._cache.get(key, lambda: suggest(self.all_occurrences()))
        return made

    def groups(self, name: str) -> tuple[NDArray[np.int64], int]:
        """Return the group of every row, (n,) int64 from 0 on, and how many rows have no value.

        Rows of one value are a group, and each row without a value is a group of its own. Raises
        ``QueryError`` for a list: an item would be in several groups.
        """
        labels, column = self._labels(name)
        alone = labels < 0
        labels[alone] = len(column.values) + np.arange(int(alone.sum()))
        return np.unique(labels, return_inverse=True)[1].astype(np.int64), int(alone.sum())

    def group_values(self, name: str) -> tuple[NDArray[np.int64], tuple[Any, ...]]:
        """Return the position of every row's value among the values, (n,) int64, and these.

        It is −1 for a row without one. Raises what :meth:`groups` raises.
        """
        labels, column = self._labels(name)
        return labels, column.values

    def _labels(self, name: str) -> tuple[NDArray[np.int64], Column]:
        attribute = find_attribute(self._schema, name)
        if attribute.kind == "list":
            raise QueryError(
                f"{attribute.name} is a list: an item would be in several groups.",
                hint="Group by a text, a number, a date or a boolean.",
            )
        column = self._column(attribute)
        rows = self._rows_of(column.items)
        labels = np.full(len(self._ids()), -1, np.int64)
        labels[rows[rows >= 0]] = column.codes[rows >= 0]
        return labels, column

    def dates(self, name: str) -> NDArray[np.datetime64]:
        """Return the date of every row by an attribute: (n,) datetime64[us], UTC, NaT for none.

        Raises ``QueryError`` for an attribute that does not exist or holds no dates.
        """
        attribute = find_attribute(self._schema, name)
        if attribute.kind != "date":
            raise QueryError(
                f"{attribute.name} is a {attribute.kind}, not a date.",
                hint="Name an attribute that holds dates: stitch attributes GALLERY lists them.",
            )
        column = self._column(attribute)
        rows = self._rows_of(column.items)
        dates = np.full(len(self._ids()), np.datetime64("NaT"), "datetime64[us]")
        assert column.numbers is not None
        dates[rows[rows >= 0]] = column.numbers[column.codes[rows >= 0]].astype("datetime64[us]")
        return dates

    def _column(self, attribute: AttributeRow) -> Column:
        key = (f"column {attribute.number}", attribute.version)
        column: Column = self._cache.get(key, lambda: read_column(self._store, attribute))
        return column

    def _rows_of(self, items: NDArray[Any]) -> NDArray[np.int64]:
        """Return the rows of items by number; −1 for those that are no row."""
        ids = self._ids()
        # the cache of vectors leaves damaged records out, so the count belongs to the key
        key = ("rows", self._commit, self._version, len(ids))
        numbers: NDArray[np.int64] = self._cache.get(key, lambda: row_numbers(self._store, ids))
        rows: NDArray[np.int64] = numbers[items]
        return rows

    def _evaluate(self, plan: Plan) -> NDArray[np.bool_]:
        if isinstance(plan, Combination):
            masks = [self._evaluate(part) for part in plan.parts]
            if plan.operator == "not":
                return ~masks[0]
            combine = np.logical_and if plan.operator == "and" else np.logical_or
            return np.asarray(combine.reduce(masks), dtype=np.bool_)
        if isinstance(plan, Circle):
            items = _within(plan.near, self._store.rows(plan.statement, plan.parameters))
            return self._of_items(items)
        mask = np.zeros(len(self._ids()), bool)
        for statement, values in plan.statements:
            mask |= self._of_items(flat(self._store.rows(statement, values)))
        return mask

    def _of_items(self, items: NDArray[np.int64]) -> NDArray[np.bool_]:
        mask = np.zeros(len(self._ids()), bool)
        rows = self._rows_of(items)
        mask[rows[rows >= 0]] = True
        return mask


def _within(near: Near, rows: Sequence[tuple[Any, ...]]) -> NDArray[np.int64]:
    """Return the items of (item, latitude, longitude) that are near enough, by great circles."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    latitude, longitude = np.radians(table[:, 1]), np.radians(table[:, 2])
    there, east = np.radians(near.latitude), np.radians(near.longitude)
    half = (
        np.sin((latitude - there) / 2) ** 2
        + np.cos(latitude) * np.cos(there) * np.sin((longitude - east) / 2) ** 2
    )
    km = 2 * _EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    return np.asarray(table[km <= near.km, 0], dtype=np.int64)

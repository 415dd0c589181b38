"""Values of one attribute as arrays, kept while a gallery is open and the values stay the same."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.gallery.store import Store
from stitch_cir.gallery.store._attributes import AttributeRow

__all__ = ["NUMBERS", "AttributeCache", "Column", "flat", "read_column", "row_numbers"]

NUMBERS = MappingProxyType({"number": np.float64, "date": np.int64})
"""How the values of a kind are held as numbers."""
_MOST_COLUMNS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """All values of one attribute.

    ``items`` (v,) int32 are numbers of items, ``codes`` (v,) int32 positions in ``values``, the
    distinct stored values in ascending order; ``numbers`` are the same values as (d,) float64 for a
    number, int64 for a date, and ``None`` otherwise. A list has several values an item.
    """

    items: NDArray[np.int32] = field(repr=False)
    codes: NDArray[np.int32] = field(repr=False)
    values: tuple[Any, ...] = field(repr=False)
    numbers: NDArray[Any] | None = field(repr=False)


def read_column(store: Store, attribute: AttributeRow) -> Column:
    """Read the values of an attribute in order of value, which its index holds."""
    rows = store.rows(
        "SELECT item, value FROM attribute_values WHERE attribute = ? ORDER BY value, item",
        (attribute.number,),
    )
    items = np.fromiter((item for item, _ in rows), np.int32, len(rows))
    stored = [value for _, value in rows]
    del rows
    differs = np.ones(len(stored), bool)
    differs[1:] = [a != b for a, b in pairwise(stored)]
    codes = (np.cumsum(differs) - 1).astype(np.int32)
    values = tuple(stored[position] for position in np.flatnonzero(differs).tolist())
    dtype = NUMBERS.get(attribute.kind)
    numbers = None if dtype is None else np.array(values, dtype=dtype)
    return Column(items, codes, values, numbers)


def row_numbers(store: Store, ids: Sequence[str]) -> NDArray[np.int64]:
    """Return the row of each numbered item among ``ids`` (sorted); −1 for one that is none."""
    rows = store.rows("SELECT number, id FROM attribute_items")
    row_of = {id: row for row, id in enumerate(ids)}
    highest = max((number for number, _ in rows), default=0)
    numbers = np.full(highest + 1, -1, np.int64)
    for number, id in rows:
        numbers[number] = row_of.get(id, -1)
    return numbers


class AttributeCache:
    """What an open gallery keeps of its attributes from one query to the next; thread-safe.

    Everything is kept under what identifies its state, so a change is seen at once and the other
    attributes stay.
    """

    def __init__(self) -> None:
        """Start with nothing kept."""
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[Any, ...], Any] = OrderedDict()

    def get(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """Return what is kept under ``key``, made if need be; the first part names what it is."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key]
        made = make()
        with self._lock:
            for old in [each for each in self._entries if each[0] == key[0]]:
                del self._entries[old]
            self._entries[key] = made
            while len(self._entries) > _MOST_COLUMNS:
                self._entries.popitem(last=False)
        return made


def flat(rows: Sequence[tuple[Any, ...]]) -> NDArray[np.int64]:
    """Return rows of one whole number each as an array (n,)."""
    return np.fromiter(chain.from_iterable(rows), np.int64, len(rows))

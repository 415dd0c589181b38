"""The tables of attributes: schema, numbered items, values, and what identifies their state."""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stitch_cir.gallery._names import fold
from stitch_cir.gallery.store._schema import ATTRIBUTES_SINCE

if TYPE_CHECKING:
    from stitch_cir.gallery.store._store import Store

__all__ = [
    "AttributeRow",
    "attributes",
    "checksum",
    "counts",
    "delete_attribute",
    "mark_changed",
    "number_items",
    "put_attribute",
    "replace_values",
    "set_content",
    "sweep_attributes",
    "values_of",
    "version",
]


@dataclass(frozen=True, slots=True)
class AttributeRow:
    """One attribute of the schema; ``version`` changes whenever one of its values does."""

    number: int
    name: str
    kind: str
    version: str


def has_attributes(store: Store) -> bool:
    """Return whether the database has tables of attributes."""
    return store.has_schema(ATTRIBUTES_SINCE)


def version(store: Store) -> tuple[int, str]:
    """Return how often attributes have changed, and what identifies the last change."""
    if not has_attributes(store):
        return 0, ""
    count, token = store.rows("SELECT count, version FROM attribute_changes")[0]
    return int(count), str(token)


def attributes(store: Store) -> list[AttributeRow]:
    """Return the schema in the order of first sight."""
    if not has_attributes(store):
        return []
    rows = store.rows("SELECT number, name, kind, version FROM attributes ORDER BY number")
    return [AttributeRow(*row) for row in rows]


def counts(store: Store) -> dict[int, int]:
    """Return the number of items that have each attribute, by its number; vanished ones count."""
    if not has_attributes(store):
        return {}
    statement = (
        "SELECT attribute, COUNT(*) FROM attribute_values WHERE position = 0 GROUP BY attribute"
    )
    return {int(number): int(count) for number, count in store.rows(statement)}


def values_of(store: Store, id: str) -> list[tuple[str, str, list[Any]]]:
    """Return (name, kind, stored values) of every attribute that an item has."""
    values: dict[int, tuple[str, str, list[Any]]] = {}
    if has_attributes(store):
        # CROSS JOIN fixes the order: SQLite would scan the values of all items otherwise
        for number, name, kind, value in store.rows(
            "SELECT a.number, a.name, a.kind, v.value FROM attribute_items i"
            " CROSS JOIN attributes a CROSS JOIN attribute_values v"
            " ON v.attribute = a.number AND v.item = i.number"
            " WHERE i.id = ? ORDER BY a.number, v.position",
            (id,),
        ):
            values.setdefault(number, (name, kind, []))[2].append(value)
    return list(values.values())


def number_items(store: Store, ids: Sequence[str]) -> dict[str, int]:
    """Return the numbers of items, in a transaction of the caller; new ones are numbered."""
    store.run("INSERT OR IGNORE INTO attribute_items (id) VALUES (?)", [(id,) for id in ids])
    if len(ids) > 256:
        requested = set(ids)
        rows = store.rows("SELECT id, number FROM attribute_items")
        return {id: number for id, number in rows if id in requested}
    statement = "SELECT number FROM attribute_items WHERE id = ?"
    return {id: int(store.value(statement, (id,))) for id in ids}


def put_attribute(store: Store, name: str, kind: str) -> int:
    """Add an attribute to the schema, in a transaction of the caller; return its number."""
    store.rows(
        "INSERT INTO attributes (name, folded, kind, version) VALUES (?, ?, ?, '')",
        (name, fold(name), kind),
    )
    return int(store.value("SELECT number FROM attributes WHERE folded = ?", (fold(name),)))


def delete_attribute(store: Store, number: int) -> None:
    """Delete an attribute with all its values, in a transaction of the caller."""
    store.rows("DELETE FROM attribute_values WHERE attribute = ?", (number,))
    store.rows("DELETE FROM attributes WHERE number = ?", (number,))


def replace_values(
    store: Store, attribute: int, values: Iterable[tuple[int, Sequence[Any]]], *, carried: bool
) -> int:
    """Replace the values of items, in a transaction of the caller; return the number of rows.

    Each item comes with its stored values, none to take them away. What was set by hand stays
    where ``carried`` values come.
    """
    pairs = sorted(values, key=lambda pair: pair[0])
    if carried:
        set_by_hand = (
            "SELECT 1 FROM attribute_values WHERE attribute = ? AND item = ? AND carried = 0"
        )
        pairs = [pair for pair in pairs if not store.value(set_by_hand, (attribute, pair[0]))]
    store.run(
        "DELETE FROM attribute_values WHERE attribute = ? AND item = ?",
        [(attribute, item) for item, _ in pairs],
    )
    flag = int(carried)
    rows = [
        (attribute, item, position, value, flag, checksum(attribute, item, position, value, flag))
        for item, stored in pairs
        for position, value in enumerate(stored)
    ]
    store.run("INSERT INTO attribute_values VALUES (?, ?, ?, ?, ?, ?)", rows)
    return len(rows)


def mark_changed(store: Store, numbers: Iterable[int]) -> None:
    """Record that values of these attributes changed, in the caller's transaction."""
    token = secrets.token_hex(16)
    store.run(
        "UPDATE attributes SET version = ? WHERE number = ?", [(token, each) for each in numbers]
    )
    store.rows("UPDATE attribute_changes SET count = count + 1, version = ?", (token,))


def set_content(store: Store, number: int, content: str) -> None:
    """Record of which file's content (its hash) an item's metadata was read."""
    store.rows("UPDATE attribute_items SET content = ? WHERE number = ?", (content, number))


def sweep_attributes(store: Store) -> None:
    """Drop the attributes of items that are gone for good."""
    gone = (
        "SELECT number FROM attribute_items WHERE id NOT IN (SELECT id FROM items)"
        " AND id NOT IN (SELECT id FROM vanished)"
    )
    if not has_attributes(store) or store.value(f"{gone} LIMIT 1") is None:
        return
    with store.transaction(changes_content=False):
        items = [number for (number,) in store.rows(gone)]
        numbers = [row.number for row in attributes(store)]
        store.run(
            "DELETE FROM attribute_values WHERE attribute = ? AND item = ?",
            [(number, item) for number in numbers for item in items],
        )
        store.run("DELETE FROM attribute_items WHERE number = ?", [(item,) for item in items])
        # a number that is free again may be another item's tomorrow
        mark_changed(store, numbers)


def checksum(attribute: int, item: int, position: int, value: Any, carried: int) -> int:
    """Return the CRC-32 over the columns of a row of values."""
    return zlib.crc32(
        f"{attribute},{item},{position},{carried},{value!r}".encode("utf-8", "replace")
    )

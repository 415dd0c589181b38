"""Verification of attributes: values that are not what was written, and taking them out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stitch_cir.gallery._names import fold
from stitch_cir.gallery.attributes._kinds import KINDS
from stitch_cir.gallery.store import Store, write_lock
from stitch_cir.gallery.store import _attributes as tables

__all__ = ["AttributeDamage", "damaged_attributes", "take_out"]

_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "list": (str,),
    "number": (int, float),
    "boolean": (int,),
    "date": (int,),
}
_PAGE = 4096


@dataclass(frozen=True, slots=True)
class AttributeDamage:
    """A damaged record: ``key`` is its (attribute, item), or None for the schema's own."""

    line: str
    key: tuple[int, int] | None = None


def damaged_attributes(store: Store) -> list[AttributeDamage]:
    """Return what is not as it was written, of the schema and of the values."""
    if not tables.has_attributes(store):
        return []
    damage = []
    kinds = {}
    for row in tables.attributes(store):
        kinds[row.number] = (row.name, row.kind)
        if row.kind not in KINDS or store.value(
            "SELECT folded FROM attributes WHERE number = ?", (row.number,)
        ) != fold(row.name):
            line = f"the attribute {row.name!r} is not what was written; drop it and set it again"
            damage.append(AttributeDamage(line))
    ids = dict(store.rows("SELECT number, id FROM attribute_items"))
    for attribute, item, position, value, carried, checksum in _values(store):
        name, kind = kinds.get(attribute, (f"number {attribute}", ""))
        is_right = (
            isinstance(value, _TYPES.get(kind, ()))
            and item in ids
            and checksum == tables.checksum(attribute, item, position, value, carried)
        )
        if not is_right:
            line = f"{ids.get(item, f'item {item}')}: its attribute {name} is not what was written"
            damage.append(AttributeDamage(line, (attribute, item)))
    return list(dict.fromkeys(damage))


def take_out(directory: Path, damage: list[AttributeDamage]) -> None:
    """Delete damaged values: what was written is not known any more.

    Raises ``GalleryBusyError`` and ``GalleryError`` where nothing can be written.
    """
    keys = [each.key for each in damage if each.key is not None]
    with (
        write_lock(directory),
        closing(Store(directory, write=True)) as store,
        store.transaction(changes_content=False),
    ):
        store.run("DELETE FROM attribute_values WHERE attribute = ? AND item = ?", keys)
        tables.mark_changed(store, {attribute for attribute, _ in keys})


def _values(store: Store) -> Iterator[tuple[Any, ...]]:
    """Stream all values in the order of their key, a page at a time."""
    after: tuple[Any, ...] = (-1, -1, -1)
    while page := store.rows(
        "SELECT attribute, item, position, value, carried, checksum FROM attribute_values"
        " WHERE (attribute, item, position) > (?, ?, ?)"
        f" ORDER BY attribute, item, position LIMIT {_PAGE}",
        after,
    ):
        yield from page
        after = page[-1][:3]

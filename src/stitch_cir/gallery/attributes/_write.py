"""Setting attributes: checked as a whole, then written in one transaction that no vector feels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from stitch_cir._hints import did_you_mean
from stitch_cir.errors import GalleryError, NotFoundError, RecordError
from stitch_cir.gallery._names import fold
from stitch_cir.gallery.attributes._kinds import AttributeKind, StoredValue
from stitch_cir.gallery.attributes._records import (
    AttributeRecord,
    AttributeTable,
    convert,
    infer_kinds,
)
from stitch_cir.gallery.store import DATABASE, Store, write_lock
from stitch_cir.gallery.store import _attributes as tables

__all__ = [
    "AttributeReport",
    "drop_attribute",
    "existing_kinds",
    "refuse_contradictions",
    "set_attributes",
    "write_stored",
    "write_table",
]


@dataclass(frozen=True, slots=True)
class AttributeReport:
    """What setting attributes did.

    ``items`` whose attributes were set, ``values`` written (a list counts each entry), ``kinds`` of
    the attributes that were named, ``new`` names that were not in the schema before, ``unknown``
    ids that are no item of the gallery and were left out.
    """

    items: int
    values: int
    kinds: Mapping[str, AttributeKind]
    new: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def summary(self) -> str:
        """Return it in one line."""
        items = "1 item" if self.items == 1 else f"{self.items:,} items"
        kinds = ", ".join(f"{name} ({kind})" for name, kind in self.kinds.items())
        text = f"{self.values:,} values set for {items}: {kinds or 'no attribute'}."
        if self.unknown:
            text += f" {len(self.unknown):,} unknown ids left out."
        return text

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "items": self.items,
            "values": self.values,
            "kinds": dict(self.kinds),
            "new": list(self.new),
            "unknown": list(self.unknown),
        }


def set_attributes(directory: Path, table: AttributeTable) -> AttributeReport:
    """Set attributes of the gallery at ``directory``, all of them or none.

    Raises ``RecordError`` for values that contradict the schema or each other, and where no id is
    an item; ``GalleryBusyError``, ``GalleryError``.
    """
    with write_lock(directory), closing(Store(directory, write=True)) as store:
        return write_table(store, table)


def refuse_contradictions(directory: Path, table: AttributeTable) -> None:
    """Raise what setting a table would raise for its values, before long work is begun for it."""
    existing: dict[str, AttributeKind] = {}
    if (directory / DATABASE).is_file():
        with suppress(GalleryError), closing(Store(directory)) as store:
            existing = existing_kinds(store)
    convert(table, infer_kinds(table, existing))


def write_table(store: Store, table: AttributeTable, *, carried: bool = False) -> AttributeReport:
    """Write a table in one transaction; ``carried`` for what images say of themselves.

    Raises what :func:`set_attributes` raises.
    """
    kept, unknown = _split_by_gallery(store, table.records)
    if not kept and table.records:
        raise RecordError(
            f"None of the {len(table.records):,} ids is in the gallery {store.file.parent}, for "
            f"example {unknown[0]!r} ({table.records[0].position}).",
            hint="Ids are paths below the indexed folder, as a search prints them.",
        )
    table = AttributeTable(kept, table.kinds, table.is_typed)
    existing = existing_kinds(store)
    kinds = infer_kinds(table, existing)
    values = convert(table, kinds)
    with store.transaction(changes_content=False):
        written = _write_values(store, kinds, values, [each.id for each in kept], carried=carried)
    return AttributeReport(
        len(kept),
        written,
        dict(kinds.values()),
        tuple(name for key, (name, _) in kinds.items() if key not in existing),
        tuple(unknown),
    )


def write_stored(
    store: Store,
    values: Mapping[str, Mapping[str, Sequence[StoredValue]]],
    kinds: Mapping[str, AttributeKind],
) -> None:
    """Write stored values by id and name, in a transaction of the caller.

    ``kinds`` are those of the names, folded; an empty sequence takes a value away.
    """
    names: dict[str, str] = {}
    by_name: dict[str, dict[str, Sequence[StoredValue]]] = {}
    for id, attributes in values.items():
        for name, stored in attributes.items():
            names.setdefault(fold(name), name)
            by_name.setdefault(fold(name), {})[id] = stored
    existing = existing_kinds(store)
    # what no item has a value of is not added to the schema
    written = {
        key: by_id for key, by_id in by_name.items() if key in existing or any(by_id.values())
    }
    schema = {key: (names[key], kinds[key]) for key in written}
    _write_values(store, schema, written, list(values), carried=False)


def _write_values(
    store: Store,
    kinds: Mapping[str, tuple[str, AttributeKind]],
    values: Mapping[str, Mapping[str, Sequence[StoredValue]]],
    ids: Sequence[str],
    *,
    carried: bool,
) -> int:
    """Write values by folded name and id, in a transaction of the caller; return the rows written.

    ``kinds`` are the name and kind of each folded name, which are added where they are new; ``ids``
    are those of all items.
    """
    numbers = {fold(row.name): row.number for row in tables.attributes(store)}
    for key, (name, kind) in kinds.items():
        if key not in numbers:
            numbers[key] = tables.put_attribute(store, name, kind)
    items = tables.number_items(store, ids)
    written = 0
    for key, by_id in values.items():
        rows = [(items[id], stored) for id, stored in by_id.items()]
        written += tables.replace_values(store, numbers[key], rows, carried=carried)
    tables.mark_changed(store, [numbers[key] for key in values])
    return written


def drop_attribute(directory: Path, name: str) -> int:
    """Delete an attribute with its values; return of how many items. Raises ``NotFoundError``."""
    with write_lock(directory), closing(Store(directory, write=True)) as store:
        schema = {fold(row.name): row for row in tables.attributes(store)}
        row = schema.get(fold(name))
        if row is None:
            names = [each.name for each in schema.values()]
            listed = f"Attributes: {', '.join(names)}." if names else "It has no attributes."
            raise NotFoundError(
                f"The gallery {directory} has no attribute {name!r}.",
                hint=f"{did_you_mean(name, names)}{listed}",
            )
        count = tables.counts(store).get(row.number, 0)
        with store.transaction(changes_content=False):
            tables.delete_attribute(store, row.number)
            tables.mark_changed(store, [])
        return count


def existing_kinds(store: Store) -> dict[str, AttributeKind]:
    """Return the kinds of a gallery's attributes, by folded name."""
    return {fold(row.name): cast(AttributeKind, row.kind) for row in tables.attributes(store)}


def _split_by_gallery(
    store: Store, records: Sequence[AttributeRecord]
) -> tuple[list[AttributeRecord], list[str]]:
    """Return the records of items, under the items' own ids, and the ids that are none."""
    resolve = _resolver(store)
    kept: dict[str, AttributeRecord] = {}
    unknown: list[str] = []
    for record in records:
        id = resolve(record.id)
        if id is None:
            unknown.append(record.id)
        elif id in kept:
            raise RecordError(
                f"{record.position}: {record.id!r} means the item {id!r}, which "
                f"{kept[id].position} names already.",
                hint="Leave one line for each item.",
            )
        else:
            kept[id] = AttributeRecord(record.position, id, record.values)
    return list(kept.values()), unknown


def _resolver(store: Store) -> Callable[[str], str | None]:
    """Return what finds the id of an item, or of one that vanished, whatever its spelling."""
    ids = {id for (id,) in store.rows("SELECT id FROM items UNION SELECT id FROM vanished")}
    by_folded: dict[str, list[str]] = {}

    def resolve(name: str) -> str | None:
        if name in ids:
            return name
        if not by_folded:
            for id in ids:
                by_folded.setdefault(fold(id), []).append(id)
        near = by_folded.get(fold(name), [])
        return near[0] if len(near) == 1 else None

    return resolve

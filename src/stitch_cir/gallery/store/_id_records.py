"""A gallery's tables as one record for each id, to be kept in another store and put back from it.

Tables are not listed here: whatever has a column ``id`` or ``hash`` belongs to the ids that it
names, so a table of a later schema is carried along as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

from stitch_cir.errors import GalleryError, RowDamagedError
from stitch_cir.gallery.store._attributes import (
    attributes,
    has_attributes,
    mark_changed,
    number_items,
    put_attribute,
    replace_values,
    set_content,
)
from stitch_cir.gallery.store._digest import is_row_digest, row_digest
from stitch_cir.gallery.store._store import Store

__all__ = [
    "ContentRecord",
    "IdRecord",
    "attribute_kinds",
    "delete_records",
    "put_records",
    "read_records",
]

_PAGE = 512
_ITEMS = ("items", "vanished")
_SPECIAL = {
    *_ITEMS,
    "meta",
    "contents",
    "captions",
    "caption_vectors",
    "attributes",
    "attribute_items",
    "attribute_values",
    "attribute_changes",
    "pending",
}
_NUMBER = "SELECT number FROM attribute_items WHERE id = ?"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ContentRecord:
    """The image views of an item: their boxes as stored, and (M, d) float32 little-endian.

    ``digest`` is that of the row in ``contents``, over these and the hash, as this version
    computes it.
    """

    width: int
    height: int
    boxes: str
    vectors: bytes = field(repr=False)
    digest: bytes


_CONTENT = tuple(each.name for each in fields(ContentRecord))
_CONTENT_COLUMNS = ("contents", ("hash", *_CONTENT))
_of_content = attrgetter(*_CONTENT)


@dataclass(frozen=True, slots=True)
class IdRecord:
    """Everything that a gallery holds of one id.

    ``table`` is ``items`` or ``vanished``, or empty for an id that was left out, with ``columns``
    its row there. ``captions`` are texts with their vectors in order, ``attributes`` (name, kind,
    whether metadata says it, stored values), ``metadata_of`` the content whose metadata was read,
    and ``rows`` those of all other tables.
    """

    id: str
    table: str = ""
    columns: Row = field(default_factory=dict)
    content: ContentRecord | None = None
    captions: tuple[tuple[str, bytes], ...] = ()
    attributes: tuple[tuple[str, str, bool, tuple[Any, ...]], ...] = ()
    metadata_of: str | None = None
    rows: dict[str, list[Row]] = field(default_factory=dict)


def attribute_kinds(store: Store) -> list[tuple[str, str]]:
    """Return name and kind of every attribute, in the order of first sight."""
    return [(row.name, row.kind) for row in attributes(store)]


def read_records(store: Store) -> Iterator[IdRecord]:
    """Yield what one state of a gallery holds of each id, in id order; memory does not grow.

    The caller holds a read transaction. Raises ``RowDamagedError`` for a record that is not what
    was written.
    """
    tables = _Tables(store)
    after = ""
    while ids := tables.ids_after(after):
        yield from tables.records(ids)
        after = ids[-1]


class _Tables:
    """The tables of one database, as they are."""

    def __init__(self, store: Store) -> None:
        self._store = store
        names = store.rows(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
        self.columns = {
            str(name): [str(row[1]) for row in store.rows(f"PRAGMA table_info({name})")]
            for (name,) in names
        }
        others = [name for name in self.columns if name not in _SPECIAL]
        self.by_id = [name for name in others if "id" in self.columns[name]]
        self.by_hash = [n for n in others if n not in self.by_id and "hash" in self.columns[n]]
        unknown = sorted(set(others) - {*self.by_id, *self.by_hash})
        if unknown:
            raise GalleryError(f"The gallery {store.file.parent} has a table {unknown[0]!r}.")

    def ids_after(self, after: str) -> list[str]:
        """Return the next ids of any table, ascending."""
        tables = [*self.by_id, "captions", *(t for t in _ITEMS if t in self.columns)]
        if "attribute_items" in self.columns:
            tables.append("attribute_items")
        union = " UNION ".join(f"SELECT id FROM {table} WHERE id > ?" for table in tables)
        rows = self._store.rows(f"{union} ORDER BY id LIMIT {_PAGE}", [after] * len(tables))
        return [str(id) for (id,) in rows]

    def records(self, ids: Sequence[str]) -> Iterator[IdRecord]:
        """Yield the records of consecutive ids."""
        items: dict[str, tuple[str, Row]] = {}
        for table in [table for table in _ITEMS if table in self.columns]:
            for row in self._span(table, ids):
                items[row.pop("id")] = (table, row)
        rows: dict[str, dict[str, list[Row]]] = {id: {} for id in ids}
        for table in self.by_id:
            for row in self._span(table, ids):
                rows[row.pop("id")].setdefault(table, []).append(row)
        hashes: dict[str, set[str]] = {}
        for id in ids:
            named = [row for each in rows[id].values() for row in each]
            if id in items:
                named.append(items[id][1])
            hashes[id] = {row["hash"] for row in named if row.get("hash") is not None}
        every = sorted(set().union(*hashes.values()))
        for table in self.by_hash:
            names = self.columns[table]
            others = self._with_hash(table, names, every)
            of_hash = {
                row["hash"]: row for row in (dict(zip(names, o, strict=True)) for o in others)
            }
            for id in ids if of_hash else ():
                if chosen := [of_hash[hash] for hash in sorted(hashes[id]) if hash in of_hash]:
                    rows[id][table] = chosen
        contents = self._contents(every)
        captions, (metadata_of, values) = self._captions(ids), self._attributes(ids)
        for id in ids:
            table, columns = items.get(id, ("", {}))
            hash = columns.get("hash")
            if hash is not None and hash not in contents:
                raise _damaged(self._store, id)
            yield IdRecord(
                id,
                table,
                columns,
                None if hash is None else contents[hash],
                tuple(captions.get(id, ())),
                tuple((*key, tuple(stored)) for key, stored in values.get(id, {}).items()),
                metadata_of.get(id),
                rows[id],
            )

    def _span(self, table: str, ids: Sequence[str]) -> Iterator[Row]:
        names = self.columns[table]
        order = "id, position" if "position" in names else "id"
        statement = f"SELECT {', '.join(names)} FROM {table} WHERE id BETWEEN ? AND ?"
        for row in self._store.rows(f"{statement} ORDER BY {order}", (ids[0], ids[-1])):
            yield dict(zip(names, row, strict=True))

    def _with_hash(
        self, table: str, names: Sequence[str], hashes: Sequence[str]
    ) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(hashes), _PAGE):
            part = hashes[start : start + _PAGE]
            marks = ", ".join("?" * len(part))
            statement = f"SELECT {', '.join(names)} FROM {table} WHERE hash IN ({marks})"
            yield from self._store.rows(statement, part)

    def _contents(self, hashes: Sequence[str]) -> dict[str, ContentRecord]:
        """Return the contents of these hashes that are what was written."""
        has_digests = "digest" in self.columns["contents"]
        names = ("hash", *_CONTENT[:-1], "digest" if has_digests else "NULL")
        contents: dict[str, ContentRecord] = {}
        for *columns, stored in self._with_hash("contents", names, hashes):
            digest = row_digest(*columns)
            if stored == digest or not has_digests or is_row_digest(stored, *columns):
                hash, width, height, boxes, vectors = columns
                contents[hash] = ContentRecord(width, height, boxes, vectors, digest)
        return contents

    def _captions(self, ids: Sequence[str]) -> dict[str, list[tuple[str, bytes]]]:
        digest = "v.digest" if "digest" in self.columns["caption_vectors"] else "NULL"
        captions: dict[str, list[tuple[str, bytes]]] = {}
        for id, position, text, vector, stored in self._store.rows(
            f"SELECT c.id, c.position, c.text, v.vector, {digest} FROM captions c"
            " LEFT JOIN caption_vectors v ON v.text = c.text"
            " WHERE c.id BETWEEN ? AND ? ORDER BY c.id, c.position",
            (ids[0], ids[-1]),
        ):
            entries = captions.setdefault(id, [])
            proved = stored is None or is_row_digest(stored, text, vector)
            if position != len(entries) or not isinstance(vector, bytes) or not proved:
                raise _damaged(self._store, id)
            entries.append((text, vector))
        return captions

    def _attributes(
        self, ids: Sequence[str]
    ) -> tuple[dict[str, str], dict[str, dict[tuple[str, str, bool], list[Any]]]]:
        """Return the content whose metadata was read, and the values, of ids that have them."""
        if not has_attributes(self._store):
            return {}, {}
        span = (ids[0], ids[-1])
        metadata_of = dict(
            self._store.rows(
                "SELECT id, content FROM attribute_items"
                " WHERE id BETWEEN ? AND ? AND content IS NOT NULL",
                span,
            )
        )
        values: dict[str, dict[tuple[str, str, bool], list[Any]]] = {}
        # CROSS JOIN fixes the order: SQLite would scan the values of all items otherwise
        for id, name, kind, carried, value in self._store.rows(
            "SELECT i.id, a.name, a.kind, v.carried, v.value FROM attribute_items i"
            " CROSS JOIN attributes a CROSS JOIN attribute_values v"
            " ON v.attribute = a.number AND v.item = i.number"
            " WHERE i.id BETWEEN ? AND ? ORDER BY i.id, a.number, v.position",
            span,
        ):
            values.setdefault(id, {}).setdefault((name, kind, bool(carried)), []).append(value)
        return metadata_of, values


def _damaged(store: Store, id: str) -> RowDamagedError:
    return RowDamagedError(
        f"What the gallery {store.file.parent} records of {id!r} is damaged.",
        hint="Repair it first: stitch verify GALLERY --repair",
        id=id,
    )


def delete_records(store: Store, ids: Sequence[str]) -> None:
    """Delete what records put there of some ids, in the caller's transaction.

    Contents and caption vectors that other ids have as well stay.
    """
    tables = _Tables(store)
    every = [(id,) for id in ids]
    held = [table for table in _ITEMS if table in tables.columns]
    select = "SELECT hash FROM {} WHERE id = ?"
    hashes = {row for id in every for table in held for row in store.rows(select.format(table), id)}
    items = [row for each in every for row in store.rows(_NUMBER, each)]
    for table in (*tables.by_id, *held, "captions"):
        store.run(f"DELETE FROM {table} WHERE id = ?", every)
    unused = " AND ".join(
        f"NOT EXISTS (SELECT 1 FROM {other} WHERE {other}.hash = {{0}}.hash)" for other in held
    )
    for table in (*tables.by_hash, "contents"):
        store.run(f"DELETE FROM {table} WHERE hash = ? AND {unused.format(table)}", hashes)
    store.rows("DELETE FROM caption_vectors WHERE text NOT IN (SELECT text FROM captions)")
    numbers = [row.number for row in attributes(store)]
    store.run(
        "DELETE FROM attribute_values WHERE attribute = ? AND item = ?",
        [(number, item) for number in numbers for (item,) in items],
    )
    store.run("DELETE FROM attribute_items WHERE number = ?", items)
    mark_changed(store, numbers)


def put_records(
    store: Store, records: Sequence[IdRecord], kinds: Sequence[Sequence[str]] = ()
) -> None:
    """Insert records into a gallery that has none of these ids, in the caller's transaction.

    ``kinds``: name and kind of attributes, in the order in which they are shown. Raises
    ``GalleryError`` for rows of a table that this version does not know.
    """
    tables = _Tables(store)
    rows: dict[tuple[str, tuple[str, ...]], list[tuple[Any, ...]]] = {}

    def add(table: str, row: Row) -> None:
        rows.setdefault((table, tuple(row)), []).append(tuple(row.values()))

    for record in records:
        if record.table:
            add(record.table, {"id": record.id, **record.columns})
        if record.content is not None:
            row = (record.columns["hash"], *_of_content(record.content))
            rows.setdefault(_CONTENT_COLUMNS, []).append(row)
        for position, (text, vector) in enumerate(record.captions):
            add("captions", {"id": record.id, "position": position, "text": text})
            digest = row_digest(text, vector)
            add("caption_vectors", {"text": text, "vector": vector, "digest": digest})
        for table, others in record.rows.items():
            for other in others:
                add(table, other if table in tables.by_hash else {"id": record.id, **other})
    for (table, names), values in rows.items():
        if not set(names) <= set(tables.columns.get(table, ())):
            raise GalleryError(
                f"The records are of a newer version of stitch, with a table {table!r} that this "
                "one does not know.",
                hint="Update stitch-cir.",
            )
        marks = ", ".join("?" * len(names))
        store.run(f"INSERT OR REPLACE INTO {table} ({', '.join(names)}) VALUES ({marks})", values)
    _put_attributes(store, records, kinds)


def _put_attributes(
    store: Store, records: Sequence[IdRecord], kinds: Sequence[Sequence[str]]
) -> None:
    having = [record for record in records if record.attributes or record.metadata_of]
    numbers = number_items(store, [record.id for record in having])
    schema = {row.name: row.number for row in attributes(store)}
    for name, kind in kinds:
        if name not in schema:
            schema[name] = put_attribute(store, name, kind)
    values: dict[tuple[int, bool], list[tuple[int, Sequence[Any]]]] = {}
    for record in having:
        item = numbers[record.id]
        if record.metadata_of is not None:
            set_content(store, item, record.metadata_of)
        for name, kind, carried, stored in record.attributes:
            if name not in schema:
                schema[name] = put_attribute(store, name, kind)
            values.setdefault((schema[name], carried), []).append((item, stored))
    for (number, carried), pairs in values.items():
        replace_values(store, number, pairs, carried=carried)
    mark_changed(store, {number for number, _ in values})

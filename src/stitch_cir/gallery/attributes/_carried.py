"""Attributes that images carry: their size, and what their metadata says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stitch_cir.errors import ImageError
from stitch_cir.gallery._names import fold
from stitch_cir.gallery._report import IndexCounters, Progress, ProgressEvent
from stitch_cir.gallery.attributes._kinds import (
    MAX_ENTRIES,
    MAX_TEXT,
    AttributeKind,
    StoredValue,
    UnusableValueError,
    as_kind,
)
from stitch_cir.gallery.store import Store, to_path
from stitch_cir.gallery.store import _attributes as tables
from stitch_cir.images import open_regular, read_metadata

__all__ = ["CARRIED", "carried_position", "read_carried"]

CARRIED: dict[str, AttributeKind] = {
    "width": "number",
    "height": "number",
    "orientation": "text",
    "taken": "date",
    "camera": "text",
    "lens": "text",
    "latitude": "number",
    "longitude": "number",
    "altitude": "number",
    "rating": "number",
    "title": "text",
    "description": "text",
    "keywords": "list",
}
"""What is read from images, under which names."""
_PAGE = 256
_UNREAD = (
    " FROM items i LEFT JOIN attribute_items a USING (id) LEFT JOIN contents c USING (hash)"
    " WHERE i.hash NOT NULL AND i.path NOT NULL AND a.content IS NOT i.hash"
)


def carried_position(name: str | None) -> int:
    """Return where an attribute of images comes among those; others, and ``None``, come behind."""
    names = list(CARRIED)
    return names.index(name) if name in CARRIED else len(names)


def read_carried(store: Store, root: Path, counters: IndexCounters, progress: Progress) -> None:
    """Read the metadata of images that are new or have changed, and commit it page by page.

    Values that were set by hand stay. An attribute of the gallery that has one of these names and
    another kind is left alone, with a note.
    """
    total = int(store.value(f"SELECT COUNT(*) {_UNREAD}"))
    if not total:
        return
    existing = {fold(row.name): row.kind for row in tables.attributes(store)}
    kinds = {name: kind for name, kind in CARRIED.items() if existing.get(fold(name), kind) == kind}
    for name in CARRIED.keys() - kinds.keys():
        counters.notes.append(
            f"What images say of their {name} is left out: the gallery's {name} is a "
            f"{existing[fold(name)]}, and no {CARRIED[name]}."
        )
    after, done = "", 0
    while page := store.rows(
        f"SELECT i.id, i.path, i.hash, c.width, c.height {_UNREAD} AND i.id > ?"
        f" ORDER BY i.id LIMIT {_PAGE}",
        (after,),
    ):
        read = [_read(root, *row) for row in page]
        _write_page(store, [each for each in read if each is not None], kinds)
        after, done = page[-1][0], done + len(page)
        counters.metadata_read += len(page)
        progress(ProgressEvent("metadata", done, total, page[-1][0]))


def _read(
    root: Path, id: str, path: bytes, hash: str, width: int | None, height: int | None
) -> tuple[str, str, dict[str, Any]] | None:
    """Return id, hash and values of one image; None for a file that cannot be read now."""
    try:
        with open_regular(root / to_path(path)) as stream:
            values = read_metadata(stream)
    except (OSError, ImageError):
        return None
    if width and height:
        kinds = ("landscape", "portrait", "square")
        shape = kinds[0 if width > height else 1 if width < height else 2]
        values |= {"width": width, "height": height, "orientation": shape}
    return id, hash, values


def _write_page(
    store: Store,
    images: Sequence[tuple[str, str, dict[str, Any]]],
    kinds: dict[str, AttributeKind],
) -> None:
    if not images:
        return
    with store.transaction(changes_content=False):
        numbers = {fold(row.name): row.number for row in tables.attributes(store)}
        items = tables.number_items(store, [id for id, _, _ in images])
        for name, kind in kinds.items():
            stored = [(items[id], _stored(kind, values.get(name))) for id, _, values in images]
            if fold(name) not in numbers and any(rows for _, rows in stored):
                numbers[fold(name)] = tables.put_attribute(store, name, kind)
            if fold(name) in numbers:
                tables.replace_values(store, numbers[fold(name)], stored, carried=True)
        for id, hash, _ in images:
            tables.set_content(store, items[id], hash)
        tables.mark_changed(store, [numbers[fold(name)] for name in kinds if fold(name) in numbers])


def _stored(kind: AttributeKind, value: Any) -> list[StoredValue]:
    """Return a value as it is stored; nothing for one that cannot be, and texts cut to size."""
    if isinstance(value, str):
        value = value[:MAX_TEXT]
    elif isinstance(value, list):
        value = [entry[:MAX_TEXT] for entry in value[:MAX_ENTRIES]]
    try:
        return [] if value is None else as_kind(kind, value, is_typed=True)
    except UnusableValueError:
        return []

"""The tables of a gallery, in Python's terms: items, contents, captions and their vectors."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stitch_cir.errors import RowDamagedError
from stitch_cir.gallery._names import compose, fold
from stitch_cir.gallery.store._attributes import sweep_attributes
from stitch_cir.gallery.store._database import DATABASE
from stitch_cir.gallery.store._digest import row_digest
from stitch_cir.gallery.store._facts import FactsStore
from stitch_cir.gallery.store._products import delete_products, items_with_image
from stitch_cir.gallery.store._schema import DIGESTS_SINCE
from stitch_cir.views import ViewBox

__all__ = ["Item", "Store", "boxes_to_json", "same_id", "to_path"]

_PAGE = 256
_ORPHANS = (
    "contents WHERE hash NOT IN (SELECT hash FROM items WHERE hash NOT NULL)"
    " AND hash NOT IN (SELECT hash FROM vanished WHERE hash NOT NULL)",
    "captions WHERE id NOT IN (SELECT id FROM items) AND id NOT IN (SELECT id FROM vanished)",
    "written_captions WHERE id NOT IN (SELECT id FROM items)"
    " AND id NOT IN (SELECT id FROM vanished)",
    "caption_vectors WHERE text NOT IN (SELECT text FROM captions)",
)


@dataclass(frozen=True, slots=True)
class Item:
    """What can be found: an image (``path``, ``hash``), captions only (both None), or both.

    ``mark`` is written only; :class:`stitch_cir.gallery.index._scan.Facts` says what it is.
    """

    id: str
    path: bytes | None = None
    size: int | None = None
    mtime_ns: int | None = None
    hash: str | None = None
    mark: int | None = None


class Store(FactsStore):
    """The gallery's tables. Several puts belong into one ``transaction()``."""

    def __init__(self, directory: Path, *, write: bool = False, name: str = DATABASE) -> None:
        """Open the database ``name`` in ``directory``; with ``write``, create it if need be."""
        super().__init__(directory / name, write=write)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        super()._prepare(connection)
        connection.create_function("fold", 1, fold, deterministic=True)

    # -- items and contents ----------------------------------------------------------------------

    def item(self, id: str) -> Item | None:
        """Find an item by its id."""
        rows = self.rows("SELECT id, path, size, mtime_ns, hash FROM items WHERE id = ?", (id,))
        return Item(*rows[0]) if rows else None

    def find_id(self, name: str) -> str | None:
        """Find the id that is ``name`` but for case and Unicode spelling; see :func:`same_id`."""
        return same_id(name, self.similar_ids(name))

    def similar_ids(self, name: str) -> list[str]:
        """Return the ids that are ``name`` but for case and Unicode spelling."""
        return [id for (id,) in self.rows("SELECT id FROM items WHERE fold(id) = ?", (fold(name),))]

    def vanished(self, id: str) -> Item | None:
        """Find an item whose file has gone, but whose content and captions are still kept."""
        rows = self.rows("SELECT id, path, size, mtime_ns, hash FROM vanished WHERE id = ?", (id,))
        return Item(*rows[0]) if rows else None

    def items(self) -> Iterator[Item]:
        """Stream all items in id order, but for those whose id is damaged so as to be no text."""
        after = b""
        while page := self.rows(
            "SELECT CAST(id AS BLOB), id, path, size, mtime_ns, hash FROM items "
            "WHERE id > CAST(? AS TEXT) AND typeof(id) = 'text' ORDER BY id LIMIT ?",
            (after, _PAGE),
        ):
            yield from (Item(*row[1:]) for row in page)
            after = page[-1][0]

    def find(self, words: str, offset: int, limit: int) -> tuple[int, list[str]]:
        """Count the items whose id or a caption holds ``words``, and return a page of their ids.

        Case and Unicode spelling do not matter.
        """
        clause, values = "", tuple[str, ...]()
        if words:
            clause = (
                " WHERE instr(fold(id), ?) OR id IN"
                " (SELECT id FROM captions WHERE instr(fold(text), ?))"
            )
            values = (fold(words), fold(words))
        total = int(self.value(f"SELECT COUNT(*) FROM items{clause}", values))
        rows = self.rows(
            f"SELECT id FROM items{clause} ORDER BY id LIMIT {int(limit)} OFFSET {int(offset)}",
            values,
        )
        return total, [id for (id,) in rows]

    def put_item(self, item: Item) -> None:
        """Insert or replace an item."""
        self.rows(
            "INSERT OR REPLACE INTO items (id, path, size, mtime_ns, hash, mark)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (item.id, item.path, item.size, item.mtime_ns, item.hash, item.mark),
        )
        for table in ("skipped", "vanished"):
            self.rows(f"DELETE FROM {table} WHERE id = ?", (item.id,))

    def rename_item(self, old: str, new: Item) -> None:
        """Rename the item of a file that has moved, which keeps its captions."""
        self.put_item(new)
        for table in ("captions", "attribute_items", "metadata_captions", "written_captions"):
            self.rows(f"UPDATE OR IGNORE {table} SET id = ? WHERE id = ?", (new.id, old))
        self.remove_items([old])
        self.rows("DELETE FROM vanished WHERE id = ?", (old,))

    def remove_items(self, ids: Sequence[str]) -> None:
        """Remove items; :meth:`sweep` removes what nothing refers to any more."""
        self.run("DELETE FROM items WHERE id = ?", [(id,) for id in ids])
        delete_products(self, ids)

    def ids_with_content(self, hash: str) -> list[str]:
        """Return the ids of all items with this content, or an image of it, in order."""
        rows = self.rows("SELECT id FROM items WHERE hash = ? ORDER BY id", (hash,))
        return sorted({*(row[0] for row in rows), *items_with_image(self, hash)})

    def has_content(self, hash: str) -> bool:
        """Return whether an image of this content is encoded, from pixels as decoded today."""
        statement = (
            "SELECT 1 FROM contents WHERE hash = ? AND hash NOT IN (SELECT hash FROM outdated)"
        )
        return self.value(statement, (hash,)) is not None

    def outdated(self, after: str, limit: int) -> list[tuple[str, bytes]]:
        """Return a page of contents that were decoded in an earlier way: hash, path of a file."""
        return self.rows(
            "SELECT hash, min(path) FROM outdated JOIN items USING (hash)"
            " WHERE hash > ? GROUP BY hash ORDER BY hash LIMIT ?",
            (after, limit),
        )

    def set_current(self, hashes: Iterable[str]) -> None:
        """Record that these contents would be decoded to the same pixels today."""
        self.run("DELETE FROM outdated WHERE hash = ?", [(hash,) for hash in hashes])

    def put_content(
        self,
        hash: str,
        size: tuple[int, int],
        boxes: Sequence[ViewBox],
        vectors: NDArray[np.float32],
        images: Sequence[int] | None = None,
    ) -> None:
        """Store the views of one content: upright size, M boxes, (M, d) float32 unit rows.

        ``images`` are the positions of the boxes' images, where a product has several.
        """
        boxes_json = boxes_to_json(boxes, images)
        blob = np.ascontiguousarray(vectors, dtype="<f4").tobytes()
        self.put_content_row(hash, *size, boxes_json, blob)
        self.set_current([hash])

    def put_content_row(
        self, hash: str, width: int, height: int, boxes: str, vectors: bytes
    ) -> None:
        """Store one content as a row, with its digest."""
        row = (hash, width, height, boxes, vectors)
        self.rows(
            "INSERT OR REPLACE INTO contents (hash, width, height, boxes, vectors, digest)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (*row, row_digest(*row)),
        )

    def size(self, id: str) -> tuple[int, int] | None:
        """Return the upright (width, height) of an item's image."""
        rows = self.rows(
            "SELECT width, height FROM contents WHERE hash = (SELECT hash FROM items WHERE id = ?)",
            (id,),
        )
        if not rows:
            return None
        width, height = rows[0]
        if not (isinstance(width, int) and isinstance(height, int) and min(width, height) > 0):
            raise self.damaged(id)
        return width, height

    def damaged(self, id: str) -> RowDamagedError:
        """Return the error that says that the record of an item is damaged."""
        return RowDamagedError(
            f"What {self.file} records about {id!r} is damaged.",
            hint="Repair it: stitch verify GALLERY --repair",
            id=id,
        )

    @property
    def has_digests(self) -> bool:
        """Whether rows carry digests; a gallery of an older schema gets them when it is written."""
        return self.schema >= DIGESTS_SINCE

    def put_skipped(self, file: Item, reason: str, max_pixels: int | None = None) -> None:
        """Remember why a file was left out, until it changes.

        An older version of it must have left.
        """
        self.rows(
            "INSERT OR REPLACE INTO skipped (id, size, mtime_ns, reason, max_pixels, mark)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (file.id, file.size, file.mtime_ns, reason, max_pixels, file.mark),
        )

    def removed(self) -> frozenset[str]:
        """Return the ids that were taken out by hand."""
        return frozenset(id for (id,) in self.rows("SELECT id FROM removed"))

    def set_removed(self, ids: Iterable[str]) -> None:
        """Replace the ids that indexing leaves out."""
        self.rows("DELETE FROM removed")
        self.run("INSERT OR IGNORE INTO removed VALUES (?)", [(id,) for id in ids])

    def sweep(self) -> None:
        """Drop contents, captions, their vectors and attributes that nothing refers to any more."""
        if any(self.value(f"SELECT 1 FROM {orphans} LIMIT 1") for orphans in _ORPHANS):
            with self.transaction():
                for orphans in _ORPHANS:
                    self.rows(f"DELETE FROM {orphans}")
        sweep_attributes(self)

    # -- captions --------------------------------------------------------------------------------

    def captions(self, id: str) -> list[str]:
        """Return the captions of an item, in order."""
        rows = self.rows("SELECT text FROM captions WHERE id = ? ORDER BY position", (id,))
        return [row[0] for row in rows]

    def captioned_ids(self, *, vanished: bool = False) -> list[str]:
        """Return the ids of all items that have captions; with ``vanished`` of those too."""
        items = "SELECT id FROM items" + (" UNION SELECT id FROM vanished" if vanished else "")
        rows = self.rows(f"SELECT DISTINCT id FROM captions WHERE id IN ({items}) ORDER BY id")
        return [row[0] for row in rows]

    def has_caption(self, text: str) -> bool:
        """Return whether this caption is already encoded."""
        return self.value("SELECT 1 FROM caption_vectors WHERE text = ?", (text,)) is not None

    def put_caption_vectors(self, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Store the vectors of n captions: (n, d) float32 unit rows."""
        for text, vector in zip(texts, vectors, strict=True):
            self.put_caption_row(text, vector.astype("<f4").tobytes())

    def put_caption_row(self, text: str, vector: bytes) -> None:
        """Store one caption's vector as a row, with its digest."""
        self.rows(
            "INSERT OR REPLACE INTO caption_vectors (text, vector, digest) VALUES (?, ?, ?)",
            (text, vector, row_digest(text, vector)),
        )

    def put_captions(self, id: str, texts: Sequence[str]) -> None:
        """Replace the captions of an item."""
        self.rows("DELETE FROM captions WHERE id = ?", (id,))
        self.run(
            "INSERT INTO captions VALUES (?, ?, ?)",
            [(id, position, text) for position, text in enumerate(texts)],
        )


def same_id(name: str, ids: Sequence[str]) -> str | None:
    """Return which of several ids that differ from ``name`` in case or spelling it means.

    That is the one of the same case; ``None`` where that leaves several, or none.
    """
    same_case = [id for id in ids if compose(id) == compose(name)]
    matches = same_case or ids
    return matches[0] if len(matches) == 1 else None


def boxes_to_json(boxes: Sequence[ViewBox], images: Sequence[int] | None = None) -> str:
    """Return boxes as they are stored; ``images`` are the positions of theirs, if several."""
    rows = [[b.x0, b.y0, b.x1, b.y1, int(b.flip)] for b in boxes]
    if images is not None:
        rows = [[*row, image] for row, image in zip(rows, images, strict=True)]
    return json.dumps(rows)


def to_path(path: bytes) -> Path:
    """Return a path of the file system's bytes."""
    return Path(os.fsdecode(path))

"""What the gallery's tables hold, in Python's terms: items, contents, captions, view sets."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.errors import GalleryDamagedError
from stitch_cir.gallery._database import DATABASE, Database
from stitch_cir.gallery._names import compose, fold
from stitch_cir.gallery._schema import TABLES
from stitch_cir.views import ViewBox

__all__ = ["Item", "Store", "StoredView", "to_path"]

_PAGE = 256
_ORPHANS = (
    "contents WHERE hash NOT IN (SELECT hash FROM items WHERE hash NOT NULL)"
    " AND hash NOT IN (SELECT hash FROM vanished WHERE hash NOT NULL)",
    "captions WHERE id NOT IN (SELECT id FROM items) AND id NOT IN (SELECT id FROM vanished)",
    "caption_vectors WHERE text NOT IN (SELECT text FROM captions)",
)


@dataclass(frozen=True, slots=True)
class Item:
    """What can be found: an image (``path``, ``hash``), captions only (both None), or both.

    ``mark`` is written only; :class:`stitch_cir.gallery._scan.Facts` says what it is.
    """

    id: str
    path: bytes | None = None
    size: int | None = None
    mtime_ns: int | None = None
    hash: str | None = None
    mark: int | None = None


@dataclass(frozen=True, slots=True)
class StoredView:
    """One member of an item's view set: a ``box`` or a ``caption``, and its (d,) float32 vector."""

    vector: NDArray[np.float32]
    box: ViewBox | None = None
    caption: str | None = None


class Store(Database):
    """The gallery's tables. Several puts belong into one ``transaction()``."""

    def __init__(self, directory: Path, *, write: bool = False, name: str = DATABASE) -> None:
        """Open the database ``name`` in ``directory``; with ``write``, create it if need be."""
        super().__init__(directory / name, write=write)
        self._connection.create_function("fold", 1, fold, deterministic=True)

    # -- facts about the whole -------------------------------------------------------------------

    def meta(self) -> dict[str, Any]:
        """Give all recorded facts; an interrupted first run may have left none."""
        return {key: json.loads(value) for key, value in self.rows("SELECT key, value FROM meta")}

    def set_meta(self, **facts: Any) -> None:
        """Record facts, replacing earlier ones of the same name."""
        self.run(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)",
            [(key, json.dumps(value)) for key, value in facts.items()],
        )

    def generation(self) -> int:
        """Count of committed changes; equal generations mean equal content."""
        return int(self.value("SELECT value FROM meta WHERE key = 'generation'"))

    def count(self, table: str) -> int:
        """Count the rows of a table."""
        return int(self.value(f"SELECT COUNT(*) FROM {table}"))

    def adopt(self, file: Path) -> None:
        """Replace everything by the content of another database, in one transaction."""
        self.rows("ATTACH ? AS fresh", (str(file),))
        try:
            with self.transaction():
                for table in TABLES:
                    self.rows(f"DELETE FROM main.{table}")
                    self.rows(f"INSERT INTO main.{table} SELECT * FROM fresh.{table}")
                self.rows("DELETE FROM main.meta WHERE key <> 'generation'")
                self.rows(
                    "INSERT INTO main.meta SELECT * FROM fresh.meta WHERE key <> 'generation'"
                )
        finally:
            self.rows("DETACH fresh")

    # -- items and contents ----------------------------------------------------------------------

    def item(self, id: str) -> Item | None:
        """Find an item by its id."""
        rows = self.rows("SELECT id, path, size, mtime_ns, hash FROM items WHERE id = ?", (id,))
        return Item(*rows[0]) if rows else None

    def find_id(self, name: str) -> str | None:
        """Find the id that is ``name`` but for case and Unicode spelling.

        Among several, the one of the same case; ``None`` where that leaves several, or none.
        """
        ids = [id for (id,) in self.rows("SELECT id FROM items WHERE fold(id) = ?", (fold(name),))]
        same_case = [id for id in ids if compose(id) == compose(name)]
        matches = same_case or ids
        return matches[0] if len(matches) == 1 else None

    def vanished(self, id: str) -> Item | None:
        """Find an item whose file has gone, but whose content and captions are still kept."""
        rows = self.rows("SELECT id, path, size, mtime_ns, hash FROM vanished WHERE id = ?", (id,))
        return Item(*rows[0]) if rows else None

    def items(self) -> Iterator[Item]:
        """Stream all items in id order."""
        after = ""
        while page := self.rows(
            "SELECT id, path, size, mtime_ns, hash FROM items WHERE id > ? ORDER BY id LIMIT ?",
            (after, _PAGE),
        ):
            yield from (Item(*row) for row in page)
            after = page[-1][0]

    def find(self, words: str, offset: int, limit: int) -> tuple[int, list[str]]:
        """Count the items whose id or a caption holds ``words``, and give a page of their ids.

        Case and Unicode spelling do not matter.
        """
        clause, values = "", tuple[str, ...]()
        if words:
            clause = (
                " WHERE instr(fold(id), ?1) OR id IN"
                " (SELECT id FROM captions WHERE instr(fold(text), ?1))"
            )
            values = (fold(words),)
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
        """Let a moved picture keep its captions under its new id."""
        self.put_item(new)
        self.rows("UPDATE OR IGNORE captions SET id = ? WHERE id = ?", (new.id, old))
        self.remove_items([old])
        self.rows("DELETE FROM vanished WHERE id = ?", (old,))

    def remove_items(self, ids: Sequence[str]) -> None:
        """Let items leave, and with them what nothing else refers to (see :meth:`sweep`)."""
        self.run("DELETE FROM items WHERE id = ?", [(id,) for id in ids])

    def ids_with_content(self, hash: str) -> list[str]:
        """Give the ids of all items with this content, in order."""
        rows = self.rows("SELECT id FROM items WHERE hash = ? ORDER BY id", (hash,))
        return [row[0] for row in rows]

    def has_content(self, hash: str) -> bool:
        """Tell whether an image of this content is already encoded, by today's way of decoding."""
        statement = (
            "SELECT 1 FROM contents WHERE hash = ?1 AND ?1 NOT IN (SELECT hash FROM outdated)"
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
    ) -> None:
        """Keep the views of one content: upright size, M boxes, (M, d) float32 unit rows."""
        spelled = json.dumps([[b.x0, b.y0, b.x1, b.y1, int(b.flip)] for b in boxes])
        blob = np.ascontiguousarray(vectors, dtype="<f4").tobytes()
        self.rows(
            "INSERT OR REPLACE INTO contents VALUES (?, ?, ?, ?, ?)", (hash, *size, spelled, blob)
        )
        self.set_current([hash])

    def size(self, id: str) -> tuple[int, int] | None:
        """Give the upright (width, height) of an item's picture."""
        rows = self.rows(
            "SELECT width, height FROM contents WHERE hash = (SELECT hash FROM items WHERE id = ?)",
            (id,),
        )
        return (rows[0][0], rows[0][1]) if rows else None

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
        """Give the ids that were taken out by hand."""
        return frozenset(id for (id,) in self.rows("SELECT id FROM removed"))

    def set_removed(self, ids: Iterable[str]) -> None:
        """Make these the ids that indexing leaves out."""
        self.rows("DELETE FROM removed")
        self.run("INSERT OR IGNORE INTO removed VALUES (?)", [(id,) for id in ids])

    def sweep(self) -> None:
        """Drop contents, captions and caption vectors that nothing refers to any more."""
        if any(self.value(f"SELECT 1 FROM {orphans} LIMIT 1") for orphans in _ORPHANS):
            with self.transaction():
                for orphans in _ORPHANS:
                    self.rows(f"DELETE FROM {orphans}")

    # -- captions --------------------------------------------------------------------------------

    def captions(self, id: str) -> list[str]:
        """Give the captions of an item, in order."""
        rows = self.rows("SELECT text FROM captions WHERE id = ? ORDER BY position", (id,))
        return [row[0] for row in rows]

    def captioned_ids(self, *, vanished: bool = False) -> list[str]:
        """Give the ids of all items that have captions; also of vanished ones if asked to."""
        items = "SELECT id FROM items" + (" UNION SELECT id FROM vanished" if vanished else "")
        rows = self.rows(f"SELECT DISTINCT id FROM captions WHERE id IN ({items}) ORDER BY id")
        return [row[0] for row in rows]

    def has_caption(self, text: str) -> bool:
        """Tell whether this caption is already encoded."""
        return self.value("SELECT 1 FROM caption_vectors WHERE text = ?", (text,)) is not None

    def put_caption_vectors(self, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep the vectors of n captions: (n, d) float32 unit rows."""
        self.run(
            "INSERT OR REPLACE INTO caption_vectors VALUES (?, ?)",
            [
                (text, vector.astype("<f4").tobytes())
                for text, vector in zip(texts, vectors, strict=True)
            ],
        )

    def put_captions(self, id: str, texts: Sequence[str]) -> None:
        """Make these the captions of an item."""
        self.rows("DELETE FROM captions WHERE id = ?", (id,))
        self.run(
            "INSERT INTO captions VALUES (?, ?, ?)",
            [(id, position, text) for position, text in enumerate(texts)],
        )

    # -- view sets -------------------------------------------------------------------------------

    def views(self, id: str) -> list[StoredView]:
        """Give the view set of an item: image views first, then caption views."""
        found: list[StoredView] = []
        rows = self.rows(
            "SELECT boxes, vectors FROM contents WHERE hash = "
            "(SELECT hash FROM items WHERE id = ?)",
            (id,),
        )
        if rows:
            boxes = json.loads(rows[0][0])
            vectors = np.frombuffer(rows[0][1], dtype="<f4").reshape(len(boxes), -1)
            found = [
                StoredView(vector, box=ViewBox(x0, y0, x1, y1, bool(flip)))
                for (x0, y0, x1, y1, flip), vector in zip(boxes, vectors, strict=True)
            ]
        rows = self.rows(
            "SELECT text, vector FROM captions JOIN caption_vectors USING (text) "
            "WHERE id = ? ORDER BY position",
            (id,),
        )
        return found + [StoredView(np.frombuffer(v, dtype="<f4"), caption=t) for t, v in rows]

    def sets(self, dim: int) -> Iterator[tuple[str, NDArray[np.float32], int]]:
        """Stream all view sets in id order: id, (m, d) float32, how many of them are image views.

        Raises ``GalleryDamagedError`` for vectors of another length than ``dim``.
        """
        for id, blob, pictures in self.raw_sets():
            if len(blob) % (4 * dim) or pictures % (4 * dim):
                raise GalleryDamagedError(
                    f"The vectors of {id!r} in {self.file} are not of {dim} dimensions.",
                    hint="Encode everything again: stitch index FOLDER --rebuild",
                )
            yield id, np.frombuffer(blob, dtype="<f4").reshape(-1, dim), pictures // (4 * dim)

    def raw_sets(self) -> Iterator[tuple[str, bytes, int]]:
        """Stream all view sets as they are stored: id, bytes, how many of them are of image views.

        A few hundred sets are in memory at a time.
        """
        after = ""
        while page := self.rows(
            "SELECT id, vectors FROM items LEFT JOIN contents USING (hash) "
            "WHERE id > ? ORDER BY id LIMIT ?",
            (after, _PAGE),
        ):
            texts: dict[str, list[bytes]] = {}
            for id, vector in self.rows(
                "SELECT id, vector FROM captions JOIN caption_vectors USING (text) "
                "WHERE id BETWEEN ? AND ? ORDER BY id, position",
                (page[0][0], page[-1][0]),
            ):
                texts.setdefault(id, []).append(vector)
            for id, blob in page:
                pictures = blob or b""
                yield id, pictures + b"".join(texts.get(id, ())), len(pictures)
            after = page[-1][0]


def to_path(path: bytes) -> Path:
    """Turn the file system's bytes into a path."""
    return Path(os.fsdecode(path))

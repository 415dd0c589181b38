"""The table of perceptual hashes: the perceptual hash of each content."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from stitch_cir.gallery.store._schema import PERCEPTUAL_HASHES_SINCE

if TYPE_CHECKING:
    from stitch_cir.gallery.store._store import Store

__all__ = [
    "count_missing",
    "count_perceptual_hashes",
    "hashed_items",
    "missing",
    "perceptual_hashes",
    "put",
    "sweep",
]

_ROWS = "SELECT hash, bits, checksum FROM perceptual_hashes"
_MISSING = (
    " FROM items WHERE path NOT NULL AND hash NOT NULL"
    " AND hash NOT IN (SELECT hash FROM perceptual_hashes)"
)


def count_perceptual_hashes(store: Store) -> int:
    """Return how many contents have been looked at."""
    return store.count("perceptual_hashes") if store.has_schema(PERCEPTUAL_HASHES_SINCE) else 0


def perceptual_hashes(store: Store) -> dict[str, bytes]:
    """Return the perceptual hash of each content that has been looked at, by its hash.

    Nothing for a content without detail. A row that is not as it was written is left out.
    """
    if not store.has_schema(PERCEPTUAL_HASHES_SINCE):
        return {}
    return {
        hash: bits for hash, bits, checksum in store.rows(_ROWS) if _is_sound(hash, bits, checksum)
    }


def hashed_items(store: Store) -> list[tuple[str, str]]:
    """Return (id, content hash) of every item that has an image."""
    return [(id, hash) for id, hash in store.rows("SELECT id, hash FROM items WHERE hash NOT NULL")]


def missing(store: Store, after: str, limit: int) -> list[tuple[str, bytes]]:
    """Return (content hash, path) of contents that were not looked at, behind ``after``."""
    statement = (
        f"SELECT hash, MIN(path) {_MISSING} AND hash > ? GROUP BY hash ORDER BY hash LIMIT ?"
    )
    return [(hash, path) for hash, path in store.rows(statement, (after, limit))]


def count_missing(store: Store) -> int:
    """Return how many contents were not looked at."""
    return int(store.value(f"SELECT COUNT(DISTINCT hash) {_MISSING}"))


def put(store: Store, rows: Iterable[tuple[str, bytes]]) -> None:
    """Store (content hash, perceptual hash or nothing), in a transaction of the caller."""
    store.run(
        "INSERT OR REPLACE INTO perceptual_hashes VALUES (?, ?, ?)",
        [(hash, bits, _checksum(hash, bits)) for hash, bits in rows],
    )


def sweep(store: Store) -> None:
    """Drop the perceptual hashes of contents that are gone, and those that are not as written."""
    gone = "hash NOT IN (SELECT hash FROM contents)"
    damaged = [
        (hash,) for hash, bits, checksum in store.rows(_ROWS) if not _is_sound(hash, bits, checksum)
    ]
    if damaged or store.value(f"SELECT 1 FROM perceptual_hashes WHERE {gone} LIMIT 1"):
        with store.transaction(changes_content=False):
            store.rows(f"DELETE FROM perceptual_hashes WHERE {gone}")
            store.run("DELETE FROM perceptual_hashes WHERE hash = ?", damaged)


def _is_sound(hash: Any, bits: Any, checksum: int) -> bool:
    """Return whether a row is as it was written."""
    return isinstance(bits, bytes) and _checksum(str(hash), bits) == checksum


def _checksum(hash: str, bits: bytes) -> int:
    return zlib.crc32(hash.encode("utf-8", "replace") + bits)

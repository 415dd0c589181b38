"""Digests of database rows: SQLite has no checksums of its own, so rows carry theirs."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence

__all__ = [
    "CAPTION_COLUMNS",
    "CAPTION_IS_SOUND",
    "CONTENT_COLUMNS",
    "CONTENT_IS_SOUND",
    "META_DIGEST_KEYS",
    "add_functions",
    "earlier_row_digest",
    "is_row_digest",
    "row_digest",
]

CONTENT_COLUMNS = "CAST(hash AS BLOB), width, height, CAST(boxes AS BLOB), CAST(vectors AS BLOB)"
"""SQL of what the digest of a row of ``contents`` is over."""
CAPTION_COLUMNS = "CAST(text AS BLOB), CAST(vector AS BLOB)"
"""SQL of what the digest of a row of ``caption_vectors`` is over."""
CONTENT_IS_SOUND = f"is_row_digest(digest, {CONTENT_COLUMNS})"
"""SQL that is 1 for a row of ``contents`` that is what was written, else 0."""
CAPTION_IS_SOUND = f"is_row_digest(digest, {CAPTION_COLUMNS})"
"""SQL that is 1 for a row of ``caption_vectors`` that is what was written, else 0."""
META_DIGEST_KEYS = frozenset({"generation", "commit", "meta_digest"})
"""Facts that change with every commit and are not covered by the digest of the facts."""
_LENGTH = 16
Column = str | bytes | int | float | None


def row_digest(*columns: Column) -> bytes:
    """Return 16 bytes that change with any value, type or length of a row's columns.

    Text counts as its UTF-8 bytes. They are the first of SHA-256, for which processors have
    instructions.
    """
    return _sha256(_joined(columns))


def earlier_row_digest(*columns: Column) -> bytes:
    """Return the 16 bytes of BLAKE2b, which schemas before 10 have, and the facts of all."""
    return _blake2b(_joined(columns))


def is_row_digest(digest: object, *columns: Column) -> bool:
    """Return whether a digest is that of a row, as this or an earlier version computes it.

    Nothing says which of the two it is: each proves a row alone.
    """
    joined = _joined(columns)
    return digest == _sha256(joined) or digest == _blake2b(joined)


def _sha256(joined: bytes) -> bytes:
    return hashlib.sha256(joined, usedforsecurity=False).digest()[:_LENGTH]


def _blake2b(joined: bytes) -> bytes:
    return hashlib.blake2b(joined, digest_size=_LENGTH).digest()


def _joined(columns: Sequence[Column]) -> bytes:
    parts: list[bytes] = []
    for column in columns:
        if column is None:
            parts.append(b"None;")
            continue
        if isinstance(column, str):
            column = column.encode("utf-8", "surrogateescape")
        if isinstance(column, bytes):
            parts.append(b"b%d:" % len(column))
            parts.append(column)
        else:
            parts.append(b"%r;" % (column,))
    # at once: a call for each part takes longer than what it hashes
    return b"".join(parts)


def add_functions(connection: sqlite3.Connection) -> None:
    """Add the digests to the SQL functions of a connection, which also reads damaged text.

    Text that is no UTF-8 any more is escaped instead of raising: one flipped bit must not stop a
    listing of all rows.
    """
    connection.create_function("row_digest", -1, row_digest, deterministic=True)
    connection.create_function("is_row_digest", -1, is_row_digest, deterministic=True)
    connection.text_factory = _decode


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace")

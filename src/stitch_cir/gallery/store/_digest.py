"""Digests of database rows: SQLite has no checksums of its own, so rows carry theirs."""

from __future__ import annotations

import hashlib
import sqlite3

__all__ = ["CAPTION_DIGEST", "CONTENT_DIGEST", "META_DIGEST_KEYS", "add_functions", "row_digest"]

CONTENT_DIGEST = (
    "row_digest(CAST(hash AS BLOB), width, height, CAST(boxes AS BLOB), CAST(vectors AS BLOB))"
)
"""SQL that computes the digest of a row of ``contents``."""
CAPTION_DIGEST = "row_digest(CAST(text AS BLOB), CAST(vector AS BLOB))"
"""SQL that computes the digest of a row of ``caption_vectors``."""
META_DIGEST_KEYS = frozenset({"generation", "commit", "meta_digest"})
"""Facts that change with every commit and are not covered by the digest of the facts."""


def row_digest(*columns: str | bytes | int | float | None) -> bytes:
    """Return 16 bytes that change with any value, type or length of a row's columns.

    Text counts as its UTF-8 bytes.
    """
    parts: list[bytes] = []
    for column in columns:
        if column is None:
            parts.append(b"None;")
            continue
        if isinstance(column, str):
            column = column.encode("utf-8", "surrogateescape")
        if isinstance(column, bytes):
            parts += (b"b%d:" % len(column), column)
        else:
            parts.append(repr(column).encode() + b";")
    # at once: a call for each part takes longer than what it hashes
    return hashlib.blake2b(b"".join(parts), digest_size=16).digest()


def add_functions(connection: sqlite3.Connection) -> None:
    """Add ``row_digest`` to the SQL functions of a connection, which also reads damaged text.

    Text that is no UTF-8 any more is escaped instead of raising: one flipped bit must not stop a
    listing of all rows.
    """
    connection.create_function("row_digest", -1, row_digest, deterministic=True)
    connection.text_factory = _decode


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace")

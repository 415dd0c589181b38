"""The database's tables, as numbered migrations; a database knows how many it has had."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from stitch_cir.errors import GalleryError, GalleryMissingError

__all__ = ["TABLES", "migrate"]

_MIGRATIONS = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    INSERT INTO meta VALUES ('generation', '0');

    -- one row for each distinct picture content; vectors is (M, d) float32 little-endian, C order,
    -- boxes the JSON list of its M [x0, y0, x1, y1, flip]; width × height upright, in pixels
    CREATE TABLE contents (
        hash TEXT PRIMARY KEY,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        boxes TEXT NOT NULL,
        vectors BLOB NOT NULL
    );

    -- what can be found; path is relative to the root, as the file system spells it, and NULL
    -- (like hash) for an item that has captions only
    CREATE TABLE items (
        id TEXT PRIMARY KEY,
        path BLOB,
        size INTEGER,
        mtime_ns INTEGER,
        hash TEXT REFERENCES contents (hash)
    ) WITHOUT ROWID;
    CREATE INDEX items_by_hash ON items (hash);

    -- files left out, until they change; with max_pixels: until more pixels are allowed
    CREATE TABLE skipped (
        id TEXT PRIMARY KEY,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        reason TEXT NOT NULL,
        max_pixels INTEGER
    ) WITHOUT ROWID;

    -- files without a picture's ending whose first bytes are no picture's either
    CREATE TABLE others (
        id TEXT PRIMARY KEY,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE captions (
        id TEXT NOT NULL,
        position INTEGER NOT NULL,
        text TEXT NOT NULL REFERENCES caption_vectors (text),
        PRIMARY KEY (id, position)
    ) WITHOUT ROWID;
    CREATE TABLE caption_vectors (text TEXT PRIMARY KEY, vector BLOB NOT NULL);
    """,
    """
    -- ids that were taken out by hand: indexing leaves them out, whatever lies in the folder
    CREATE TABLE removed (id TEXT PRIMARY KEY) WITHOUT ROWID;
    """,
    """
    -- what changes with a file's content even where size and time are put back: the time of the
    -- last change of status, on Windows the number of the file; NULL until the file is met again
    ALTER TABLE items ADD COLUMN mark INTEGER;
    ALTER TABLE skipped ADD COLUMN mark INTEGER;
    ALTER TABLE others ADD COLUMN mark INTEGER;

    -- items whose files have gone, since when (seconds since 1970): their contents and captions
    -- are kept for a while, because a disk may only be away
    CREATE TABLE vanished (
        id TEXT PRIMARY KEY,
        path BLOB,
        size INTEGER,
        mtime_ns INTEGER,
        hash TEXT,
        mark INTEGER,
        since INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    -- contents whose pixels were made without their colour profiles: until indexing has looked
    -- whether they have one, or encoded them again
    CREATE TABLE outdated (hash TEXT PRIMARY KEY) WITHOUT ROWID;
    INSERT INTO outdated SELECT hash FROM contents;
    """,
)
_READABLE = 1
"""Oldest schema that can be read as it is; what came later is needed for writing only."""

TABLES = (
    "contents",
    "items",
    "skipped",
    "others",
    "captions",
    "caption_vectors",
    "removed",
    "vanished",
    "outdated",
)
"""All tables but ``meta``."""


def migrate(database: sqlite3.Connection, file: Path, *, apply: bool) -> None:
    """Bring a database to the newest schema (or only check it).

    Raises ``GalleryError`` for one from the future, and, where nothing may be changed,
    ``GalleryMissingError`` for one that has no table yet.
    """
    version = int(database.execute("PRAGMA user_version").fetchone()[0])
    if version > len(_MIGRATIONS):
        raise GalleryError(
            f"{file} was written by a newer version of stitch (schema {version}).",
            hint="Update stitch-cir.",
        )
    if version == len(_MIGRATIONS):
        return
    if not apply and version >= _READABLE:
        return
    if not apply:
        # a first run that ended before its first commit: there is nothing in it yet
        raise GalleryMissingError(
            f"The gallery {file.parent} was never finished.",
            hint="Run stitch index on its folder again.",
        )
    for number in range(version, len(_MIGRATIONS)):
        database.executescript(
            f"BEGIN IMMEDIATE; {_MIGRATIONS[number]} PRAGMA user_version = {number + 1}; COMMIT;"
        )

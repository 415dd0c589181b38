"""The database's tables, as numbered migrations; a database knows how many it has had."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from stitch_cir.errors import GalleryError, GalleryMissingError
from stitch_cir.gallery.store._digest import CAPTION_COLUMNS, CONTENT_COLUMNS

__all__ = [
    "ATTRIBUTES_SINCE",
    "DIGESTS_SINCE",
    "PERCEPTUAL_HASHES_SINCE",
    "PRODUCTS_SINCE",
    "TABLES",
    "WRITTEN_CAPTIONS_SINCE",
    "migrate",
]

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
    f"""
    -- 16 bytes over all other columns of the row; another digest than that means a damaged row
    ALTER TABLE contents ADD COLUMN digest BLOB;
    ALTER TABLE caption_vectors ADD COLUMN digest BLOB;
    UPDATE contents SET digest = row_digest({CONTENT_COLUMNS});
    UPDATE caption_vectors SET digest = row_digest({CAPTION_COLUMNS});

    -- identifies the last commit, as the generation cannot: that one repeats when a backup is put
    -- back
    INSERT OR REPLACE INTO meta VALUES ('commit', '"' || lower(hex(randomblob(16))) || '"');

    -- files that are being added or deleted by hand; what is still here at the next opening was
    -- interrupted (see _pending.py). path and part are relative to the root, in its own bytes;
    -- size and mtime_ns are those of a file that is to be deleted
    CREATE TABLE pending (
        path BLOB PRIMARY KEY,
        action TEXT NOT NULL,
        part BLOB,
        size INTEGER,
        mtime_ns INTEGER
    ) WITHOUT ROWID;
    """,
    """
    -- typed attributes of items. version changes whenever a value of the attribute does: what was
    -- derived from the values is kept for as long as it stays the same
    CREATE TABLE attributes (
        number INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        folded TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        version TEXT NOT NULL
    );

    -- items that have attributes, numbered so that a value is small; content is the hash of the
    -- file whose metadata was read, NULL before
    CREATE TABLE attribute_items (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        content TEXT
    );

    -- value: text, number, 0 or 1 for a boolean, microseconds since 1970 for a date; a list has a
    -- row for each entry. carried is 1 for what an image's metadata says, 0 for what was set.
    -- checksum is a CRC-32 over the other columns
    CREATE TABLE attribute_values (
        attribute INTEGER NOT NULL,
        item INTEGER NOT NULL,
        position INTEGER NOT NULL,
        value NOT NULL,
        carried INTEGER NOT NULL,
        checksum INTEGER NOT NULL,
        PRIMARY KEY (attribute, item, position)
    ) WITHOUT ROWID;
    CREATE INDEX attribute_values_by_value ON attribute_values (attribute, value);

    -- one row: how often attributes have changed, and what identifies the last change. Vectors do
    -- not depend on it, so their cache stays valid
    CREATE TABLE attribute_changes (count INTEGER NOT NULL, version TEXT NOT NULL);
    INSERT INTO attribute_changes VALUES (0, '');
    """,
    """
    -- items that a feed names; digest is over the attributes that it names
    CREATE TABLE products (id TEXT PRIMARY KEY, digest TEXT NOT NULL) WITHOUT ROWID;

    -- the images of a product in order: what the feed calls each, and its file with its own hash.
    -- Where there are several, the views of all are one content of the item, under the hash of
    -- their hashes, and a box of it has a sixth number: the position of its image
    CREATE TABLE product_images (
        id TEXT NOT NULL,
        position INTEGER NOT NULL,
        link TEXT NOT NULL,
        path BLOB NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        mark INTEGER,
        hash TEXT NOT NULL,
        PRIMARY KEY (id, position)
    ) WITHOUT ROWID;
    CREATE INDEX product_images_by_hash ON product_images (hash);
    """,
    """
    -- the perceptual hash of a content: 32 bytes of structure, 32 of colour, nothing for an image
    -- without detail. checksum is a CRC-32 over the other columns
    CREATE TABLE perceptual_hashes (
        hash TEXT PRIMARY KEY,
        bits BLOB NOT NULL,
        checksum INTEGER NOT NULL
    ) WITHOUT ROWID;

    -- items whose captions are what their metadata says
    CREATE TABLE metadata_captions (id TEXT PRIMARY KEY) WITHOUT ROWID;
    """,
    """
    -- items whose last captions, as many as members says, a model wrote of the image with this
    -- content; each of them stands there weight times. answer is the key of the model's answer
    CREATE TABLE written_captions (
        id TEXT PRIMARY KEY,
        content TEXT NOT NULL,
        model TEXT NOT NULL,
        prompt TEXT NOT NULL,
        answer TEXT NOT NULL,
        weight INTEGER NOT NULL,
        members INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    -- from here on digests of rows are SHA-256, which earlier versions would take for damage. What
    -- is there keeps its BLAKE2b, which proves a row as well
    """,
)
DIGESTS_SINCE = 5
"""The schema from which on rows have digests."""
ATTRIBUTES_SINCE = 6
"""The schema from which on items have attributes."""
PRODUCTS_SINCE = 7
"""The schema from which on items may be products of a feed."""
PERCEPTUAL_HASHES_SINCE = 8
"""The schema from which on contents have perceptual hashes."""
WRITTEN_CAPTIONS_SINCE = 9
"""The schema from which on items may have captions that a model wrote."""
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
    "products",
    "product_images",
    "written_captions",
)
"""All tables that a rebuild replaces.

Not ``meta``; not ``pending``, which is about files; not attributes and perceptual hashes, which no
encoder makes.
"""


def migrate(database: sqlite3.Connection, file: Path, *, apply: bool) -> int:
    """Bring a database to the newest schema (or only check it); return its schema's number.

    Raises ``GalleryError`` for one from the future or of another program, ``GalleryMissingError``
    for one that is to be read and was never begun.
    """
    version = int(database.execute("PRAGMA user_version").fetchone()[0])
    if version > len(_MIGRATIONS):
        raise GalleryError(
            f"{file} was written by a newer version of stitch (schema {version}).",
            hint="Update stitch-cir.",
        )
    if version == 0 and database.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
        raise GalleryError(
            f"{file} is a database of another program.",
            hint="Move it away, or choose another place with --gallery DIR.",
        )
    if not apply:
        if version < _READABLE:
            raise GalleryMissingError(
                f"The gallery {file.parent} was never finished.",
                hint="Run stitch index on its folder again.",
            )
        return version
    for number in range(version, len(_MIGRATIONS)):
        database.executescript(
            f"BEGIN IMMEDIATE; {_MIGRATIONS[number]} PRAGMA user_version = {number + 1}; COMMIT;"
        )
    return len(_MIGRATIONS)

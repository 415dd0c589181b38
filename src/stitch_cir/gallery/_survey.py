"""One run's view of the folder, in temporary tables: memory stays flat for any number of files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from stitch_cir.gallery._decode import Candidate
from stitch_cir.gallery._progress import Progress, ProgressEvent
from stitch_cir.gallery._report import Tally
from stitch_cir.gallery._scan import Found, id_of, sniff
from stitch_cir.gallery._store import Store, to_path
from stitch_cir.gallery._write import Writer
from stitch_cir.images import RAW_EXTENSIONS

__all__ = ["changed", "missing", "missing_twin", "note"]

_PAGE = 512


def note(store: Store, root: Path, entries: Iterable[Found], tally: Tally, tell: Progress) -> int:
    """Write down what the scan found and count what is no picture; give the number of candidates.

    Only files without a picture's ending that are new or changed are looked into.
    """
    store.rows("CREATE TEMP TABLE found (id TEXT PRIMARY KEY, path BLOB, size, mtime_ns)")
    store.rows("CREATE TEMP TABLE unread (place TEXT PRIMARY KEY)")
    store.rows("CREATE TEMP TABLE found_others (id TEXT PRIMARY KEY, size, mtime_ns)")
    count = 0
    for entry in entries:
        id = id_of(entry.path)
        if entry.problem is not None:
            store.run("INSERT OR IGNORE INTO temp.unread VALUES (?)", [(id,)])
            tally.skipped.append((id or ".", entry.problem))
            tell(ProgressEvent("scanning", count, None, id, entry.problem))
        elif not entry.named and not _is_picture(store, root, id, entry):
            row = (id, entry.size, entry.mtime_ns)
            store.run("INSERT OR REPLACE INTO temp.found_others VALUES (?, ?, ?)", [row])
            tally.other_files += 1
        else:
            row_of = (id, entry.path, entry.size, entry.mtime_ns)
            new = store.run("INSERT OR IGNORE INTO temp.found VALUES (?, ?, ?, ?)", [row_of])
            if not new:
                tally.skipped.append((id, "another file's name is escaped to the same id"))
                continue
            count += 1
            if count % 1000 == 0:
                tell(ProgressEvent("scanning", count, None, id))
    others = "SELECT id, size, mtime_ns FROM {}"
    one, two = others.format("temp.found_others"), others.format("main.others")
    if store.value(
        f"SELECT 1 FROM ({one} EXCEPT {two} UNION ALL SELECT * FROM ({two} EXCEPT {one}))"
    ):
        with store.transaction():
            store.rows("DELETE FROM main.others")
            store.rows(f"INSERT INTO main.others {one}")
    return count


def _is_picture(store: Store, root: Path, id: str, entry: Found) -> bool:
    facts = (id, entry.size, entry.mtime_ns)
    # earlier versions took camera raw for damaged images, or for its thumbnail
    is_raw = Path(id).suffix.lower() in RAW_EXTENSIONS
    tables = {"others": False} if is_raw else {"items": True, "skipped": True, "others": False}
    for table, answer in tables.items():
        statement = f"SELECT 1 FROM main.{table} WHERE id = ? AND size = ? AND mtime_ns = ?"
        if store.value(statement, facts):
            return answer
    return sniff(root / to_path(entry.path))


def changed(store: Store, writer: Writer, max_pixels: int) -> Iterator[Candidate]:
    """Give the files that must be read, in id order; tell the writer about the others."""
    after = ""
    while page := store.rows(
        "SELECT f.id, f.path, f.size, f.mtime_ns,"
        " i.size = f.size AND i.mtime_ns = f.mtime_ns AND i.path = f.path,"
        " CASE WHEN s.size = f.size AND s.mtime_ns = f.mtime_ns"
        "  AND coalesce(s.max_pixels >= ?, 1) THEN s.reason END"
        " FROM temp.found f LEFT JOIN items i USING (id) LEFT JOIN skipped s USING (id)"
        " WHERE f.id > ? ORDER BY f.id LIMIT ?",
        (max_pixels, after, _PAGE),
    ):
        for id, path, size, mtime_ns, same, reason in page:
            if same:
                writer.unchanged(id)
            elif reason is not None:
                writer.skip(id, reason)
            else:
                yield Candidate(id, path, size, mtime_ns)
        after = page[-1][0]


def missing_twin(store: Store, hash: str) -> str | None:
    """Find an item of this content whose file the scan did not meet: it has moved."""
    rows = store.rows(
        "SELECT id FROM items WHERE hash = ? AND id NOT IN (SELECT id FROM temp.found) ORDER BY id",
        (hash,),
    )
    return next((id for (id,) in rows if not _is_unread(store, id)), None)


def missing(store: Store) -> list[str]:
    """Give the items whose files are gone, but none below a folder that cannot be looked into."""
    rows = store.rows(
        "SELECT id FROM items WHERE path NOT NULL AND id NOT IN (SELECT id FROM temp.found)"
    )
    return [id for (id,) in rows if not _is_unread(store, id)]


def _is_unread(store: Store, id: str) -> bool:
    """Tell whether the scan could not look at this item's file or at a folder above it."""
    found = store.value(
        "SELECT 1 FROM temp.unread WHERE place IN ('', ?) OR "
        "substr(?, 1, length(place) + 1) = place || '/'",
        (id, id),
    )
    return found is not None

"""One run's view of the folder, in temporary tables: memory stays flat for any number of files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from stitch_cir.gallery._report import IndexCounters, Progress, ProgressEvent
from stitch_cir.gallery.index._decode import ChangedFile
from stitch_cir.gallery.index._scan import Facts, FileEntry, id_of, sniff
from stitch_cir.gallery.index._write import Writer
from stitch_cir.gallery.store import Store, to_path
from stitch_cir.images import RAW_EXTENSIONS, has_colour_profile

__all__ = [
    "changed",
    "check_colours",
    "count_changed",
    "count_unchanged",
    "gone_skipped",
    "is_below",
    "missing",
    "missing_twin",
    "note",
    "record",
    "select_changed",
    "select_other_differences",
    "skipped_before",
]

_PAGE = 512
_SAME = (
    "coalesce({0}.size = f.size AND {0}.mtime_ns = f.mtime_ns"
    # a file that was met before there were marks has none; one that may still change has -1
    " AND {0}.mark IS NOT -1 AND ({0}.mark IS NULL OR f.mark IS NULL OR {0}.mark = f.mark), 0)"
)
_JUDGED = (
    f"SELECT f.id AS id, f.path AS path, f.size AS size, f.mtime_ns AS mtime_ns, f.mark AS mark,"
    f" {_SAME.format('i')} AND i.path = f.path"
    "  AND i.hash NOT IN (SELECT hash FROM outdated) AS same,"
    f" CASE WHEN {_SAME.format('s')} AND coalesce(s.max_pixels >= ?, 1)"
    " THEN s.reason END AS reason"
    " FROM temp.found f LEFT JOIN items i USING (id) LEFT JOIN skipped s USING (id)"
)


def note(
    store: Store,
    root: Path,
    entries: Iterable[FileEntry],
    counters: IndexCounters,
    progress: Progress,
) -> int:
    """Record what the scan met, count what is no image, and return the number of candidates.

    Only files without an image's ending that are new or changed are looked into. Nothing of the
    gallery changes.
    """
    store.rows("CREATE TEMP TABLE found (id TEXT PRIMARY KEY, path BLOB, size, mtime_ns, mark)")
    for table in ("unread", "excluded", "away"):
        store.rows(f"CREATE TEMP TABLE {table} (folder TEXT PRIMARY KEY)")
    store.rows("CREATE TEMP TABLE found_others (id TEXT PRIMARY KEY, size, mtime_ns, mark)")
    count = 0
    for entry in entries:
        id = id_of(entry.path)
        if entry.excluded is not None:
            store.run("INSERT OR IGNORE INTO temp.excluded VALUES (?)", [(id,)])
            counters.excluded[entry.excluded] = counters.excluded.get(entry.excluded, 0) + 1
        elif entry.problem is not None:
            store.run("INSERT OR IGNORE INTO temp.unread VALUES (?)", [(id,)])
            counters.skipped.append((id or ".", entry.problem))
            progress(ProgressEvent("scanning", count, None, id, entry.problem))
        elif not entry.named and not _is_image(store, root, id, entry):
            row = (id, *entry.facts)
            store.run("INSERT OR REPLACE INTO temp.found_others VALUES (?, ?, ?, ?)", [row])
            counters.other_files += 1
        else:
            row_of = (id, entry.path, *entry.facts)
            new = store.run("INSERT OR IGNORE INTO temp.found VALUES (?, ?, ?, ?, ?)", [row_of])
            if not new:
                reason = "another file's name is escaped to the same id"
                counters.skipped.append((id, reason))
                progress(ProgressEvent("scanning", count, None, id, reason))
                continue
            count += 1
            if count % 1000 == 0:
                progress(ProgressEvent("scanning", count, None, id))
    return count


def record(store: Store) -> None:
    """Remember the other files, and the marks of known files that had none; no item changes.

    Skipped files that are gone are forgotten.
    """
    others = "SELECT id, size, mtime_ns, mark FROM {}"
    now, before = others.format("temp.found_others"), others.format("main.others")
    if store.value(
        f"SELECT 1 FROM ({now} EXCEPT {before} UNION ALL SELECT * FROM ({before} EXCEPT {now}))"
    ):
        with store.transaction():
            store.rows("DELETE FROM main.others")
            store.rows(f"INSERT INTO main.others (id, size, mtime_ns, mark) {now}")
    store.run("DELETE FROM skipped WHERE id = ?", [(id,) for id in gone_skipped(store)])
    for table in ("items", "skipped"):
        # no transaction with a new generation: what is searched stays the same
        store.rows(
            f"UPDATE main.{table} AS known SET mark = f.mark FROM temp.found f"
            f" WHERE known.mark IS NULL AND known.id = f.id AND {_SAME.format('known')}"
        )


def gone_skipped(store: Store) -> list[str]:
    """Return the skipped files that are gone, but none below a folder that cannot be read."""
    gone = store.rows("SELECT id FROM skipped WHERE id NOT IN (SELECT id FROM temp.found)")
    return [id for (id,) in gone if not is_below(store, id, "unread")]


def select_changed(store: Store, table: str, max_pixels: int) -> None:
    """Insert the ids of the files that must be read into a table."""
    statement = f"SELECT id FROM ({_JUDGED}) WHERE NOT same AND reason IS NULL"
    store.rows(f"INSERT OR IGNORE INTO {table} (id) {statement}", (max_pixels,))


def select_other_differences(store: Store, table: str) -> None:
    """Insert the ids of which :func:`record` would change something into a table."""
    others = "SELECT id, size, mtime_ns, mark FROM {}"
    now, before = others.format("temp.found_others"), others.format("main.others")
    for more, less in ((now, before), (before, now)):
        store.rows(f"INSERT OR IGNORE INTO {table} (id) SELECT id FROM ({more} EXCEPT {less})")
    store.run(
        f"INSERT OR IGNORE INTO {table} (id) VALUES (?)", [(id,) for id in gone_skipped(store)]
    )
    for name in ("items", "skipped"):
        store.rows(
            f"INSERT OR IGNORE INTO {table} (id) SELECT known.id FROM main.{name} AS known"
            " JOIN temp.found f USING (id) WHERE known.mark IS NULL AND f.mark IS NOT NULL"
            f" AND {_SAME.format('known')}"
        )


def count_unchanged(store: Store, max_pixels: int) -> int:
    """Count the files that are indexed as they are."""
    return int(store.value(f"SELECT COUNT(*) FROM ({_JUDGED}) WHERE same", (max_pixels,)))


def skipped_before(store: Store, max_pixels: int) -> list[tuple[str, str]]:
    """Return (id, reason) of the files that were left out before and have not changed."""
    statement = f"SELECT id, reason FROM ({_JUDGED}) WHERE NOT same AND reason IS NOT NULL"
    return [(id, reason) for id, reason in store.rows(statement, (max_pixels,))]


def _is_image(store: Store, root: Path, id: str, entry: FileEntry) -> bool:
    # earlier versions took camera raw for damaged images, or for its thumbnail
    is_raw = Path(id).suffix.lower() in RAW_EXTENSIONS
    tables = {"others": False} if is_raw else {"items": True, "skipped": True, "others": False}
    for table, answer in tables.items():
        statement = (
            f"SELECT 1 FROM main.{table} WHERE id = ? AND size = ? AND mtime_ns = ?"
            " AND coalesce(mark = ?, 1)"
        )
        if store.value(statement, (id, *entry.facts)):
            return answer
    return sniff(root / to_path(entry.path))


def changed(store: Store, writer: Writer, max_pixels: int) -> Iterator[ChangedFile]:
    """Yield the files that must be read, in id order; report the others to the writer."""
    after = ""
    while page := store.rows(
        f"SELECT * FROM ({_JUDGED}) WHERE id > ? ORDER BY id LIMIT ?",
        (max_pixels, after, _PAGE),
    ):
        for id, path, size, mtime_ns, mark, same, reason in page:
            if same:
                writer.unchanged(id)
            elif reason is not None:
                writer.skip(id, reason)
            else:
                yield ChangedFile(id, path, Facts(size, mtime_ns, mark))
        after = page[-1][0]


def count_changed(store: Store, max_pixels: int) -> int:
    """Count the files that must be read."""
    statement = f"SELECT COUNT(*) FROM ({_JUDGED}) WHERE NOT same AND reason IS NULL"
    return int(store.value(statement, (max_pixels,)))


def missing_twin(store: Store, hash: str) -> str | None:
    """Find an item of this content whose file the scan did not meet: it has moved."""
    rows = store.rows(
        "SELECT id FROM items WHERE hash = ? AND id NOT IN (SELECT id FROM temp.found)"
        " UNION ALL"
        " SELECT id FROM vanished WHERE hash = ? AND id NOT IN (SELECT id FROM temp.found)"
        " ORDER BY id",
        (hash, hash),
    )
    return next((id for (id,) in rows if not is_below(store, id, "unread")), None)


def missing(store: Store) -> list[str]:
    """Return the items whose files are gone, but none below a folder that cannot be looked into.

    Nor any below a folder that seems to be away (see :mod:`stitch_cir.gallery.index._missing`).
    """
    rows = store.rows(
        "SELECT id FROM items WHERE path NOT NULL AND id NOT IN (SELECT id FROM temp.found)"
    )
    return [
        id for (id,) in rows if not (is_below(store, id, "unread") or is_below(store, id, "away"))
    ]


def is_below(store: Store, id: str, table: str) -> bool:
    """Return whether an id is in one of the survey's tables of folders, or a folder above it is."""
    met = store.value(
        f"SELECT 1 FROM temp.{table} WHERE folder IN ('', ?) OR "
        "substr(?, 1, length(folder) + 1) = folder || '/'",
        (id, id),
    )
    return met is not None


def check_colours(store: Store, root: Path, counters: IndexCounters) -> None:
    """Find, among contents of earlier versions, those whose colour profiles were ignored then.

    Only headers are read. The others are current; these stay outdated and are encoded again.
    """
    after, count = "", 0
    while page := store.outdated(after, _PAGE):
        answers = [(hash, has_colour_profile(root / to_path(path))) for hash, path in page]
        with store.transaction():
            store.set_current(hash for hash, answer in answers if answer is False)
        count += sum(answer is True for _, answer in answers)
        after = page[-1][0]
    if count:
        which = "1 image has" if count == 1 else f"{count} images have"
        counters.notes.append(
            f"{which} a colour profile, which earlier versions ignored: encoded again"
        )

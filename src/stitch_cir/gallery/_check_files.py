"""Whether the files of a folder are still those that were indexed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from stitch_cir.errors import ImageError
from stitch_cir.gallery.index import facts_of, recorded_options
from stitch_cir.gallery.store import Store
from stitch_cir.gallery.store._products import files_of, product_ids
from stitch_cir.images import open_regular

__all__ = ["check_files"]

_PAGE = 512


def check_files(
    store: Store, path_of: Callable[[str], Path | None], *, read: bool
) -> tuple[int, int]:
    """Return how many indexed files are missing or unreadable, and how many have changed.

    A file is read and hashed where size, time or mark differ from what is recorded; with ``read``
    all are.
    """
    # a gallery of an older version that is only read has no marks
    marked = store.value("SELECT 1 FROM pragma_table_info('items') WHERE name = 'mark'")
    mark = "mark" if marked and recorded_options(store)["change_times"] else "NULL"
    products = product_ids(store)
    missing = changed = 0
    after = ""
    while page := store.rows(
        f"SELECT id, size, mtime_ns, {mark}, hash FROM items"
        " WHERE id > ? AND path NOT NULL ORDER BY id LIMIT ?",
        (after, _PAGE),
    ):
        for id, *row in page:
            path = path_of(id)
            if path is None:
                continue
            files = [
                (file, image.size, image.mtime_ns, image.mark, image.hash)
                for file, image in (files_of(store, id, path) if id in products else ())
            ] or [(path, *row)]
            states = [_state(*file, read=read) for file in files]
            missing += states.count("missing")
            changed += states.count("changed")
        after = page[-1][0]
    return missing, changed


def _state(
    path: Path, size: int, mtime_ns: int, recorded: int | None, hash: str, *, read: bool
) -> str:
    """Return whether a file is the ``same``, ``changed`` or ``missing``."""
    try:
        facts = facts_of(path.stat())
        same = facts[:2] == (size, mtime_ns) and recorded in (None, facts.mark)
        is_changed = facts.size != size or ((read or not same) and _hash(path) != hash)
    except (OSError, ImageError):
        return "missing"
    return "changed" if is_changed else "same"


def _hash(path: Path) -> str:
    with open_regular(path, str(path)) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

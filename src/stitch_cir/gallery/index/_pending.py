"""Files added or deleted by hand, in step with the database, whatever interrupts the work.

Before a file is written or deleted, the intention is committed; after the database has changed, the
rest is done and the intention dropped. What is interrupted in between is rolled back (an addition
that was not reported) or finished (a deletion) when the gallery is next opened for writing. The
content of the database does not change with intentions, so caches stay valid.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from stitch_cir.gallery.index._scan import id_of
from stitch_cir.gallery.store import Item, Store, to_path
from stitch_cir.gallery.store._provenance import root_of

__all__ = ["ADDED", "intend_to_add", "intend_to_delete", "mark_added", "put_file", "settle"]

ADDED = "added"
"""Folder below the root where added images lie; what is there was put there by this module."""
_PART = re.compile(r"\.part-[0-9a-f]{16}")
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EINVAL}
"""What file systems without hard links say (exFAT, FAT, some network shares)."""


def intend_to_add(store: Store, files: Sequence[tuple[Path, Path]]) -> None:
    """Commit that these (part, file) are about to be written; both lie in the folder ``ADDED``."""
    with store.transaction(changes_content=False):
        store.run(
            "INSERT OR REPLACE INTO pending (path, action, part) VALUES (?, 'add', ?)",
            [(_relative(file), _relative(part)) for part, file in files],
        )


def put_file(store: Store, part: Path, file: Path) -> None:
    """Create ``file`` with the content of ``part``, which stays until :func:`settle`.

    Raises ``FileExistsError`` rather than replace a file, and other ``OSError``.
    """
    try:
        file.hardlink_to(part)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        with store.transaction(changes_content=False):
            store.rows("UPDATE pending SET action = 'copy' WHERE path = ?", (_relative(file),))
        with file.open("xb") as stream:
            stream.write(part.read_bytes())
            stream.flush()
            os.fsync(stream.fileno())


def mark_added(store: Store, files: Sequence[Path]) -> None:
    """Note, in the transaction that records them, that these files are to stay."""
    store.run(
        "UPDATE pending SET action = 'added' WHERE path = ?",
        [(_relative(file),) for file in files],
    )


def intend_to_delete(store: Store, item: Item, file: Path) -> None:
    """Note, in the transaction that takes the item out, that its file is to be deleted as it is.

    Its id is among the removed ones until the file is gone: indexing must not bring it back.
    """
    try:
        facts = file.lstat()
        now = (facts.st_size, facts.st_mtime_ns)
    except OSError:
        now = (item.size or 0, item.mtime_ns or 0)
    store.rows(
        "INSERT OR REPLACE INTO pending (path, action, size, mtime_ns) VALUES (?, 'delete', ?, ?)",
        (item.path, *now),
    )


def settle(store: Store, directory: Path) -> OSError | None:
    """Roll back or finish what is pending; return the first error that left something to do.

    The store must be open for writing and its lock be held: then no other process is at work here.
    """
    root = root_of(store.meta(), directory)
    if root is None:
        return None
    folder = Path(os.path.realpath(root)) / ADDED
    if not folder.is_dir():
        return None  # perhaps the disk is away
    problem: OSError | None = None
    for path, action, part, size, mtime_ns in store.rows(
        "SELECT path, action, part, size, mtime_ns FROM pending ORDER BY path"
    ):
        file = folder / to_path(path).name
        try:
            if action == "delete":
                _delete(file, size, mtime_ns)
            else:
                _settle_added(file, folder / to_path(part).name, action)
        except OSError as error:
            problem = problem or error
            continue
        with store.transaction(changes_content=False):
            store.rows("DELETE FROM pending WHERE path = ?", (path,))
            if action == "delete":
                store.set_removed(store.removed() - {id_of(path)})
    _sweep_parts(store, folder)
    return problem


def _settle_added(file: Path, part: Path, action: str) -> None:
    if action == "add" and part.exists() and file.exists() and part.samefile(file):
        file.unlink()
    elif action == "copy" and part.exists() and file.exists():
        # only what was written from this very part, perhaps not to its end
        content = file.read_bytes()
        if part.read_bytes().startswith(content):
            file.unlink()
    part.unlink(missing_ok=True)


def _delete(file: Path, size: int, mtime_ns: int) -> None:
    try:
        facts = file.lstat()
    except FileNotFoundError:
        return
    # another file that was put there meanwhile is not the one that was removed
    if (facts.st_size, facts.st_mtime_ns) == (size, mtime_ns):
        file.unlink(missing_ok=True)


def _sweep_parts(store: Store, folder: Path) -> None:
    """Delete what earlier versions, which noted no intentions, left half written."""
    pending = {to_path(part).name for (part,) in store.rows("SELECT part FROM pending") if part}
    with suppress(OSError):
        for entry in folder.iterdir():
            if _PART.fullmatch(entry.name) and entry.name not in pending:
                entry.unlink()


def _relative(file: Path) -> bytes:
    return os.fsencode(f"{ADDED}{os.sep}{file.name}")

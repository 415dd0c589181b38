"""Opening a database for reading wherever it lies: live, unchangeable, or as a private copy."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from stitch_cir._scratch import scratch_folder
from stitch_cir.errors import GalleryBusyError, GalleryError, GalleryMissingError

__all__ = ["ReadConnection", "open_for_reading"]

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_LOGS = ("-wal", "-journal")
_SHARED = 1 + len(_LOGS)
"""Position of the log's index (``-shm``) among the facts; it holds nothing of its own."""
_COPIES = 3
"""How often a database that changes meanwhile is copied."""

_Facts = tuple[int, int, int, int]


@dataclass(slots=True)
class ReadConnection:
    """A connection for reading, and what it needs to notice that the file has become another one.

    ``note`` says what is unusual about it. ``live`` connections see what others commit; the other
    ones show the state of the moment they were opened.
    """

    connection: sqlite3.Connection
    file: Path
    facts: tuple[_Facts | None, ...]
    live: bool
    folders: ExitStack | None = None
    note: str | None = None

    def is_outdated(self) -> bool:
        """Return whether the file was replaced, or changed behind a connection that cannot see it.

        Raises ``GalleryMissingError`` when it was deleted, ``GalleryError`` where it cannot be
        looked at.
        """
        now = _read_facts(self.file)
        if now[0] is None:
            raise GalleryMissingError(
                f"The gallery {self.file.parent} was deleted while it was open.",
                hint="Make it again: stitch index FOLDER",
            )
        if not self.live:
            return now[:_SHARED] != self.facts[:_SHARED]
        # the index of the log stays the same file for as long as anybody has the database open,
        # unless somebody deletes it: then this connection no longer sees what others commit
        return any(
            before is not None and (after is None or after[:2] != before[:2])
            for before, after in ((self.facts[n], now[n]) for n in (0, _SHARED))
        )


def open_for_reading(file: Path) -> ReadConnection:
    """Open ``file`` for reading, also on a medium that cannot be written.

    A database with a write-ahead log needs a file beside it even for reading. Where none can be
    made and no log is left, the file is read as one that nobody changes; where a log is left, it
    holds the newest commits, so file and log are copied to a temporary folder (among ``folders`` of
    the result, which the caller closes) and read there.

    Raises ``sqlite3.Error``, ``GalleryError``, ``GalleryBusyError``.
    """
    address = file.absolute().as_uri()
    try:
        connection = _connect(f"{address}?mode=ro")
        return ReadConnection(connection, file, _read_facts(file), live=True)
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY:
            raise
    facts = _read_facts(file)
    if not any(log is not None and log[2] for log in facts[1:_SHARED]):
        return ReadConnection(_connect(f"{address}?mode=ro&immutable=1"), file, facts, live=False)
    with ExitStack() as stack:
        folder, facts = _copy(file, stack)
        connection = _connect(f"{(folder / file.name).as_uri()}?mode=rw")
        folders = stack.pop_all()
    note = (
        f"{file.parent} cannot be written and its newest changes lie in a log beside the database: "
        "a private copy of both is read."
    )
    return ReadConnection(connection, file, facts, live=False, folders=folders, note=note)


def _connect(address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        address, uri=True, isolation_level=None, check_same_thread=False, timeout=30
    )
    try:
        # opens the file: until then nothing is known about it
        connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _read_facts(file: Path) -> tuple[_Facts | None, ...]:
    """Return (device, inode, size, time) of the database, its logs and the index of one.

    None for those that are absent.
    """
    facts_of_files: list[_Facts | None] = []
    for ending in ("", *_LOGS, "-shm"):
        try:
            facts = file.with_name(file.name + ending).stat()
        except FileNotFoundError:
            facts_of_files.append(None)
        except OSError as error:
            raise GalleryError(
                f"The gallery {file.parent} cannot be read: {error.strerror or error}.",
                hint="Check the permissions of the folder, and the disk.",
            ) from error
        else:
            facts_of_files.append((facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns))
    return tuple(facts_of_files)


def _copy(file: Path, folders: ExitStack) -> tuple[Path, tuple[_Facts | None, ...]]:
    """Copy a database and its logs, as they were at one moment, into a temporary folder."""
    try:
        folder = folders.enter_context(scratch_folder("copy"))
        for _ in range(_COPIES):
            facts = _read_facts(file)
            if _copy_files(file, folder) and _read_facts(file)[:_SHARED] == facts[:_SHARED]:
                return folder, facts
        raise GalleryBusyError(
            f"Another process is writing {file}, and only a copy of it can be read from here.",
            hint="Try again when it is done.",
        )
    except OSError as error:
        raise GalleryError(
            f"The newest changes of {file} lie in a log beside it, which cannot be read from here: "
            f"{error.strerror or error}.",
            hint="Let TMPDIR name a folder with room for a copy of the database, check the rights "
            "on the log, or run stitch index once where the gallery can be written.",
        ) from error


def _copy_files(file: Path, folder: Path) -> bool:
    """Copy what is there; return False when a file vanished meanwhile."""
    for ending in ("", *_LOGS):
        source = file.with_name(file.name + ending)
        copy = folder / source.name
        copy.unlink(missing_ok=True)
        if source.exists():
            try:
                shutil.copyfile(source, copy)
            except FileNotFoundError:
                return False
    return True

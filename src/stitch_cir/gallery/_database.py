"""One SQLite file: connections, transactions, snapshots, the writer's lock, errors in words."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from stitch_cir.errors import GalleryBusyError, GalleryDamagedError, GalleryError
from stitch_cir.gallery._schema import migrate

__all__ = ["DATABASE", "Database", "write_lock"]

DATABASE = "gallery.sqlite"
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Database:
    """A connection to one database file; safe to use from several threads.

    Every method raises ``GalleryBusyError``, ``GalleryDamagedError`` or ``GalleryError`` (no
    space, no permission) instead of SQLite's own errors.
    """

    def __init__(self, file: Path, *, write: bool = False) -> None:
        """Open ``file``; with ``write``, create or update it first."""
        self.file = file
        self._lock = threading.RLock()
        self._connection = _connect(file) if write else _connect_readonly(file)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def __del__(self) -> None:
        """Close a database that was simply dropped."""
        if hasattr(self, "_connection"):
            self._connection.close()

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and give all its rows."""
        with self._lock, _in_words(self.file):
            return self._connection.execute(statement, values).fetchall()

    def value(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """Give the first column of the first row, or None."""
        rows = self.rows(statement, values)
        return rows[0][0] if rows else None

    def run(self, statement: str, values: Iterable[Sequence[Any]]) -> int:
        """Run one statement for each tuple of values; give the number of rows it changed."""
        with self._lock, _in_words(self.file):
            return self._connection.executemany(statement, values).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; a commit makes a new generation."""
        with self._lock:
            self.rows("BEGIN IMMEDIATE")
            try:
                yield
                self.rows("UPDATE meta SET value = value + 1 WHERE key = 'generation'")
                self.rows("COMMIT")
            except BaseException:
                # SQLite may have rolled back already, e.g. when the disk is full
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read one state of the database throughout, whatever others commit meanwhile."""
        with self._lock:
            self.rows("BEGIN")
            try:
                yield
            finally:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")


@contextmanager
def write_lock(directory: Path) -> Iterator[None]:
    """Let one process at a time write a gallery; the operating system frees it when one dies.

    Makes the directory. Raises ``GalleryBusyError`` at once when another process holds the lock,
    ``GalleryError`` when nothing can be written there.
    """
    file = directory / "write.lock"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # a transaction on a database of its own: works wherever SQLite's locking does
        lock = sqlite3.connect(file, isolation_level=None, timeout=0)
    except (OSError, sqlite3.OperationalError) as error:
        reason = getattr(error, "strerror", None) or error
        raise GalleryError(
            f"No gallery can be written at {directory}: {reason}.",
            hint="Choose another place with --gallery DIR.",
        ) from error
    try:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in _BUSY:
                raise _translate(error, file) from error
            raise GalleryBusyError(
                f"Another process is indexing into {directory}.",
                hint="Wait until it is done, then run the same command again.",
            ) from error
        yield
    finally:
        lock.close()


def _connect(file: Path) -> sqlite3.Connection:
    with _in_words(file):
        connection = sqlite3.connect(
            file, isolation_level=None, check_same_thread=False, timeout=30
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            migrate(connection, file, apply=True)
        except BaseException:
            connection.close()
            raise
        return connection


def _connect_readonly(file: Path) -> sqlite3.Connection:
    """Open for reading, also from a medium that cannot be written.

    A WAL database needs a file beside it even for reading; where none can be made, nobody can be
    writing either, and ``immutable`` does without.
    """
    address = file.absolute().as_uri()
    with _in_words(file):
        for mode in ("mode=ro", "mode=ro&immutable=1"):
            try:
                return _open_readonly(file, f"{address}?{mode}")
            except sqlite3.OperationalError:
                if "immutable" in mode:
                    raise
    raise AssertionError("unreachable")


def _open_readonly(file: Path, address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        address, uri=True, isolation_level=None, check_same_thread=False, timeout=30
    )
    try:
        migrate(connection, file, apply=False)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _in_words(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _translate(error, file) from error


def _translate(error: sqlite3.DatabaseError, file: Path) -> Exception:
    # the low byte is the kind of error, the rest says more precisely which
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGED:
        return GalleryDamagedError(
            f"The gallery database {file} is damaged: {error}.",
            hint=f"Delete {file.parent} and index again; your pictures are not touched.",
        )
    if code in _BUSY:
        return GalleryBusyError(
            f"Another process is using {file}.", hint="Try again when it is done."
        )
    if isinstance(error, sqlite3.OperationalError):
        return GalleryError(
            f"The gallery database {file} cannot be used: {error}.",
            hint="Check free space and permissions, or choose another place with --gallery DIR.",
        )
    return error

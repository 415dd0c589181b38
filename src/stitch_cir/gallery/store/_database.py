"""One SQLite file: connections, transactions, snapshots, the writer's lock, errors in words."""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from stitch_cir._sqlite_files import connect_for_writing, uses_rollback_journal
from stitch_cir.errors import GalleryBusyError, GalleryDamagedError, GalleryError
from stitch_cir.gallery.store._digest import META_DIGEST_KEYS, add_functions, earlier_row_digest
from stitch_cir.gallery.store._reading import ReadConnection, open_for_reading
from stitch_cir.gallery.store._schema import migrate

__all__ = ["DATABASE", "Database", "delete_database", "meta_digest", "write_lock"]

DATABASE = "gallery.sqlite"
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
# the statements are right: where SQLite cannot understand one, a table or column has gone
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}


class Database:
    """A connection to one database file; safe to use from several threads.

    Every method raises ``GalleryBusyError``, ``GalleryDamagedError`` or ``GalleryError`` (no
    space, no permission) instead of SQLite's own errors.
    """

    clock_offset = 0.0
    """Seconds by which this machine's clock is ahead of the one that counts."""

    def __init__(self, file: Path, *, write: bool = False) -> None:
        """Open ``file``; with ``write``, create or update it first."""
        self.file = file
        self.notes: list[str] = []
        self._lock = threading.RLock()
        self._reading: ReadConnection | None = None
        if write:
            self._connection = self._open_for_writing()
            if uses_rollback_journal(self._connection):
                self.notes.append(
                    f"{file.parent} lies on a network share, or where SQLite has no shared "
                    "memory: a rollback journal is used, and searches wait while a batch is "
                    "written."
                )
        else:
            self._open_for_reading()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def __del__(self) -> None:
        """Close a database that was simply dropped."""
        if hasattr(self, "_connection"):
            self._connection.close()

    def now_ns(self) -> int:
        """Return the time, in nanoseconds since 1970, by the clock that counts."""
        return round((time.time() - self.clock_offset) * 1e9)

    @property
    def is_live(self) -> bool:
        """Whether this connection sees what others commit."""
        return self._reading is None or self._reading.live

    def is_outdated(self) -> bool:
        """Return whether another file has taken the place of the one that is open.

        Also if it was changed behind a connection that cannot see changes (read-only media). Raises
        ``GalleryMissingError`` when it was deleted.
        """
        return self._reading is not None and self._reading.is_outdated()

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Add the functions that statements use to a new connection."""
        add_functions(connection)

    def _open_for_writing(self) -> sqlite3.Connection:
        with _translated_errors(self.file):
            connection = connect_for_writing(self.file, timeout=30)
            try:
                self._prepare(connection)
                self.schema = migrate(connection, self.file, apply=True)
            except BaseException:
                connection.close()
                raise
            return connection

    def _open_for_reading(self) -> None:
        with _translated_errors(self.file):
            reading = open_for_reading(self.file)
            self._connection, self._reading = reading.connection, reading
            if reading.folders is not None:
                weakref.finalize(self, reading.folders.close)
            self.notes = [] if reading.note is None else [reading.note]
            try:
                self._prepare(self._connection)
                self.schema = migrate(self._connection, self.file, apply=False)
            except BaseException:
                self._connection.close()
                raise

    def has_schema(self, since: int) -> bool:
        """Return whether the tables of a schema are there, which a writer may have added since."""
        return self.schema >= since or int(self.value("PRAGMA user_version")) >= since

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all its rows."""
        with self._lock, _translated_errors(self.file):
            return self._connection.execute(statement, values).fetchall()

    def value(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """Return the first column of the first row, or None."""
        rows = self.rows(statement, values)
        return rows[0][0] if rows else None

    def run(self, statement: str, values: Iterable[Sequence[Any]]) -> int:
        """Run one statement for each tuple of values; return the number of rows it changed."""
        with self._lock, _translated_errors(self.file):
            return self._connection.executemany(statement, values).rowcount

    @contextmanager
    def transaction(self, *, changes_content: bool = True) -> Iterator[None]:
        """All or nothing; a commit makes a new generation, with an id of its own.

        Unless ``changes_content`` is false: then what was derived from the content stays valid.
        """
        with self._lock:
            self.rows("BEGIN IMMEDIATE")
            try:
                yield
                if changes_content:
                    self._seal()
                self.rows("COMMIT")
            except BaseException:
                # SQLite may have rolled back already, e.g. when the disk is full
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def unlogged(self) -> Iterator[None]:
        """Write without a journal, which takes half the time.

        Only for a database that nobody else has open, and that is deleted where what is written
        meanwhile fails or the process dies: there is no way back.
        """
        self.rows("PRAGMA journal_mode = OFF")
        self.rows("PRAGMA synchronous = OFF")
        yield
        with self._lock:
            self._connection.close()
            try:
                with self.file.open("rb+") as file:
                    os.fsync(file.fileno())
            except OSError as error:
                raise GalleryError(
                    f"The gallery database {self.file} cannot be written: "
                    f"{error.strerror or error}.",
                    hint="Make room on the disk, or choose another one.",
                ) from error
            self._connection = self._open_for_writing()

    def _seal(self) -> None:
        """Record the number and id of the commit and the digest of the facts, all in ``meta``.

        The number repeats when a database goes back to an earlier state (a backup put back, a power
        cut); the id never does, so what was derived from another state is never taken for this
        one's.
        """
        self.rows("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'generation'")
        self._put_fact("commit", secrets.token_hex(16))
        self.seal_facts()

    def seal_facts(self) -> None:
        """Record the digest of the facts as they are now."""
        facts = dict(self.rows("SELECT key, value FROM meta"))
        self._put_fact("meta_digest", meta_digest(facts))

    def _put_fact(self, key: str, value: str) -> None:
        self.rows("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, f'"{value}"'))

    def begin_reading(self) -> None:
        """Begin to read one state of the database, whatever others commit, from the next read on.

        A connection that does not see what others commit needs no transaction for it.
        """
        if self.is_live:
            self.rows("BEGIN")

    def end_reading(self) -> None:
        """End what :meth:`begin_reading` began; without it, do nothing."""
        if self.is_live:
            with self._lock, suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def read_transaction(self) -> Iterator[None]:
        """Read one state throughout, which is that of the transaction that is open, if one is."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self.rows("BEGIN")
            try:
                yield
            finally:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")


@contextmanager
def write_lock(directory: Path) -> Iterator[None]:
    """Allow one process at a time to write a gallery; the system frees the lock when one dies.

    Makes the directory. Raises ``GalleryBusyError`` at once when another process holds the lock,
    ``GalleryError`` when nothing can be written there.
    """
    file = directory / "write.lock"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # a transaction on a database of its own: works wherever SQLite's locking does; absolute,
        # because SQLite may take a name that begins with "file:" for an address
        lock = sqlite3.connect(file.absolute(), isolation_level=None, timeout=0)
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


def delete_database(database: Path) -> None:
    """Delete a database and its logs, if they are there; raises ``GalleryError``."""
    for ending in ("", "-wal", "-shm", "-journal"):
        file = database.with_name(database.name + ending)
        try:
            # looked at first: on a read-only medium deleting fails even where there is nothing
            if os.path.lexists(file):
                file.unlink(missing_ok=True)
        except OSError as error:
            raise GalleryError(
                f"{file}, the remains of a rebuild, cannot be deleted: {error.strerror or error}.",
                hint="Check permissions and the disk.",
            ) from error


def meta_digest(facts: Mapping[str, str]) -> str:
    """Return the digest, in hexadecimal, of the recorded facts as they are stored."""
    covered = sorted(item for item in facts.items() if item[0] not in META_DIGEST_KEYS)
    return earlier_row_digest(*(part for item in covered for part in item)).hex()


@contextmanager
def _translated_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _translate(error, file) from error
    except UnicodeDecodeError as error:
        # SQLite quotes damaged text in its message, and the message cannot be decoded
        raise _damaged(file, "text that is no text") from error


def _translate(error: sqlite3.DatabaseError, file: Path) -> Exception:
    # the low byte is the kind of error, the rest says more precisely which
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGED:
        return _damaged(file, error)
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


def _damaged(file: Path, reason: object) -> GalleryDamagedError:
    return GalleryDamagedError(
        f"The gallery database {file} is damaged: {reason}.",
        hint=f"Delete {file.parent} and index again; your images are not touched.",
    )

"""Opening SQLite files for writing, also where no write-ahead log can be had."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import suppress
from pathlib import Path

__all__ = ["connect_for_writing", "uses_rollback_journal"]

_NO_SHARED_MEMORY = frozenset(
    {
        sqlite3.SQLITE_IOERR_SHMMAP,
        sqlite3.SQLITE_IOERR_SHMOPEN,
        sqlite3.SQLITE_IOERR_SHMSIZE,
        sqlite3.SQLITE_IOERR_SHMLOCK,
        sqlite3.SQLITE_PROTOCOL,
    }
)

_NETWORKS = frozenset(
    "nfs nfs3 nfs4 cifs smb2 smb3 smbfs smbnetfs sshfs afs ceph ceph-fuse glusterfs lustre beegfs "
    "davfs davfs2 rclone s3fs".split()
)
_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")


def connect_for_writing(file: Path, *, timeout: float) -> sqlite3.Connection:
    """Open or create ``file`` in autocommit mode, with a write-ahead log where one can be had.

    Readers and a writer disturb each other least with a write-ahead log, but it needs memory that
    processes share. Many network file systems refuse that, and no other gives it to two machines,
    where a write-ahead log then damages the database; on all of them the connection uses a rollback
    journal. ``timeout`` is in seconds; the connection may be used from several threads, one at a
    time. Raises ``sqlite3.Error``.
    """
    if _is_on_a_network(file):
        with suppress(sqlite3.OperationalError):
            return _connect_with_journal(file, timeout)
    connection = _connect(file, timeout)
    try:
        _use_write_ahead_log(connection)
    except sqlite3.OperationalError as error:
        connection.close()
        if getattr(error, "sqlite_errorcode", 0) not in _NO_SHARED_MEMORY:
            raise
    except BaseException:
        connection.close()
        raise
    else:
        return connection
    return _connect_with_journal(file, timeout)


def _connect_with_journal(file: Path, timeout: float) -> sqlite3.Connection:
    connection = _connect(file, timeout)
    try:
        # an exclusive lock lets SQLite read a write-ahead log without shared memory, which even
        # the question for the mode needs; the read afterwards gives the lock back
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        has_log = not uses_rollback_journal(connection)
        if has_log:
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        connection.execute("PRAGMA locking_mode = NORMAL")
        if has_log:
            with suppress(OSError):
                file.with_name(file.name + "-shm").unlink()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA user_version").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _is_on_a_network(file: Path) -> bool:
    """Return whether a file lies on a network file system, as far as the system says (Linux)."""
    folder = os.path.realpath(file.absolute().parent)
    kind, longest = "", -1
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    for line in lines:
        # the mount point is the fifth field, the kind of file system the first one behind " - "
        fields, _, rest = line.partition(" - ")
        point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), fields.split(" ")[4])
        inside = folder == point or folder.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= longest:
            kind, longest = rest.split(" ")[0], len(point)
    return kind.removeprefix("fuse.") in _NETWORKS


def uses_rollback_journal(connection: sqlite3.Connection) -> bool:
    """Return whether a connection works without a write-ahead log."""
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0]).lower() != "wal"


def _connect(file: Path, timeout: float) -> sqlite3.Connection:
    # absolute: SQLite may take a relative name that begins with "file:" for an address
    return sqlite3.connect(
        file.absolute(), isolation_level=None, check_same_thread=False, timeout=timeout
    )


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    if uses_rollback_journal(connection):
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            # somebody reads it in the other mode right now; that mode serves as well
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
    # the mode is set without touching shared memory; the first read needs it
    connection.execute("PRAGMA user_version").fetchone()
    mode = "FULL" if uses_rollback_journal(connection) else "NORMAL"
    connection.execute(f"PRAGMA synchronous = {mode}")

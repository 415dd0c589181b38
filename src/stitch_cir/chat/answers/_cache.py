"""The cache of a language model's answers: SQLite, keyed by the hash of all that shaped them."""

from __future__ import annotations

import datetime
import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stitch_cir._paths import data_folder
from stitch_cir._sqlite_files import connect_for_writing
from stitch_cir.chat._messages import Message, Reply, Sampling
from stitch_cir.errors import CacheError

__all__ = ["AnswerCache", "answer_key", "default_cache", "request_of"]

_LOCATION_SETTINGS = frozenset({"host", "device", "left_out"})
"""Settings that describe where a model ran and what its end point did not accept: recorded, but
not part of the key, so that answers can be used elsewhere."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    key TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    request TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (
    key TEXT NOT NULL REFERENCES requests(key),
    sample INTEGER NOT NULL,
    text TEXT,
    finish TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    origin TEXT NOT NULL,
    created TEXT NOT NULL,
    PRIMARY KEY (key, sample)
) WITHOUT ROWID;
"""
_VERSION = 1


def default_cache() -> Path:
    """Return the path of the default cache: ``answers.sqlite`` in the user's data folder."""
    return data_folder() / "answers.sqlite"


def request_of(
    model: str, settings: Mapping[str, Any], messages: Sequence[Message], sampling: Sampling
) -> dict[str, Any]:
    """Return everything that shapes an answer: model, its settings, messages, sampling and seed.

    Images are named by their content; where the model runs is left out.
    """
    return {
        "version": _VERSION,
        "model": model,
        "settings": {
            name: value for name, value in settings.items() if name not in _LOCATION_SETTINGS
        },
        "messages": [message.to_dict() for message in messages],
        "sampling": sampling.to_dict(),
    }


def answer_key(request: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a request (canonical JSON): equal keys, interchangeable answers."""
    text = json.dumps(request, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class AnswerCache:
    """Answers by key and sample number. Thread-safe; several processes may share one file.

    Every answer is one transaction: an interruption loses nothing and leaves nothing half-written.
    Raises ``CacheError`` when the file cannot be opened, or is not such a cache.
    """

    def __init__(self, path: Path | str) -> None:
        """Open or make the file."""
        self.path = Path(path)
        self._lock = threading.Lock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = connect_for_writing(self.path, timeout=60)
            # a transaction begins with the first change, and ends with its block
            self._db.isolation_level = "DEFERRED"
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _VERSION):
                raise CacheError(
                    f"{self.path} is no cache of answers that this version can read "
                    f"(version {version}).",
                    hint="Give another file with --cache, or update stitch-cir.",
                )
            tables = {row[0] for row in self._db.execute("SELECT name FROM sqlite_master")}
            if version == 0 and tables:
                raise CacheError(
                    f"{self.path} is a database of something else.",
                    hint="Give another file with --cache.",
                )
            self._db.executescript(_SCHEMA + f"PRAGMA user_version={_VERSION};")
        except (sqlite3.Error, OSError) as error:
            raise self._broken(error) from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def get(self, key: str, sample: int) -> Reply | None:
        """Return one answer, or ``None``."""
        row = self._row(
            "SELECT text, finish, prompt_tokens, completion_tokens FROM answers "
            "WHERE key = ? AND sample = ?",
            (key, sample),
        )
        return None if row is None else Reply(*row)

    def put(
        self,
        request: Mapping[str, Any],
        first: int,
        replies: Sequence[Reply],
        origin: Mapping[str, Any],
        *,
        replace: bool = False,
    ) -> None:
        """Store samples ``first`` … of a request; existing answers are kept.

        With ``replace`` they replace existing answers, which turned out to be unusable. ``origin``
        records where the model ran.
        """
        key = answer_key(request)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        location = json.dumps(dict(origin), sort_keys=True, ensure_ascii=False, default=str)
        rows = [
            (
                key,
                first + number,
                None if reply.text is None else _storable(reply.text),
                reply.finish,
                reply.prompt_tokens,
                reply.completion_tokens,
                location,
                now,
            )
            for number, reply in enumerate(replies)
        ]
        self.insert(
            [(key, str(request["model"]), _storable(_json(request)))], rows, replace=replace
        )

    def insert(
        self,
        requests: Sequence[tuple[Any, ...]],
        answers: Sequence[tuple[Any, ...]],
        *,
        replace: bool = False,
    ) -> int:
        """Insert rows in one transaction and return the number of new answers.

        Existing answers are kept, unless ``replace`` is set or they hold no text.
        """
        condition = (
            ""
            if replace
            else " WHERE TRIM(COALESCE(answers.text, '')) = ''"
            " AND TRIM(COALESCE(excluded.text, '')) != ''"
        )
        with self._lock:
            try:
                with self._db:
                    self._db.executemany("INSERT OR IGNORE INTO requests VALUES (?,?,?)", requests)
                    cursor = self._db.executemany(
                        "INSERT INTO answers VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET "
                        "text = excluded.text, finish = excluded.finish, "
                        "prompt_tokens = excluded.prompt_tokens, "
                        "completion_tokens = excluded.completion_tokens, "
                        f"origin = excluded.origin, created = excluded.created{condition}",
                        answers,
                    )
                    return cursor.rowcount
            except sqlite3.Error as error:
                raise self._broken(error) from error

    def forget(self, answers: Sequence[tuple[str, int]]) -> int:
        """Delete answers by (key, sample) in one transaction, and requests left without any.

        Returns the number of deleted answers.
        """
        with self._lock:
            try:
                with self._db:
                    cursor = self._db.executemany(
                        "DELETE FROM answers WHERE key = ? AND sample = ?", answers
                    )
                    self._db.execute(
                        "DELETE FROM requests WHERE key NOT IN (SELECT key FROM answers)"
                    )
                    return max(0, cursor.rowcount)
            except sqlite3.Error as error:
                raise self._broken(error) from error

    def origin(self, key: str, sample: int) -> dict[str, Any]:
        """Return where the model of one answer ran; empty when it is not condition."""
        row = self._row("SELECT origin FROM answers WHERE key = ? AND sample = ?", (key, sample))
        data = {} if row is None else json.loads(row[0])
        return data if isinstance(data, dict) else {}

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield every request with its answers, in the order of keys and samples.

        Columns: key, request (JSON), sample, text, finish, prompt tokens, completion tokens,
        origin (JSON), created.
        """
        with self._lock:
            try:
                rows = self._db.execute(
                    "SELECT a.key, r.request, a.sample, a.text, a.finish, a.prompt_tokens, "
                    "a.completion_tokens, a.origin, a.created FROM answers a JOIN requests r "
                    "USING (key) ORDER BY a.key, a.sample"
                ).fetchall()
            except sqlite3.Error as error:
                raise self._broken(error) from error
        yield from rows

    def summary(self) -> dict[str, Any]:
        """Count requests, answers and tokens, by model."""
        with self._lock:
            try:
                rows = self._db.execute(
                    "SELECT r.model, COUNT(DISTINCT a.key), COUNT(*), SUM(a.prompt_tokens), "
                    "SUM(a.completion_tokens) FROM answers a JOIN requests r USING (key) "
                    "GROUP BY r.model ORDER BY r.model"
                ).fetchall()
            except sqlite3.Error as error:
                raise self._broken(error) from error
        names = ("requests", "answers", "prompt_tokens", "completion_tokens")
        return {
            "file": str(self.path),
            "models": {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows},
        }

    def _row(self, query: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        with self._lock:
            try:
                row: tuple[Any, ...] | None = self._db.execute(query, values).fetchone()
            except sqlite3.Error as error:
                raise self._broken(error) from error
            return row

    def _broken(self, error: Exception) -> CacheError:
        return CacheError(
            f"The cache of answers {self.path} cannot be used: {error}.",
            hint="Give another file with --cache; if it is damaged, move it away and import an "
            "exported copy (stitch answers import).",
        )


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _storable(text: str) -> str:
    """Replace half of a surrogate pair, which SQLite cannot store."""
    return text.encode("utf-8", "replace").decode()

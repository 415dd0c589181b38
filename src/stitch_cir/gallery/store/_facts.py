"""The facts that a gallery records about itself as a whole, and what identifies its state."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stitch_cir.errors import GalleryDamagedError
from stitch_cir.gallery.cache import read_manifests
from stitch_cir.gallery.store._database import Database, meta_digest
from stitch_cir.gallery.store._digest import META_DIGEST_KEYS, earlier_row_digest
from stitch_cir.gallery.store._schema import TABLES

__all__ = ["FactsStore"]


class FactsStore(Database):
    """The table ``meta``, and the state of the whole database."""

    needs_facts = True
    """Whether damaged facts are an error; not where the gallery is rebuilt."""
    _content_digest: tuple[Any, str] | None = None

    def meta(self) -> dict[str, Any]:
        """Return all recorded facts; an interrupted first run may have left none.

        Facts that are damaged are taken from a cache's copy of them, if their digest proves it
        right. Raises ``GalleryDamagedError`` otherwise, unless ``needs_facts`` is false (for a
        gallery that is being rebuilt): then there are none.
        """
        stored = dict(self.rows("SELECT key, value FROM meta"))
        facts = _read_facts(stored)
        if facts is None:
            copy = self.proved_facts(stored)
            facts = None if copy is None else _read_facts(copy)
        if facts is None and self.needs_facts:
            raise self._facts_damaged()
        return facts or {}

    def facts_are_damaged(self) -> bool:
        """Return whether what is recorded about the gallery as a whole is not what was written."""
        return _read_facts(dict(self.rows("SELECT key, value FROM meta"))) is None

    def proved_facts(self, stored: Mapping[str, str]) -> dict[str, str] | None:
        """Return the facts as they were stored, from a cache's copy; None without a proved one."""
        for manifest in read_manifests(self.file.parent / "cache"):
            copy = manifest.get("meta")
            if isinstance(copy, dict) and stored.get("meta_digest") == f'"{meta_digest(copy)}"':
                fresh = {key: stored[key] for key in META_DIGEST_KEYS if key in stored}
                return {**copy, **fresh}
        return None

    def _facts_damaged(self) -> GalleryDamagedError:
        return GalleryDamagedError(
            f"What {self.file} records about the gallery as a whole is damaged.",
            hint="Encode everything again: stitch index FOLDER --rebuild",
        )

    def set_meta(self, **facts: Any) -> None:
        """Record facts, replacing earlier ones of the same name.

        Outside of a transaction this is one of its own, which leaves the content as it is.
        """
        if not self._connection.in_transaction:
            with self.transaction(changes_content=False):
                self.set_meta(**facts)
            return
        self.run(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)",
            [(key, json.dumps(value)) for key, value in facts.items()],
        )
        self.seal_facts()

    def generation(self) -> int:
        """Count of committed changes; it repeats when an earlier state is put back."""
        return self.state()[0]

    def state(self) -> tuple[int, str]:
        """Return the generation and what identifies the content; equal ones mean equal content.

        Raises ``GalleryDamagedError`` when they cannot be read.
        """
        stored = dict(
            self.rows("SELECT key, value FROM meta WHERE key IN ('generation', 'commit')")
        )
        try:
            generation = int(stored["generation"])
        except (KeyError, ValueError) as error:
            raise self._facts_damaged() from error
        return generation, stored.get("commit") or self._digest_of_content()

    def _digest_of_content(self) -> str:
        """Identify the content of a database of a schema that recorded no commits.

        Contents are named by their hashes, so the items, their captions and the facts say it all.
        """
        changes = self.value("PRAGMA data_version")
        if self._content_digest is None or self._content_digest[0] != changes:
            digest = hashlib.blake2b(digest_size=16)
            for statement in (
                "SELECT key, value FROM meta ORDER BY key",
                "SELECT id, hash FROM items ORDER BY id",
                "SELECT id, position, text FROM captions ORDER BY id, position",
            ):
                for row in self.rows(statement):
                    digest.update(earlier_row_digest(*row))
            self._content_digest = (changes, digest.hexdigest())
        return self._content_digest[1]

    def count(self, table: str) -> int:
        """Count the rows of a table."""
        return int(self.value(f"SELECT COUNT(*) FROM {table}"))

    def adopt(self, file: Path) -> None:
        """Replace everything by the content of another database, in one transaction."""
        # as bytes: a name need not be valid UTF-8
        self.rows("ATTACH CAST(? AS TEXT) AS fresh", (os.fsencode(file.absolute()),))
        try:
            with self.transaction():
                for table in TABLES:
                    self.rows(f"DELETE FROM main.{table}")
                    self.rows(f"INSERT INTO main.{table} SELECT * FROM fresh.{table}")
                # no encoder makes them, so those that are here stay; new images bring theirs
                self.rows(
                    "INSERT OR IGNORE INTO main.perceptual_hashes"
                    " SELECT * FROM fresh.perceptual_hashes"
                )
                self.rows("DELETE FROM main.meta WHERE key <> 'generation'")
                self.rows("INSERT OR IGNORE INTO main.meta SELECT * FROM fresh.meta")
        finally:
            self.rows("DETACH fresh")


def _read_facts(stored: Mapping[str, str]) -> dict[str, Any] | None:
    """Read the facts; None when they are not what was recorded."""
    try:
        facts = {key: json.loads(value) for key, value in stored.items()}
    except (TypeError, ValueError, RecursionError):
        return None
    digest = meta_digest(stored)
    return facts if facts.get("meta_digest", digest) == digest else None

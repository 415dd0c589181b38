"""Where the rows of a dataset's version are, by id: in a database, for more ids than memory has."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stitch_cir.cluster.storage._dataset import SharedDataset

__all__ = ["RowAddresses"]

_PAGE = 512
_COLUMNS = "SELECT {} FROM rows WHERE id IN ({})"


class RowAddresses:
    """The offset and the address of each row, of one version at a time."""

    def __init__(self, file: Path) -> None:
        """Open an empty database."""
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("CREATE TABLE rows (id TEXT PRIMARY KEY, offset, address)")
        self.version = 0
        """The version that this knows the rows of."""
        self.duplicates: list[tuple[str, int]] = []

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def read(self, dataset: SharedDataset, columns: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
        """Note where the rows of a version are, and yield them with these columns.

        ``duplicates`` are (id, address) of the rows whose id an earlier row has. Raises
        ``NotFoundError`` where the version is cleaned up meanwhile.
        """
        self._database.execute("DELETE FROM rows")
        self.duplicates = []
        self.version, offset = dataset.version, 0
        with dataset.reading():
            stream = dataset.lance.to_batches(columns=["id", *columns], with_row_address=True)
            for batch in stream:
                rows = batch.to_pylist()
                self._database.execute("BEGIN")
                for row in rows:
                    where = (row["id"], offset, row.pop("_rowaddr"))
                    statement = "INSERT OR IGNORE INTO rows VALUES (?, ?, ?)"
                    if not self._database.execute(statement, where).rowcount:
                        self.duplicates.append((row["id"], where[2]))
                    offset += 1
                self._database.execute("COMMIT")
                yield from rows

    def offsets(self, ids: Iterable[str]) -> list[int]:
        """Return the offsets of the rows of those ids that have one, ascending."""
        return sorted(offset for (offset,) in self._select("offset", ids))

    def fragments(self, ids: Iterable[str]) -> dict[int, list[str]]:
        """Return the ids that have a row, by the fragment that it is in."""
        by_fragment: dict[int, list[str]] = {}
        for id, address in self._select("id, address", ids):
            by_fragment.setdefault(address >> 32, []).append(id)
        return by_fragment

    def _select(self, columns: str, ids: Iterable[str]) -> Iterator[tuple[Any, ...]]:
        stream = iter(ids)
        while page := list(islice(stream, _PAGE)):
            marks = ", ".join("?" * len(page))
            yield from self._database.execute(_COLUMNS.format(columns, marks), page)

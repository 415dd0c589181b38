"""The only writer of an indexing run: units that encoders wrote become versions, each unit once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stitch_cir.cluster.indexing._units import EncodedUnit
from stitch_cir.cluster.storage import (
    AttributePosition,
    RowAddresses,
    SharedDataset,
    import_lance,
    lance_errors,
    quoted,
)
from stitch_cir.errors import (
    GalleryBusyError,
    GalleryDamagedError,
    GalleryError,
    GalleryMismatchError,
    NotFoundError,
)

__all__ = ["Committer"]

_UNITS = "stitch.units"
"""Property of a transaction: the numbers of the units that it holds."""
_TRIES, _FAILURES = 30, 3
"""How often a commit is tried while others write, and how often after other errors."""


class Committer:
    """Makes versions of units. Others may write meanwhile: no id gets a second row."""

    def __init__(self, dataset: SharedDataset, addresses: RowAddresses) -> None:
        """Begin at the version of which ``addresses`` knows the rows."""
        self.dataset = dataset
        self._addresses = addresses
        # not the dataset's: others may have added rows to one that was just made
        self._version = addresses.version
        self._landed: set[str] = set()
        self._in_doubt = False
        """Whether a commit may have landed although the storage answered with an error."""

    def commit(self, units: Sequence[EncodedUnit]) -> None:
        """Write units in one version, in place of the rows that their ids had.

        Where the acknowledgement of a commit was lost, the numbers of the units in the versions
        since say whether it has landed. Raises ``GalleryMismatchError`` where others made all
        vectors anew meanwhile, and ``GalleryError``.
        """
        kinds = {kind for unit in units for kind in unit.kinds}
        failures = 0
        for attempt in range(_TRIES):
            try:
                self._follow()
                self.remove_duplicates()
                waiting = [unit for unit in units if unit.number not in self._landed]
                if not waiting:
                    return
                self.dataset.record(self.dataset.facts, sorted(kinds))
                self._follow()
                self._write(waiting)
            except (GalleryBusyError, NotFoundError):
                # others wrote, or what was to be read has been cleaned up since
                if attempt == _TRIES - 1:
                    raise
            except GalleryMismatchError:
                raise
            except GalleryError:
                # a storage that did not answer in time may have done it all the same
                failures += 1
                if failures == _FAILURES:
                    raise
            else:
                return

    def record(self, facts: Mapping[str, Any], kinds: Sequence[AttributePosition] = ()) -> None:
        """Record the facts of the whole where they differ, and attributes that are new."""
        for attempt in range(_TRIES):
            try:
                self.dataset.follow()
                self.dataset.record(facts, kinds)
            except GalleryBusyError:
                if attempt == _TRIES - 1:
                    raise
            else:
                return

    def remove_duplicates(self) -> None:
        """Delete the rows whose id another row has, as two runs at once may leave them."""
        rows: dict[int, list[int]] = {}
        for _, address in self._addresses.duplicates:
            rows.setdefault(address >> 32, []).append(address)
        if rows:
            conditions = {
                number: f"_rowaddr IN ({', '.join(map(str, addresses))})"
                for number, addresses in rows.items()
            }
            self._replace(conditions, [], {})
            self._reread()

    def _follow(self) -> None:
        """Take in what others wrote since the last look."""
        lance = import_lance()
        self.dataset.follow()
        newest = self.dataset.version
        moved = newest < self._version
        for version in range(self._version + 1, newest + 1):
            transaction = self._transaction(version)
            properties = getattr(transaction, "transaction_properties", None) or {}
            self._landed |= set(properties.get(_UNITS, "").split(","))
            operation = getattr(transaction, "operation", None)
            moved |= not isinstance(operation, lance.LanceOperation.UpdateConfig)
        self._in_doubt = False
        if moved:
            self._reread()
        self._version = newest

    def _transaction(self, version: int) -> Any:
        """Return what made a version; ``None`` where it has been cleaned up.

        Raises ``GalleryBusyError`` where that would have said whether a commit has landed: its
        files may have been merged with others and deleted, so that none may be added again.
        """
        try:
            with lance_errors(self.dataset.uri):
                return self.dataset.lance.read_transaction(version)
        except GalleryDamagedError as error:
            if self._in_doubt:
                raise GalleryBusyError(
                    f"Version {version} of {self.dataset.uri} was cleaned up before this run saw "
                    "whether the storage had taken its rows in.",
                    hint="Run the same command again: what is there already is not written twice.",
                ) from error
            return None

    def _reread(self) -> None:
        for _ in self._addresses.read(self.dataset):
            pass
        self._version = self.dataset.version

    def _write(self, units: Sequence[EncodedUnit]) -> None:
        lance = import_lance()
        before = self._version
        fragments = [
            lance.fragment.FragmentMetadata.from_json(text)
            for unit in units
            for text in unit.fragments
        ]
        ids = [id for unit in units for id in (*unit.ids, *unit.gone)]
        conditions = {
            number: f"id IN ({', '.join(map(quoted, those))})"
            for number, those in self._addresses.fragments(ids).items()
        }
        if not fragments and not conditions:
            return
        numbers = [unit.number for unit in units]
        self._replace(conditions, fragments, {_UNITS: ",".join(numbers)})
        self._landed |= set(numbers)
        if self.dataset.version != before + 1:
            # another writer was quicker, perhaps with rows of the same ids
            self._reread()
            self.remove_duplicates()
        self._version = self.dataset.version

    def _replace(
        self, conditions: Mapping[int, str], fragments: list[Any], properties: dict[str, str]
    ) -> None:
        """Delete rows of fragments, by number, and add fragments, in one version."""
        lance = import_lance()
        if conditions:
            operation = lance.LanceOperation.Update(new_fragments=fragments)
            with self.dataset.reading():
                for number, condition in conditions.items():
                    left = self.dataset.lance.get_fragment(number).delete(condition)
                    if left is None:
                        operation.removed_fragment_ids.append(number)
                    else:
                        operation.updated_fragments.append(left)
        else:
            operation = lance.LanceOperation.Append(fragments)
        transaction = lance.Transaction(
            self.dataset.version, operation, transaction_properties=properties
        )
        try:
            with lance_errors(self.dataset.uri):
                self.dataset.lance = lance.LanceDataset.commit(self.dataset.lance, transaction)
        except GalleryBusyError:
            raise
        except GalleryError:
            self._in_doubt = True
            raise

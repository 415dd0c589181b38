"""What a dataset holds, without vectors, as the tables that a survey compares with files."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from stitch_cir.cluster.storage import SURVEYED, RowAddresses, SharedDataset, to_surveyed_record
from stitch_cir.gallery import Progress, ProgressEvent
from stitch_cir.gallery.store import IdRecord, Store, put_records

__all__ = ["SurveyedRecords"]

_PAGE = 1000


class SurveyedRecords:
    """The records of a dataset's ids in a folder of the driver, and the addresses of their rows.

    ``images`` and ``vanished`` count what the dataset holds.
    """

    def __init__(self, directory: Path, progress: Progress) -> None:
        """Begin with none."""
        self.addresses = RowAddresses(directory / "rows.sqlite")
        self.images = self.vanished = 0
        self._directory = directory
        self._progress = progress

    def __enter__(self) -> SurveyedRecords:
        """Return the records."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the addresses."""
        self.addresses.close()

    def read(self, dataset: SharedDataset) -> None:
        """Read all rows of a version. Raises ``GalleryError``."""
        store = Store(self._directory, write=True)
        try:
            with store.transaction():
                store.set_meta(**dataset.facts)
            self._read(dataset, store)
        finally:
            store.close()

    def locate(self, dataset: SharedDataset) -> None:
        """Read where the rows of a version are that no survey is compared with."""
        for row in self.addresses.read(dataset, ("state",)):
            self.images += row["state"] == "items"
            self.vanished += row["state"] == "vanished"

    def _read(self, dataset: SharedDataset, store: Store) -> None:
        kinds, waiting, count = dataset.kinds, list[IdRecord](), 0
        for row in self.addresses.read(dataset, SURVEYED):
            waiting.append(to_surveyed_record(row))
            if len(waiting) == _PAGE:
                count += self._put(store, waiting, kinds, count)
        self._put(store, waiting, kinds, count)
        self.images, self.vanished = store.count("items"), store.count("vanished")

    def _put(
        self, store: Store, waiting: list[IdRecord], kinds: list[tuple[str, str]], count: int
    ) -> int:
        with store.transaction():
            put_records(store, waiting, kinds)
        put = len(waiting)
        self._progress(ProgressEvent("reading the dataset", count + put, None))
        waiting.clear()
        return put

"""A version of a dataset as a gallery: bit for bit, attributes and captions too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from stitch_cir.cluster.storage._dataset import SharedDataset
from stitch_cir.cluster.storage._locations import holding_dataset
from stitch_cir.cluster.storage._reports import GalleryImportReport
from stitch_cir.cluster.storage._rows import to_record
from stitch_cir.cluster.storage._versions import TRIES
from stitch_cir.errors import (
    GalleryDamagedError,
    GalleryError,
    NotFoundError,
)
from stitch_cir.gallery import DEFAULT_DIRECTORY
from stitch_cir.gallery.store import (
    DATABASE,
    IdRecord,
    Store,
    delete_database,
    put_records,
    set_root,
    write_lock,
)

__all__ = ["import_gallery"]

_UNFINISHED = "import.sqlite"
"""The database of an import that is under way."""
_RECORDS = 1000
"""Records of one transaction."""


def import_gallery(
    uri: Path | str,
    directory: Path | str,
    *,
    version: int | str | None = None,
    root: Path | None = None,
    storage_options: Mapping[str, str] | None = None,
) -> GalleryImportReport:
    """Make a gallery in ``directory`` from a version of a dataset, the newest by default.

    ``root`` is the folder of the images, where it is another one here than where the gallery was
    exported. An import that was interrupted is begun anew.

    Raises
    ------
    GalleryError
        There is a gallery already, or nothing can be written there.
    NotFoundError
        The dataset has no such version or tag, or ``root`` is not there.
    GalleryDamagedError
        A row is not what was written.
    """

    def opened() -> SharedDataset:
        return SharedDataset.open(uri, version, storage_options=storage_options)

    dataset = opened()
    target = Path(directory)
    if root is not None and not root.is_dir():
        raise NotFoundError(
            f"There is no folder of images at {root}.",
            hint="Give the folder where they are on this machine, or leave --root out.",
        )
    _check_place(target)
    with write_lock(target):
        _require_no_gallery(target)
        unfinished = target / _UNFINISHED
        try:
            for attempt in range(TRIES):
                delete_database(unfinished)
                try:
                    images = _fill(target, dataset, root)
                    break
                except NotFoundError:
                    # cleaned up meanwhile: then there is a newer one
                    if version is not None or attempt == TRIES - 1:
                        raise
                    dataset = opened()
            _check_place(target)
        except BaseException:
            delete_database(unfinished)
            raise
        delete_database(target / DATABASE)
        unfinished.replace(target / DATABASE)
    return GalleryImportReport(dataset.version, images)


def _check_place(directory: Path) -> None:
    """Raise ``GalleryError`` where a gallery would be mixed with a dataset, or hide another one."""
    holding, inner = holding_dataset(str(directory)), directory / DEFAULT_DIRECTORY
    if holding is not None:
        raise GalleryError(
            f"No gallery can be made in {directory}: it lies in the dataset {holding}.",
            hint="Import into another directory.",
        )
    if (inner / DATABASE).exists():
        raise GalleryError(
            f"There is a gallery already of the images in {directory}: {inner}.",
            hint="Import into another directory, or delete that one first.",
        )


def _require_no_gallery(directory: Path) -> None:
    """Raise ``GalleryError`` where there is a gallery; one that was never finished is none."""
    if not (directory / DATABASE).exists():
        return
    with closing(Store(directory, write=True)) as store:
        if "fingerprint" in store.meta():
            raise GalleryError(
                f"There is a gallery already in {directory}.",
                hint="Import into another directory, or delete that one first.",
            )


def _fill(directory: Path, dataset: SharedDataset, root: Path | None) -> int:
    """Write a database that is no gallery yet; return the number of its images."""
    recorded = dataset.facts["root"]
    folder = root or (None if recorded is None else Path(recorded))
    with closing(Store(directory, write=True, name=_UNFINISHED)) as store, store.unlogged():
        images = _put_all(store, dataset)
        with store.transaction():
            store.set_meta(**dataset.facts)
        if folder is not None:
            set_root(store, folder, directory)
    return images


def _put_all(store: Store, dataset: SharedDataset) -> int:
    images, waiting, ids = 0, list[IdRecord](), set[str]()
    kinds = dataset.kinds
    for row in dataset.rows():
        if row["id"] in ids:
            # of two writers at once, one was interrupted before it could delete its own
            continue
        ids.add(row["id"])
        try:
            waiting.append(to_record(row, dataset.dim))
        except ValueError as error:
            raise GalleryDamagedError(
                f"The row of {row['id']!r} in version {dataset.version} of {dataset.uri} {error}.",
                hint="Import an earlier version, or export the gallery again: stitch cluster log",
            ) from error
        images += row["state"] == "items"
        if len(waiting) == _RECORDS:
            _commit(store, waiting, kinds)
            waiting.clear()
    _commit(store, waiting, kinds)
    return images


def _commit(store: Store, records: Sequence[IdRecord], kinds: Sequence[tuple[str, str]]) -> None:
    with store.transaction():
        put_records(store, records, kinds)

"""A gallery into a dataset, and back into a gallery: bit for bit, attributes and captions too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from stitch_cir.cluster.storage._dataset import SharedDataset
from stitch_cir.cluster.storage._lance import (
    FILE_FORMAT,
    create_dataset,
    import_lance,
    lance_errors,
)
from stitch_cir.cluster.storage._locations import absolute_address, check_place, holding_dataset
from stitch_cir.cluster.storage._metadata import metadata_of, positions
from stitch_cir.cluster.storage._reports import GalleryExportReport, GalleryImportReport
from stitch_cir.cluster.storage._rows import batches, is_digest_of, row_of, schema, to_record
from stitch_cir.errors import (
    GalleryBusyError,
    GalleryDamagedError,
    GalleryError,
    GalleryMismatchError,
    GalleryMissingError,
    NotFoundError,
)
from stitch_cir.gallery import DEFAULT_DIRECTORY, Gallery
from stitch_cir.gallery.store import (
    DATABASE,
    IdRecord,
    Store,
    attribute_kinds,
    delete_database,
    put_records,
    read_records,
    root_of,
    set_root,
    write_lock,
)

__all__ = ["export_gallery", "import_gallery"]

_SHAPING = ("fingerprint", "dim", "recipe")
_OF_A_COMMIT = ("generation", "commit", "meta_digest")
_TRIES, _RETRIES = 10, 30
"""How often an export begins again after others' commits, and how often its own is tried again."""
_UNFINISHED = "import.sqlite"
"""The database of an import that is under way."""
_RECORDS = 1000
"""Records of one transaction."""


def export_gallery(
    gallery: Path | str,
    uri: str,
    *,
    storage_options: Mapping[str, str] | None = None,
) -> GalleryExportReport:
    """Write a gallery into a dataset, as one new version; the dataset is made if there is none.

    Rows of other ids stay, so that several galleries of one recipe may share a dataset. Exporting
    the same state again writes nothing. Any number of processes may write at once: what one writes
    is visible all at once, or, if it is interrupted, not at all.

    Raises
    ------
    GalleryMismatchError
        The dataset was made by another encoder or with other views, or an attribute is of another
        kind there.
    RowDamagedError
        A record of the gallery is damaged.
    GalleryMissingError, GalleryError, ModelError
        The gallery is missing, the address cannot be written, or pylance is not installed.
    """
    import_lance()
    source = Gallery.open(gallery)
    store = Store(source.directory)
    options = dict(storage_options or {})
    # no lock is held meanwhile: Lance reads the rows in a thread of its own
    store.begin_reading()
    try:
        facts = _facts(store, source.directory)
        kinds = attribute_kinds(store)
        for attempt in range(_TRIES):
            try:
                dataset = SharedDataset.open(uri, storage_options=options)
            except GalleryMissingError:
                created = _create(store, facts, kinds, uri, options)
                if created is not None:
                    return created
                continue  # another writer made it first
            try:
                return _update(store, facts, kinds, dataset)
            except GalleryBusyError:
                if attempt == _TRIES - 1:
                    raise
        raise GalleryBusyError(
            f"Others kept making and deleting {uri}.", hint="Run the same command again."
        )
    finally:
        store.end_reading()
        store.close()
        source.close()


def _facts(store: Store, directory: Path) -> dict[str, Any]:
    """Return what a dataset's metadata holds of a gallery; its folder as an absolute path."""
    facts = {key: value for key, value in store.meta().items() if key not in _OF_A_COMMIT}
    root = root_of(facts, directory)
    facts["root"] = None if root is None else str(root.resolve())
    return facts


def _create(
    store: Store,
    facts: Mapping[str, Any],
    kinds: Sequence[tuple[str, str]],
    uri: str,
    options: dict[str, str],
) -> GalleryExportReport | None:
    """Write a new dataset; ``None`` where another writer made one meanwhile.

    Files are written first.
    """
    import pyarrow as pa

    check_place(uri)
    lance, counted = import_lance(), [0]
    arrow_schema = schema(metadata_of(facts, positions(kinds, 0)))

    def rows() -> Iterator[dict[str, Any]]:
        for record in read_records(store):
            counted[0] += 1
            yield row_of(record)

    stream = pa.RecordBatchReader.from_batches(arrow_schema, batches(rows(), arrow_schema))
    try:
        with lance_errors(uri):
            fragments = lance.fragment.write_fragments(
                stream,
                absolute_address(uri),
                schema=arrow_schema,
                mode="create",
                storage_options=options or None,
                data_storage_version=FILE_FORMAT,
            )
            dataset = create_dataset(uri, arrow_schema, fragments, options)
    except GalleryBusyError:
        return None
    return GalleryExportReport(int(dataset.version), counted[0], 0, 0)


def _update(
    store: Store,
    facts: Mapping[str, Any],
    kinds: Sequence[tuple[str, str]],
    dataset: SharedDataset,
) -> GalleryExportReport:
    """Add what a dataset lacks, and replace what differs."""
    import pyarrow as pa

    _compare(facts, kinds, dataset)
    _add_attributes(kinds, dataset)
    digests = {row["id"]: row["digest"] for row in dataset.rows(["id", "digest"])}
    counts = {"added": 0, "updated": 0, "unchanged": 0}

    def changed() -> Iterator[dict[str, Any]]:
        for record in read_records(store):
            row = row_of(record)
            before = digests.get(row["id"])
            kind = "added" if before is None else "updated"
            kind = "unchanged" if is_digest_of(before, row, row["digest"]) else kind
            counts[kind] += 1
            if kind != "unchanged":
                yield row

    # nothing to write is no version: look at the first row before Lance begins one
    arrow_schema = dataset.lance.schema
    parts = batches(changed(), arrow_schema)
    first = next(parts, None)
    if first is not None:
        stream = pa.RecordBatchReader.from_batches(arrow_schema, _chained(first, parts))
        with lance_errors(dataset.uri):
            merge = dataset.lance.merge_insert("id")
            merge = merge.when_matched_update_all().when_not_matched_insert_all()
            merge.conflict_retries(_RETRIES).execute(stream)
    return GalleryExportReport(dataset.version, **counts)


def _chained(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _compare(
    facts: Mapping[str, Any], kinds: Sequence[tuple[str, str]], dataset: SharedDataset
) -> None:
    """Raise ``GalleryMismatchError`` unless a gallery's vectors belong into a dataset."""
    different = [name for name in _SHAPING if facts[name] != dataset.facts[name]]
    if different:
        name = different[0]
        what = {"fingerprint": "another encoder", "recipe": "other views"}.get(
            name, f"another {name}"
        )
        raise GalleryMismatchError(
            f"The dataset {dataset.uri} was made by {what}: {name} is {dataset.facts[name]} there, "
            f"{facts[name]} here.",
            hint="Export to another address, or index again with the dataset's encoder "
            f"({dataset.facts['encoder']}) and views.",
        )
    there = dict(dataset.kinds)
    for name, kind in kinds:
        if there.get(name, kind) != kind:
            raise GalleryMismatchError(
                f"The attribute {name!r} is a {there[name]} in {dataset.uri} and a {kind} in the "
                "gallery.",
                hint="Drop it in the gallery and set it again with the other kind.",
            )


def _add_attributes(kinds: Sequence[tuple[str, str]], dataset: SharedDataset) -> None:
    """Record attributes that are new to a dataset, in a version before that of their values."""
    there = dict(dataset.kinds)
    new = [each for each in kinds if each[0] not in there]
    dataset.record(dataset.facts, positions(new, dataset.next_position))


def import_gallery(
    uri: str,
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
    dataset = SharedDataset.open(uri, version, storage_options=storage_options)
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
        delete_database(unfinished)
        try:
            images = _fill(target, dataset, root)
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
    images, waiting = 0, list[IdRecord]()
    kinds = dataset.kinds
    for row in dataset.rows():
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

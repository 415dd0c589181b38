"""A gallery into a dataset: bit for bit, attributes and captions too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stitch_cir.cluster.storage._dataset import SharedDataset
from stitch_cir.cluster.storage._lance import (
    FILE_FORMAT,
    create_dataset,
    import_lance,
    lance_errors,
)
from stitch_cir.cluster.storage._locations import absolute_address, address_text, check_place
from stitch_cir.cluster.storage._metadata import SHAPING, metadata_of, positions
from stitch_cir.cluster.storage._reports import GalleryExportReport
from stitch_cir.cluster.storage._rows import batches, is_digest_of, row_of, schema
from stitch_cir.errors import (
    GalleryBusyError,
    GalleryMismatchError,
    GalleryMissingError,
    NotFoundError,
)
from stitch_cir.gallery import Gallery
from stitch_cir.gallery.store import (
    Store,
    attribute_kinds,
    read_records,
    root_of,
)

__all__ = ["export_gallery"]

_OF_A_COMMIT = ("generation", "commit", "meta_digest")
_TRIES, _RETRIES = 10, 30
"""How often an export begins again after others' commits, and how often its own is tried again."""


def export_gallery(
    gallery: Path | str,
    uri: Path | str,
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
    uri = address_text(uri)
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
            except (GalleryBusyError, NotFoundError):
                # others wrote, or the version that was compared has been cleaned up since
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
        with dataset.reading():
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
    different = [name for name in SHAPING if facts[name] != dataset.facts[name]]
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

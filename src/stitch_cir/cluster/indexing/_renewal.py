"""A dataset encoded anew beside the one that is searched, whose place it takes at the end."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from stitch_cir.cluster.storage import (
    FILE_FORMAT,
    SharedDataset,
    absolute_address,
    batches,
    create_dataset,
    decoded,
    import_lance,
    lance_errors,
    metadata_of,
    quoted,
    row_of,
    schema,
    to_record,
)
from stitch_cir.errors import (
    GalleryBusyError,
    GalleryDamagedError,
    GalleryMismatchError,
    GalleryMissingError,
    StitchError,
)
from stitch_cir.gallery import WRITTEN_ATTRIBUTES
from stitch_cir.gallery.store import IdRecord

__all__ = ["Renewal", "RenewalKind", "check_folder", "renewal_uri"]

RenewalKind = Literal["rebuild", "switch"]
_ORIGIN = "stitch.renewal"
"""Metadata of a renewed dataset: its id, and the version of the other one that it began with."""
_CARRIED = ("id", "state", "path", "since", "attributes", "metadata_of", "rows")
_TOGETHER, _READ = 500, 256
Attributes = tuple[tuple[str, str, bool, tuple[Any, ...]], ...]


def renewal_uri(uri: Path | str, kind: RenewalKind) -> str:
    """Return where a dataset is encoded anew: beside it."""
    return f"{absolute_address(uri)}.{kind}"


class Renewal:
    """All images of a dataset, encoded anew in a dataset beside it, as the vectors are to be.

    It begins with one row for each id, with its attributes and without vectors. What is searched
    changes once, when :meth:`adopt` puts all rows in place of the others.
    """

    def __init__(
        self, main: SharedDataset, kind: RenewalKind, storage_options: Mapping[str, str]
    ) -> None:
        """Renew ``main`` as it is now."""
        self.main, self.uri = main, renewal_uri(main.uri, kind)
        self._options = dict(storage_options)
        self._version = main.version
        self._id: str | None = None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Name the cause where another run has deleted what this one writes to.

        Raises ``GalleryBusyError`` then.
        """
        try:
            yield
        except StitchError as error:
            if self._id is None or self._is_there():
                raise
            raise GalleryBusyError(
                f"Another run that encoded {self.main.uri} anew has ended, and deleted {self.uri}, "
                "to which this one wrote as well.",
                hint="Run the same command again, one at a time.",
            ) from error

    def _is_there(self) -> bool:
        try:
            left = SharedDataset.open(self.uri, storage_options=self._options)
        except (GalleryMissingError, GalleryDamagedError):
            return False
        return bool(_origin(left).get("id") == self._id)

    def resume(self, facts: Mapping[str, Any]) -> SharedDataset | None:
        """Return what an interrupted run has left, brought up to date; ``None`` where to begin.

        What was left for other ``facts``, or has taken its place already, is deleted.
        """
        try:
            left = SharedDataset.open(self.uri, storage_options=self._options)
        except GalleryMissingError:
            return None
        origin, adopted = _origin(left), _origin(self.main)
        alike = all(left.facts.get(name) == fact for name, fact in facts.items())
        if not alike or not origin or origin["id"] == adopted.get("id"):
            self.discard()
            return None
        self._id = origin["id"]
        if origin["version"] != self._version:
            self._take_in(left, origin)
        return left

    def begin(self, facts: Mapping[str, Any]) -> SharedDataset:
        """Make the dataset, with a row for each id of which something is kept."""
        origin: dict[str, Any] = {"id": uuid.uuid4().hex, "version": self._version}
        metadata = metadata_of(facts, self.main.attribute_positions)
        made = schema({**metadata, _ORIGIN: json.dumps(origin)})
        with lance_errors(self.uri):
            rows = batches(map(row_of, self._carried()), made)
            fragments = self._write(self.uri, made, rows, mode="create")
            create_dataset(self.uri, made, fragments, self._options)
        self._id = origin["id"]
        return SharedDataset.open(self.uri, storage_options=self._options)

    def _carried(self) -> Iterator[IdRecord]:
        """Yield what is kept of each id; an image has vanished until its file is read again."""
        now = int(time.time())
        for row in self.main.rows(_CARRIED):
            rows = decoded(row["rows"])
            table, columns = "", dict[str, Any]()
            if row["state"] and row["path"] is not None:
                since = row["since"] if row["state"] == "vanished" else now
                table, columns = "vanished", {"path": row["path"], "since": since}
            others = {name: each for name, each in rows.items() if name == "removed"}
            values, metadata = _attributes(row), row["metadata_of"]
            if table or others or values:
                yield IdRecord(row["id"], table, columns, None, (), values, metadata, others)

    def _take_in(self, left: SharedDataset, origin: Mapping[str, Any]) -> None:
        """Take in what has been written to the other dataset since: attributes, and new ids."""
        import pyarrow as pa

        there = {row["id"]: _set(_attributes(row)) for row in left.rows(["id", "attributes"])}
        now = {each.id: each for each in self._carried()}
        other = [id for id, each in now.items() if there.get(id) != _set(each.attributes)]
        rows = [row_of(now[id]) for id in other if id not in there]
        for row in _rows(left, [id for id in other if id in there]):
            record = to_record(row, left.dim)
            read = [each for each in record.attributes if each not in _set(record.attributes)]
            attributes = (*_set(now[record.id].attributes), *read)
            rows.append(row_of(replace(record, attributes=attributes)))
        left.record(left.facts, self.main.attribute_positions)
        made = left.lance.schema
        with lance_errors(self.uri):
            if rows:
                stream = pa.RecordBatchReader.from_batches(made, batches(rows, made))
                merge = left.lance.merge_insert("id").when_matched_update_all()
                merge.when_not_matched_insert_all().execute(stream)
            renewed = json.dumps({**origin, "version": self._version})
            left.lance.update_schema_metadata({_ORIGIN: renewed})
            left.lance.checkout_latest()

    def adopt(self) -> int:
        """Put all rows in place of those that are searched, in one version; return its number.

        Raises ``GalleryBusyError`` where others have written meanwhile: nothing is changed then.
        """
        lance, main = import_lance(), self.main
        renewed = SharedDataset.open(self.uri, storage_options=self._options)
        made = renewed.lance.schema
        self._require_unwritten()
        with lance_errors(main.uri):
            stream = renewed.lance.to_batches(batch_size=_READ, batch_readahead=2)
            fragments = self._write(main.uri, made, stream, mode="overwrite")
        self._require_unwritten()
        with lance_errors(main.uri):
            main.lance = lance.LanceDataset.commit(
                main.uri,
                lance.LanceOperation.Overwrite(made, fragments),
                read_version=self._version,
                # of two writers at the same time one lands, and the other is told
                max_retries=0,
                storage_options=self._options or None,
            )
        self.discard()
        return main.version

    def _require_unwritten(self) -> None:
        lance, main = import_lance(), self.main
        harmless = (lance.LanceOperation.UpdateConfig, lance.LanceOperation.Rewrite)
        main.follow()
        operations = [
            self._operation(number) for number in range(self._version + 1, main.version + 1)
        ]
        if not all(isinstance(each, harmless) for each in operations):
            raise GalleryBusyError(
                f"Others have written to {main.uri} while it was encoded anew; what is searched "
                "was not changed.",
                hint="Run the same command again: what is encoded is kept.",
            )
        self._version = main.version

    def _operation(self, version: int) -> Any:
        """Return what made a version; ``None`` where it was cleaned up."""
        try:
            with lance_errors(self.main.uri):
                return getattr(self.main.lance.read_transaction(version), "operation", None)
        except GalleryDamagedError:
            return None

    def discard(self) -> None:
        """Delete what was encoded anew."""
        with lance_errors(self.uri):
            import_lance().LanceDataset.drop(
                self.uri, storage_options=self._options or None, ignore_not_found=True
            )

    def _write(self, uri: str, made: Any, stream: Iterable[Any], *, mode: str) -> list[Any]:
        """Write rows as files that belong to no version yet."""
        import pyarrow as pa

        reader = pa.RecordBatchReader.from_batches(made, stream)
        fragments: list[Any] = import_lance().fragment.write_fragments(
            reader,
            uri,
            schema=made,
            mode=mode,
            data_storage_version=FILE_FORMAT,
            storage_options=self._options or None,
        )
        return fragments


def check_folder(main: SharedDataset, root: str, kind: RenewalKind) -> None:
    """Raise ``GalleryMismatchError`` for a dataset of a feed, or a switch to another folder."""
    if main.facts.get("feed") is not None:
        raise GalleryMismatchError(
            f"The dataset {main.uri} was made from a feed, not from a folder.",
            hint="Import it and apply the feed there: stitch sync GALLERY FEED",
        )
    if kind == "switch" and main.facts.get("root") != root:
        raise GalleryMismatchError(
            f"The dataset {main.uri} was made from {main.facts.get('root')}, not from {root}: a "
            "switch changes the encoder alone.",
            hint="Name the same folder; to start afresh from another one, use --rebuild.",
        )


def _origin(dataset: SharedDataset) -> dict[str, Any]:
    origin: dict[str, Any] = json.loads(dataset.metadata.get(_ORIGIN, "{}"))
    return origin


def _attributes(row: Mapping[str, Any]) -> Attributes:
    entries = decoded(row["attributes"])
    return tuple((name, kind, carried, tuple(values)) for name, kind, carried, values in entries)


def _set(attributes: Attributes) -> Attributes:
    """Return the attributes that were set, or written by a model, and not read from images."""
    return tuple(
        each for each in attributes if not each[2] or each[0].casefold() in WRITTEN_ATTRIBUTES
    )


def _rows(dataset: SharedDataset, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    for start in range(0, len(ids), _TOGETHER):
        yield from dataset.rows(
            None, f"id IN ({', '.join(map(quoted, ids[start : start + _TOGETHER]))})"
        )

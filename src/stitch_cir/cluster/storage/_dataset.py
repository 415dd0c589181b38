"""A Lance dataset of galleries: its versions, and what may be done to it."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stitch_cir.cluster.storage._lance import import_lance, lance_errors, quoted
from stitch_cir.cluster.storage._locations import absolute_address, address_text, require_no_gallery
from stitch_cir.cluster.storage._metadata import (
    ATTRIBUTE,
    FACTS,
    FORMAT_METADATA,
    AttributePosition,
    facts_of,
    kinds_metadata,
    read_metadata,
)
from stitch_cir.cluster.storage._reports import CompactReport, DatasetReport
from stitch_cir.cluster.storage._rows import BATCH, shard_of, to_record
from stitch_cir.cluster.storage._secrets import check_address
from stitch_cir.cluster.storage._versions import TRIES, DatasetVersions, unhurried
from stitch_cir.errors import (
    GalleryBusyError,
    GalleryDamagedError,
    NotFoundError,
    SettingError,
)
from stitch_cir.gallery.store import completeness

__all__ = ["SharedDataset"]

_UNIT_TOLERANCE = 1e-3
_NAMED = 20
_MOST_DAYS = 36500.0


class SharedDataset(DatasetVersions):
    """A dataset in a folder or in object storage, at one version.

    What changes it makes a new version, all or nothing, and leaves this object at that version.
    """

    @classmethod
    def open(
        cls,
        uri: Path | str,
        version: int | str | None = None,
        *,
        storage_options: Mapping[str, str] | None = None,
    ) -> SharedDataset:
        """Open a dataset at its newest version, or at a number or tag.

        Raises
        ------
        GalleryMissingError, GalleryError
            There is no dataset, or it may not be read, or is of another program.
        NotFoundError
            It has no such version or tag; it may have been cleaned up.
        SettingError
            The address holds credentials, or is none.
        """
        lance = import_lance()
        uri = address_text(uri)
        check_address(uri)
        address = absolute_address(uri)
        require_no_gallery(uri)
        options = dict(storage_options or {}) or None
        dataset = unhurried(uri, lambda: lance.dataset(address, storage_options=options))
        facts = facts_of(dataset, uri)
        opened = cls(uri, dataset, facts)
        if version is not None:
            opened._check_out(version)
        return opened

    def _check_out(self, version: int | str) -> None:
        number = self._number(version)
        try:
            with lance_errors(self.uri):
                self.lance = self.lance.checkout_version(number)
        except GalleryDamagedError:
            self._number(version)  # was it cleaned up since?
            raise
        self.facts = facts_of(self.lance, self.uri)

    @property
    def version_id(self) -> str:
        """The id of the commit that made the version.

        A dataset that is made again at the same address has the same numbers, but other ids.
        """
        with self.reading():
            # Lance may return no transaction for a version that another program wrote
            return str(getattr(self.lance.read_transaction(self.version), "uuid", ""))

    @property
    def dim(self) -> int:
        """The length of a vector, d."""
        return int(self.facts["dim"])

    @property
    def kinds(self) -> list[tuple[str, str]]:
        """Name and kind of every attribute, in the order in which they are shown."""
        return [(each.name, each.kind) for each in self.attribute_positions]

    @property
    def attribute_positions(self) -> list[AttributePosition]:
        """Every attribute with its position, in the order in which they are shown."""
        entries = [
            (json.loads(value), key.removeprefix(ATTRIBUTE)) for key, value in self._attributes()
        ]
        return sorted(
            AttributePosition(entry["position"], name, entry["kind"]) for entry, name in entries
        )

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata of the version, facts and attributes among them."""
        return read_metadata(self.lance)

    @property
    def waiting_files(self) -> int | None:
        """How many files an interrupted run left to be indexed; ``None`` where it is not known."""
        waiting: int | None = completeness(self.facts)["waiting"]
        return waiting

    def __len__(self) -> int:
        """Count the rows: images, and ids that were left out."""
        with lance_errors(self.uri):
            return int(self.lance.count_rows())

    def rows(
        self, columns: Sequence[str] | None = None, condition: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the rows of this version, or those that meet a condition in SQL."""
        with self.reading():
            few = {} if columns else {"batch_size": BATCH, "batch_readahead": 2}
            stream = self.lance.to_batches(
                columns=list(columns) if columns else None, filter=condition, **few
            )
            for batch in stream:
                yield from batch.to_pylist()

    def check_out(self, version: int | str) -> int:
        """Make an earlier version the newest, as a new version; return its number.

        Raises ``NotFoundError``.
        """
        self._check_out(version)
        with lance_errors(self.uri):
            self.lance.restore()
        return self.version

    def delete(self, ids: Sequence[str]) -> int:
        """Delete rows, all that are named or none; return the number of the new version.

        Without any, no version is made. Raises ``NotFoundError`` for an id that is not there.
        """
        if not ids:
            return self.version
        condition = f"id IN ({', '.join(map(quoted, ids))})"
        with self.reading():
            there = self.lance.to_table(columns=["id"], filter=condition)["id"].to_pylist()
            missing = [id for id in ids if id not in set(there)]
            if missing:
                raise NotFoundError(
                    f"{self.uri} has no image {missing[0]!r} in version {self.version}; nothing "
                    "was deleted.",
                    hint="Give ids as printed by a search.",
                )
            self.lance.delete(condition)
        return self.version

    @property
    def next_position(self) -> int:
        """The position behind that of the last attribute."""
        positions = [json.loads(v)["position"] for k, v in self._attributes()]
        return max(positions, default=-1) + 1

    def _attributes(self) -> list[tuple[str, str]]:
        return [pair for pair in read_metadata(self.lance).items() if pair[0].startswith(ATTRIBUTE)]

    def record(self, facts: Mapping[str, Any], kinds: Sequence[AttributePosition] = ()) -> None:
        """Record facts, and attributes that are new, in a version before that of their values.

        Nothing is written where all of it is recorded already, and the format is today's.
        """
        there = dict(self.kinds)
        changes = kinds_metadata([each for each in kinds if each.name not in there])
        if FORMAT_METADATA.items() - self.metadata.items():
            changes |= FORMAT_METADATA
        if dict(facts) != self.facts:
            changes[FACTS] = json.dumps(facts)
        if changes:
            with lance_errors(self.uri):
                self.lance.update_schema_metadata(changes)
            self.facts = dict(facts)
            self.follow()

    def compact(self, *, keep_days: float = 7.0, remove_unfinished: bool = False) -> CompactReport:
        """Merge small files, and delete versions that are older than so many days.

        A version that has a tag is kept, and so is the newest. Files that an interrupted writer
        left are deleted after seven days; with ``remove_unfinished`` at once, which is safe only
        while nobody writes. Raises ``SettingError`` for days that cannot be.
        """
        if not 0 <= keep_days <= _MOST_DAYS:
            raise SettingError(
                f"Versions were to be kept for {keep_days:g} days.",
                hint=f"It must be between 0 and {_MOST_DAYS:,.0f}.",
            )
        with lance_errors(self.uri):
            before = len(self.lance.get_fragments())
        self._merge_files()
        with lance_errors(self.uri):
            stats = self.lance.cleanup_old_versions(
                older_than=datetime.timedelta(days=keep_days),
                delete_unverified=remove_unfinished,
                error_if_tagged_old_versions=False,
            )
            after = len(self.lance.get_fragments())
        return CompactReport(before, after, int(stats.old_versions), int(stats.bytes_removed))

    def _merge_files(self) -> None:
        """Merge small files; of a newer version where others were quicker."""
        for attempt in range(TRIES):
            unhurried(self.uri, self.lance.checkout_latest)
            try:
                with self.reading():
                    self.lance.optimize.compact_files()
            except (GalleryBusyError, NotFoundError):
                if attempt == TRIES - 1:
                    raise
            else:
                break
        unhurried(self.uri, self.lance.checkout_latest)

    def verify(self) -> DatasetReport:
        """Check every row of this version against its digest; problems are reported, not raised."""
        images, views, problems = 0, 0, []
        ids: set[str] = set()
        for row in self.rows():
            problem = "stands there twice" if row["id"] in ids else _problem(row, self.dim)
            ids.add(row["id"])
            if row["state"] == "items":
                images += 1
                views += len(row["vectors"] or b"") // (4 * self.dim) + len(row["captions"] or ())
            if problem is not None:
                problems.append(f"{row['id']}: {problem}")
        more = len(problems) - _NAMED
        shown = [*problems[:_NAMED], *([f"and {more} more"] if more > 0 else [])]
        return DatasetReport(self.version, images, views, tuple(shown))


def _problem(row: Mapping[str, Any], dim: int) -> str | None:
    """Return what is wrong with a row, or ``None``."""
    try:
        record = to_record(row, dim)
        blobs = [row["vectors"] or b"", *(vector for _, vector in record.captions)]
        vectors = np.frombuffer(b"".join(blobs), "<f4")
    except ValueError as error:
        return str(error)
    if row["shard"] != shard_of(row):
        return f"is in shard {row['shard']}, but belongs into {shard_of(row)}"
    if len(vectors) % dim:
        return f"has vectors that are not of {dim} dimensions"
    lengths = np.linalg.norm(vectors.reshape(-1, dim), axis=1)
    if not (np.abs(lengths - 1) < _UNIT_TOLERANCE).all():
        return "has vectors that are not of unit length"
    return None

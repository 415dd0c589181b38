"""Reports of the commands on a dataset."""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from stitch_cir._hints import counted
from stitch_cir.gallery import IndexReport

__all__ = [
    "ClusterIndexReport",
    "CompactReport",
    "DatasetReport",
    "DatasetVersion",
    "GalleryExportReport",
    "GalleryImportReport",
]


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """One version of a dataset: when it was written (UTC), how many rows it has, its tags."""

    number: int
    written: datetime.datetime
    rows: int
    tags: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "version": self.number,
            "written": self.written.isoformat(timespec="seconds"),
            "rows": self.rows,
            "tags": list(self.tags),
        }


@dataclass(frozen=True, slots=True)
class CompactReport:
    """The report of compacting: files before and after, deleted versions, freed bytes."""

    files_before: int
    files_after: int
    versions_deleted: int
    bytes_freed: int

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return asdict(self)

    def summary(self) -> str:
        """Return one line for people."""
        return (
            f"{counted(self.files_before, 'file')} before, {self.files_after:,} now; "
            f"{counted(self.versions_deleted, 'old version')} deleted, "
            f"{self.bytes_freed / 1e6:,.1f} MB freed."
        )


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """The report of verifying a version: counts, and a sentence for each problem."""

    version: int
    images: int
    views: int
    problems: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {**asdict(self), "problems": list(self.problems)}

    def summary(self) -> str:
        """Return one line for people."""
        sound = "everything is sound" if not self.problems else f"{len(self.problems)} problems"
        return f"version {self.version}: {self.images:,} images, {self.views:,} views; {sound}."


@dataclass(frozen=True, slots=True)
class GalleryExportReport:
    """The report of an export: its version, and how many rows were added, updated or unchanged.

    Where nothing was to be written, ``version`` is the newest version.
    """

    version: int
    added: int
    updated: int
    unchanged: int

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return asdict(self)

    def summary(self) -> str:
        """Return one line for people."""
        return (
            f"version {self.version}: {self.added:,} rows added, {self.updated:,} updated, "
            f"{self.unchanged:,} unchanged."
        )


@dataclass(frozen=True, slots=True)
class GalleryImportReport:
    """The report of an import: its version, and the number of images."""

    version: int
    images: int

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return asdict(self)

    def summary(self) -> str:
        """Return one line for people."""
        return f"{self.images:,} images from version {self.version}."


@dataclass(frozen=True, slots=True)
class ClusterIndexReport:
    """The report of an indexing run on a cluster, for all nodes together.

    ``index``: counts as on one machine; ``version``: the dataset's newest version; ``units``: how
    many units were encoded, by ``workers`` encoder actors, in ``cpu_seconds`` of processor time.
    """

    index: IndexReport
    version: int
    units: int
    workers: int
    cpu_seconds: float

    @property
    def skipped_by_reason(self) -> dict[str, int]:
        """Number of skipped files by reason, the most frequent first."""
        return dict(Counter(reason for _, reason in self.index.skipped).most_common())

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            **self.index.to_dict(),
            "skipped_by_reason": self.skipped_by_reason,
            "version": self.version,
            "units": self.units,
            "workers": self.workers,
            "cpu_seconds": round(self.cpu_seconds, 3),
        }

    def summary(self) -> str:
        """Return one line for people."""
        counts = self.index.summary().replace(" in the gallery: ", ": ", 1)
        by = f"{counted(self.units, 'unit')} by {counted(self.workers, 'encoder')}"
        work = f" {by}." if self.units else ""
        return f"version {self.version}: {counts}{work}"

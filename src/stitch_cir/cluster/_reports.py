"""What the commands on a dataset report."""

from __future__ import annotations

import datetime
from dataclasses import asdict, dataclass
from typing import Any

__all__ = [
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
    """What compacting did: files before and after, versions and bytes that were deleted."""

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
            f"{self.files_before} files are {self.files_after} now; {self.versions_deleted} old "
            f"versions deleted, {self.bytes_freed / 1e6:,.1f} MB freed."
        )


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """What checking a version found."""

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
    """What an export wrote: the version it made, and rows by what became of them.

    Without anything to write, no version is made and ``version`` is the newest there is.
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
    """What an import wrote: from which version, and how many images."""

    version: int
    images: int

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return asdict(self)

    def summary(self) -> str:
        """Return one line for people."""
        return f"{self.images:,} images from version {self.version}."

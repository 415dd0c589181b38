"""What indexing and verification report, while they run and at their end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

__all__ = ["SUMMED", "IndexCounters", "IndexReport", "Progress", "ProgressEvent", "VerifyReport"]

SUMMED = (
    "added",
    "changed",
    "moved",
    "removed",
    "returned",
    "reread",
    "encoded",
    "captioned",
    "attributed",
    "metadata_read",
    "encoding_seconds",
    "waiting_seconds",
)
"""Counts of the parts that add up to those of the whole."""


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """One step: ``done`` of ``total`` in a ``stage`` (``total`` is None while it is unknown).

    ``skipped`` is the reason when the file ``path`` had to be left out; ``detail`` says more about
    how far the stage is, such as ``"3 of 31 ways"``.
    """

    stage: str
    done: int
    total: int | None
    path: str | None = None
    skipped: str | None = None
    detail: str = ""


Progress: TypeAlias = Callable[[ProgressEvent], None]
"""Receives the steps of long work: the library itself never prints."""

_SECONDS = ("seconds", "encoding_seconds", "waiting_seconds")


@dataclass(frozen=True, slots=True)
class IndexReport:
    """Counts of one indexing run.

    ``images`` counts what the gallery holds now; ``encoded`` images that went through the encoder;
    ``duplicates`` new ids that share the vectors of a byte-identical image; ``captioned`` items
    whose captions were set or changed; ``attributed`` items whose attributes were set from a file,
    and ``metadata_read`` images that were asked for what they carry; ``kept_out`` files (or
    captioned ids) that were removed by hand. ``removed`` items are gone from the gallery,
    ``returned`` ones had vanished and are back; ``vanished`` counts those whose vectors and
    captions are still kept. ``reread`` counts the unchanged ones that had to be read, because a
    time differed. ``excluded`` says how many files and folders each pattern or marker left out.
    ``skipped`` holds (id, reason) of everything left out because of what it is, what is remembered
    from earlier runs included; ``unknown_captions`` and ``unknown_attributes`` ids that have
    captions or attributes but no file.

    ``seconds`` is the whole run; ``encoding_seconds`` what the model's calls on images took, and
    ``waiting_seconds`` how long, before those calls, the model had no input: the first wait, when
    nothing is decoded yet, included.
    """

    images: int
    added: int
    changed: int
    moved: int
    removed: int
    returned: int
    vanished: int
    unchanged: int
    reread: int
    duplicates: int
    encoded: int
    captioned: int
    attributed: int
    metadata_read: int
    other_files: int
    kept_out: int
    excluded: dict[str, int]
    seconds: float
    encoding_seconds: float
    waiting_seconds: float
    skipped: tuple[tuple[str, str], ...]
    unknown_captions: tuple[str, ...]
    unknown_attributes: tuple[str, ...]
    notes: tuple[str, ...]

    def summary(self) -> str:
        """Return it in one line."""
        counts = (
            (self.added, "added"),
            (self.changed, "changed"),
            (self.moved, "moved"),
            (self.removed, "removed"),
            (self.returned, "back again"),
            (self.vanished, "vanished but kept"),
            (self.unchanged, "unchanged"),
            (self.duplicates, _plural(self.duplicates, "byte-identical duplicate")),
            (self.captioned, "with new captions"),
            (self.attributed, "with attributes from the file"),
            (len(self.skipped), "skipped"),
            (self.other_files, f"{_plural(self.other_files, 'non-image file')} ignored"),
            (sum(self.excluded.values()), f"left out ({', '.join(sorted(self.excluded))})"),
            (self.kept_out, "removed by hand stay out"),
            (len(self.unknown_captions), "captions of unknown images ignored"),
            (len(self.unknown_attributes), "attributes of unknown images ignored"),
        )
        shown = ", ".join(f"{count} {what}" for count, what in counts if count)
        images = "1 image" if self.images == 1 else f"{self.images} images"
        return f"{images} in the gallery: {shown or 'nothing to do'}."

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            **plain,
            **{name: round(plain[name], 3) for name in _SECONDS},
            "skipped": [{"path": path, "reason": reason} for path, reason in self.skipped],
            "unknown_captions": list(self.unknown_captions),
            "unknown_attributes": list(self.unknown_attributes),
            "notes": list(self.notes),
        }


def _plural(count: int, noun: str) -> str:
    return noun if count == 1 else f"{noun}s"


@dataclass(slots=True)
class IndexCounters:
    """An :class:`IndexReport` in the making."""

    added: int = 0
    changed: int = 0
    moved: int = 0
    removed: int = 0
    returned: int = 0
    vanished: int = 0
    unchanged: int = 0
    reread: int = 0
    duplicates: int = 0
    encoded: int = 0
    captioned: int = 0
    attributed: int = 0
    metadata_read: int = 0
    other_files: int = 0
    kept_out: int = 0
    encoding_seconds: float = 0.0
    waiting_seconds: float = 0.0
    excluded: dict[str, int] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    unknown_captions: list[str] = field(default_factory=list)
    unknown_attributes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def close(self, *, images: int, seconds: float) -> IndexReport:
        """Make the report of a finished run."""
        counted = {field.name: getattr(self, field.name) for field in fields(self)}
        lists = ("skipped", "unknown_captions", "unknown_attributes", "notes")
        texts: dict[str, Any] = {name: tuple(sorted(counted.pop(name))) for name in lists}
        return IndexReport(images=images, seconds=seconds, **counted, **texts)


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a verification found.

    No ``problems`` means that the gallery is undamaged; it is sound when it also is what its
    folder holds. ``complete`` says whether the last run came to its end, ``waiting_files`` how many
    files it did not come to (None: not known); ``read_files`` that every file was read, not only
    those whose size or times differ. ``repaired`` says what was put right because that was
    requested; what verification repairs unasked, because it is proved right, is reported once under
    ``problems``.
    """

    images: int
    views: int
    missing_files: int
    changed_files: int
    problems: tuple[str, ...]
    complete: bool | None = True
    waiting_files: int | None = 0
    read_files: bool = False
    repaired: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether there is no problem, and every file is indexed as it is now."""
        stale = self.missing_files or self.changed_files or self.complete is False
        return not (self.problems or stale)

    def summary(self) -> str:
        """Return it in one line."""
        state = "sound" if self.sound else "undamaged, but not up to date"
        if self.problems:
            state = f"{len(self.problems)} problem(s)"
        if self.repaired:
            state = f"{len(self.repaired)} repaired, {state}"
        stale = [
            f"1 file {singular}" if count == 1 else f"{count} files {plural}"
            for count, singular, plural in (
                (self.missing_files, "is gone or unreadable", "are gone or unreadable"),
                (
                    self.changed_files,
                    "has changed since indexing",
                    "have changed since indexing",
                ),
                (self.waiting_files, "was never indexed", "were never indexed"),
            )
            if count
        ]
        if self.complete is False and not self.waiting_files:
            stale.append("the last run did not come to its end")
        parts = [f"{self.images} images, {self.views} views checked: {state}."]
        if stale:
            shown = ", ".join(stale)
            parts.append(
                f"{shown[0].upper()}{shown[1:]}: run stitch index to bring the gallery up to date."
            )
        return " ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        lists = {"problems": list(self.problems), "repaired": list(self.repaired)}
        return {**plain, **lists, "sound": self.sound}

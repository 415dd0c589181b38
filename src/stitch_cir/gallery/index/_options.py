"""What a gallery remembers of how its folder is looked at: exclusions, how long to keep, pixels."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from stitch_cir.errors import GalleryDamagedError, GalleryMissingError, SettingError
from stitch_cir.gallery._report import Progress
from stitch_cir.gallery.index._exclude import Exclusions
from stitch_cir.gallery.store import DATABASE, Store
from stitch_cir.gallery.store._vanished import KEEP_DAYS
from stitch_cir.images import MAX_PIXELS

__all__ = [
    "CaptionIndexOptions",
    "FolderOptions",
    "IndexOptions",
    "IndexSettings",
    "recorded_options",
]

_UNSET: dict[str, Any] = {
    "exclude": [],
    "default_excludes": True,
    "keep_days": KEEP_DAYS,
    "max_pixels": MAX_PIXELS,
    "change_times": True,
    "metadata": True,
    "captions_from_metadata": False,
}


class CaptionIndexOptions(TypedDict, total=False):
    """What :func:`index_captions` takes besides the captions, the gallery and the encoder.

    attributes:
        CSV, TSV, JSON lines or Parquet file with attributes by id, which are set when everything is
        indexed; see :meth:`Gallery.set_attributes`.
    progress:
        Called with a :class:`ProgressEvent` at every step.
    rebuild:
        Encode everything again. Searches see the old gallery until the new one is complete; an
        interrupted rebuild continues where it was.
    switch_when_done:
        Where another encoder, or other views, made the vectors: encode everything again as a
        rebuild does, from the same source, and switch at the end. Ordinary runs keep what an
        interrupted one has encoded; the same options continue it.
    restore_removed:
        Take back what was removed by hand; otherwise those ids stay out.
    allow_missing:
        Let the gallery be empty, or lose more than half of its images, or those of a folder that
        is empty now.
    """

    attributes: Path | str | None
    progress: Progress | None
    rebuild: bool
    switch_when_done: bool
    restore_removed: bool
    allow_missing: bool


class IndexOptions(CaptionIndexOptions, total=False):
    """What :func:`index_folder` takes besides the folder, the gallery, the encoder and the views.

    These, and what :class:`CaptionIndexOptions` explains:

    captions:
        File of JSON lines with captions by id; they become caption views, and earlier captions that
        are not in this file go. Without a file, earlier captions stay (a rebuild encodes them
        again).
    metadata:
        Whether what images say of themselves (size, time, camera, place, keywords, …) becomes
        attributes. Recorded, and with ``None`` what is recorded counts; true in a new gallery.
    captions_from_metadata:
        Whether the description and the keywords of an image become caption views, where it has no
        captions from a file. Recorded likewise; false in a new gallery.
    only:
        Ids to index; whatever else lies in the folder is treated as if it were not there.
    exclude:
        Shell patterns of files and folders to leave out, compared with names, or with a slash in
        them with paths below the folder; an empty sequence takes them all back. Recorded, and with
        ``None`` the recorded ones count.
    default_excludes:
        Whether the built-in patterns and markers (``@eaDir``, ``.nomedia``, …) count too. Recorded
        likewise; true in a new gallery.
    keep_days:
        For how many days vectors and captions of files that have gone are kept. Recorded likewise;
        30 in a new gallery.
    change_times:
        Whether a file whose time of last change of status differs is read again, although size and
        modification time are the same. Recorded likewise; true in a new gallery. Switch it off
        where a file system gives each file a new one at every mount.
    forget:
        Drop at once what has gone, and what had gone before; includes ``allow_missing``.
    batch_size:
        Images encoded and written together; 16 by default.
    workers:
        Threads that decode, and as many that prepare; by default one for each core, at most eight.
    max_pixels:
        See :func:`stitch_cir.images.open_image`. Recorded when it is set, and used by later runs
        and searches; at first 179 megapixels.
    memory:
        Bytes that images may take together while they are decoded and while they wait for the
        encoder (its memory comes on top); an image that needs more alone is left out. By
        default half of what the machine or container has up to 2 GB, a quarter up to 4 GB.
    """

    captions: Path | str | None
    metadata: bool | None
    captions_from_metadata: bool | None
    only: Collection[str] | None
    exclude: Sequence[str] | None
    default_excludes: bool | None
    keep_days: float | None
    change_times: bool | None
    forget: bool
    batch_size: int
    workers: int | None
    max_pixels: int | None
    memory: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    """The options of one run, with their defaults; :class:`IndexOptions` explains them."""

    captions: Path | str | None = None
    attributes: Path | str | None = None
    metadata: bool | None = None
    captions_from_metadata: bool | None = None
    only: Collection[str] | None = None
    progress: Progress | None = None
    rebuild: bool = False
    switch_when_done: bool = False
    restore_removed: bool = False
    exclude: Sequence[str] | None = None
    default_excludes: bool | None = None
    keep_days: float | None = None
    change_times: bool | None = None
    allow_missing: bool = False
    forget: bool = False
    batch_size: int = 16
    workers: int | None = None
    max_pixels: int | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class FolderOptions:
    """Options that stay with a gallery until they are set again."""

    exclusions: Exclusions
    keep_days: float
    max_pixels: int
    change_times: bool
    metadata: bool
    captions_from_metadata: bool

    @classmethod
    def of(cls, directory: Path, settings: IndexSettings) -> FolderOptions:
        """Return the options of a run, or else those that the gallery ``directory`` has recorded.

        Raises ``SettingError`` for a pattern or a number that makes no sense.
        """
        pixels, days = settings.max_pixels, settings.keep_days
        if pixels is not None and pixels < 1:
            raise SettingError(f"max_pixels is {pixels!r}.", hint="It must be at least 1.")
        if days is not None and not (days >= 0 and math.isfinite(days)):
            raise SettingError(f"keep_days is {days!r}.", hint="Give a number of days, 0 or more.")
        chosen = _recorded(directory) if (directory / DATABASE).is_file() else dict(_UNSET)
        for name in _UNSET:
            if getattr(settings, name) is not None:
                chosen[name] = getattr(settings, name)
        exclusions = Exclusions(chosen["exclude"], defaults=chosen["default_excludes"])
        if chosen["captions_from_metadata"] and not chosen["metadata"]:
            raise SettingError(
                "Captions are to come from metadata, which is not read.",
                hint="Read it (--metadata), or leave such captions out "
                "(--no-captions-from-metadata).",
            )
        names = ("keep_days", "max_pixels", "change_times", "metadata", "captions_from_metadata")
        rest = (chosen[name] for name in names)
        return cls(exclusions, *rest)

    def to_dict(self) -> dict[str, Any]:
        """Return what is recorded with the gallery."""
        return {
            "exclude": list(self.exclusions.patterns),
            "default_excludes": self.exclusions.defaults,
            "keep_days": self.keep_days,
            "max_pixels": self.max_pixels,
            "change_times": self.change_times,
            "metadata": self.metadata,
            "captions_from_metadata": self.captions_from_metadata,
        }

    def record(self, store: Store) -> None:
        """Record the options where they differ."""
        if store.meta().get("folder") != self.to_dict():
            store.set_meta(folder=self.to_dict())


def recorded_options(store: Store) -> dict[str, Any]:
    """Return the recorded options, or what counts where none are: the defaults."""
    return {**_UNSET, **store.meta().get("folder", {})}


def _recorded(directory: Path) -> dict[str, Any]:
    try:
        with closing(Store(directory)) as store:
            return recorded_options(store)
    except (GalleryMissingError, GalleryDamagedError):
        # a damaged gallery is refused later, unless it is rebuilt
        return dict(_UNSET)

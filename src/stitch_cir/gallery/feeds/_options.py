"""What applying a feed takes: where images are, what may go, how much work at a time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from stitch_cir.errors import SettingError
from stitch_cir.gallery._report import Progress

__all__ = ["FeedOptions", "FeedSettings"]


class FeedOptions(TypedDict, total=False):
    """What :func:`index_feed` takes besides the feed, the gallery, the encoder and the views.

    images:
        Folder of the images; links mean paths below it, or names of files in it. Recorded; at
        first the feed's own folder.
    fetch_images:
        Fetch images from their addresses into the gallery. Only then does anything leave the
        machine. Recorded.
    partial:
        The feed holds changes only: products that are not in it stay.
    delete:
        Ids of products to delete, as well as those that left the feed.
    dry_run:
        Compare only; nothing is written, fetched or encoded.
    allow_missing:
        Let the gallery lose more than half of its products.
    restore_removed:
        Take back what was removed by hand; otherwise those ids stay out.
    rebuild, switch_when_done, progress, batch_size, workers, max_pixels, memory:
        See :class:`stitch_cir.gallery.IndexOptions`.
    """

    images: Path | str | None
    fetch_images: bool | None
    partial: bool
    delete: Collection[str]
    dry_run: bool
    allow_missing: bool
    restore_removed: bool
    rebuild: bool
    switch_when_done: bool
    progress: Progress | None
    batch_size: int
    workers: int | None
    max_pixels: int | None
    memory: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSettings:
    """The options of one run, with their defaults; :class:`FeedOptions` explains them."""

    images: Path | str | None = None
    fetch_images: bool | None = None
    partial: bool = False
    delete: Collection[str] = ()
    dry_run: bool = False
    allow_missing: bool = False
    restore_removed: bool = False
    rebuild: bool = False
    switch_when_done: bool = False
    progress: Progress | None = None
    batch_size: int = 16
    workers: int | None = None
    max_pixels: int | None = None
    memory: int | None = None

    def __post_init__(self) -> None:
        """Raise ``SettingError`` for options that contradict each other."""
        if self.images is not None and self.fetch_images:
            raise SettingError(
                "Images are in a folder, or they are fetched.",
                hint="Give images (--images DIR) or fetch_images (--fetch-images).",
            )
        if self.batch_size < 1:
            raise SettingError(f"batch_size is {self.batch_size!r}.", hint="It must be at least 1.")

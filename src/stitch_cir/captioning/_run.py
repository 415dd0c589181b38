"""One run of captioning: what becomes of each image, written into the gallery batch by batch."""

from __future__ import annotations

from dataclasses import dataclass

from stitch_cir.captioning._images import GalleryImage
from stitch_cir.errors import EndpointError
from stitch_cir.gallery import Gallery, ImageCaptions, Progress, ProgressEvent, write_captions

__all__ = ["CaptionRun", "Described"]

_BATCH = 32
"""Images whose captions are written at a time."""


@dataclass(frozen=True, slots=True)
class Described:
    """What became of an image: captions for each of its ids, or the reason why it has none."""

    image: GalleryImage
    written: tuple[ImageCaptions, ...] = ()
    reason: str = ""
    malformed: int = 0
    error: EndpointError | None = None


class CaptionRun:
    """Collects what becomes of images, and writes it into the gallery batch by batch."""

    def __init__(
        self, gallery: Gallery, weight: int, follow: Progress, total: int, done: int
    ) -> None:
        self.written: list[ImageCaptions] = []
        self.failed: list[tuple[str, str]] = []
        self.malformed = 0
        self._gallery = gallery
        self._weight = weight
        self._follow = follow
        self._total = total
        self._done = done
        self._waiting: list[ImageCaptions] = []

    def add(self, described: Described) -> None:
        """Take what became of one image; write what fills a batch."""
        self._done += 1
        self.malformed += described.malformed
        reason = described.reason or None
        if reason is None:
            self._waiting += described.written
        else:
            self.failed += [(id, reason) for id in described.image.ids]
        event = ProgressEvent("captioning", self._done, self._total, described.image.ids[0], reason)
        self._follow(event)
        if len(self._waiting) >= _BATCH:
            self.write()

    def write(self) -> None:
        """Write what waits; an image that has changed meanwhile is left out."""
        waiting, self._waiting = self._waiting, []
        ids = set(write_captions(self._gallery, waiting, weight=self._weight) if waiting else ())
        self.written += [each for each in waiting if each.id in ids]
        gone = "The image has changed or left the gallery meanwhile."
        self.failed += [(each.id, gone) for each in waiting if each.id not in ids]

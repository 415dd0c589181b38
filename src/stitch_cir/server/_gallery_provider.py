"""The open gallery of a server, opened again when it was replaced on the disk."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from stitch_cir.encoders import DualEncoder
from stitch_cir.errors import (
    GalleryMismatchError,
    GalleryMissingError,
    SettingError,
    StitchError,
)
from stitch_cir.gallery import (
    Gallery,
    GalleryReader,
    PathMask,
    Snapshot,
    encoder_note,
    renewed,
)
from stitch_cir.searcher import ProvidesEngine
from stitch_cir.server._metrics import CountsShards
from stitch_cir.server.limits import BatchingEncoder

__all__ = ["GalleryProvider", "GalleryState", "OpenGalleryProvider", "missing_shards"]

T = TypeVar("T")
Wrap = Callable[[DualEncoder], BatchingEncoder]


@dataclass(frozen=True, slots=True)
class GalleryState:
    """How many images a gallery has, as far as that is known, and which parts do not answer."""

    images: int | None
    missing: tuple[str, ...] = ()


@runtime_checkable
class MayMiss(Protocol):
    """What reads a gallery of which parts may be missing: by number, and why."""

    missing: Mapping[int, str]


def missing_shards(gallery: GalleryReader) -> tuple[str, ...]:
    """Return why parts of a gallery did not answer what was read of it so far."""
    return tuple(gallery.missing.values()) if isinstance(gallery, MayMiss) else ()


class GalleryProvider:
    """Provides the gallery to every request, as it is now; safe to share between threads."""

    def __init__(self, directory: Path | str, encoder: DualEncoder | None, wrap: Wrap) -> None:
        """Open ``directory`` and its encoder (the recorded one without ``encoder``).

        Raises what ``Gallery.open`` and loading the encoder raise.
        """
        opened = Gallery.open(directory, encoder=encoder)
        self.directory = opened.directory.absolute()
        self._plain_encoder = opened.encoder
        self.encoder = wrap(self._plain_encoder)
        opened.close()
        self._wrap = wrap
        self._lock = threading.Lock()
        self._opened_identity: tuple[int, int] | None = None
        self._opened: Gallery | None = None
        self._mask: PathMask | None = None
        self.name = ""
        self.gallery()

    def warm_up(self) -> None:
        """Open models and vectors before the first request."""
        self.encoder.warm_up()
        self.gallery().matrix()

    def gallery(self) -> Gallery:
        """Return the gallery that is in the directory now.

        Where another encoder has made its vectors meanwhile, that one is loaded by its name; the
        requests under way keep the old one.

        Raises ``GalleryMissingError`` when it was deleted, ``GalleryMismatchError`` when the
        encoder of the gallery that has replaced it cannot be loaded here.
        """
        identity = self._identity()
        with self._lock:
            if self._opened is None or identity != self._opened_identity or self._was_switched():
                # an older one is not closed: requests under way still read it
                self._opened = self._open()
                self._opened_identity = identity
                self._mask = PathMask(self._opened)
                self.name = self._mask.name
            return self._opened

    def _was_switched(self) -> bool:
        """Return whether another encoder has made the vectors of the open gallery meanwhile."""
        assert self._opened is not None
        try:
            with self._opened.snapshot():
                return False
        except GalleryMismatchError:
            return True

    def _open(self) -> Gallery:
        try:
            return Gallery.open(self.directory, encoder=self.encoder)
        except GalleryMismatchError as mismatch:
            opened = Gallery.open(self.directory)
            try:
                plain = opened.encoder
                encoder = self._wrap(plain)
            except StitchError as error:
                raise mismatch from error
            finally:
                opened.close()
            self._plain_encoder, self.encoder = plain, encoder
            return Gallery.open(self.directory, encoder=encoder)

    def encoder_note(self, images: int) -> str | None:
        """Return what the encoder is good at, where it is only a stand-in, and the better one."""
        return encoder_note(self._plain_encoder, images)

    def read(self, run: Callable[[Snapshot], T], *, partial: bool = False) -> T:
        """Return what ``run`` reads from one generation of the gallery.

        ``partial``: parts of it that do not answer may be missing, see :func:`missing_shards`.
        """
        with self.gallery_for(partial=partial).snapshot() as snapshot:
            return run(snapshot)

    def gallery_for(self, *, partial: bool) -> Gallery:
        """Return the gallery, whose answers may lack parts that do not answer if ``partial``."""
        gallery = self.gallery()
        if partial and isinstance(gallery, ProvidesEngine):
            return gallery.answering_partially()
        return gallery

    def count(self) -> float:
        """Return the number of images; NaN while there is no gallery, or it is not known."""
        try:
            images = self.state().images
        except StitchError:
            return math.nan
        return math.nan if images is None else images

    def state(self) -> GalleryState:
        """Return how the gallery is. Raises what :meth:`gallery` raises."""
        return GalleryState(self.gallery().find("", limit=0)[0])

    def missing(self, gallery: GalleryReader) -> tuple[str, ...]:
        """Return what :func:`missing_shards` does, without the server's paths."""
        return tuple(map(self.hide_paths, missing_shards(gallery)))

    def notes(self, gallery: GalleryReader) -> list[str]:
        """Return the notes of a gallery without the server's paths, first that it is incomplete."""
        incomplete = gallery.incomplete_note()
        notes = [*([incomplete] if incomplete else []), *gallery.notes]
        return [self.hide_paths(note) for note in dict.fromkeys(notes)]

    def check_writable(self) -> None:
        """Raise ``SettingError`` where nobody may write, with whatever token."""

    def _identity(self) -> tuple[int, int]:
        try:
            facts = (self.directory / "gallery.sqlite").stat()
        except OSError as error:
            raise GalleryMissingError(
                "The gallery is gone from its place.", hint="Make it again: stitch index FOLDER"
            ) from error
        return facts.st_dev, facts.st_ino

    def hide_paths(self, text: str) -> str:
        """Return a message without the paths of the server."""
        return text if self._mask is None else self._mask.hide(text)


class OpenGalleryProvider(GalleryProvider):
    """Provides a gallery that was opened before, such as one that a cluster searches."""

    def __init__(self, gallery: Gallery, wrap: Wrap) -> None:
        """Have queries encoded by what ``wrap`` makes of the gallery's encoder."""
        self.directory = gallery.directory
        self._plain_encoder = gallery.encoder
        self.encoder = wrap(self._plain_encoder)
        gallery.use_encoder(self.encoder)
        self._opened = gallery
        self._wrap = wrap
        self._lock = threading.Lock()
        self._mask = PathMask(gallery)
        self.name = self._mask.name

    def warm_up(self) -> None:
        """Open models before the first request."""
        self.encoder.warm_up()

    def gallery(self) -> Gallery:
        """Return the gallery, opened anew where another encoder has made its vectors meanwhile.

        Raises ``GalleryMismatchError`` where that encoder cannot be loaded here.
        """
        with self._lock:
            assert self._opened is not None
            gallery = self._opened = renewed(self._opened)
            if gallery.encoder is not self.encoder:
                self._plain_encoder = gallery.encoder
                self.encoder = self._wrap(self._plain_encoder)
                gallery.use_encoder(self.encoder)
            return gallery

    def state(self) -> GalleryState:
        """Return what is known of the gallery, at once: no shard is asked, which might be down."""
        gallery = self.gallery()
        if not isinstance(gallery, CountsShards):
            return super().state()
        state = gallery.state()
        return GalleryState(state.images, tuple(map(self.hide_paths, state.missing.values())))

    def check_writable(self) -> None:
        """Raise ``SettingError`` for a gallery that a cluster searches."""
        if isinstance(self._opened, CountsShards):
            raise SettingError(
                f"{self.name} is a dataset that a cluster searches, which is read-only here.",
                hint="Write it with stitch cluster index, export or delete.",
            )

    def encoder_note(self, images: int) -> str | None:
        """Return nothing: whoever runs a cluster has chosen."""
        return None

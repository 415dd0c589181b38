"""Reading files ahead of the encoder: a bounded look-ahead in threads that keeps order."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from PIL import Image

from stitch_cir.errors import ImageError, ImageTooLargeError, MemoryLimitError
from stitch_cir.gallery.index._budget import Hold, MemoryBudget
from stitch_cir.gallery.index._perceptual_hashes import hash_of_decoded
from stitch_cir.gallery.index._scan import Facts, facts_of
from stitch_cir.gallery.store import Store, to_path
from stitch_cir.images import EXTENSIONS, HEAD_BYTES, decode, format_of, open_regular
from stitch_cir.views import ViewBox, ViewRecipe, content_key

__all__ = ["ChangedFile", "DecodeSettings", "Decoded", "Decoder", "Problem"]

_NAME = "the file"
"""Reasons are reported and remembered with the id; the path would only repeat it."""
_BEING_WRITTEN = f"{_NAME} was written to while it was read; the next run takes it."


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A new or changed file: its id, its path below the root, and what the file system says."""

    id: str
    path: bytes
    facts: Facts


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file is left out. One of its content is remembered, one of access is tried again.

    ``max_pixels`` is set for an image that was too large under this limit.
    """

    reason: str
    of_content: bool
    max_pixels: int | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """A candidate after reading; without ``image`` its content is known, or there is a problem.

    ``size`` is the upright (width, height) before any reduction; ``perceptual_hash`` is nothing for
    an image without detail, and ``None`` where the pixels do not suffice; ``notes`` are worth
    reporting, but no reason to leave the file out; ``hold`` counts the memory of ``image``.
    """

    candidate: ChangedFile
    hash: str | None = None
    image: Image.Image | None = None
    size: tuple[int, int] = (0, 0)
    boxes: tuple[ViewBox, ...] = ()
    perceptual_hash: bytes | None = None
    problem: Problem | None = None
    notes: tuple[str, ...] = ()
    hold: Hold | None = None

    def without_image(self) -> Decoded:
        """Return it without the pixels, which are no longer counted."""
        if self.hold is not None:
            self.hold.release()
        return replace(self, image=None, hold=None)


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """How the files of a folder become images and views.

    ``decode_side`` is the longest side that the encoder needs, in pixels; an image of more than
    ``max_pixels`` is left out.
    """

    root: Path
    recipe: ViewRecipe
    decode_side: int
    max_pixels: int


class Decoder:
    """Reads, hashes, opens and cuts candidates in ``workers`` threads (Pillow frees the GIL)."""

    def __init__(
        self,
        settings: DecodeSettings,
        store: Store,
        budget: MemoryBudget,
        *,
        workers: int,
        ahead: int,
    ) -> None:
        """Keep at most ``ahead`` images decoded and waiting, within ``budget``."""
        self._settings = settings
        self._store = store
        self._budget = budget
        self._workers = workers
        self._ahead = ahead

    def run(self, candidates: Iterable[ChangedFile]) -> Generator[Decoded, None, None]:
        """Yield the candidates decoded, in their own order; close it to stop early."""
        waiting: deque[tuple[int, Future[Decoded]]] = deque()

        def next_in_order() -> Decoded:
            number, future = waiting.popleft()
            self._budget.advance(number)
            return future.result()

        with ThreadPoolExecutor(self._workers, thread_name_prefix="decode") as pool:
            try:
                for number, candidate in enumerate(candidates):
                    waiting.append((number, pool.submit(self._read, number, candidate)))
                    if len(waiting) >= self._ahead:
                        yield next_in_order()
                while waiting:
                    yield next_in_order()
            finally:
                # an interruption must not wait for images that nobody will use
                self._budget.close()
                pool.shutdown(wait=True, cancel_futures=True)

    def _read(self, number: int, candidate: ChangedFile) -> Decoded:
        path = self._settings.root / to_path(candidate.path)
        candidate = replace(candidate, facts=candidate.facts.settled(self._store.now_ns()))
        digest = None
        try:
            # opened once, so that the hash and the pixels are of the same file
            with open_regular(path, _NAME) as stream:
                before = facts_of(os.fstat(stream.fileno()))
                head = stream.read(HEAD_BYTES)
                if format_of(head) is not None:
                    # what is no image may be of any size, and is not read to its end
                    stream.seek(0)
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
                    if self._store.has_content(digest):
                        return Decoded(candidate, digest)
                stream.seek(0)
                notes = _misnamed(candidate, head)
                image = decode(
                    stream,
                    _NAME,
                    max_pixels=self._settings.max_pixels,
                    decode_side=self._settings.decode_side,
                    admit=partial(self._budget.decoding, number),
                )
                if facts_of(os.fstat(stream.fileno())) != before:
                    raise ImageError(_BEING_WRITTEN)
        except ImageError as error:
            limit = self._settings.max_pixels if isinstance(error, ImageTooLargeError) else None
            # the plain class says that the file could not be read at all
            # (and another run may have more memory)
            of_content = type(error) not in (ImageError, MemoryLimitError)
            return Decoded(candidate, digest, problem=Problem(str(error), of_content, limit))
        except OSError as error:
            reason = f"{_NAME} cannot be read: {error.strerror}."
            return Decoded(candidate, digest, problem=Problem(reason, of_content=False))
        if "note" in image.info:
            notes += (image.info["note"].replace(_NAME, candidate.id, 1),)
        # only random views are drawn by content
        key = content_key(image) if self._settings.recipe.kind == "random" else b""
        boxes = self._settings.recipe.boxes(*image.size, key)
        hold = self._budget.hold(4 * image.width * image.height)
        size = image.info["full_size"]
        bits = hash_of_decoded(image)
        return Decoded(candidate, digest, image, size, boxes, bits, notes=notes, hold=hold)


def _misnamed(candidate: ChangedFile, head: bytes) -> tuple[str, ...]:
    by_name = EXTENSIONS.get(Path(candidate.id).suffix.lower())
    by_content = format_of(head)
    if by_name is None or by_content is None or by_name == by_content:
        return ()
    return (f"{candidate.id} is a {by_content} by its content, whatever its name says",)

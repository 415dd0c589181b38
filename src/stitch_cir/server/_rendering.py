"""Images as clients get them: looked up by id, upright, without metadata, cached."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from stitch_cir.errors import ImageError, NotFoundError
from stitch_cir.explain import caption_card, fit
from stitch_cir.gallery import GalleryReader
from stitch_cir.images import open_image
from stitch_cir.server._errors import GoneError
from stitch_cir.server.limits import ByteBoundedCache

__all__ = ["LARGEST_SIDE", "SMALLEST_SIDE", "ImageRenderer", "RenderedImage", "image_url"]

SMALLEST_SIDE, LARGEST_SIDE = 64, 2048
_RENDERING = 2
"""Part of every entity tag: the version of how pixels are rendered (2: in sRGB)."""


@dataclass(frozen=True, slots=True)
class RenderedImage:
    """A JPEG file and its entity tag."""

    content: bytes
    tag: str


class ImageRenderer:
    """Renders images of the gallery as JPEG, and caches ``room`` bytes of them."""

    def __init__(self, room: int) -> None:
        """Start with an empty cache."""
        self.cache: ByteBoundedCache[RenderedImage] = ByteBoundedCache(room)

    def of_image(
        self, gallery: GalleryReader, id: str, side: int, number: int = 1
    ) -> tuple[str, Callable[[], RenderedImage]]:
        """Return an image's entity tag and the function that renders it, longest side ≤ ``side``.

        ``number`` counts from 1 where the item has several images.

        Raises ``NotFoundError`` for an unknown id, ``GoneError`` when its file is gone;
        rendering raises ``ImageError`` when the file is damaged.
        """
        stored = gallery.match(id)
        if stored is None:
            raise NotFoundError("The gallery has no such image.", hint="See GET /api/images.")
        id = stored
        path = gallery.path(id)
        if number > 1:
            images = gallery.image_paths(id)
            if number > len(images):
                raise NotFoundError(
                    f"{id!r} has no image {number}.", hint="Images are counted from 1."
                )
            path = images[number - 1]
        if path is None:
            texts = gallery.captions(id)
            tag = _tag("card", *texts, side)
            return tag, lambda: self._render(tag, lambda: caption_card(id, texts, side))
        try:
            facts = path.stat()
        except (OSError, ValueError) as error:
            raise GoneError(
                f"The file of {id!r} is gone.", hint="Run stitch index to take it out."
            ) from error
        tag = _tag(gallery.content_hash(id), number, facts.st_size, facts.st_mtime_ns, side)
        max_pixels = gallery.max_pixels
        return tag, lambda: self._render(tag, lambda: _open(path, id, side, max_pixels))

    def of_bytes(self, content: bytes, sha256: str, side: int, max_pixels: int) -> RenderedImage:
        """Return the rendered image of an upload."""

        def draw() -> Image.Image:
            return shrink(open_image(content, max_pixels=max_pixels, decode_side=side), side)

        return self._render(_tag(sha256, side), draw)

    def _render(self, tag: str, draw: Callable[[], Image.Image]) -> RenderedImage:
        cached = self.cache.get(tag)
        if cached is not None:
            return cached
        buffer = io.BytesIO()
        # only pixels are written: no EXIF, no position, no profile
        draw().save(buffer, "JPEG", quality=85, optimize=True)
        rendered = RenderedImage(buffer.getvalue(), tag)
        self.cache.put(tag, rendered, len(rendered.content) + 200)
        return rendered


def _open(path: Path, id: str, side: int, max_pixels: int) -> Image.Image:
    try:
        return shrink(open_image(path, max_pixels=max_pixels, decode_side=side), side)
    except ImageError as error:
        if not path.exists():
            raise GoneError(
                f"The file of {id!r} is gone.", hint="Run stitch index to take it out."
            ) from error
        raise


def shrink(image: Image.Image, side: int) -> Image.Image:
    """Return an image scaled down, never up, to a longest side of ``side`` pixels."""
    return image if max(image.size) <= side else fit(image, side)


def _tag(*parts: object) -> str:
    return '"' + hashlib.sha256(repr((_RENDERING, *parts)).encode()).hexdigest()[:32] + '"'


def image_url(kind: str, id: str, prefix: str = "") -> str:
    """Return the address of an image's pixels; ``kind`` is ``files`` or ``thumbnails``.

    ``prefix`` is the path that the server is called below, e.g. ``/pics``.

    Slashes stay readable, except in ids that a browser would resolve as a relative path.
    """
    parts = id.split("/")
    safe = "" if {"", ".", ".."} & set(parts) else "/"
    return f"{prefix}/api/{kind}/{quote(id, safe=safe)}"

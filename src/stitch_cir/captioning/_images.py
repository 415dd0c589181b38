"""The images of a gallery that are to be captioned, each content once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from stitch_cir.chat import ImagePart
from stitch_cir.errors import ImageError, SettingError
from stitch_cir.gallery import WRITTEN_ATTRIBUTES, Gallery, ImageCaptions, WrittenRow
from stitch_cir.images import open_image, open_regular

__all__ = ["GalleryImage", "gallery_images", "kept_captions"]

_IMAGE_SIDE = 768


@dataclass(frozen=True, slots=True)
class GalleryImage:
    """One content of a gallery: the ids that have it, and a file of it.

    Of a product with several images it is the first, and ``content`` names them all.
    """

    ids: tuple[str, ...]
    content: str
    path: Path
    is_first_of_several: bool
    max_pixels: int

    def part(self) -> ImagePart:
        """Return what stands for it in messages whose answers are cached, without its pixels."""
        return ImagePart(self.content)

    def open(self) -> ImagePart:
        """Read it. Raises ``ImageError`` where its file is gone, damaged, or another by now."""
        if not self.is_first_of_several:
            try:
                with open_regular(self.path) as stream:
                    content = hashlib.file_digest(stream, "sha256").hexdigest()
            except OSError as error:
                raise ImageError(
                    f"The file cannot be read: {error.strerror or error}.",
                    hint="Index the folder again.",
                ) from error
            if content != self.content:
                raise ImageError(
                    "The file has changed since it was indexed.", hint="Index the folder again."
                )
        image: Image.Image = open_image(
            self.path, max_pixels=self.max_pixels, decode_side=_IMAGE_SIDE
        )
        return ImagePart(self.content, image)


def gallery_images(gallery: Gallery) -> list[GalleryImage]:
    """Return the images of a gallery, in the order of their first ids.

    Raises ``SettingError`` for a gallery without images.
    """
    ids: dict[str, list[str]] = {}
    with gallery.snapshot() as snapshot:
        for id in snapshot.ids:
            content = snapshot.content_hash(id)
            if content is not None:
                ids.setdefault(content, []).append(id)
        limit = snapshot.max_pixels
        images = []
        for content, each in ids.items():
            several = snapshot.image_paths(each[0])
            path = several[0] if several else snapshot.path(each[0])
            if path is not None:
                images.append(GalleryImage(tuple(each), content, path, bool(several), limit))
    if not images:
        raise SettingError(
            f"The gallery {gallery.directory} holds captions and no images.",
            hint="Index a folder of images.",
        )
    return images


def kept_captions(
    gallery: Gallery, image: GalleryImage, recorded: Mapping[str, WrittenRow], answers: set[str]
) -> list[ImageCaptions] | None:
    """Return what an earlier run wrote of an image by one of these answers, for each of its ids.

    ``None`` where one of its ids has no such captions.
    """
    kept = []
    for id in image.ids:
        row = recorded.get(id)
        if row is None or row.content != image.content or row.answer not in answers:
            return None
        attributes = gallery.attributes_of(id)
        kept.append(
            ImageCaptions(
                id,
                row.content,
                tuple(gallery.captions_by_model(id)),
                {name: _texts(attributes.get(name)) for name in WRITTEN_ATTRIBUTES},
                row.model,
                row.prompt,
                row.answer,
            )
        )
    return kept


def _texts(value: object) -> tuple[str, ...]:
    """Return the texts of a list; nothing where the gallery has no such list."""
    return tuple(value) if isinstance(value, list) else ()

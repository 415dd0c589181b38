"""What a product of a feed changes in the gallery: nothing, its attributes, or its images."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from stitch_cir.errors import ImageError
from stitch_cir.gallery._names import fold
from stitch_cir.gallery.attributes._kinds import StoredValue
from stitch_cir.gallery.feeds._fields import Product, UnusableRowError
from stitch_cir.gallery.feeds._images import ImageSource
from stitch_cir.gallery.feeds._read import RowFailure
from stitch_cir.gallery.index import facts_of
from stitch_cir.gallery.store import Store, to_path
from stitch_cir.gallery.store._attributes import values_of
from stitch_cir.gallery.store._products import ProductImage, images_of, product_digest
from stitch_cir.images import open_regular

__all__ = ["ProductChange", "compare", "failure_of"]


@dataclass(frozen=True, slots=True)
class ProductChange:
    """What one product changes. ``kind`` is what is reported; None changes nothing to report.

    ``images`` are its images in order: as they are stored, or a link that is to be read.
    ``attributes`` are the stored values that differ, by name; ``is_recorded`` is false where the
    digest or what the file system says of a file differs. ``failures`` are further images that are
    left out.
    """

    product: Product
    kind: Literal["added", "images", "attributes"] | None
    images: tuple[ProductImage | str, ...]
    attributes: Mapping[str, Sequence[StoredValue]]
    failures: tuple[RowFailure, ...] = ()
    is_recorded: bool = False

    @property
    def is_encoded_anew(self) -> bool:
        """Whether the product's view set is written."""
        return self.kind in ("added", "images")


def compare(store: Store, root: Path, source: ImageSource, product: Product) -> ProductChange:
    """Compare a product with what is stored of it; files are looked at, images are not opened.

    Raises ``UnusableRowError`` where its main image is nowhere.
    """
    stored = images_of(store, product.id)
    digest = product_digest(store, product.id) if stored else None
    by_link = {image.link: image for image in stored}
    images: list[ProductImage | str] = []
    failures = []
    for number, link in enumerate(product.links):
        image = by_link.get(link)
        image = None if image is None else _unchanged(root, image)
        if image is None:
            reason = source.is_there(link)
            if reason is not None and number == 0:
                raise UnusableRowError(reason)
            if reason is not None:
                failures.append(failure_of(product, number, reason))
                continue
        images.append(link if image is None else image)
    if digest is None:
        attributes = {name: rows for name, rows in product.attributes.items() if rows}
        return ProductChange(product, "added", tuple(images), attributes, tuple(failures))
    attributes = {} if digest == product.digest else _differences(store, product)
    hashes = [image if isinstance(image, str) else image.hash for image in images]
    if hashes != [image.hash for image in stored]:
        return ProductChange(product, "images", tuple(images), attributes, tuple(failures))
    kind: Literal["attributes"] | None = "attributes" if attributes else None
    is_recorded = digest == product.digest and images == stored
    return ProductChange(product, kind, tuple(images), attributes, tuple(failures), is_recorded)


def failure_of(product: Product, number: int, reason: str) -> RowFailure:
    """Return the failure of an image: the row's, or for another than the main one the image's."""
    text = reason if number == 0 else f"further image left out: {reason}"
    return RowFailure(product.line, product.id, text)


def _unchanged(root: Path, image: ProductImage) -> ProductImage | None:
    """Return an image as it is stored, if its file still has that content."""
    path = root / to_path(image.path)
    try:
        facts = facts_of(path.stat())
        if facts == (image.size, image.mtime_ns, image.mark):
            return image
        if facts.size != image.size:
            return None
        with open_regular(path) as stream:
            hash = hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, ImageError):
        return None
    return replace(image, mtime_ns=facts.mtime_ns, mark=facts.mark) if hash == image.hash else None


def _differences(store: Store, product: Product) -> dict[str, Sequence[StoredValue]]:
    stored = {fold(name): rows for name, _, rows in values_of(store, product.id)}
    return {
        name: rows
        for name, rows in product.attributes.items()
        if list(rows) != stored.get(fold(name), [])
    }

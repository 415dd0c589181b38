"""The tables of products: which items a feed names, and the files of their images."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stitch_cir.gallery.store._schema import PRODUCTS_SINCE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stitch_cir.gallery.store._store import Store
    from stitch_cir.views import ViewBox

__all__ = [
    "ProductImage",
    "combined_hash",
    "delete_products",
    "files_of",
    "image_files",
    "images_of",
    "items_with_image",
    "product_digest",
    "product_ids",
    "put_image_views",
    "put_product",
]


@dataclass(frozen=True, slots=True)
class ProductImage:
    """One image of a product: its link in the feed, and the file that it is.

    ``path`` is relative to the root, in the file system's bytes; ``hash`` the SHA-256 of the file.
    """

    link: str
    path: bytes
    size: int
    mtime_ns: int
    mark: int | None
    hash: str


def product_digest(store: Store, id: str) -> str | None:
    """Return the digest of a product's attributes; None for what is no product."""
    digest = store.value("SELECT digest FROM products WHERE id = ?", (id,))
    return None if digest is None else str(digest)


def images_of(store: Store, id: str) -> list[ProductImage]:
    """Return the images of a product in order; none for what is no product."""
    if not store.has_schema(PRODUCTS_SINCE):
        return []
    rows = store.rows(
        "SELECT link, path, size, mtime_ns, mark, hash FROM product_images WHERE id = ?"
        " ORDER BY position",
        (id,),
    )
    return [ProductImage(*row) for row in rows]


def files_of(store: Store, id: str, main: Path) -> list[tuple[Path, ProductImage]]:
    """Return the files of a product's images, of which ``main`` is the first; none for others."""
    images = images_of(store, id)
    if not images:
        return []
    # all lie below one root
    root = main.parents[len(Path(os.fsdecode(images[0].path)).parts) - 1]
    return [(root / os.fsdecode(image.path), image) for image in images]


def items_with_image(store: Store, hash: str) -> list[str]:
    """Return the ids of the products with an image of this SHA-256, in order."""
    if not store.has_schema(PRODUCTS_SINCE):
        return []
    statement = (
        "SELECT DISTINCT id FROM product_images JOIN items USING (id)"
        " WHERE product_images.hash = ? ORDER BY id"
    )
    return [id for (id,) in store.rows(statement, (hash,))]


def product_ids(store: Store) -> frozenset[str]:
    """Return the ids of all products."""
    if not store.has_schema(PRODUCTS_SINCE):
        return frozenset()
    return frozenset(id for (id,) in store.rows("SELECT id FROM products"))


def image_files(store: Store) -> set[bytes]:
    """Return the paths of all files that are an image of a product, relative to the root."""
    return {path for (path,) in store.rows("SELECT DISTINCT path FROM product_images")}


def put_product(store: Store, id: str, digest: str, images: Sequence[ProductImage]) -> None:
    """Insert or replace a product with its images, in a transaction of the caller."""
    store.rows("INSERT OR REPLACE INTO products (id, digest) VALUES (?, ?)", (id, digest))
    store.rows("DELETE FROM product_images WHERE id = ?", (id,))
    store.run(
        "INSERT INTO product_images (id, position, link, path, size, mtime_ns, mark, hash)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (id, number, each.link, each.path, each.size, each.mtime_ns, each.mark, each.hash)
            for number, each in enumerate(images)
        ],
    )


def put_image_views(
    store: Store,
    hash: str,
    size: tuple[int, int],
    boxes: Sequence[Sequence[ViewBox]],
    vectors: NDArray[np.float32],
) -> None:
    """Store the views of one or several images as one content: boxes by image, (M, d) vectors.

    ``size`` is that of the first image; in a transaction of the caller.
    """
    images = [number for number, each in enumerate(boxes) for _ in each]
    all_boxes = [box for each in boxes for box in each]
    store.put_content(hash, size, all_boxes, vectors, images if len(boxes) > 1 else None)


def delete_products(store: Store, ids: Sequence[str]) -> None:
    """Forget which files the images of items were, in a transaction of the caller."""
    for table in ("products", "product_images"):
        store.run(f"DELETE FROM {table} WHERE id = ?", [(id,) for id in ids])


def combined_hash(hashes: Sequence[str]) -> str:
    """Return the name of a content: the image's hash, or that of several images' hashes."""
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.sha256("\n".join(hashes).encode("ascii")).hexdigest()

"""From products with decoded images to rows: encoded in batches, one transaction each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.errors import GalleryDamagedError
from stitch_cir.gallery.attributes import AttributeKind
from stitch_cir.gallery.attributes._write import write_stored
from stitch_cir.gallery.feeds._compare import ProductChange
from stitch_cir.gallery.feeds._report import FeedCounters
from stitch_cir.gallery.index import EncodingPipeline
from stitch_cir.gallery.index._decode import Decoded
from stitch_cir.gallery.index._write import EncodingBatch
from stitch_cir.gallery.store import Item, Store
from stitch_cir.gallery.store._products import (
    ProductImage,
    combined_hash,
    images_of,
    put_image_views,
    put_product,
)
from stitch_cir.gallery.store._provenance import set_waiting
from stitch_cir.gallery.store._view_sets import image_views
from stitch_cir.views import ViewBox

__all__ = ["LocatedImage", "ProductWriter"]

_MOST_WAITING = 256
"""Products written together where few images need encoding."""
_ATTRIBUTE_PAGE = 1000


@dataclass(frozen=True, slots=True)
class LocatedImage:
    """One image of a product: its file, and its pixels where they may have to be encoded."""

    image: ProductImage
    decoded: Decoded | None = None


@dataclass(frozen=True, slots=True)
class _Views:
    """The views of one image: its upright size, M boxes, (M, d) float32 vectors."""

    size: tuple[int, int]
    boxes: tuple[ViewBox, ...]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Batch:
    products: list[tuple[ProductChange, list[LocatedImage]]]
    encoding: EncodingBatch


class ProductWriter:
    """Collects products, has new images encoded, and writes batch by batch, in order.

    One batch is with the encoder while the next is collected. ``with_attributes`` is false for a
    rebuild, whose database is not where attributes are.
    """

    def __init__(
        self,
        store: Store,
        pipeline: EncodingPipeline,
        counters: FeedCounters,
        kinds: Mapping[str, AttributeKind],
        *,
        batch_size: int,
        with_attributes: bool,
    ) -> None:
        """Write into ``store``; ``kinds`` are those of attributes by folded name."""
        self._store = store
        self._pipeline = pipeline
        self._counters = counters
        self._kinds = kinds
        self._batch_size = batch_size
        self._with_attributes = with_attributes
        self._products: list[tuple[ProductChange, list[LocatedImage]]] = []
        self._new: dict[str, Decoded] = {}
        self._in_flight: _Batch | None = None
        self._recent: dict[str, _Views] = {}
        self._attribute_changes: list[ProductChange] = []
        self.waiting = 0

    def add(self, change: ProductChange, parts: Sequence[LocatedImage]) -> None:
        """Take a product whose images are written; hand over what fills a batch."""
        kept = []
        for part in parts:
            decoded = part.decoded
            if decoded is not None and decoded.image is not None:
                hash = part.image.hash
                if self._is_coming(hash) or self._store.has_content(hash):
                    decoded = decoded.without_image()
                else:
                    self._new[hash] = decoded
            kept.append(replace(part, decoded=None))
        self._products.append((change, kept))
        if len(self._new) >= self._batch_size or len(self._products) >= _MOST_WAITING:
            self._hand_over()

    def set_attributes(self, change: ProductChange) -> None:
        """Take a product of which attributes change, or only what is recorded about its files."""
        if change.is_recorded:
            return
        self._attribute_changes.append(change)
        if len(self._attribute_changes) >= _ATTRIBUTE_PAGE:
            self._write_attributes()

    def flush(self) -> None:
        """Encode and write all that was added."""
        self._hand_over()
        self._hand_over()
        self._write_attributes()

    def _is_coming(self, hash: str) -> bool:
        in_flight = self._in_flight is not None and hash in self._in_flight.encoding.new
        return hash in self._new or in_flight

    def _hand_over(self) -> None:
        """Write the batch that is with the encoder, and give it the next."""
        before = self._in_flight
        encoding = EncodingBatch(self._pipeline, self._new)
        self._in_flight = _Batch(self._products, encoding) if self._products else None
        self._products, self._new = [], {}
        if before is not None:
            self._write(before)

    def _write(self, batch: _Batch) -> None:
        """Write one batch when it is encoded, all or nothing."""
        new = batch.encoding.new
        encoded = {
            hash: _Views(each.size, each.boxes, vectors)
            for (hash, each), vectors in zip(new.items(), batch.encoding.result(), strict=True)
        }
        # an image of the batch before may be there as a part of a product only
        self._recent = {**self._recent, **encoded}
        store = self._store
        self.waiting -= len(batch.products)
        with store.transaction():
            for change, parts in batch.products:
                self._put(change, parts)
            if self._with_attributes:
                by_id = {each.product.id: each.attributes for each, _ in batch.products}
                write_stored(store, by_id, self._kinds)
            set_waiting(store, max(0, self.waiting))
        self._recent = encoded
        self._counters.encoded += len(new)
        for change, _ in batch.products:
            self._counters.count(change)

    def _put(self, change: ProductChange, parts: Sequence[LocatedImage]) -> None:
        store, id = self._store, change.product.id
        images = [part.image for part in parts]
        views = [self._views(id, image.hash) for image in images]
        hash = combined_hash([image.hash for image in images])
        if not store.has_content(hash):
            vectors = np.concatenate([each.vectors for each in views])
            put_image_views(store, hash, views[0].size, [each.boxes for each in views], vectors)
        first = images[0]
        store.put_item(Item(id, first.path, first.size, first.mtime_ns, hash, first.mark))
        digest = change.product.digest if self._with_attributes else ""
        put_product(store, id, digest, images)

    def _views(self, id: str, hash: str) -> _Views:
        """Return the views of an image: just encoded, of a content, or of the product as it is."""
        if hash in self._recent:
            return self._recent[hash]
        rows, position = self._content(hash), None
        if not rows:
            before = [image.hash for image in images_of(self._store, id)]
            rows = self._content(combined_hash(before))
            position = before.index(hash) if hash in before else None
        if not rows:
            raise GalleryDamagedError(
                f"What the gallery records about the images of {id!r} is damaged.",
                hint="Repair it: stitch verify GALLERY --repair",
            )
        width, height, boxes, blob = rows[0]
        views = [
            each
            for each in image_views(self._store, id, boxes, blob)
            if position is None or each.image in (None, position + 1)
        ]
        return _Views(
            (width, height),
            tuple(each.box for each in views if each.box is not None),
            np.stack([each.vector for each in views]),
        )

    def _content(self, hash: str) -> list[tuple[Any, ...]]:
        statement = "SELECT width, height, boxes, vectors FROM contents WHERE hash = ?"
        return self._store.rows(statement, (hash,))

    def _write_attributes(self) -> None:
        changes, self._attribute_changes = self._attribute_changes, []
        if not changes:
            return
        store = self._store
        with store.transaction(changes_content=False):
            differing = {each.product.id: each.attributes for each in changes if each.attributes}
            if differing:
                write_stored(store, differing, self._kinds)
            for each in changes:
                images = [image for image in each.images if isinstance(image, ProductImage)]
                put_product(store, each.product.id, each.product.digest, images)
        for each in changes:
            if each.kind is not None:
                self._counters.count(each)

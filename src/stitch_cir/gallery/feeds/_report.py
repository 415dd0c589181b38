"""What applying a feed did, or would do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stitch_cir.gallery.feeds._read import RowFailure

if TYPE_CHECKING:
    from stitch_cir.gallery.feeds._compare import ProductChange

__all__ = ["FeedCounters", "FeedReport"]


@dataclass(frozen=True, slots=True)
class FeedReport:
    """What a feed changed.

    ``added``, ``changed_images`` and ``deleted`` are ids; ``changed_attributes`` the names of the
    attributes that changed by id, for products whose images did not. ``failed`` are the rows, or
    further images of rows, that were left out: their products stay as they were. ``products``
    counts what the gallery holds afterwards, ``encoded`` images that went through the encoder,
    ``fetched`` those that came over the network; ``kept_out`` were removed by hand. With
    ``dry_run`` nothing was changed, and images were not opened.
    """

    products: int
    added: tuple[str, ...]
    changed_images: tuple[str, ...]
    changed_attributes: Mapping[str, tuple[str, ...]]
    deleted: tuple[str, ...]
    unchanged: int
    failed: tuple[RowFailure, ...]
    encoded: int
    fetched: int
    kept_out: int
    dry_run: bool
    seconds: float
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        """Return it in one line."""
        counts = (
            (len(self.added), "added"),
            (len(self.changed_images), "with changed images"),
            (len(self.changed_attributes), "with changed attributes only"),
            (len(self.deleted), "deleted"),
            (self.unchanged, "unchanged"),
            (len(self.failed), "rows or images failed"),
            (self.kept_out, "removed by hand stay out"),
        )
        shown = ", ".join(f"{count:,} {what}" for count, what in counts if count)
        products = "1 product" if self.products == 1 else f"{self.products:,} products"
        text = f"{products} in the gallery: {shown or 'nothing to do'}."
        if self.dry_run:
            return f"{text} Nothing was changed (dry run)."
        images = "1 image" if self.encoded == 1 else f"{self.encoded:,} images"
        fetched = f", {self.fetched:,} fetched" if self.fetched else ""
        return f"{text} {images} encoded{fetched}."

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "products": self.products,
            "added": list(self.added),
            "changed_images": list(self.changed_images),
            "changed_attributes": {
                id: list(names) for id, names in self.changed_attributes.items()
            },
            "deleted": list(self.deleted),
            "unchanged": self.unchanged,
            "failed": [
                {"line": each.line, "id": each.id, "reason": each.reason} for each in self.failed
            ],
            "encoded": self.encoded,
            "fetched": self.fetched,
            "kept_out": self.kept_out,
            "dry_run": self.dry_run,
            "seconds": round(self.seconds, 3),
            "notes": list(self.notes),
        }


@dataclass(slots=True)
class FeedCounters:
    """A :class:`FeedReport` in the making."""

    added: list[str] = field(default_factory=list)
    changed_images: list[str] = field(default_factory=list)
    changed_attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    failed: list[RowFailure] = field(default_factory=list)
    unchanged: int = 0
    encoded: int = 0
    fetched: int = 0
    kept_out: int = 0
    notes: list[str] = field(default_factory=list)

    def count(self, change: ProductChange) -> None:
        """Count what a product changes."""
        id = change.product.id
        if change.kind == "added":
            self.added.append(id)
        elif change.kind == "images":
            self.changed_images.append(id)
        elif change.kind == "attributes":
            self.changed_attributes[id] = tuple(change.attributes)
        else:
            self.unchanged += 1

    def close(self, *, products: int, dry_run: bool, seconds: float) -> FeedReport:
        """Make the report of a finished run."""
        return FeedReport(
            products,
            tuple(self.added),
            tuple(self.changed_images),
            dict(self.changed_attributes),
            tuple(self.deleted),
            self.unchanged,
            tuple(sorted(self.failed, key=lambda each: each.line)),
            self.encoded,
            self.fetched,
            self.kept_out,
            dry_run,
            seconds,
            tuple(dict.fromkeys(self.notes)),
        )

"""Which products a feed deletes: those that are named, and those that it no longer lists."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from stitch_cir.errors import GalleryError, NotFoundError, SettingError
from stitch_cir.gallery.store import Store
from stitch_cir.gallery.store._products import product_ids

__all__ = ["departed_products", "named_products", "refuse_emptying_feed"]


def named_products(
    store: Store, named: Collection[str], listed: Collection[str], directory: Path
) -> set[str]:
    """Return the products that are to be deleted by name; ``listed`` are the ids of the feed.

    Raises ``NotFoundError`` for one that the gallery in ``directory`` does not have,
    ``SettingError`` for one that the feed lists.
    """
    unknown = sorted(id for id in set(named) if store.item(id) is None)
    if unknown:
        raise NotFoundError(
            f"The gallery {directory} has no product {unknown[0]!r}.",
            hint="Nothing was changed; products are deleted by the ids of the feed.",
        )
    both = set(named).intersection(listed)
    if both:
        raise SettingError(
            f"{min(both)!r} is to be deleted, but is in the feed.",
            hint="Take it out of the feed.",
        )
    return set(named)


def departed_products(store: Store, listed: Collection[str], notes: list[str]) -> set[str]:
    """Return the products of the gallery that the feed does not list.

    None where the id of a row cannot be read (``""`` is among ``listed``), which is noted: it might
    be that of any of them.
    """
    left = set(product_ids(store).difference(listed))
    if left and "" in listed:
        notes.append(
            f"{len(left):,} products are not in the feed, but stay: the id of a row that "
            "failed cannot be read, and might be theirs."
        )
        return set()
    return left


def refuse_emptying_feed(store: Store, gone: Sequence[str], file: Path) -> None:
    """Raise ``GalleryError`` where more than half of the products would be deleted."""
    total = store.count("items")
    if 2 * len(gone) <= total:
        return
    raise GalleryError(
        f"{len(gone):,} of {total:,} products would be deleted, because they are not in {file}.",
        hint="If that is right, allow it with --allow-missing; if the feed holds changes only, "
        "say so with --partial.",
    )

"""Taking over what galleries of parts of one folder have encoded, so that it is encoded once."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stitch_cir.gallery.index._rebuild import open_for_indexing
from stitch_cir.gallery.store import DATABASE, Item, Store
from stitch_cir.gallery.store._provenance import begin, check, root_of

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder
    from stitch_cir.views import ViewRecipe

__all__ = ["take_encoded"]

_PAGE = 256


def take_encoded(
    folder: Path | str,
    gallery_dir: Path | str,
    parts: Iterable[Path | str],
    *,
    encoder: DualEncoder,
    recipe: ViewRecipe | None = None,
) -> int:
    """Copy images and their vectors from galleries of parts of a folder; return how many contents.

    The gallery is made if need be. What it has already stays; a part that does not exist is left
    out. :func:`index_folder` then completes the gallery, and opens none of the files that have not
    changed since a part was made.

    Raises ``GalleryMismatchError`` for a part that another encoder or other views made, and what
    :func:`index_folder` raises before anything is written.
    """
    root, directory = Path(folder), Path(gallery_dir)
    start = partial(begin, encoder=encoder, recipe=recipe, root=root, directory=directory)
    copied = 0
    with open_for_indexing(directory, start, rebuild=False) as (store, used, _):
        for part in map(Path, parts):
            if not (part / DATABASE).is_file():
                continue
            with closing(Store(part)) as source:
                facts = source.meta()
                check(facts, encoder, used, part, root_of(facts, part))
                copied += _copy_contents(source, store)
                _copy_items(source, store)
    return copied


def _copy_contents(source: Store, store: Store) -> int:
    copied, after = 0, ""
    while page := source.rows(
        "SELECT hash, width, height, boxes, vectors FROM contents"
        " WHERE hash > ? AND hash NOT IN (SELECT hash FROM outdated) ORDER BY hash LIMIT ?",
        (after, _PAGE),
    ):
        with store.transaction():
            for row in page:
                if not store.has_content(row[0]):
                    store.put_content_row(*row)
                    store.set_current([row[0]])
                    copied += 1
        after = page[-1][0]
    return copied


def _copy_items(source: Store, store: Store) -> None:
    """Copy the items of images; their contents are there already, so none is swept as orphaned."""
    after = ""
    while page := source.rows(
        "SELECT id, path, size, mtime_ns, hash, mark FROM items"
        " WHERE id > ? AND hash NOT NULL ORDER BY id LIMIT ?",
        (after, _PAGE),
    ):
        with store.transaction():
            for row in page:
                if store.item(row[0]) is None:
                    store.put_item(Item(*row))
        after = page[-1][0]

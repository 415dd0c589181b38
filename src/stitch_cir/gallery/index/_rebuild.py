"""Open a gallery for indexing: its database, or for a rebuild another one beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from stitch_cir.errors import GalleryError
from stitch_cir.gallery.index._pending import settle
from stitch_cir.gallery.store._database import DATABASE, delete_database, write_lock
from stitch_cir.gallery.store._store import Store
from stitch_cir.views import ViewRecipe

__all__ = ["open_for_indexing", "set_removed"]

_REBUILD = "rebuild.sqlite"


@contextmanager
def open_for_indexing(
    directory: Path, begin: Callable[[Store], ViewRecipe], *, rebuild: bool
) -> Iterator[tuple[Store, ViewRecipe, Store | None]]:
    """Yield the database to write into, the recipe, and for a rebuild the old database.

    ``begin`` records or checks what shapes the vectors. A rebuild goes into a database beside the
    old one, which adopts it at the end, in one transaction.
    """
    with write_lock(directory):
        beside = directory / _REBUILD
        if not (rebuild and (directory / DATABASE).exists()):
            with closing(Store(directory, write=True)) as store:
                settle(store, directory)
                yield store, begin(store), None
            # the remains of a rebuild that was given up
            delete_database(beside)
            return
        with closing(Store(directory, write=True)) as old:
            old.needs_facts = False  # a rebuild may be what damaged ones need
            settle(old, directory)
            try:
                with closing(Store(directory, write=True, name=_REBUILD)) as new:
                    begin(new)
            except GalleryError:
                # left by an interrupted rebuild of another kind
                delete_database(beside)
            with closing(Store(directory, write=True, name=_REBUILD)) as new:
                yield new, begin(new), old
            old.adopt(beside)
        delete_database(beside)


def set_removed(store: Store, removed: frozenset[str]) -> None:
    """Record the ids that indexing leaves out, where they differ; a rebuild takes the list over."""
    if removed != store.removed():
        with store.transaction():
            store.set_removed(removed)

"""Open a gallery for indexing: its database, or for a rebuild another one beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from stitch_cir.errors import GalleryError, GalleryMismatchError
from stitch_cir.gallery.index._pending import settle
from stitch_cir.gallery.store import DATABASE, Store, delete_database, write_lock
from stitch_cir.views import ViewRecipe

__all__ = ["open_for_indexing", "set_removed"]

_REBUILD = "rebuild.sqlite"
_SWITCH = "switch.sqlite"


@contextmanager
def open_for_indexing(
    directory: Path,
    begin: Callable[[Store], ViewRecipe],
    *,
    rebuild: bool,
    switch_when_done: bool = False,
) -> Iterator[tuple[Store, ViewRecipe, Store | None]]:
    """Yield the database to write into, the recipe, and for a rebuild the old database.

    ``begin`` records or checks what shapes the vectors. A rebuild goes into a database beside the
    old one, which adopts it at the end, in one transaction. So does a switch, which is a rebuild
    for other vectors than the gallery has, and an ordinary run where it has them already; what an
    interrupted one has encoded outlives ordinary runs.
    """
    with write_lock(directory):
        name = None
        if (directory / DATABASE).exists():
            if rebuild:
                name = _REBUILD
            elif switch_when_done and _is_of_others(directory, begin):
                name = _SWITCH
        if name is None:
            with closing(Store(directory, write=True)) as store:
                settle(store, directory)
                yield store, begin(store), None
            # the remains of a rebuild that was given up
            delete_database(directory / _REBUILD)
            if switch_when_done:
                delete_database(directory / _SWITCH)
            return
        beside = directory / name
        with closing(Store(directory, write=True)) as old:
            old.needs_facts = False  # a rebuild may be what damaged ones need
            settle(old, directory)
            try:
                with closing(Store(directory, write=True, name=name)) as new:
                    begin(new)
            except GalleryError:
                # left by an interrupted rebuild of another kind
                delete_database(beside)
            with closing(Store(directory, write=True, name=name)) as new:
                yield new, begin(new), old
            old.adopt(beside)
        delete_database(directory / _REBUILD)
        delete_database(directory / _SWITCH)


def _is_of_others(directory: Path, begin: Callable[[Store], ViewRecipe]) -> bool:
    """Return whether another encoder, or other views, made the vectors of the gallery."""
    with closing(Store(directory, write=True)) as store:
        try:
            begin(store)
        except GalleryMismatchError:
            return True
    return False


def set_removed(store: Store, removed: frozenset[str]) -> None:
    """Record the ids that indexing leaves out, where they differ; a rebuild takes the list over."""
    if removed != store.removed():
        with store.transaction():
            store.set_removed(removed)

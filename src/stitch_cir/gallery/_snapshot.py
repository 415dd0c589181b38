"""One generation of a gallery, whatever others commit while it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.gallery._names import by_name
from stitch_cir.gallery._near_duplicates import (
    NearDuplicateCache,
    NearDuplicates,
    grouped,
    hashed_contents,
)
from stitch_cir.gallery._reader import GalleryReader
from stitch_cir.gallery.attributes import Attributes, Where
from stitch_cir.gallery.attributes._columns import AttributeCache
from stitch_cir.gallery.cache import ViewMatrix
from stitch_cir.gallery.store import Store, _perceptual_hashes

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder
    from stitch_cir.gallery._gallery import Gallery

__all__ = ["Generation", "Snapshot"]


@dataclass(slots=True)
class Generation:
    """What belongs to one commit and is kept until the next: its facts, its packed vectors.

    ``matrix`` is None until it is needed; ``packing_notes`` say what was unusual about it.
    ``damaged`` are ids of the matrix whose records in the database turned out to be damaged since;
    they must not be shown.
    """

    state: tuple[int, str]
    facts: dict[str, Any]
    matrix: ViewMatrix | None = field(default=None, repr=False)
    packing_notes: tuple[str, ...] = ()
    damaged: frozenset[str] = frozenset()

    @property
    def notes(self) -> list[str]:
        """What is unusual about the vectors, and which images are left out."""
        if not self.damaged:
            return list(self.packing_notes)
        return [
            *self.packing_notes,
            f"The database's records of {', '.join(sorted(self.damaged))} are damaged; "
            "these images are left out. Repair the gallery: stitch verify GALLERY --repair",
        ]


class Snapshot(GalleryReader):
    """One generation of a gallery: ids, vectors, view boxes, captions, paths and notes that agree.

    Vectors come from the cache of its commit, everything else from a read transaction of the same
    commit. Safe to share between threads. Close it soon, best with a ``with`` block, and ask no
    model meanwhile: on a network share a writer waits for it.
    """

    def __init__(
        self,
        gallery: Gallery,
        store: Store,
        generation: Generation,
        *,
        load: Callable[[Store, Generation], ViewMatrix],
        release: Callable[[Store], None],
    ) -> None:
        """Use :meth:`Gallery.snapshot`."""
        self.directory = gallery.directory
        self._facts = generation.facts
        self._gallery = gallery
        self._generation = generation
        self._reading: Store | None = store
        self._load = load
        self._release = release
        self._attributes: Attributes | None = None

    def close(self) -> None:
        """End the read transaction; closing twice does no harm."""
        store, self._reading = self._reading, None
        if store is not None:
            self._release(store)

    def __enter__(self) -> Snapshot:
        """Return the snapshot itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the snapshot."""
        self.close()

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Return the snapshot itself, which stays open after the ``with`` block."""
        return nullcontext(self)

    @property
    def _store(self) -> Store:
        if self._reading is None:
            raise RuntimeError("The snapshot is closed.")
        return self._reading

    @property
    def generation(self) -> int:
        """Number of the commit it shows."""
        return self._generation.state[0]

    @property
    def commit(self) -> str:
        """Identifier of the commit it shows; unlike the generation it never repeats."""
        return self._generation.state[1]

    @property
    def encoder(self) -> DualEncoder:
        """The encoder that made the vectors, loaded when it is first needed."""
        return self._gallery.encoder

    @cached_property
    def max_pixels(self) -> int:
        """Largest width × height that its files may be opened with; read once for all hits."""
        return super().max_pixels

    @property
    def attributes(self) -> Attributes:
        """The attributes of the items as they are in this snapshot; a later one may see others."""
        if self._attributes is None:
            self._attributes = Attributes(
                self._store,
                lambda: self.matrix().ids,
                self._generation.state,
                self._gallery.resource(AttributeCache),
            )
        return self._attributes

    def near_duplicates(self) -> NearDuplicates:
        """Return which rows of the matrix are near-duplicates of one another."""
        cache = self._gallery.resource(NearDuplicateCache)
        return cache.get(self._store, self.commit, self.matrix().ids)

    def similar_ids(self, name: str) -> list[str]:
        """Return the ids that are ``name`` but for case and Unicode spelling."""
        return self._store.similar_ids(name)

    def hashed_contents(self) -> dict[str, bytes | None]:
        """Return the perceptual hash of the content of every item; ``None`` for one without."""
        return hashed_contents(self._store)

    def grouped_as(self, labels: Mapping[str, int]) -> NearDuplicates:
        """Return the groups of the rows of the matrix by the ``labels`` of their contents."""
        return grouped(self._store, self.matrix().ids, labels)

    @property
    def num_perceptual_hashes(self) -> int:
        """How many contents have a perceptual hash; near-duplicates depend on nothing else."""
        return _perceptual_hashes.count_perceptual_hashes(self._store)

    @property
    def notes(self) -> list[str]:
        """What is unusual about how this generation is read, each once."""
        return list(dict.fromkeys([*self._store.notes, *self._generation.notes]))

    @property
    def orders(self) -> tuple[str, ...]:
        """How the images can be listed: by id, by name, and by each attribute that holds dates."""
        dated = (each for each in self.attributes.schema() if each.kind == "date" and each.items)
        return ("id", "name", *(each.name for each in dated))

    def find(
        self,
        words: str = "",
        *,
        offset: int = 0,
        limit: int = 60,
        where: Where | str | None = None,
        order: str = "id",
    ) -> tuple[int, list[str]]:
        """Look ids up as :meth:`GalleryReader.find` does, among those that meet a condition.

        ``order`` is ``"id"`` (folder by folder), ``"name"`` (by the name of the file, whatever its
        folder), or an attribute that holds dates: latest first, images without one at the end.

        Raises ``QueryError`` for a condition that cannot be understood, or an attribute without
        dates.
        """
        if where is None and order == "id":
            return super().find(words, offset=offset, limit=limit)
        ids = self.matrix().ids
        rows: list[int] = (
            list(range(len(ids))) if where is None else self.attributes.rows(where).tolist()
        )
        if words:
            holding = set(super().find(words, limit=-1)[1])
            rows = [row for row in rows if ids[row] in holding]
        if order == "name":
            rows = sorted(rows, key=lambda row: by_name(ids[row]))
        elif order != "id":
            dates = self.attributes.dates(order)[rows]
            # NaT is sorted to the end: images without a date come last
            ages = np.datetime64(0, "us") - dates
            rows = [rows[position] for position in np.argsort(ages, kind="stable").tolist()]
        until = len(rows) if limit < 0 else offset + limit
        return len(rows), [ids[row] for row in rows[offset:until]]

    def find_dated(
        self, words: str, *, where: Where | str | None, order: str
    ) -> tuple[list[str], NDArray[np.datetime64]]:
        """Return all that :meth:`find` lists by an attribute that holds dates, with the dates.

        The dates are (n,) datetime64[us], UTC, NaT for images without one.
        """
        _, ids = self.find(words, limit=-1, where=where, order=order)
        rows = {id: row for row, id in enumerate(self.matrix().ids)}
        return ids, self.attributes.dates(order)[[rows[id] for id in ids]]

    def matrix(self) -> ViewMatrix:
        """Return all view sets as memory-mapped arrays; they stay valid after :meth:`close`.

        They are rebuilt from the database when there is no sound cache of its commit: one that was
        damaged, cut short, or made from another state is not used. Damaged records are left out.
        :attr:`notes` say so. Where nothing can be written, the arrays live in a temporary folder
        until the process ends, or in memory.

        Raises ``GalleryDamagedError`` when every record is damaged.
        """
        return self._load(self._store, self._generation)

    @property
    def damaged(self) -> frozenset[str]:
        """Ids of the matrix that must not be shown, because their records are damaged since."""
        return self._generation.damaged

    def leave_out(self, id: str) -> None:
        """Remember that the record of an image is damaged, for this and later snapshots of it."""
        self._generation.damaged |= {id}

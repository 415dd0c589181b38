"""How a shard reads its images, and the columns that it keeps from the whole dataset."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.gallery import (
    FacetRequest,
    Gallery,
    NearDuplicates,
    Occurrences,
    StoredView,
    Where,
)
from stitch_cir.ranking import (
    HubnessBank,
    hubness_against,
)
from stitch_cir.searcher import MatrixOriginals
from stitch_cir.transition import NearestViews, whole_sum
from stitch_cir.transport import Scorer, open_device

__all__ = ["ShardReader"]

_OF_AN_ID = frozenset(
    {
        "attributes_of",
        "captions",
        "captions_by_model",
        "content_hash",
        "image_paths",
        "path",
        "size",
    }
)


@dataclass(slots=True)
class ShardReader:
    """The images of one shard at one version, as a gallery. Safe to share between threads.

    ``rows`` counts the shard's rows, including those of skipped files; ``images`` its images.
    """

    gallery: Gallery
    rows: int
    images: int
    _penalties: dict[str, NDArray[np.float64]] = field(default_factory=dict, repr=False)
    _duplicates: dict[str, NearDuplicates] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    # -- what it holds -----------------------------------------------------------------------------

    def item(self, id: str) -> dict[str, Any] | None:
        """Return everything recorded of an image except its views, by a gallery's method names.

        ``None`` for an image of another shard.
        """
        with self.gallery.snapshot() as snapshot:
            if id not in snapshot:
                return None
            return {name: getattr(snapshot, name)(id) for name in _OF_AN_ID}

    def views(self, id: str) -> list[StoredView]:
        """Return the view set of an image; empty for an image of another shard."""
        with self.gallery.snapshot() as snapshot:
            return snapshot.views(id) if id in snapshot else []

    def holds(self, names: Sequence[str]) -> list[str]:
        """Return which of the names are ids here."""
        with self.gallery.snapshot() as snapshot:
            return [name for name in names if name in snapshot]

    def similar_ids(self, name: str) -> list[str]:
        """Return the ids that equal ``name`` except for case and Unicode normalisation."""
        with self.gallery.snapshot() as snapshot:
            return snapshot.similar_ids(name)

    def find(
        self, words: str, limit: int, where: Where | str | None, order: str = "id"
    ) -> tuple[int, list[str]]:
        """Return how many ids match, and the first of them in an order."""
        with self.gallery.snapshot() as snapshot:
            return snapshot.find(words, limit=limit, where=where, order=order)

    def find_dated(
        self, words: str, limit: int, where: Where | str | None, attribute: str
    ) -> tuple[int, list[str], NDArray[np.datetime64]]:
        """Return what :meth:`find` does in the order of an attribute that holds dates, and these.

        Raises ``QueryError`` for an attribute that does not exist or holds no dates.
        """
        with self.gallery.snapshot() as snapshot:
            ids, dates = snapshot.find_dated(words, where=where, order=attribute)
        end = len(ids) if limit < 0 else limit
        return len(ids), ids[:end], dates[:end]

    def ids_with_content(self, hash: str) -> list[str]:
        """Return the ids of images with this content."""
        return self.gallery.ids_with_content(hash)

    def info(self) -> dict[str, Any]:
        """Return counts, as :meth:`Gallery.info` does."""
        return self.gallery.info()

    def skipped(self) -> list[tuple[str, str]]:
        """Return (id, reason) of what was left out because of its content."""
        return self.gallery.skipped()

    def written_captions(self) -> dict[str, Any]:
        """Return what is recorded of the captions that a model wrote, by id."""
        return dict(self.gallery.written_captions())

    def incomplete_note(self) -> str | None:
        """Return a sentence that says that the gallery is incomplete, or None."""
        return self.gallery.incomplete_note()

    def notes(self) -> list[str]:
        """Return notes on the gallery, such as damaged records."""
        return self.gallery.notes

    def attribute_schema(self) -> list[tuple[str, str, int]]:
        """Return name, kind and count of every attribute."""
        with self.gallery.snapshot() as snapshot:
            return [(row.name, row.kind, row.items) for row in snapshot.attributes.schema()]

    def check(self, where: Where | str | None, facets: Sequence[FacetRequest | str]) -> None:
        """Raise ``QueryError`` for a condition or a facet that cannot be understood."""
        with self.gallery.snapshot() as snapshot:
            if where is not None:
                snapshot.attributes.check(where)
            for facet in facets:
                snapshot.attributes.check_facet(facet)

    def occurrences(
        self, requests: Sequence[FacetRequest | str] | None, where: Where | str | None
    ) -> list[tuple[FacetRequest, Occurrences]]:
        """Count values over the images that meet a condition; ``None``: every attribute's."""
        with self.gallery.snapshot() as snapshot:
            attributes = snapshot.attributes
            rows = None if where is None else attributes.rows(where)
            if requests is None:
                requests = [FacetRequest(name) for name in attributes.names]
            return attributes.occurrences(requests, rows)

    # -- numbers for what needs the whole gallery --------------------------------------------------

    def device(self, name: str) -> str:
        """Return the name of a device on this node. Raises ``SettingError``, ``ModelError``."""
        return open_device(name)

    def view_counts(self, most: int) -> tuple[int, int]:
        """Return the number of images, and of their views, at most ``most`` of each image."""
        offsets = self.gallery.matrix().offsets
        sizes = offsets[1:] - offsets[:-1]
        return len(sizes), int(np.minimum(sizes, most).sum())

    def ids_at(self, positions: Sequence[int]) -> list[str]:
        """Return the ids at some positions in id order."""
        ids = self.gallery.matrix().ids
        return [ids[position] for position in positions]

    def positions(self, ids: Sequence[str]) -> list[int]:
        """Return how many ids of this shard sort before each of ``ids``."""
        ids_here = self.gallery.matrix().ids
        return [bisect_left(ids_here, id) for id in ids]

    def sets(
        self, ids: Sequence[str]
    ) -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Return view set (M, d) and mean view (d,), float32, of this shard's images, by id."""
        matrix = self.gallery.matrix()
        sets = {}
        for id in ids:
            row = matrix.ids.row_of(id)
            if row is not None:
                start, end = matrix.offsets[row : row + 2]
                sets[id] = np.array(matrix.vectors[start:end]), np.array(matrix.means[row])
        return sets

    def bank(
        self, ids: Sequence[str] | None, views_each: int
    ) -> list[tuple[str, NDArray[np.float32]]]:
        """Return the views (m, d) that images add to the hubness bank; ``None``: of all images."""
        matrix = self.gallery.matrix()
        chosen = list(matrix.ids) if ids is None else ids
        rows = [row for id in chosen if (row := matrix.ids.row_of(id)) is not None]
        bounds = [(matrix.ids[row], *matrix.offsets[row : row + 2].tolist()) for row in rows]
        return [
            (id, np.array(matrix.vectors[start : min(end, start + views_each)]))
            for id, start, end in bounds
        ]

    def keep_hubness(
        self,
        name: str,
        bank: tuple[NDArray[np.float32], NDArray[np.int64]],
        owners: Sequence[str],
        scorer: Scorer,
        neighbours: int,
    ) -> None:
        """Compute the hubness of every image against the bank of the whole gallery, and keep it."""
        matrix = self.gallery.matrix()
        number = {id: position for position, id in enumerate(owners)}
        numbers = np.array(
            [number.get(id, -1 - row) for row, id in enumerate(matrix.ids)], np.int64
        )
        penalty = hubness_against(HubnessBank(*bank), matrix, numbers, scorer, neighbours)
        with self._lock:
            self._penalties[name] = penalty

    def originals_sum(self) -> NDArray[np.int64]:
        """Return the sum of the original views, (d,) int64 in fixed-point steps."""
        return whole_sum(MatrixOriginals.of(self.gallery.matrix()).blocks())

    def originals(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the original view, (d,) float32, of this shard's images, by id."""
        matrix = self.gallery.matrix()
        rows = {id: row for id in ids if (row := matrix.ids.row_of(id)) is not None}
        views = MatrixOriginals.of(matrix).take(np.array(list(rows.values()), np.int64))
        return dict(zip(rows, views, strict=True))

    def nearest_originals(self, request: NearestViews) -> dict[str, NDArray[np.float32]]:
        """Return this shard's nearest original views, each (d,) float32, by id."""
        matrix = self.gallery.matrix()
        originals = MatrixOriginals.of(matrix)
        rows = request.among(originals.blocks())
        views = originals.take(rows)
        return {matrix.ids[rows[at]]: views[at] for at in request.choose(views)}

    def hashed_contents(self) -> dict[str, bytes | None]:
        """Return the perceptual hash of every content; ``None`` for one without."""
        with self.gallery.snapshot() as snapshot:
            return snapshot.hashed_contents()

    def keep_duplicates(self, name: str, labels: Mapping[str, int]) -> None:
        """Keep which contents are near-duplicates in the whole gallery, by their labels."""
        with self.gallery.snapshot() as snapshot:
            duplicates = snapshot.grouped_as(labels)
        with self._lock:
            self._duplicates[name] = duplicates

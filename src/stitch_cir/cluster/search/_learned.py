"""Transitions that learn from a whole dataset, whose views are in the shards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stitch_cir.cluster.search._whole import ShardWentMissingError
from stitch_cir.transition import LearnsFromGallery, NearestViews, Transition, sum_of

if TYPE_CHECKING:
    from stitch_cir.cluster.search._gallery import ClusterSnapshot
    from stitch_cir.cluster.search._whole import WholeGallery

__all__ = ["ClusterOriginals", "learned"]


class ClusterOriginals:
    """The original views of a dataset, at the version of the search that asks for them."""

    def __init__(self, whole: WholeGallery) -> None:
        """Begin without a search."""
        self._whole = whole
        self._search = threading.local()

    @contextmanager
    def searching(self, snapshot: ClusterSnapshot) -> Iterator[None]:
        """Use a snapshot for this thread's questions, inside the ``with`` block."""
        self._search.snapshot = snapshot
        try:
            yield
        finally:
            del self._search.snapshot

    @property
    def _snapshot(self) -> ClusterSnapshot:
        snapshot: ClusterSnapshot = self._search.snapshot
        return snapshot

    def __len__(self) -> int:
        """Return the number of images."""
        return self._whole.counts(self._snapshot)[0]

    def total(self) -> NDArray[np.float64]:
        """Return the sum of all views, (d,)."""
        return sum_of(self._snapshot.ask("originals_sum"))

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the views of ``rows`` (m,) among all images in id order: (m, d)."""
        ids = self._whole.ids_at(self._snapshot, rows)
        views = {
            id: view for part in self._snapshot.ask("originals", ids) for id, view in part.items()
        }
        if len(views) < len(ids):
            raise ShardWentMissingError
        return np.stack([views[id] for id in ids])

    def nearest(self, request: NearestViews) -> NDArray[np.float32]:
        """Return the views that are requested, nearest first."""
        parts = self._snapshot.ask("nearest_originals", request)
        by_id = dict(sorted(each for part in parts for each in part.items()))
        if not by_id:
            return np.empty((0, len(request.direction)), np.float32)
        views = np.stack(list(by_id.values()))
        return np.asarray(views[request.choose(views)])


@contextmanager
def learned(
    whole: WholeGallery,
    snapshot: ClusterSnapshot,
    transition: Transition,
    cached_texts: Callable[[Sequence[str]], NDArray[np.float32]],
) -> Iterator[Transition]:
    """Yield a transition that has learned from this version; it may ask the shards for views."""
    if not isinstance(transition, LearnsFromGallery):
        yield transition
        return
    texts = cached_texts(transition.texts)

    def learn() -> tuple[ClusterOriginals, Transition]:
        originals = ClusterOriginals(whole)
        with originals.searching(snapshot):
            return originals, transition.learn(originals, texts)

    originals, of_version = whole.learned(snapshot, transition, learn)
    with originals.searching(snapshot):
        yield of_version

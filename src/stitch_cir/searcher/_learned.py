"""Transitions that learn from the gallery that is searched, once for each open gallery."""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stitch_cir.gallery import Gallery, ViewMatrix
from stitch_cir.transition import LearnsFromGallery, OriginalsInBlocks, Transition

__all__ = ["LearnedTransitions", "MatrixOriginals", "learned"]

BLOCK = 1 << 16
"""Images whose original views are in memory at a time."""


def learned(gallery: Gallery, matrix: ViewMatrix, transition: Transition) -> Transition:
    """Return a transition as it is for this gallery; most are the same for all."""
    if not isinstance(transition, LearnsFromGallery):
        return transition
    return gallery.resource(LearnedTransitions).get(gallery, matrix, transition)


class LearnedTransitions:
    """What transitions learnt from one gallery, until it changes. Safe to share between threads."""

    def __init__(self) -> None:
        """Start with nothing kept."""
        self._lock = threading.Lock()
        self._vectors: weakref.ref[NDArray[np.float32]] | None = None
        self._kept: dict[str, Transition] = {}

    def get(
        self, gallery: Gallery, matrix: ViewMatrix, transition: LearnsFromGallery
    ) -> Transition:
        """Return the transition of these settings for the sets of a matrix."""
        assert isinstance(transition, Transition)
        key = json.dumps(transition.settings(), sort_keys=True, default=str)
        with self._lock:
            vectors = None if self._vectors is None else self._vectors()
            if vectors is not matrix.vectors:
                self._vectors, self._kept = weakref.ref(matrix.vectors), {}
            if key not in self._kept:
                texts = gallery.cached_texts(transition.texts)
                self._kept[key] = transition.learn(MatrixOriginals.of(matrix), texts)
            return self._kept[key]


@dataclass(frozen=True, slots=True, eq=False)
class MatrixOriginals(OriginalsInBlocks):
    """The original views of packed sets, which whoever ranks them keeps open."""

    vectors: weakref.ref[NDArray[np.float32]] = field(repr=False)
    offsets: NDArray[np.int64] = field(repr=False)

    @classmethod
    def of(cls, matrix: ViewMatrix) -> MatrixOriginals:
        """Return those of a matrix."""
        return cls(weakref.ref(matrix.vectors), matrix.offsets)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.offsets) - 1

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the views, one block after the other."""
        for start in range(0, len(self), BLOCK):
            yield self.take(np.arange(start, min(start + BLOCK, len(self))))

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the views of ``rows`` (m,): (m, d)."""
        vectors = self.vectors()
        assert vectors is not None
        return np.asarray(vectors[self.offsets[rows]])

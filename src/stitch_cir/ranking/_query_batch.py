"""Several queries side by side, as one matrix, exactly and in eight bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stitch_cir.ranking._problem import CaptionSet
from stitch_cir.ranking._products import LARGEST

__all__ = ["QueryBatch"]

Floats: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class QueryBatch:
    """Q queries of K captions each; rows and columns run over captions first, then queries.

    ``vectors``: (K·Q, d) float32; ``weights``: (K, Q) of sum 1; ``whole`` and ``finer``: (d, K·Q)
    int8 within ±63. A caption is ``steps · (whole + finer/64)`` but for a rest of length ``lost``
    at most, ``steps · whole`` but for ``lost_coarse``, and ``longest`` at most itself: (Q,) float32
    each, rounded up.
    """

    vectors: Floats = field(repr=False)
    weights: Floats
    whole: NDArray[np.int8] = field(repr=False)
    finer: NDArray[np.int8] = field(repr=False)
    steps: Floats
    longest: Floats
    lost: Floats
    lost_coarse: Floats

    @classmethod
    def of(cls, queries: Sequence[CaptionSet]) -> QueryBatch:
        """Lay queries of equally many captions side by side."""
        captions = np.stack([vectors for vectors, _ in queries], axis=1).astype(np.float32)
        even = np.full(len(captions), 1.0 / len(captions), np.float32)
        weights = np.stack(
            [even if weights is None else weights for _, weights in queries], axis=1
        ).astype(np.float64)
        weights /= weights.max(axis=0)
        weights = (weights / weights.sum(axis=0)).astype(np.float32)
        # absent captions must not win a maximum: the heaviest stands in their place
        absent = np.argwhere(weights == 0).T
        captions[absent[0], absent[1]] = captions[weights.argmax(axis=0)[absent[1]], absent[1]]
        exact = captions.astype(np.float64)
        largest = np.maximum(np.abs(exact).max(axis=(0, 2)), 1e-30)
        steps = (largest / LARGEST).astype(np.float32)
        scaled = exact / steps[:, None].astype(np.float64)
        whole = np.clip(np.rint(scaled), -LARGEST, LARGEST)
        finer = np.clip(np.rint((scaled - whole) * 64), -LARGEST, LARGEST)
        lost = [
            steps * np.linalg.norm(scaled - coded, axis=2).max(axis=0)
            for coded in (whole + finer / 64, whole)
        ]
        flat = captions.reshape(-1, captions.shape[2])
        return cls(
            flat,
            weights,
            np.ascontiguousarray(whole.reshape(flat.shape).T.astype(np.int8)),
            np.ascontiguousarray(finer.reshape(flat.shape).T.astype(np.int8)),
            steps,
            _up(np.linalg.norm(exact, axis=2).max(axis=0)),
            _up(lost[0]),
            _up(lost[1]),
        )

    @property
    def dim(self) -> int:
        """The length of a vector, d."""
        return int(self.vectors.shape[1])

    @property
    def captions(self) -> int:
        """The number of captions of a query, K."""
        return len(self.weights)

    def base(self, centre: Floats) -> Floats:
        """Return the similarity of every caption to the centre: (K, Q) float32."""
        exact = self.vectors.astype(np.float64) @ centre.astype(np.float64)
        return exact.reshape(self.weights.shape).astype(np.float32)

    def mean(self) -> Floats:
        """Return the weighted mean of every query's captions: (Q, d) float32."""
        shaped = self.vectors.reshape(*self.weights.shape, -1).astype(np.float64)
        return np.asarray(np.einsum("kqd,kq->qd", shaped, self.weights), dtype=np.float32)


def _up(values: NDArray[np.float64]) -> Floats:
    return np.nextafter(values.astype(np.float32), np.float32(np.inf))

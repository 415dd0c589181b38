"""How the members of a query count together: by their weights, or by standardised scores."""

from __future__ import annotations

from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from stitch_cir.errors import VectorError
from stitch_cir.plugins import FUSIONS
from stitch_cir.transition._protocol import Vectors

__all__ = ["ByWeights", "ByZScores", "Fusion", "fuse", "fusion_by_name"]

SMALLEST = 1e-6
"""Least standard deviation that a weight is divided by."""


@runtime_checkable
class Fusion(Protocol):
    """Weighs the members of a query for one gallery. Its name is recorded with the results."""

    name: str

    def weigh(self, vectors: Vectors, weights: Vectors, means: Vectors) -> Vectors:
        """Return the weights of the members, (K,) ≥ 0 of any sum, at least one above 0.

        ``vectors``: (K, d) float32 unit rows, K ≥ 2; ``weights``: (K,) float32 of sum 1; ``means``:
        (n, d) float32, n ≥ 2 mean vectors of the gallery's images, evenly spread over it.
        """


class ByWeights:
    """Leave the weights as they are: ``Σ_k p_k s_k``."""

    name: ClassVar[str] = "weights"

    def weigh(self, vectors: Vectors, weights: Vectors, means: Vectors) -> Vectors:
        """Return the weights."""
        return weights


class ByZScores:
    """Divide each weight by the standard deviation of its member's scores over the gallery.

    Adding up standardised scores, ``Σ_k p_k (s_k − mean_k) / deviation_k``, ranks so (ASAP-CIR).
    """

    name: ClassVar[str] = "z-score"

    def weigh(self, vectors: Vectors, weights: Vectors, means: Vectors) -> Vectors:
        """Return the weights, divided."""
        spread = (means @ vectors.T).std(axis=0, dtype=np.float64)
        return np.asarray(weights / np.maximum(spread, SMALLEST))


def fusion_by_name(name: str) -> Fusion:
    """Make a fusion, built-in or of another package. Raises ``SettingError`` for another name."""
    fusion: Fusion = FUSIONS.make(name)
    return fusion


def fuse(fusion: Fusion, vectors: Vectors, weights: Vectors, means: Vectors) -> Vectors:
    """Return the weights (K,) float32 of sum 1 that a fusion gives the members of a query.

    Raises ``VectorError`` where they are no weights.
    """
    weighed = np.asarray(fusion.weigh(vectors, weights, means), dtype=np.float64)
    total = float(weighed.sum()) if weighed.shape == np.shape(weights) else np.nan
    if not np.isfinite(total) or total <= 0 or bool((weighed < 0).any()):
        raise VectorError(
            f"The fusion {fusion.name} gave {len(weights)} members the weights {weighed.tolist()}.",
            hint="Every weight must be a finite number of at least 0, one of them above 0.",
        )
    return np.asarray(weighed / total, dtype=np.float32)

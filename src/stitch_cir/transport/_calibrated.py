"""A scorer for one query whose cosines count on scales of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stitch_cir.transport._marginals import Floats
from stitch_cir.transport._plan import TransportPlan
from stitch_cir.transport._scorer import Scorer

__all__ = ["CalibratedScorer", "CoarseScorer", "RootedScorer"]

COSINE_ERROR = 2e-6
"""How far off a cosine in float32 is at most, of vectors of some thousand numbers."""


@runtime_checkable
class CoarseScorer(Protocol):
    """A scorer whose float32 scores may be further off than 1e-4."""

    @property
    def rounding(self) -> float:
        """How far off they are at most."""
        ...


@runtime_checkable
class RootedScorer(Protocol):
    """A scorer that takes roots, near whose zero what cosines are off by grows."""

    def largest_error(self, weights: NDArray[np.float64], error: float) -> float:
        """Return how far off a score may be where cosines are off by ``error`` ≥ 0.

        ``weights``: (K,) of sum 1, those of the captions.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedScorer:
    """A scorer to which a cosine s with caption k is ``scale_k s + offset_k``, within −1 and 1.

    It belongs to one query: what scale and offset are found from is known only then. Its bounds are
    those of no scorer, so that every set is scored.

    Parameters
    ----------
    scorer:
        Scores the similarities.
    scale, offset:
        (K,) float64, scale > 0.
    weights:
        (K,) of sum 1, the weights of the query's captions.
    """

    scorer: Scorer
    scale: NDArray[np.float64] = field(repr=False)
    offset: NDArray[np.float64] = field(repr=False)
    weights: Floats = field(repr=False)

    @property
    def name(self) -> str:
        """The scorer's."""
        return self.scorer.name

    def settings(self) -> dict[str, Any]:
        """Return those of the scorer."""
        return self.scorer.settings()

    @property
    def rounding(self) -> float:
        """How far off float32 scores are at most: twice as much as cosines, for most scorers."""
        error = COSINE_ERROR * max(1.0, float(self.scale.max()))
        if isinstance(self.scorer, RootedScorer):
            return self.scorer.largest_error(self.weights.astype(np.float64), error)
        return 2 * error

    def score_similarities(
        self, similarities: ArrayLike, p: ArrayLike | None = None, q: ArrayLike | None = None
    ) -> Floats:
        """Score a batch: see :class:`Scorer`."""
        return self.scorer.score_similarities(self._counted(similarities), p, q)

    def plan(
        self, similarities: ArrayLike, p: ArrayLike | None = None, q: ArrayLike | None = None
    ) -> TransportPlan:
        """Explain the score; the plan's similarities are those that count, not cosines."""
        return self.scorer.plan(self._counted(similarities), p, q)

    def _counted(self, similarities: ArrayLike) -> Floats:
        s = np.asarray(similarities)
        scale, offset = (each.astype(s.dtype)[:, None] for each in (self.scale, self.offset))
        return np.asarray(np.clip(scale * s + offset, -1.0, 1.0))

"""What a transition is, and the two halves that change nothing."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from stitch_cir.transition._checks import read_rows

__all__ = ["Plain", "Transition"]

Vectors = NDArray[np.float32]
Scores = NDArray[np.floating[Any]]


@runtime_checkable
class Transition(Protocol):
    """Leans target captions toward the modification: on the vectors, or on the scores."""

    @property
    def name(self) -> str:
        """Short name, e.g. ``"linear"``."""
        ...

    @property
    def needs_before(self) -> bool:
        """Whether plain captions of the unchanged reference are of use."""
        ...

    @property
    def combines_scores(self) -> bool:
        """Whether :meth:`combine` uses the scores of those captions (a score-level transition)."""
        ...

    def settings(self) -> dict[str, Any]:
        """Name and every setting that changes a ranking, as JSON-ready data."""
        ...

    def refine(
        self,
        captions: Vectors,
        modification: Vectors | None,
        *,
        before: Vectors | None = None,
        reference_image: Vectors | None = None,
    ) -> Vectors:
        """Move the caption vectors.

        Parameters
        ----------
        captions:
            (K, d) unit rows f(t_k), the target captions.
        modification:
            (d,) unit vector f(m), or ``None`` where there is no modification text.
        before:
            (R, d) unit rows, plain captions of the unchanged reference, or ``None``.
        reference_image:
            (d,) unit vector of the reference picture, or ``None``.

        Returns (K', d) float32 unit rows; K' = K except for text-only.

        Raises ``VectorError`` for vectors of the wrong shape, that are not finite, or that cancel
        to zero.
        """
        ...

    def combine(self, after: Scores, before: Scores | None) -> Scores:
        """Combine scores (N,) of the refined captions with those (N,) of ``before``, if any.

        Must give ``after`` itself where ``before`` is ``None``.
        """
        ...


class Plain:
    """Base of the built-in transitions: captions and scores stay what they are."""

    __slots__ = ()

    needs_before: ClassVar[bool] = False
    combines_scores: ClassVar[bool] = False
    combines_monotonically: ClassVar[bool] = False
    """Whether :meth:`combine` never falls as ``after`` rises, and never rises as ``before`` does:
    then bounds of both bound the result, and a search need not score everything."""

    def refine(
        self,
        captions: Vectors,
        modification: Vectors | None,
        *,
        before: Vectors | None = None,
        reference_image: Vectors | None = None,
    ) -> Vectors:
        """Give the captions, (K, d) float32, unchanged."""
        read_rows("captions", captions)
        return np.asarray(captions, dtype=np.float32)

    def combine(self, after: Scores, before: Scores | None) -> Scores:
        """Give ``after``, (N,), unchanged."""
        return after

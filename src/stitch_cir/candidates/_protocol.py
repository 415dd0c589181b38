"""What a candidate source does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = ["CandidateSource"]


@runtime_checkable
class CandidateSource(Protocol):
    """Names the images of a gallery that may be near a query, from an index of its own."""

    def settings(self) -> Mapping[str, Any]:
        """Return all that shapes the answers, as JSON-ready data (recorded with results)."""
        ...

    def nearest(
        self, vectors: NDArray[np.float32], weights: NDArray[np.float32], count: int
    ) -> Sequence[str]:
        """Return the ids of up to ``count`` images, the nearest first, each once.

        ``vectors``: (K, d) float32 unit rows, the query after the transition; ``weights``: (K,)
        float32 of sum 1. Fewer than ``count`` ids mean that there are no more. Raises a
        ``StitchError`` where the index cannot answer: never fewer ids instead.
        """
        ...

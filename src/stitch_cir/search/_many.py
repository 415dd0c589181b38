"""Ranking many queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stitch_cir.gallery import ViewMatrix
from stitch_cir.search._rank import rank
from stitch_cir.search._results import Query
from stitch_cir.transition import Transition
from stitch_cir.transport import Scorer

__all__ = ["Ranking", "rank_many"]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows and scores."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    bounded: int
    scored: int


def rank_many(
    matrix: ViewMatrix,
    queries: Sequence[Query],
    scorer: Scorer,
    transition: Transition,
    k: int,
    *,
    rows: NDArray[np.int64] | None = None,
    exclude: Sequence[Sequence[int] | NDArray[np.int64]] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Ranking]:
    """Rank one by one."""
    everything = np.arange(len(matrix.ids), dtype=np.int64) if rows is None else rows
    found = []
    for number, query in enumerate(queries):
        own = everything
        if exclude is not None and len(exclude[number]):
            own = np.setdiff1d(everything, np.asarray(exclude[number]))
        best, scores = rank(matrix, own, query, scorer, transition, k)
        found.append(Ranking(best, scores, 0, len(own)))
        if progress is not None:
            progress(number + 1, len(queries))
    return found

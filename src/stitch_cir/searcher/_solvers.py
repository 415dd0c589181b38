"""From a query and its settings to a ranking problem, and the solvers of an open gallery."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from stitch_cir.gallery import ViewMatrix
from stitch_cir.ranking import (
    Bounded,
    HubnessCache,
    OnDevice,
    RankingProblem,
    Solver,
    count_neighbours,
)
from stitch_cir.searcher._results import Query
from stitch_cir.searcher._settings import SearchSettings

__all__ = ["GallerySolvers", "limit_neighbours", "ranking_problem"]


class GallerySolvers:
    """The solvers of one open gallery, with what they keep for its next query.

    ``gallery.resource(GallerySolvers)`` returns the gallery's own. Safe to share between threads.
    """

    def __init__(self) -> None:
        """Start with nothing kept."""
        self._bounded = Bounded()
        self._on_device: dict[str, OnDevice] = {}
        self._hubness = HubnessCache()

    def on(self, device: str) -> Solver:
        """Return the solver that scores on ``device``, as ``open_device`` names it."""
        if device == "cpu":
            return self._bounded
        return self._on_device.setdefault(device, OnDevice(device))

    def hubness_penalty(
        self, matrix: ViewMatrix, settings: SearchSettings
    ) -> NDArray[np.float64] | None:
        """Return what the settings take off every image's score, (n,), or ``None`` for nothing."""
        return self._hubness.hubness_penalty(
            matrix, settings.scorer, settings.hubness.weight, settings.hubness.neighbours
        )


def limit_neighbours(
    matrix: ViewMatrix, settings: SearchSettings
) -> tuple[SearchSettings, tuple[str, ...]]:
    """Return the settings with the neighbours that hubness averages over here, and a note on it.

    A small gallery has fewer than the settings ask for; the note says so, and is left out where the
    settings hold or no hubness is taken off.
    """
    if not settings.hubness.weight:
        return settings, ()
    requested = settings.hubness.neighbours
    used = count_neighbours(matrix, requested)
    if used == requested:
        return settings, ()
    note = (
        f"Hubness averages over {used} neighbours instead of {requested}: of a gallery of "
        f"{len(matrix.ids):,}, more would measure how typical an image is."
    )
    return settings.with_(hubness_neighbours=used), (note,)


def ranking_problem(
    matrix: ViewMatrix,
    rows: NDArray[np.int64],
    query: Query,
    settings: SearchSettings,
    *,
    excluded: Collection[int] = (),
) -> RankingProblem:
    """Return the problem of ranking ``rows`` (r,) ascending, less ``excluded``, for the query."""
    return RankingProblem(
        matrix,
        rows,
        query.vectors,
        query.weights,
        settings.scorer,
        settings.transition,
        query.before,
        query.hubness_penalty,
        np.fromiter(excluded, np.int64, len(excluded)) if excluded else None,
    )

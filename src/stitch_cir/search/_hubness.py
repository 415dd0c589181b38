"""Images that are near everything, measured on the gallery alone."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.gallery import ViewMatrix
from stitch_cir.search._rank import pad_sets
from stitch_cir.search._settings import SearchSettings
from stitch_cir.transport import PointSets, Scorer, score_sets

__all__ = ["BANK", "VIEWS_EACH", "handicap", "hubness"]

BANK = 10_000
"""Most views that are asked with; of more, images evenly spread over the gallery are taken."""
VIEWS_EACH = 3
"""Most views an image asks with, so that large sets do not outvote the others."""


_last: list[tuple[ViewMatrix, tuple[dict[str, Any], int], NDArray[np.float64]]] = []
_lock = threading.Lock()


def handicap(matrix: ViewMatrix, settings: SearchSettings) -> NDArray[np.float64] | None:
    """Give what the settings take off every image's score, (N,), or None for nothing.

    The hubness of the gallery asked for last is kept: it costs as much as thousands of searches.
    """
    if not settings.hub_weight:
        return None
    scorer, neighbours = settings.make_scorer(), settings.hub_neighbours
    with _lock:
        for held, told, found in _last:
            if held is matrix and told == (scorer.settings(), neighbours):
                return settings.hub_weight * found
        found = hubness(matrix, scorer, neighbours)
        _last[:] = [(matrix, (scorer.settings(), neighbours), found)]
    return settings.hub_weight * found


def hubness(matrix: ViewMatrix, scorer: Scorer, neighbours: int = 200) -> NDArray[np.float64]:
    """Say how near each image is to those that are nearest to it: (N,) float64, as scores.

    h(y) is the mean of the ``neighbours`` best scores of image y among queries of one view each,
    taken from the *other* images. High-dimensional spaces have hubs that come up for every query;
    taking γ·h(y) off their score is the correction of CSLS (Conneau et al., "Word translation
    without parallel data", ICLR 2018, with γ = ½ of our two-way scores), against a bank that is the
    gallery itself: no query is looked at, so each is still answered on its own.

    With fewer queries than ``neighbours`` all of them count; an image alone in its gallery has 0.
    """
    count = len(matrix.ids)
    sizes = matrix.offsets[1:] - matrix.offsets[:-1]
    each = np.minimum(sizes, VIEWS_EACH)
    asking = np.arange(count)
    if int(each.sum()) > BANK:
        asking = np.unique(np.linspace(0, count - 1, max(1, BANK // VIEWS_EACH)).astype(np.int64))
    owners = np.repeat(asking, each[asking])
    places = np.concatenate([matrix.offsets[i] + np.arange(each[i]) for i in asking])
    bank = PointSets(np.asarray(matrix.vectors[places], dtype=np.float32)[:, None])
    found = np.zeros(count)
    for size in np.unique(sizes):  # sets of one size together: no padding, whatever the largest is
        held = np.flatnonzero(sizes == size).astype(np.int64)
        views, _ = pad_sets(matrix, held)
        scores = score_sets(bank, PointSets(views), scorer).astype(np.float64)
        scores[owners[:, None] == held] = -np.inf
        kept = min(neighbours, len(owners))
        best = np.partition(scores, len(owners) - kept, axis=0)[len(owners) - kept :]
        real = np.isfinite(best)
        total = np.where(real, best, 0.0).sum(axis=0)
        found[held] = total / np.maximum(real.sum(axis=0), 1)
    return found

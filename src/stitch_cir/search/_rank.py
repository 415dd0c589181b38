"""Scoring every view set of a packed gallery against one query set, and picking the best exactly.

Scores are computed in float32 over blocks; the images near the cut are then scored again in float64
with an operation order that does not depend on where an image lies in the matrix. Byte-identical
images therefore tie exactly, and ties fall to the smaller gallery id on every machine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stitch_cir.gallery import ViewMatrix
from stitch_cir.search._results import Query
from stitch_cir.transition import Transition
from stitch_cir.transport import Scorer

__all__ = ["pad_sets", "place_of", "rank", "score_rows", "settle", "shortlist_rows"]

BLOCK_BYTES = 64 << 20
"""Upper bound on the view vectors touched at a time; keeps memory flat for any gallery."""
ROUNDING = 1e-4
"""Float32 scores closer than this to the k-th best are settled in float64."""
DECIMALS = 9
"""Float64 scores are compared after rounding to this many decimals, far above their noise."""


def pad_sets(
    matrix: ViewMatrix, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Gather view sets as one padded batch.

    Returns ``vectors (n, M, d) float32`` with zeros where a set is shorter than M, and
    ``present (n, M) bool``.
    """
    starts = matrix.offsets[rows]
    sizes = matrix.offsets[rows + 1] - starts
    width = int(sizes.max())
    present = np.arange(width) < sizes[:, None]
    contiguous = bool((rows[1:] - rows[:-1] == 1).all()) and bool((sizes == width).all())
    if contiguous:
        block = matrix.vectors[starts[0] : starts[0] + len(rows) * width]
        return np.asarray(block).reshape(len(rows), width, -1), present
    places = np.where(present, starts[:, None] + np.arange(width), starts[:, None])
    vectors = np.asarray(matrix.vectors[places.ravel()]).reshape(len(rows), width, -1)
    if not present.all():
        vectors = np.where(present[:, :, None], vectors, np.float32(0.0))
    return vectors, present


def score_rows(
    matrix: ViewMatrix,
    rows: NDArray[np.int64],
    query: Query,
    scorer: Scorer,
    transition: Transition,
) -> NDArray[np.float32]:
    """Score the images ``rows`` (n,) of the gallery: (n,) float32, larger is better."""
    after = _score_set(matrix, rows, query.vectors, query.weights, scorer, np.float32)
    before = None
    if transition.combines_scores and query.before is not None:
        before = _score_set(matrix, rows, query.before, None, scorer, np.float32)
    scores = np.asarray(transition.combine(after, before), dtype=np.float32)
    if query.handicap is not None:
        scores = scores - query.handicap[rows].astype(np.float32)
    return scores


def _score_set(
    matrix: ViewMatrix,
    rows: NDArray[np.int64],
    vectors: NDArray[np.float32],
    weights: NDArray[np.float32] | None,
    scorer: Scorer,
    dtype: type[np.float32] | type[np.float64],
) -> NDArray[np.floating]:
    scores = np.empty(len(rows), dtype=dtype)
    widest = int(np.max(matrix.offsets[rows + 1] - matrix.offsets[rows])) if len(rows) else 1
    step = max(1, BLOCK_BYTES // (4 * widest * vectors.shape[1]))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        views, present = pad_sets(matrix, part)
        if dtype is np.float64:
            # einsum without BLAS: the same sum for the same image wherever it stands in the batch
            similarities = np.einsum(
                "nmd,kd->nkm", views.astype(np.float64), vectors.astype(np.float64)
            )
        else:
            flat = views.reshape(-1, vectors.shape[1]) @ vectors.T
            similarities = flat.reshape(*views.shape[:2], -1).swapaxes(1, 2)
        absent = None if present.all() else present.astype(dtype)
        scores[start : start + step] = scorer.score_similarities(similarities, weights, absent)
    return scores


def shortlist_rows(
    matrix: ViewMatrix, rows: NDArray[np.int64], query: Query, count: int
) -> NDArray[np.int64]:
    """Keep the ``count`` images of ``rows`` whose mean vector is nearest to the mean caption."""
    if count >= len(rows):
        return rows
    mean = query.weights @ query.vectors
    nearness = np.asarray(matrix.means)[rows] @ mean
    kept = np.argpartition(-nearness, count - 1)[:count]
    return np.sort(rows[kept])


def rank(
    matrix: ViewMatrix,
    rows: NDArray[np.int64],
    query: Query,
    scorer: Scorer,
    transition: Transition,
    k: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rank ``rows`` and give the best ``k``: row numbers and float64 scores, ties by id.

    ``matrix.ids`` are sorted, so the smaller row number is the smaller id.
    """
    coarse = score_rows(matrix, rows, query, scorer, transition)
    k = min(k, len(rows))
    cut = np.partition(coarse, len(coarse) - k)[len(coarse) - k]
    close = rows[coarse >= cut - ROUNDING]
    ordered, fine = settle(matrix, close, query, scorer, transition)
    return ordered[:k], fine[:k]


def place_of(
    matrix: ViewMatrix,
    rows: NDArray[np.int64],
    row: int,
    query: Query,
    scorer: Scorer,
    transition: Transition,
) -> tuple[int, float]:
    """Give the 1-based place of image ``row`` among ``rows``, and its float64 score."""
    coarse = score_rows(matrix, rows, query, scorer, transition)
    own = coarse[np.searchsorted(rows, row)]
    above = int((coarse > own + ROUNDING).sum())
    near = rows[np.abs(coarse - own) <= ROUNDING]
    ordered, fine = settle(matrix, near, query, scorer, transition)
    place = int(np.flatnonzero(ordered == row)[0])
    return above + place + 1, float(fine[place])


def settle(
    matrix: ViewMatrix,
    rows: NDArray[np.int64],
    query: Query,
    scorer: Scorer,
    transition: Transition,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Order ``rows`` by float64 score, ties by id: all of them, with their scores."""
    after = _score_set(matrix, rows, query.vectors, query.weights, scorer, np.float64)
    before = None
    if transition.combines_scores and query.before is not None:
        before = _score_set(matrix, rows, query.before, None, scorer, np.float64)
    combined = np.asarray(transition.combine(after, before), dtype=np.float64)
    if query.handicap is not None:
        combined = combined - query.handicap[rows]
    fine: NDArray[np.float64] = np.round(combined, DECIMALS).astype(np.float64)
    order = np.lexsort((rows, -fine))
    return rows[order], fine[order]

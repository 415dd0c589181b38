"""Scoring view sets block by block, and ordering those near a cut in float64.

Scores are computed in float32 over blocks; the sets near the cut are then scored again in float64
with an operation order that does not depend on where a set lies in the matrix. Byte-identical
images therefore tie exactly, and ties fall to the smaller row number on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stitch_cir.ranking._problem import ROUNDING, CaptionSet, PackedSets, RankingProblem
from stitch_cir.ranking._products import float_product
from stitch_cir.transport import Scorer

__all__ = [
    "BLOCK_BYTES",
    "ROUNDING",
    "kth_largest",
    "pad_sets",
    "rescore_float64",
    "score_captions",
    "score_each_float64",
    "score_float64",
    "score_rows",
]

BLOCK_BYTES = 64 << 20
"""Upper bound on the view vectors scored at a time, by default; keeps memory flat for any size."""
FEW = 1 << 22
"""Numbers in views up to which one thread multiplies them as fast as several."""
DECIMALS = 9
"""Float64 scores are compared after rounding to this many decimals, far above their noise."""


def pad_sets(
    sets: PackedSets, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Gather view sets as one padded batch.

    Returns ``vectors (m, M, d) float32`` with zeros where a set is shorter than M, and
    ``present (m, M) bool``, for ``rows`` (m,), m ≥ 1.
    """
    starts = sets.offsets[rows]
    sizes = sets.offsets[rows + 1] - starts
    width = int(sizes.max())
    present = np.arange(width) < sizes[:, None]
    contiguous = bool((rows[1:] - rows[:-1] == 1).all()) and bool((sizes == width).all())
    if contiguous:
        block = sets.vectors[starts[0] : starts[0] + len(rows) * width]
        return np.asarray(block).reshape(len(rows), width, -1), present
    indices = np.where(present, starts[:, None] + np.arange(width), starts[:, None])
    vectors = np.asarray(sets.vectors)[indices.ravel()].reshape(len(rows), width, -1)
    if not present.all():
        vectors = np.where(present[:, :, None], vectors, np.float32(0.0))
    return vectors, present


def score_rows(
    problem: RankingProblem,
    rows: NDArray[np.int64],
    *,
    block_bytes: int = BLOCK_BYTES,
    blas: bool = True,
) -> NDArray[np.float32]:
    """Score the sets ``rows`` (m,): (m,) float32, larger is better.

    ``blas``: see :func:`score_captions`.
    """
    scores = [
        score_captions(problem.sets, rows, captions, scorer, block_bytes=block_bytes, blas=blas)
        for captions, scorer in problem.scored_sets()
    ]
    return np.asarray(problem.combine(scores, rows), dtype=np.float32)


def rescore_float64(
    problem: RankingProblem, rows: NDArray[np.int64], *, block_bytes: int = BLOCK_BYTES
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Order ``rows`` (m,) by float64 score, ties by row number: all of them, with their scores."""
    fine = score_float64(problem, rows, block_bytes=block_bytes)
    order = np.lexsort((rows, -fine))
    return rows[order], fine[order]


def score_float64(
    problem: RankingProblem, rows: NDArray[np.int64], *, block_bytes: int = BLOCK_BYTES
) -> NDArray[np.float64]:
    """Score the sets ``rows`` (m,) exactly: (m,) float64, rounded to ``DECIMALS``."""
    scores = [
        score_captions(problem.sets, rows, captions, scorer, exact=True, block_bytes=block_bytes)
        for captions, scorer in problem.scored_sets()
    ]
    return _rounded(problem, scores, rows)


def score_each_float64(
    problems: Sequence[RankingProblem], rows: Sequence[NDArray[np.int64]]
) -> list[NDArray[np.float64]]:
    """Return :func:`score_float64` of some ``rows`` (m,) of each of several problems.

    All are of the same sets, and few enough to be in memory at once. Captions that several problems
    share are multiplied with each set once, and equal scorers score the sets of all problems in one
    call: sets near the cut are so few that the calls themselves take the time.
    """
    scored = [problem.scored_sets() for problem in problems]
    members: dict[int, list[tuple[int, int]]] = {}
    for number, sets in enumerate(scored):
        for which, ((vectors, _), _) in enumerate(sets):
            members.setdefault(id(vectors), []).append((number, which))
    waiting: dict[tuple[int, ...], list[_Waiting]] = {}
    for same in members.values():
        first, which = same[0]
        (vectors, _), _ = scored[first][which]
        union = np.unique(np.concatenate([rows[number] for number, _ in same]))
        if not len(union):
            continue
        products, present = _exact_similarities(problems[first].sets, union, vectors)
        for number, which in same:
            (_, weights), scorer = scored[number][which]
            picked = np.searchsorted(union, rows[number])
            each = _Waiting((number, which), products, present, picked, weights, scorer)
            waiting.setdefault((id(scorer), *products.shape[1:]), []).append(each)
    scores = [[np.empty(0)] * len(sets) for sets in scored]
    for alike in waiting.values():
        for (number, which), values in zip(
            (each.key for each in alike), _score_together(alike), strict=True
        ):
            scores[number][which] = values
    return [
        _rounded(problem, of_one, chosen)
        for problem, of_one, chosen in zip(problems, scores, rows, strict=True)
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """Sets ``picked`` (m,) of those with ``products`` (u, K, M), to be scored for ``key``."""

    key: tuple[int, int]
    products: NDArray[np.float64]
    present: NDArray[np.bool_]
    picked: NDArray[np.int64]
    weights: NDArray[np.float32] | None
    scorer: Scorer


def _score_together(alike: Sequence[_Waiting]) -> list[NDArray[np.float64]]:
    """Score pairs of one scorer and shape in one call: (m,) float64 each."""
    # members first, as scorers compute
    members_first = [each.products.transpose(1, 2, 0)[:, :, each.picked] for each in alike]
    similarities = np.concatenate(members_first, axis=2).transpose(2, 0, 1)
    present = np.concatenate([each.present[each.picked] for each in alike])
    weights = None
    if any(each.weights is not None for each in alike):
        even = np.ones(similarities.shape[1], np.float32)
        weights = np.repeat(
            [even if each.weights is None else each.weights for each in alike],
            [len(each.picked) for each in alike],
            axis=0,
        )
    absent = None if present.all() else present.astype(np.float64)
    scores = alike[0].scorer.score_similarities(similarities, weights, absent)
    return np.split(scores, np.cumsum([len(each.picked) for each in alike])[:-1])


def _rounded(
    problem: RankingProblem, scores: Sequence[NDArray[np.floating]], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    return np.asarray(np.round(problem.combine(scores, rows), DECIMALS), dtype=np.float64)


def score_captions(
    sets: PackedSets,
    rows: NDArray[np.int64],
    captions: CaptionSet,
    scorer: Scorer,
    *,
    exact: bool = False,
    block_bytes: int = BLOCK_BYTES,
    blas: bool = True,
) -> NDArray[np.floating]:
    """Score ``rows`` (m,) against one caption set: (m,) float32, or float64 where ``exact``.

    Without ``blas`` few views are multiplied on one thread of the inference engine. The threads of
    BLAS wait for their next product by spinning, for longer than a small one took: the scan of the
    next search then has a core less, and takes twice as long.
    """
    vectors, weights = captions
    dtype = np.float64 if exact else np.float32
    scores: NDArray[np.floating] = np.empty(len(rows), dtype=dtype)
    widest = int(np.max(sets.offsets[rows + 1] - sets.offsets[rows])) if len(rows) else 1
    step = max(1, block_bytes // (4 * widest * vectors.shape[1]))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        similarities: NDArray[np.floating]
        if exact:
            similarities, present = _exact_similarities(sets, part, vectors)
        else:
            views, present = pad_sets(sets, part)
            flat = views.reshape(-1, vectors.shape[1])
            product = (
                float_product(flat, vectors) if views.size <= FEW and not blas else flat @ vectors.T
            )
            similarities = product.reshape(*views.shape[:2], -1).swapaxes(1, 2)
        absent = None if present.all() else present.astype(dtype)
        scores[start : start + step] = scorer.score_similarities(similarities, weights, absent)
    return scores


def _exact_similarities(
    sets: PackedSets, rows: NDArray[np.int64], vectors: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the cosines of captions and views, (m, K, M) float64, and which views are present.

    Only views that are present are multiplied, by einsum without BLAS: the same sum for the same
    set wherever it stands in the batch.
    """
    sizes = sets.offsets[rows + 1] - sets.offsets[rows]
    steps = np.arange(int(sizes.max()))
    present = steps < sizes[:, None]
    indices = (sets.offsets[rows][:, None] + steps)[present]
    views = np.asarray(sets.vectors)[indices].astype(np.float64)  # a memory map indexes slowly
    packed = np.einsum("vd,kd->vk", views, vectors.astype(np.float64))
    # members first, as scorers compute
    similarities = np.zeros((len(vectors), len(steps), len(rows)))
    similarities.transpose(2, 1, 0)[present] = packed
    return similarities.transpose(2, 0, 1), present


def kth_largest(scores: NDArray[np.float32], k: int) -> np.float32:
    """Return the k-th largest of at least k ≥ 1 scores."""
    smallest: np.float32 = np.partition(scores, len(scores) - k)[len(scores) - k]
    return smallest

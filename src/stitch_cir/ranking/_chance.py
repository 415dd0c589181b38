"""What random requests score: the null hypothesis against which a score says something."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stitch_cir.ranking._problem import PackedSets, RankingProblem
from stitch_cir.ranking._scores import pad_sets, score_captions
from stitch_cir.transport import PointSets, score_sets

__all__ = ["chance_scores", "chance_threshold", "shaped_like", "view_sets"]


def chance_scores(
    problem: RankingProblem,
    requests: PointSets,
    rows: NDArray[np.int64],
    directions: NDArray[np.float32] | None = None,
) -> NDArray[np.float64]:
    """Score sets ``rows`` (r,) under B other requests, as the problem scores them: (B, r).

    Scorer, combination and penalty are the problem's; its captions and candidates are not used.
    Terms that a request brings along are turned to the ``directions`` (B, d), the others stay.
    """
    views = view_sets(problem.sets, rows)
    scores = score_sets(requests, views, problem.scorer)
    if problem.combines and problem.reference_vectors is not None:
        before = score_captions(
            problem.sets, rows, (problem.reference_vectors, None), problem.scorer
        )
        pairs = np.broadcast_to(before, scores.shape).reshape(-1).astype(scores.dtype)
        combined = problem.transition.combine(scores.reshape(-1), pairs)
        scores = np.asarray(combined, dtype=np.float32).reshape(scores.shape)
    if problem.terms:
        others = [
            score_sets(shaped_like(term.vectors, term.weights, directions), views, term.scorer)
            if term.requested and directions is not None
            else np.broadcast_to(
                score_captions(problem.sets, rows, term.captions, term.scorer), scores.shape
            )
            for term in problem.terms.terms
        ]
        scores = np.asarray(problem.terms.combine(scores, others), dtype=np.float32)
    fine = scores.astype(np.float64)
    return fine if problem.penalty is None else fine - problem.penalty[rows]


def view_sets(sets: PackedSets, rows: NDArray[np.int64]) -> PointSets:
    """Return the view sets ``rows`` (r,), r ≥ 1, evenly weighted."""
    views, present = pad_sets(sets, rows)
    return PointSets.trusted(views, mask=None if present.all() else present)


def chance_threshold(scores: NDArray[np.float64], share: float) -> float:
    """Return the smallest score that at most ``share`` of ``scores`` (n,), n ≥ 1, reach."""
    allowed = min(int(share * len(scores)), len(scores) - 1)
    largest_refused = np.partition(scores, len(scores) - 1 - allowed)[len(scores) - 1 - allowed]
    return float(np.nextafter(largest_refused, np.inf))


def shaped_like(
    vectors: NDArray[np.float32],
    weights: NDArray[np.float32] | None,
    directions: NDArray[np.float32],
) -> PointSets:
    """Return the captions (K, d) turned to each of the ``directions`` (B, d): B sets of K.

    Their weighted mean is replaced by the direction, at the same length, and what makes each
    caption differ from it is kept. A set of captions that are alike scores otherwise than one of
    captions that are not, whatever they are about.
    """
    if weights is None:
        weights = np.full(len(vectors), 1.0 / len(vectors), np.float32)
    mean = weights @ vectors
    moved = np.float32(np.linalg.norm(mean)) * directions[:, None, :] + (vectors - mean)
    lengths = np.linalg.norm(moved, axis=-1, keepdims=True)
    # a caption that cancels out leaves the direction alone
    moved = np.where(lengths > 1e-6, moved / np.maximum(lengths, 1e-6), directions[:, None, :])
    spread = np.broadcast_to(weights, moved.shape[:2])
    return PointSets.trusted(moved.astype(np.float32), np.ascontiguousarray(spread, np.float32))

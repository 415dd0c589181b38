"""The contract of scorers."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.plugins import SCORERS
from stitch_cir.testing._contract import (
    require,
    require_close,
    require_plug_in,
    require_settings,
    unit_rows,
)
from stitch_cir.transport import BoundedScorer, Chamfer, DeviceScorer, IterativeScorer, Scorer

__all__ = ["check_scorer"]

SETS, CAPTIONS, VIEWS, DIM = 24, 4, 6, 16
LIGHT = 1e-4
"""Tolerance of scores computed in float32."""


def check_scorer(scorer: Scorer) -> None:
    """Check a scorer, and each further protocol whose members it has.

    Raises ``ContractError`` naming the rule that is broken.
    """
    require_plug_in(SCORERS, scorer)
    require_settings(scorer.settings(), scorer=scorer.name)
    captions, views = unit_rows(1, CAPTIONS, DIM), unit_rows(2, SETS, VIEWS, DIM)
    s = np.einsum("kd,nmd->nkm", captions, views).astype(np.float32)
    q = np.ones((SETS, VIEWS), np.float32)
    q[::2, -2:] = 0  # half of the sets have two views less
    p = np.array([0.4, 0.3, 0.2, 0.1], np.float32)
    scores = scorer.score_similarities(s, p, q)
    require(scores.shape == (SETS,), f"scores have the batch's shape, not {scores.shape}")
    require(scores.dtype == np.float32, f"float32 cosines give float32 scores, not {scores.dtype}")
    double = scorer.score_similarities(s.astype(np.float64), p, q)
    require(double.dtype == np.float64, f"float64 cosines give float64 scores, not {double.dtype}")
    require_close(scores, double, "float32 and float64 give the same scores", LIGHT)
    require(bool((np.abs(double) <= 2 + 1e-9).all()), "scores of cosines lie between -2 and 2")
    _check_members(scorer, s.astype(np.float64), p, q, double)
    plan = scorer.plan(s, p, q)
    require_close(plan.score, double, "a plan adds up to the score", 1e-5)
    require(plan.settings == scorer.settings(), "a plan holds the scorer's settings")
    if isinstance(scorer, BoundedScorer):
        _check_bound(scorer, s.astype(np.float64), p, q, double)
    if isinstance(scorer, IterativeScorer):
        require(scorer.max_iterations >= 1, "max_iterations is at least 1")
    if isinstance(scorer, DeviceScorer) and find_spec("torch"):
        _check_tensors(scorer, s, p, q, double)


def _check_members(
    scorer: Scorer, s: NDArray[Any], p: NDArray[Any], q: NDArray[Any], scores: NDArray[Any]
) -> None:
    """Check what a score may and may not depend on."""
    score = scorer.score_similarities(np.array([[0.3]]))
    require_close(score, 0.6, "one caption against one view scores twice their cosine", 1e-6)
    singles = [scorer.score_similarities(s[i], p, q[i]) for i in range(len(s))]
    require_close(singles, scores, "a score does not depend on its batch", 1e-9)
    order = np.array([2, 0, 3, 1])
    shuffled = scorer.score_similarities(s[:, order], p[order], q)
    require_close(shuffled, scores, "the order of captions does not matter", 1e-6)
    noisy = np.where(q[:, None, :] == 0, 1.0, s)
    absent = scorer.score_similarities(noisy, p, q)
    require_close(absent, scores, "views of weight 0 do not matter", 1e-9)
    scaled = scorer.score_similarities(s, 10 * p, 3 * q)
    require_close(scaled, scores, "weights count relative to their sum", 1e-6)


def _check_bound(
    scorer: BoundedScorer, s: NDArray[Any], p: NDArray[Any], q: NDArray[Any], scores: NDArray[Any]
) -> None:
    """Check scores against the bound that the scorer declares."""
    bound = scorer.set_bound()
    weights = q / q.sum(axis=1, keepdims=True)
    if bound.kind == "means":
        means = 2 * np.einsum("nkm,k,nm->n", s, p, weights)
        require_close(scores, means, "a scorer bounded by 'means' is 2 p̄ · q̄", LIGHT)
        return
    if bound.kind == "original":
        original = 2 * s[:, :, 0] @ p
        require_close(scores, original, "a scorer bounded by 'original' is 2 p̄ · y_0", LIGHT)
        return
    largest = Chamfer(bound.rho).score_similarities(s, p, q)
    require(bool((scores <= largest + LIGHT).all()), "a scorer bounded by 'members' is ≤ Chamfer")
    if bound.gap is not None:
        smallest = min(float(p.min()), float(weights[weights > 0].min()))
        least = largest - 2 * bound.gap * np.log(1 / smallest)
        require(bool((scores >= least - LIGHT).all()), "a scorer is within its gap of Chamfer")


def _check_tensors(
    scorer: DeviceScorer, s: NDArray[Any], p: NDArray[Any], q: NDArray[Any], scores: NDArray[Any]
) -> None:
    import torch

    present = np.where(q[:, None, :] == 0, np.float32(0), s)
    batch = torch.from_numpy(present), torch.from_numpy(np.tile(p, (len(s), 1)))
    tensors = scorer.score_tensors(*batch, torch.from_numpy(q / q.sum(axis=1, keepdims=True)))
    require_close(tensors.numpy(), scores, "score_tensors gives the scores of NumPy", LIGHT)

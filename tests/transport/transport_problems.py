"""Problems that the laws of transport are tested on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from stitch_cir.transport import (
    Chamfer,
    ConditionalTransport,
    ExactTransport,
    MeanPooling,
    PointToPoint,
    Scorer,
    Sinkhorn,
)

LAW = settings(max_examples=150, deadline=None, derandomize=True)

# few iterations: the laws below hold whether or not Sinkhorn converges
SINKHORN = Sinkhorn(epsilon=0.1, max_iterations=60)
CONDITIONAL = ConditionalTransport(tau=0.05)
RHOS = st.sampled_from([0.0, 0.3 / 1.3, 0.25, 0.5, 0.8, 1.0])
KEEPING_MARGINALS: tuple[Scorer, ...] = (
    ConditionalTransport(),
    CONDITIONAL,
    ConditionalTransport(tau=0.05, rho=0.3 / 1.3),
    SINKHORN,
    ExactTransport(),
    Chamfer(),
    Chamfer(rho=0.8),
    MeanPooling(),
)
SCORERS: tuple[Scorer, ...] = (*KEEPING_MARGINALS, PointToPoint())


@dataclass(frozen=True)
class Problem:
    """One pair: s (K, M) float64 in [-1, 1]; p (K,) and q (M,) weights of any sum, or None."""

    s: np.ndarray
    p: np.ndarray | None
    q: np.ndarray | None

    @property
    def full_p(self) -> np.ndarray:
        weights = np.ones(self.s.shape[0]) if self.p is None else self.p
        return weights / weights.sum()

    @property
    def full_q(self) -> np.ndarray:
        weights = np.ones(self.s.shape[1]) if self.q is None else self.q
        return weights / weights.sum()

    def score(self, scorer: Scorer) -> float:
        return float(scorer.score_similarities(self.s, self.p, self.q))

    def weighted(self) -> Problem:
        return replace(self, p=self.full_p, q=self.full_q)


def similarities(rng: np.random.Generator, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    if kind == "ties":
        return rng.integers(-2, 3, shape) / 2.0
    if kind == "negative":
        return rng.uniform(-1.0, -0.2, shape)
    if kind == "flat":
        return np.full(shape, rng.uniform(-1, 1))
    if kind == "close":  # what a real encoder gives: a narrow band
        return rng.uniform(0.15, 0.3, shape)
    return rng.uniform(-1.0, 1.0, shape)


def weights(rng: np.random.Generator, kind: str, shape: tuple[int, ...]) -> np.ndarray | None:
    if kind == "none":
        return None
    if kind == "whole":  # sums that tie, as degenerate transport problems have
        return rng.integers(1, 4, shape).astype(float)
    drawn = rng.uniform(0.05, 3.0, shape)
    if kind == "zeros":
        absent = rng.random(shape) < 0.4
        absent[..., 0] = False  # member 0 stays: point-to-point needs it
        drawn[absent] = 0.0
    return drawn


KINDS = st.sampled_from(["smooth", "ties", "negative", "flat", "close"])
WEIGHTS = st.sampled_from(["none", "whole", "smooth", "zeros"])
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def problems(draw: st.DrawFn, largest: int = 6) -> Problem:
    rng = np.random.default_rng(draw(SEEDS))
    k, m = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    s = similarities(rng, draw(KINDS), (k, m))
    return Problem(s, weights(rng, draw(WEIGHTS), (k,)), weights(rng, draw(WEIGHTS), (m,)))


@st.composite
def batches(draw: st.DrawFn) -> Problem:
    """n pairs of one size: s (n, K, M), p (n, K), q (n, M)."""
    rng = np.random.default_rng(draw(SEEDS))
    n, k, m = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 5))
    s = similarities(rng, draw(KINDS), (n, k, m))
    return Problem(s, weights(rng, draw(WEIGHTS), (n, k)), weights(rng, draw(WEIGHTS), (n, m)))


def unit_rows(rng: np.random.Generator, *shape: int) -> np.ndarray:
    rows = rng.standard_normal(shape)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)

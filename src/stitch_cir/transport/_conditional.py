"""Bidirectional conditional transport: the score of the method, in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stitch_cir._schema import default_of
from stitch_cir.transport._assemble import Attention
from stitch_cir.transport._blocks import Block, both_directions, tops
from stitch_cir.transport._bounds import SetBound
from stitch_cir.transport._directions import direction_weights
from stitch_cir.transport._marginals import Floats
from stitch_cir.transport._scorer import BlockScorer, Tensor

__all__ = ["ConditionalTransport"]

SHARPEST = 1e30
"""Largest 1/τ used: any sharper is a hard maximum already, and would overflow float32."""
SOFT = 0.01
"""Smallest τ at which similarities are ever close enough (within 4τ) for the mean to bound them."""


@dataclass(frozen=True, slots=True)
class ConditionalTransport(BlockScorer):
    r"""Each caption attends to views and each view to captions, by softmax; no iterations.

    .. math::

        \text{forward}_k  = \sum_m \operatorname{softmax}_m(s_{km}/τ + \log q_m)\, s_{km}, \qquad
        \text{backward}_m = \sum_k \operatorname{softmax}_k(s_{km}/τ + \log p_k)\, s_{km},

        \text{score} = 2 \Bigl[(1 - ρ) \sum_k p_k\, \text{forward}_k
            + ρ \sum_m q_m\, \text{backward}_m\Bigr] .

    This is 2 minus twice the bidirectional cosine cost of conditional transport (Zheng & Zhou,
    "Exploiting Chain Rule and Bayes' Theorem to Compare Probability Distributions", NeurIPS 2021,
    which weighs its two directions as well). With ρ = ½ the factors are 1 and the score is the one
    that STiTch uses (arXiv 2605.21261). ``forward + b · backward`` ranks as ρ = b / (1 + b) does:
    b = 0.3 is ρ = 0.3 / 1.3 ≈ 0.231.

    Parameters
    ----------
    tau:
        Temperature τ > 0 on raw cosine (no logit scale). τ → 0 gives :class:`Chamfer`, τ → ∞
        :class:`MeanPooling`. The default 0.001 is CLIP's logit scale of 100 divided by 0.1.
    rho:
        ρ in [0, 1], the weight of the views' direction: 0 asks only whether every caption is met by
        some view, 1 only whether every view is met by some caption.

    Raises ``SettingError`` when τ is not a finite number above 0 or ρ not a number in [0, 1].
    """

    tau: float = default_of("tau")
    rho: float = default_of("rho")

    name: ClassVar[str] = "conditional"

    def set_bound(self) -> SetBound:
        """Return: Chamfer, which is little more; for a large τ a little above the mean."""
        curvature = 0.25 / self.tau if self.tau >= SOFT else None
        return SetBound("members", curvature, self.tau, rho=self.rho)

    def score_tensors(self, s: Tensor, p: Tensor, q: Tensor) -> Tensor:
        """Score n pairs on a device: (n,)."""
        halves = []
        for axis, weights in ((2, q[:, None, :]), (1, p[:, :, None])):
            absent = weights == 0
            top = s.masked_fill(absent, -np.inf).amax(axis, keepdim=True)
            gap = (s - top).masked_fill(absent, 0.0)
            pull = (gap * self._sharpness).exp() * weights
            halves.append(top.squeeze(axis) + (pull * gap).sum(axis) / pull.sum(axis))
        of_captions, of_views = direction_weights(self.rho)
        return of_captions * (halves[0] * p).sum(1) + of_views * (halves[1] * q).sum(1)

    @property
    def _sharpness(self) -> float:
        return min(1.0 / self.tau, SHARPEST)

    def score_block(self, block: Block) -> Floats:
        """Score a block: (n,)."""
        forward, backward = (_attended(block, axis, self._sharpness) for axis in (1, 0))
        return both_directions(block, forward, backward, self.rho)

    def attend(self, block: Block) -> Attention:
        """Explain a block."""
        halves = []
        for axis in (1, 0):
            pull, _, _ = _pulls(block, axis, self._sharpness)
            halves.append(pull / pull.sum(axis=axis, keepdims=True))
        return Attention(*halves)


def _attended(block: Block, axis: int, sharpness: float) -> Floats:
    """Return the mean similarity under the softmax along ``axis``: (K, n) for 1, (M, n) for 0.

    Written as ``max + Σ softmax·(s − max)``. The sum has no positive term, so the result never
    exceeds the maximum, even after rounding: the Chamfer bound is exact in floating point. The
    softmax over a single member is 1, and nothing is left to sum.
    """
    if block.s.shape[axis] == 1:
        return np.asarray(block.s.squeeze(axis))
    pull, gap, top = _pulls(block, axis, sharpness)
    total = pull.sum(axis=axis)
    pull *= gap
    return np.asarray(top.squeeze(axis) + pull.sum(axis=axis) / total)


def _pulls(block: Block, axis: int, sharpness: float) -> tuple[Floats, Floats, Floats]:
    """Return the softmax along ``axis`` before its division, (K, M, n); s − max; and max.

    The weights multiply ``exp`` instead of adding their logarithm inside: the largest member has
    exp(0) = 1, so the divisor is at least its weight and cannot vanish.
    """
    weights, absent, even = block.side(axis)
    top = tops(block, axis)
    gap = block.s - top
    pull = gap * gap.dtype.type(sharpness)
    if absent is not None:
        # −∞ only now: a sharpness that has rounded to 0 times −∞ would be NaN; so would be the
        # product of pull and gap later, hence gap becomes 0 where members are absent
        np.copyto(pull, -np.inf, where=absent)
        np.copyto(gap, 0.0, where=absent)
    np.exp(pull, out=pull)
    if not even:
        pull *= weights
    return pull, gap, top

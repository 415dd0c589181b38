"""The controls: Chamfer, mean pooling, point-to-point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from stitch_cir._schema import default_of
from stitch_cir.errors import VectorError
from stitch_cir.transport._assemble import Attention
from stitch_cir.transport._blocks import Block, average, chamfer, tops
from stitch_cir.transport._bounds import SetBound
from stitch_cir.transport._directions import direction_weights
from stitch_cir.transport._marginals import Floats
from stitch_cir.transport._scorer import BlockScorer, Tensor

__all__ = ["Chamfer", "MeanPooling", "PointToPoint"]


@dataclass(frozen=True, slots=True)
class Chamfer(BlockScorer):
    """Two-way best match: ``2 [(1 − ρ) Σ_k p_k max_m s_km + ρ Σ_m q_m max_k s_km]``.

    The limit τ → 0 of conditional transport and an upper bound of every scorer that keeps the
    marginals, at the same ρ. With ρ = 0 it is ColBERT's MaxSim (Khattab & Zaharia, SIGIR 2020) as a
    mean, times 2.

    Parameters
    ----------
    rho:
        ρ in [0, 1], the weight of the views' direction; see :class:`ConditionalTransport`.

    Raises ``SettingError`` when ρ is not a number in [0, 1].
    """

    rho: float = default_of("rho")

    name: ClassVar[str] = "chamfer"

    def set_bound(self) -> SetBound:
        """Return: the bound of the others is this score."""
        return SetBound("members", gap=0.0, rho=self.rho)

    def score_tensors(self, s: Tensor, p: Tensor, q: Tensor) -> Tensor:
        """Score n pairs on a device: (n,)."""
        captions = s.masked_fill((q == 0)[:, None, :], -np.inf).amax(2)
        views = s.masked_fill((p == 0)[:, :, None], -np.inf).amax(1)
        of_captions, of_views = direction_weights(self.rho)
        return of_captions * (captions * p).sum(1) + of_views * (views * q).sum(1)

    def score_block(self, block: Block) -> Floats:
        """Score a block: (n,)."""
        return chamfer(block, self.rho)

    def attend(self, block: Block) -> Attention:
        """Explain a block."""
        halves = []
        for axis in (1, 0):
            # equally good members share the attention by weight, as softmax does in the limit
            weights, absent, _ = block.side(axis)
            hit = np.where(block.s == tops(block, axis), weights, 0.0)
            if absent is not None:
                hit = np.where(absent, 0.0, hit)
            halves.append(hit / hit.sum(axis=axis, keepdims=True))
        return Attention(*halves)


@dataclass(frozen=True, slots=True)
class MeanPooling(BlockScorer):
    """Twice the dot product of the two weighted means: ``2 Σ_k Σ_m p_k q_m s_km``.

    The means are not normalised again, which makes this the limit τ → ∞ of conditional transport.
    """

    name: ClassVar[str] = "mean"

    def set_bound(self) -> SetBound:
        """Return: the score needs the sets' means only."""
        return SetBound("means")

    def score_tensors(self, s: Tensor, p: Tensor, q: Tensor) -> Tensor:
        """Score n pairs on a device: (n,)."""
        return 2.0 * ((s * q[:, None, :]).sum(2) * p).sum(1)

    def score_block(self, block: Block) -> Floats:
        """Score a block: (n,)."""
        weights, _, even = block.side(1)
        pooled = block.s.mean(axis=1) if even else (weights * block.s).sum(axis=1)
        return 2.0 * average(pooled, block.p)

    def attend(self, block: Block) -> Attention:
        """Explain a block."""
        forward = np.broadcast_to(block.side(1)[0], block.s.shape)
        backward = np.broadcast_to(block.side(0)[0], block.s.shape)
        return Attention(forward, backward)


@dataclass(frozen=True, slots=True)
class PointToPoint(BlockScorer):
    """Captions against the original view alone: ``2 Σ_k p_k s_k0``.

    View 0 is the whole image; all other views and their weights are ignored, as if q were
    all on view 0. It may therefore exceed Chamfer under the original q, whose mean over views also
    counts bad ones. Raises ``VectorError`` where view 0 is absent.
    """

    name: ClassVar[str] = "point"
    original_alone: ClassVar[bool] = True
    """No other view than the original counts."""

    def set_bound(self) -> SetBound:
        """Return: the score needs the original views only."""
        return SetBound("original")

    def score_tensors(self, s: Tensor, p: Tensor, q: Tensor) -> Tensor:
        """Score n pairs on a device: (n,)."""
        if bool((q[:, 0] == 0).any()):
            raise _no_original()
        return 2.0 * (s[:, :, 0] * p).sum(1)

    def upper_bound(
        self, similarities: ArrayLike, p: ArrayLike | None = None, q: ArrayLike | None = None
    ) -> Floats:
        """Return the score itself: Chamfer is no bound here, for the marginals differ."""
        return self.score_similarities(similarities, p, q)

    def score_block(self, block: Block) -> Floats:
        """Score a block: (n,)."""
        _need_original(block)
        return 2.0 * average(block.s[:, 0], block.p)

    def attend(self, block: Block) -> Attention:
        """Explain a block."""
        _need_original(block)
        columns = block.s.shape[1]
        one_hot = (np.arange(columns) == 0).astype(np.float64)[:, None]
        forward = np.broadcast_to(one_hot[None], block.s.shape)
        backward = np.broadcast_to(block.side(0)[0], block.s.shape)
        # the other views attend to nothing, for they hold no mass
        return Attention(forward, np.where(one_hot[None] > 0, backward, 0.0), q=one_hot)


def _need_original(block: Block) -> None:
    if block.q.absent is not None and bool(block.q.absent[0].any()):
        raise _no_original()


def _no_original() -> VectorError:
    return VectorError(
        "Point-to-point scoring needs view 0, the original view, and a set lacks it.",
        hint="Give view 0 a weight above 0, or use another scorer.",
    )

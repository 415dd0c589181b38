"""Scores that other methods fuse: the original view with the others, and captions by a product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from stitch_cir._schema import default_of
from stitch_cir.errors import VectorError
from stitch_cir.transport._assemble import Attention
from stitch_cir.transport._blocks import Block, average
from stitch_cir.transport._bounds import SetBound
from stitch_cir.transport._marginals import Floats
from stitch_cir.transport._scorer import BlockScorer

__all__ = ["HarrisFusion", "MixedViews", "ProductFusion"]

_SMALLEST = 1e-9
"""A factor of a product counts as at least this: no logarithm is infinite."""


class _OriginalScorer(BlockScorer):
    """Base of scorers whose captions alone attend: Chamfer of ρ = 0 bounds them."""

    __slots__ = ()

    @property
    def rho(self) -> float:
        """0: views do not attend to captions."""
        return 0.0

    def set_bound(self) -> SetBound:
        """Return: at most the best view of every caption."""
        return SetBound("members", rho=0.0)

    def _backward(self, block: Block) -> Floats:
        return np.asarray(np.broadcast_to(block.side(0)[0], block.s.shape))


@dataclass(frozen=True, slots=True)
class MixedViews(_OriginalScorer):
    """The original view with the mean of the others: ``2 Σ_k p_k [(1 − β) s_k0 + β mean_m s_km]``.

    In a gallery whose further views are captions, this is WeiMoCIR's weighted similarity of query
    with image and captions (Wu et al., arXiv 2409.04918). A set of one view has that alone.

    Parameters
    ----------
    rest_weight:
        β in [0, 1], the weight of the mean of all views but the first, by their weights.

    Raises ``SettingError`` for a β out of range, ``VectorError`` where view 0 is absent.
    """

    rest_weight: float = default_of("rest_weight")

    name: ClassVar[str] = "mixed"

    def score_block(self, block: Block) -> Floats:
        """Score a block: (n,)."""
        weights = self._weights(block).astype(block.s.dtype)
        return np.asarray(2.0 * average((weights * block.s).sum(axis=1), block.p))

    def attend(self, block: Block) -> Attention:
        """Explain a block."""
        forward = np.broadcast_to(self._weights(block), block.s.shape)
        return Attention(forward, self._backward(block))

    def _weights(self, block: Block) -> Floats:
        """Return what each view counts, (M, n) or (M, 1), columns of sum 1."""
        _need_original(block)
        rest = np.array(block.q.weights, dtype=np.float64)
        rest[0] = 0.0
        total = rest.sum(axis=0)
        share = np.where(total > 0, self.rest_weight, 0.0)
        weights = share * rest / np.where(total > 0, total, 1.0)
        weights[0] = 1.0 - share
        return weights


@dataclass(frozen=True, slots=True)
class ProductFusion(_OriginalScorer):
    r"""The captions' similarities with the original view, multiplied.

    .. math::

        2 \Bigl(2 \prod_k \bigl(\tfrac{1 + s_{k0}}{2}\bigr)^{p_k} - 1\Bigr)

    An image must then meet *every* caption: with the reference image and the modification as
    captions (the transition ``parts``) this is the multiplicative fusion of BASIC (Psomas et al.,
    "Instance-Level Composed Image Retrieval", NeurIPS 2025, arXiv 2510.25387). Cosines are moved to
    [0, 1] so that a factor is never negative. Other views do not count. Raises ``VectorError``
    where view 0 is absent.
    """

    name: ClassVar[str] = "product"
    original_alone: ClassVar[bool] = True
    """No other view than the original counts."""

    def score_block(self, block: Block) -> Floats:
        """Score a block: (n,)."""
        _need_original(block)
        return np.asarray(2.0 * (2.0 * self._fused(block, self._factors(block)) - 1.0))

    def attend(self, block: Block) -> Attention:
        """Explain a block: the captions' weights are those with which a sum has the same score.

        With g the product and L the logarithmic mean, ``Σ_k p_k (r_k − g) / L(r_k, g)`` is
        ``Σ_k p_k (ln r_k − ln g) = 0``, so that weights ``p_k / L(r_k, g)`` have the mean g.
        """
        _need_original(block)
        factors = self._factors(block)
        product = self._mean(block, factors)[None]
        apart = np.abs(factors - product) > 1e-9 * product
        logs = np.log(factors) - np.log(product)
        means = np.where(apart, (factors - product) / np.where(apart, logs, 1.0), product)
        weights = block.p.weights / means
        first = (np.arange(block.s.shape[1]) == 0).astype(np.float64)[None, :, None]
        forward = np.broadcast_to(first, block.s.shape)
        return Attention(forward, self._backward(block), p=weights / weights.sum(axis=0))

    def largest_error(self, weights: NDArray[np.float64], error: float) -> float:
        """Return how far off a score may be where cosines are off by ``error`` ≥ 0.

        A factor u in [0, 1] is off by half of it, and ``u^a`` by at most that to the power of a.
        """
        return 4.0 * float(((error / 2) ** weights).sum())

    def _factors(self, block: Block) -> Floats:
        return np.asarray(np.maximum((1.0 + block.s[:, 0]) / 2.0, block.s.dtype.type(_SMALLEST)))

    def _fused(self, block: Block, factors: Floats) -> Floats:
        """Return what the captions' factors, each in [0, 1], make together: (n,)."""
        return self._mean(block, factors)

    def _mean(self, block: Block, factors: Floats) -> Floats:
        return np.asarray(np.exp(average(np.log(factors), block.p)))


@dataclass(frozen=True, slots=True)
class HarrisFusion(ProductFusion):
    r"""The captions' similarities with the original view, multiplied, less their imbalance.

    With g and m the weighted geometric and arithmetic mean of ``(1 + s_k0) / 2``:

    .. math::

        2 (2 h - 1), \qquad h = \operatorname{sign}(r) \sqrt{|r|}, \qquad
        r = \frac{g^2 - 4 λ m^2}{1 - 4 λ}

    For two captions of equal weight r ranks as ``u w − λ (u + w)²`` does, Harris and Stephens'
    criterion for corners, by which BASIC fuses both parts of a query (arXiv 2510.25387): an image
    that meets one of them alone comes behind one that meets both somewhat. h ≤ g ≤ m, and captions
    of equal similarity count as that; an image that meets one alone may score below −2.

    Parameters
    ----------
    harris_weight:
        λ in [0, 0.24]; 0 is :class:`ProductFusion`.

    Raises ``SettingError`` for a λ out of range, ``VectorError`` where view 0 is absent.
    """

    harris_weight: float = default_of("harris_weight")

    name: ClassVar[str] = "harris"

    def attend(self, block: Block) -> Attention:
        """Explain a block: of the captions' weights some are below 0 where one alone is met.

        With weights v of mean g, those of a product, ``v + (1 − c) (p − v)`` have the mean
        ``c g + (1 − c) m``, which is h for ``c = (m − h) / (m − g)``. That tends to
        ``1 / (1 − 4 λ)`` where all captions are of equal similarity.
        """
        product = ProductFusion.attend(self, block)
        assert product.p is not None
        factors = self._factors(block)
        mean, of_product = average(factors, block.p), self._mean(block, factors)
        apart = mean - of_product > 1e-9 * mean
        reach = (mean - self._fused(block, factors)) / np.where(apart, mean - of_product, 1.0)
        share = np.where(apart, reach, 1.0 / (1.0 - 4.0 * self.harris_weight))
        weights = share * product.p + (1.0 - share) * block.p.weights
        return Attention(product.forward, product.backward, p=weights)

    def largest_error(self, weights: NDArray[np.float64], error: float) -> float:
        """Return how far off a score may be where cosines are off by ``error`` ≥ 0.

        g² and m² are off by at most the sum below, and a root by the root of what is under it.
        """
        lost = float(((error / 2) ** np.minimum(2 * weights, 1.0)).sum())
        lost += 8 * self.harris_weight * error / 2
        return 4.0 * float(np.sqrt(lost / (1.0 - 4.0 * self.harris_weight)))

    def _fused(self, block: Block, factors: Floats) -> Floats:
        mean, product = average(factors, block.p), self._mean(block, factors)
        four = factors.dtype.type(4.0 * self.harris_weight)
        inside = (product * product - four * mean * mean) / (1 - four)
        return np.asarray(np.sign(inside) * np.sqrt(np.abs(inside)))


def _need_original(block: Block) -> None:
    if block.q.absent is not None and bool(block.q.absent[0].any()):
        raise VectorError(
            "This scorer needs view 0, the original view, and a set lacks it.",
            hint="Give view 0 a weight above 0, or use another scorer.",
        )

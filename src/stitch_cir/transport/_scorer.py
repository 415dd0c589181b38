"""What a scorer is, and the part all built-in scorers share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from stitch_cir.errors import VectorError
from stitch_cir.transport._blocks import Block, read_batch, score_in_blocks
from stitch_cir.transport._bounds import SetBound
from stitch_cir.transport._marginals import Floats
from stitch_cir.transport._plan import TransportPlan, assemble_plan
from stitch_cir.transport._reduce import chamfer

__all__ = ["BlockScorer", "Looks", "Scorer"]


@runtime_checkable
class Scorer(Protocol):
    """Scores a set of K captions against a set of M views from their cosines alone.

    All scorers share one scale: scores lie in [−2, 2] for cosines in [−1, 1], larger is better, and
    one caption against one view gives twice their cosine.

    In all methods ``similarities`` is (..., K, M), the cosine of caption k and view m; ``p`` is
    (..., K) and ``q`` (..., M), weights ≥ 0 of any sum or bool masks, broadcastable over the batch;
    weight 0 means the member is absent. ``None`` means evenly weighted.
    """

    @property
    def name(self) -> str:
        """Short name, e.g. ``"conditional"``."""
        ...

    def settings(self) -> dict[str, Any]:
        """Name and every setting that changes a score, as JSON-ready data."""
        ...

    def score_similarities(
        self, similarities: ArrayLike, p: ArrayLike | None = None, q: ArrayLike | None = None
    ) -> Floats:
        """Score: (...,), float32 for float32 similarities, otherwise float64."""
        ...

    def upper_bound(
        self, similarities: ArrayLike, p: ArrayLike | None = None, q: ArrayLike | None = None
    ) -> Floats:
        """Give (...,) numbers that no score of this scorer exceeds."""
        ...

    def plan(
        self, similarities: ArrayLike, p: ArrayLike | None = None, q: ArrayLike | None = None
    ) -> TransportPlan:
        """Explain the score: who looked at whom. Computed in float64."""
        ...


@dataclass(frozen=True, slots=True)
class Looks:
    """What a scorer says about a block: who looks at whom, and how the computation went.

    ``forward`` and ``backward``: (K, M, n), see :class:`TransportPlan`. ``q``: (M, n) or (M, 1)
    where a scorer does not use the views' weights as given.
    """

    forward: Floats
    backward: Floats
    q: Floats | None = None
    converged: bool = True
    iterations: int = 0
    marginal_error: float = 0.0


class BlockScorer(ABC):
    """Base of the built-in scorers: a subclass only scores and explains one block."""

    __slots__ = ()

    name: ClassVar[str]
    _precision: ClassVar[type[np.float64] | None] = None

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Name and settings, JSON-ready."""

    @abstractmethod
    def _score(self, block: Block) -> Floats:
        """Score a block: (n,)."""

    @abstractmethod
    def _look(self, block: Block) -> Looks:
        """Explain a block."""

    def set_bound(self) -> SetBound:
        """Every built-in scorer that keeps the marginals is at most Chamfer (``upper_bound``)."""
        return SetBound("members")

    def score_similarities(
        self, similarities: ArrayLike, p: ArrayLike | None = None, q: ArrayLike | None = None
    ) -> Floats:
        """Score a batch.

        Parameters
        ----------
        similarities:
            (..., K, M), the cosine of caption k and view m, of any strides.
        p, q:
            (..., K) and (..., M): weights ≥ 0 of any sum, or bool masks; 0 or false is an absent
            member, whose similarities are never looked at. ``None``: evenly weighted.

        Returns (...,) scores, float32 for float32 or float16 similarities, otherwise float64.

        Raises ``VectorError`` when shapes do not fit, weights are negative or not finite, a set has
        no member, or a similarity of present members is not finite.
        """
        batch = read_batch(similarities, p, q, self._precision)
        scores = score_in_blocks(batch, self._score)
        single = np.asarray(similarities).dtype in (np.float32, np.float16)
        return scores.astype(np.float32) if single and scores.dtype != np.float32 else scores

    def upper_bound(
        self, similarities: ArrayLike, p: ArrayLike | None = None, q: ArrayLike | None = None
    ) -> Floats:
        """Bound the score from above by the Chamfer score, ``(...,)``.

        *Proof.* Let a scorer be ``Σ_k p_k Σ_m F_km s_km + Σ_m q_m Σ_k B_km s_km`` where each row of
        F and each column of B is a probability distribution over present members (for conditional
        transport the two softmaxes; for a coupling P, F = P / p and B = P / q, since P's row sums
        are p and its column sums q; for mean pooling F = q and B = p). A weighted average never
        exceeds its largest term, so ``Σ_m F_km s_km ≤ max_m s_km`` and
        ``Σ_k B_km s_km ≤ max_k s_km``; averaging with p and q gives
        ``score ≤ Σ_k p_k max_m s_km + Σ_m q_m max_k s_km``, the Chamfer score. ∎

        For conditional transport the bound also holds after rounding, in either float type; for
        the others up to rounding.
        """
        return score_in_blocks(read_batch(similarities, p, q), chamfer)

    def plan(
        self, similarities: ArrayLike, p: ArrayLike | None = None, q: ArrayLike | None = None
    ) -> TransportPlan:
        """Explain the scores of a batch (parameters and errors: ``score_similarities``).

        Returns a :class:`TransportPlan` with the batch's shape, computed in float64.
        """
        batch = read_batch(similarities, p, q, np.float64)
        shape = (len(batch), *batch.sizes)
        forward, backward, s = np.empty(shape), np.empty(shape), np.empty(shape)
        weights_p, weights_q = np.empty(shape[:2]), np.empty((shape[0], shape[2]))
        converged, iterations, error = True, 0, 0.0
        with np.errstate(under="ignore", over="ignore", invalid="ignore"):
            for part, block in batch.blocks():
                if not np.isfinite(block.s).all():
                    raise VectorError(
                        "Similarities of present members hold NaN or infinity.",
                        hint="Check the vectors they were computed from.",
                    )
                looks = self._look(block)
                for target, source in ((forward, looks.forward), (backward, looks.backward)):
                    if (absent := block.absent) is not None:
                        source = np.where(absent, 0.0, source)
                    target[part] = source.transpose(2, 0, 1)
                s[part] = block.s.transpose(2, 0, 1)
                weights_p[part] = block.p.weights.T
                weights_q[part] = (block.q.weights if looks.q is None else looks.q).T
                converged = converged and looks.converged
                iterations = max(iterations, looks.iterations)
                error = max(error, looks.marginal_error)
        return assemble_plan(
            batch.shape,
            forward,
            backward,
            weights_p,
            weights_q,
            s,
            settings=self.settings(),
            converged=converged,
            iterations=iterations,
            marginal_error=error,
        )

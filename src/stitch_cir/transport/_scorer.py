"""What a scorer is, what it can do beyond scoring, and the base that the built-in ones share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from stitch_cir._schema import check_fields, field_values
from stitch_cir.errors import VectorError
from stitch_cir.transport._assemble import Attention, PlanBuilder
from stitch_cir.transport._blocks import Block, chamfer, read_batch, score_in_blocks
from stitch_cir.transport._bounds import SetBound
from stitch_cir.transport._directions import EVEN
from stitch_cir.transport._marginals import Floats
from stitch_cir.transport._plan import TransportPlan

__all__ = [
    "BlockScorer",
    "DeviceScorer",
    "IterativeScorer",
    "Scorer",
]

Tensor = Any
"""torch.Tensor; torch must be no dependency of this module, types included."""


@runtime_checkable
class Scorer(Protocol):
    """Scores a set of K captions against a set of M views from their cosines alone.

    A scorer that is also a :class:`BoundedScorer`, a :class:`DeviceScorer` or an
    :class:`IterativeScorer` has the members of these. :class:`BlockScorer` is a base for scorers.

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
        """Return ``{"scorer": name}`` and every setting that changes a score, JSON-ready."""
        ...

    def score_similarities(
        self, similarities: ArrayLike, p: ArrayLike | None = None, q: ArrayLike | None = None
    ) -> Floats:
        """Score: (...,), float32 for float32 similarities, otherwise float64."""
        ...

    def plan(
        self, similarities: ArrayLike, p: ArrayLike | None = None, q: ArrayLike | None = None
    ) -> TransportPlan:
        """Explain the score: which members attend to which. Computed in float64."""
        ...


@runtime_checkable
class DeviceScorer(Protocol):
    """A scorer that can also be computed on tensors, on whatever device they are."""

    def score_tensors(self, s: Tensor, p: Tensor, q: Tensor) -> Tensor:
        """Score n pairs of sets: (n,).

        ``s``: (n, K, M) cosines, 0 where a member is absent; ``p``: (n, K) and ``q``: (n, M),
        float32 weights of sum 1, 0 for absent members. The scores are those of
        ``score_similarities`` within 1e-5.
        """
        ...


@runtime_checkable
class IterativeScorer(Protocol):
    """A scorer whose plans are found by iterations, and may stop before they have converged."""

    @property
    def max_iterations(self) -> int:
        """Iterations after which a plan is returned as it is, with ``converged=False``."""
        ...


class BlockScorer(ABC):
    """Base of scorers: checks, blocks and plans. A subclass scores and explains one block.

    The fields of a subclass that is a dataclass are its settings; those that every search has a
    declaration of (``stitch_cir._schema``) are checked by it.
    """

    __slots__ = ()

    name: ClassVar[str]
    _precision: ClassVar[type[np.float64] | None] = None

    @property
    def rho(self) -> float:
        """ρ, the weight of the views' direction; ½ for scorers whose two directions are equal."""
        return EVEN

    def __post_init__(self) -> None:
        """Check the fields of a dataclass. Raises ``SettingError``."""
        check_fields(self)

    def settings(self) -> dict[str, Any]:
        """Return the name and the fields of a dataclass, JSON-ready."""
        return {"scorer": self.name, **field_values(self)}

    @abstractmethod
    def score_block(self, block: Block) -> Floats:
        """Score a block: (n,)."""

    @abstractmethod
    def attend(self, block: Block) -> Attention:
        """Explain a block."""

    def set_bound(self) -> SetBound:
        """Return the bound of scorers that keep the marginals: Chamfer (see ``upper_bound``).

        A subclass that does not keep them must override both.
        """
        return SetBound("members", rho=self.rho)

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
            member, whose similarities are not used. ``None``: evenly weighted.

        Returns (...,) scores, float32 for float32 or float16 similarities, otherwise float64.

        Raises ``VectorError`` when shapes do not fit, weights are negative or not finite, a set has
        no member, or a similarity of present members is not finite.
        """
        batch = read_batch(similarities, p, q, self._precision)
        scores = score_in_blocks(batch, self.score_block)
        single = np.asarray(similarities).dtype in (np.float32, np.float16)
        return scores.astype(np.float32) if single and scores.dtype != np.float32 else scores

    def upper_bound(
        self, similarities: ArrayLike, p: ArrayLike | None = None, q: ArrayLike | None = None
    ) -> Floats:
        """Bound the score from above by the Chamfer score of the same ρ, ``(...,)``.

        *Proof.* Let a scorer be ``2 [(1 − ρ) Σ_k p_k Σ_m F_km s_km + ρ Σ_m q_m Σ_k B_km s_km]``
        with ρ in [0, 1], where each row of F and each column of B is a probability distribution
        over present members (for conditional transport the two softmaxes; for a coupling P,
        F = P / p and B = P / q, since P's row sums are p and its column sums q; for mean pooling
        F = q and B = p; the two sums of the last two are equal, so that any ρ gives the same). A
        weighted average never exceeds its largest term, so ``Σ_m F_km s_km ≤ max_m s_km`` and
        ``Σ_k B_km s_km ≤ max_k s_km``; averaging with p and q, and adding with the factors
        2 (1 − ρ) ≥ 0 and 2 ρ ≥ 0, gives ``score ≤ 2 [(1 − ρ) Σ_k p_k max_m s_km +
        ρ Σ_m q_m max_k s_km]``, the Chamfer score. ∎

        For conditional transport the bound also holds after rounding, in either float type; for
        the others up to rounding.
        """
        batch = read_batch(similarities, p, q)
        return score_in_blocks(batch, lambda block: chamfer(block, self.rho))

    def plan(
        self, similarities: ArrayLike, p: ArrayLike | None = None, q: ArrayLike | None = None
    ) -> TransportPlan:
        """Explain the scores of a batch (parameters and errors: ``score_similarities``).

        Returns a :class:`TransportPlan` with the batch's shape, computed in float64.
        """
        batch = read_batch(similarities, p, q, np.float64)
        builder = PlanBuilder(batch)
        with np.errstate(under="ignore", over="ignore", invalid="ignore"):
            for part, block in batch.blocks():
                if not np.isfinite(block.s).all():
                    raise VectorError(
                        "Similarities of present members hold NaN or infinity.",
                        hint="Check the vectors they were computed from.",
                    )
                builder.add(part, block, self.attend(block))
        return builder.finish(self.settings(), self.rho)

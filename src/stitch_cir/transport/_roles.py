"""The scorer ``roles``: captions scored as one set, with what is desired, kept and forbidden."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from numpy.typing import ArrayLike

from stitch_cir._schema import default_of
from stitch_cir.errors import SettingError
from stitch_cir.transport._assemble import Attention
from stitch_cir.transport._blocks import Block
from stitch_cir.transport._bounds import SetBound
from stitch_cir.transport._conditional import ConditionalTransport
from stitch_cir.transport._marginals import Floats
from stitch_cir.transport._scorer import BlockScorer, Tensor
from stitch_cir.transport._simple import PointToPoint

__all__ = ["RoleScorer", "Term", "forward_look"]

Term: TypeAlias = Literal["global", "desired", "preserve", "reference", "forbidden"]
"""A summand of the score: the captions, a role, or the views of the reference."""


@dataclass(frozen=True, slots=True)
class RoleScorer(BlockScorer):
    r"""Captions scored globally, and phrases of roles by the view that shows each best.

    .. math::

        S = 2\,\frac{θ_G\, g(T, V) + θ_D\, L(D, V) + θ_P \bigl(\tfrac12 L(P, V)
            + \tfrac12 L(V_\text{ref}, V)\bigr)}{θ_G + θ_D + θ_P} - 2\,\frac{θ_F\, L(F, V)}
            {θ_G + θ_D + θ_P}, \qquad L(X, V) = \sum_x p_x
            \sum_m \operatorname{softmax}_m(s_{xm}/τ)\, s_{xm},

    where L is the forward look of :class:`ConditionalTransport` at a τ of the roles' own and g the
    cosine with the original view, or half the score of bidirectional transport. A role without
    phrases plays no part, and the others share its weight; the views of the reference V_ref count
    where something is to be preserved, alone or with half of its weight. After MulVec (arXiv
    2608.25305), which prints no θ: those here are ours (docs/roles.md).

    As a scorer of one caption set it is the global term alone; a ranking problem adds the others.

    Parameters
    ----------
    global_term:
        ``"original"``, the captions against the original view, or ``"transport"``, against all.
    global_weight, desired_weight, preserve_weight:
        θ ≥ 0 of the positive terms, relative to each other.
    role_rule:
        ``"sum"`` as above; ``"product"`` multiplies the global term by ``(1 + r − p) / 2`` with r
        the mean look of what is desired and kept, p that of what is forbidden (SoFT's rescoring).
    tau, rho:
        Those of the bidirectional transport.

    Raises ``SettingError`` for a value outside its range, and where all θ are 0.
    """

    global_term: str = default_of("global_term")
    global_weight: float = default_of("global_weight")
    desired_weight: float = default_of("desired_weight")
    preserve_weight: float = default_of("preserve_weight")
    role_rule: str = default_of("role_rule")
    tau: float = default_of("tau")
    rho: float = default_of("rho")

    name: ClassVar[str] = "roles"

    def __post_init__(self) -> None:
        """Check the fields, and that something counts."""
        BlockScorer.__post_init__(self)
        if self.global_weight <= 0:
            raise SettingError(
                f"global_weight is {self.global_weight:g}: a query without roles would have no "
                "score.",
                hint="Give it a number above 0, however small beside the roles.",
            )

    @property
    def global_scorer(self) -> ConditionalTransport | PointToPoint:
        """The scorer of the global term."""
        if self.global_term == "transport":
            return ConditionalTransport(self.tau, self.rho)
        return PointToPoint()

    def factors(self, present: Collection[Term], forbidden_weight: float) -> Mapping[Term, float]:
        """Return what each present term is multiplied by, less than 0 for what is forbidden.

        The factors of the others sum to 1.
        """
        evidence = [each for each in ("preserve", "reference") if each in present]
        weights: dict[Term, float] = {"global": self.global_weight}
        if "desired" in present:
            weights["desired"] = self.desired_weight
        for each in evidence:
            weights[each] = self.preserve_weight / len(evidence)  # type: ignore[index]
        total = sum(weights.values())
        if "forbidden" in present:
            weights["forbidden"] = -forbidden_weight
        return {term: weight / total for term, weight in weights.items() if weight != 0}

    def set_bound(self) -> SetBound:
        """Return the bound of the global term."""
        return self.global_scorer.set_bound()

    def score_tensors(self, s: Tensor, p: Tensor, q: Tensor) -> Tensor:
        """Score n pairs on a device: (n,)."""
        return self.global_scorer.score_tensors(s, p, q)

    def upper_bound(
        self, similarities: ArrayLike, p: ArrayLike | None = None, q: ArrayLike | None = None
    ) -> Floats:
        """Bound the global term from above."""
        return self.global_scorer.upper_bound(similarities, p, q)

    def score_block(self, block: Block) -> Floats:
        """Score a block: (n,)."""
        return self.global_scorer.score_block(block)

    def attend(self, block: Block) -> Attention:
        """Explain a block."""
        return self.global_scorer.attend(block)


def forward_look(tau: float) -> ConditionalTransport:
    """Return the scorer of one role: twice the forward look L at this τ.

    For R views, ``max(mean s, max s − τ ln R) ≤ L ≤ max s``.
    """
    return ConditionalTransport(tau, rho=0.0)

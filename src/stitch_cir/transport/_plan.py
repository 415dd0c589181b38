"""The plan: which members attend to which, how much, and what that adds to the score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir._notebook import caption_tag, escaped, heat_table
from stitch_cir.errors import VectorError
from stitch_cir.transport._directions import EVEN, direction_weights

__all__ = ["TransportPlan"]

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TransportPlan:
    """The explanation of a score; all arrays are float64, ``...`` is the batch (empty for a pair).

    Every scorer's score is the sum of two directions over the same similarities s::

        score = 2 (1 − ρ) Σ_k p_k Σ_m forward_km s_km  +  2 ρ Σ_m q_m Σ_k backward_km s_km

    Attributes
    ----------
    forward:
        (..., K, M), the attention of caption k: the row of a present caption sums to 1.
    backward:
        (..., K, M), the attention of view m: the column of a present view sums to 1. For couplings
        (Sinkhorn, exact) forward and backward are the coupling's two conditionals. An absent
        caption's row and an absent view's column are 0 in both.
    p, q:
        (..., K) and (..., M), the marginals, sum 1. Point-to-point puts all of q on view 0.
    similarities:
        (..., K, M) cosines, 0 where caption or view is absent.
    score:
        (...,), in [−2, 2].
    settings:
        Name and settings of the scorer, JSON-ready.
    rho:
        ρ in [0, 1], the weight of the views' direction.
    converged, iterations, marginal_error:
        How an iterative scorer fared: whether all pairs met the tolerance, the iterations of the
        slowest pair, and the largest L1 distance of a pair's row sums from p before they were made
        to fit. Closed forms report ``True``, 0 and 0.0.
    """

    forward: Doubles
    backward: Doubles
    p: Doubles
    q: Doubles
    similarities: Doubles
    score: Doubles
    settings: Mapping[str, Any]
    rho: float = EVEN
    converged: bool = True
    iterations: int = 0
    marginal_error: float = 0.0

    def _repr_html_(self) -> str:
        """Return the plan of a pair as a notebook shows it; of a batch, how to get at one."""
        head = f"{escaped(self.scorer)} · captions by views, per cent of the mass"
        if self.score.ndim:
            return f"plans of {self.score.shape} pairs; plan.pair(…) is one of them"
        captions = [caption_tag(row) for row in range(self.joint.shape[0])]
        views = [f"view {column}" for column in range(self.joint.shape[1])]
        table = heat_table(self.joint.tolist(), captions, views)
        return f"<p>score {float(self.score):.3f} · {head}</p>{table}"

    @property
    def scorer(self) -> str:
        """Name of the scorer, e.g. ``"conditional"``."""
        return str(self.settings["scorer"])

    @property
    def joint(self) -> Doubles:
        """The mass that moves, (..., K, M), sum 1: ``(1 − ρ) p_k forward_km + ρ q_m backward_km``.

        For couplings this is the coupling itself.
        """
        of_captions, of_views = direction_weights(self.rho)
        forward = of_captions * (self.p[..., :, None] * self.forward)
        return np.asarray(0.5 * (forward + of_views * (self.q[..., None, :] * self.backward)))

    def contribution_of_captions(self) -> Doubles:
        """Return what the attention of each caption adds to the score, (..., K).

        ``2 (1 − ρ) p_k Σ_m forward_km s_km``; with :meth:`contribution_of_views` it sums to the
        score. For couplings each side holds exactly half of it.
        """
        attended = self.p * (self.forward * self.similarities).sum(axis=-1)
        return np.asarray(direction_weights(self.rho)[0] * attended)

    def contribution_of_views(self) -> Doubles:
        """Return what the attention of each view adds, (..., M): ``2 ρ q_m Σ_k backward_km s_km``.

        :meth:`contribution_of_views_by_caption` splits it over the captions.
        """
        attended = self.q * (self.backward * self.similarities).sum(axis=-2)
        return np.asarray(direction_weights(self.rho)[1] * attended)

    def contribution_of_views_by_caption(self) -> Doubles:
        """Return what the views that attend to each caption add to the score, (..., K)."""
        attended = ((self.q[..., None, :] * self.backward) * self.similarities).sum(axis=-1)
        return np.asarray(direction_weights(self.rho)[1] * attended)

    def best_view(self) -> NDArray[np.int64]:
        """Return the index of the view that explains the match best, (...,).

        It is the view m with the largest ``Σ_k joint_km (1 + s_km)``: the moved mass, weighted by
        closeness, which also decides where a coupling moves the same mass to every view. Absent
        views are never chosen; among equals the first wins.
        """
        closeness = (self.joint * (1.0 + self.similarities)).sum(axis=-2)
        closeness = np.where(self.q > 0, closeness, -np.inf)
        return np.asarray(closeness.argmax(axis=-1), dtype=np.int64)

    def pair(self, *index: int) -> TransportPlan:
        """Return the plan of one pair of a batch; convergence data stay those of the whole batch.

        Raises ``VectorError`` when ``index`` does not name one pair.
        """
        if len(index) != self.score.ndim or any(
            not -size <= i < size for i, size in zip(index, self.score.shape, strict=True)
        ):
            raise VectorError(
                f"{index} names no pair of a plan with batch shape {self.score.shape}.",
                hint="Give one index for each batch axis.",
            )
        return replace(
            self,
            forward=self.forward[index],
            backward=self.backward[index],
            p=self.p[index],
            q=self.q[index],
            similarities=self.similarities[index],
            score=np.asarray(self.score[index]),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data: nested lists of floats, batch axes first."""
        return {
            "scorer": self.scorer,
            "settings": dict(self.settings),
            "rho": self.rho,
            "score": self.score.tolist(),
            "p": self.p.tolist(),
            "q": self.q.tolist(),
            "similarities": self.similarities.tolist(),
            "forward": self.forward.tolist(),
            "backward": self.backward.tolist(),
            "joint": self.joint.tolist(),
            "contribution_of_captions": self.contribution_of_captions().tolist(),
            "contribution_of_views": self.contribution_of_views().tolist(),
            "best_view": self.best_view().tolist(),
            "converged": self.converged,
            "iterations": self.iterations,
            "marginal_error": self.marginal_error,
        }

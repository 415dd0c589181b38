"""Upper bounds of scores that need no softmax and no iteration, from similarities known up to ε."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from stitch_cir.transport._directions import EVEN, direction_weights

__all__ = ["BoundedScorer", "SetBound", "member_bounds", "member_floors"]

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SetBound:
    """How a scorer is bounded without being computed.

    ``kind``:

    - ``"members"``: every attention takes a weighted average of similarities, hence at most
      their maximum (:func:`member_bounds`);
    - ``"means"``: the score *is* ``2 p̄ · q̄``, with p̄ and q̄ the weighted means of the two sets;
    - ``"original"``: the score *is* ``2 p̄ · y_0``, with y_0 the original view.

    ``curvature``: c ≥ 0 where that average is at most ``mean + c · range²``, ``None`` where
    nothing better than the maximum is known. ``gap``: g ≥ 0 where it is at least
    ``max − g · log(1/w)``, w the weight of the largest similarity, so that the score is bounded
    from below too; ``None`` where it is not. (Conditional transport: g = τ. Its average is
    ``τ (L + KL)`` with ``L = log Σ_j w_j e^{s_j/τ} ≥ max/τ + log w`` and KL ≥ 0 the divergence of
    the softmax from the weights.)

    ``costly``: the score takes far longer than its bound.

    ``rho``: ρ in [0, 1], the weight of the views' direction in the score, and so in its bound; of
    no account for the other kinds, whose two directions are equal.
    """

    kind: Literal["members", "means", "original"]
    curvature: float | None = None
    gap: float | None = None
    costly: bool = False
    rho: float = EVEN

    @property
    def two_sided(self) -> bool:
        """Whether the score can be bounded from below as well."""
        return self.kind != "members" or self.gap is not None


@runtime_checkable
class BoundedScorer(Protocol):
    """A scorer whose scores are bounded from above; others are computed for every image."""

    def set_bound(self) -> SetBound:
        """Return how the score is bounded."""
        ...


def member_bounds(
    s: Floats,
    p: Floats,
    q: Floats | None,
    error: Floats,
    bound: SetBound,
) -> Floats:
    r"""Bound the scores of n sets under Q queries from above, whatever τ, ε or plan.

    Parameters
    ----------
    s:
        (K, M, n, Q) float32 approximate similarities, of any strides. Absent views repeat a present
        one of their set and have weight 0.
    p:
        (K, Q) weights of the captions, ≥ 0, columns of sum 1.
    q:
        (M, n) weights of the views, ≥ 0, columns of sum 1; ``None``: all present, evenly weighted.
    error:
        (n, Q) ε ≥ 0; the true similarities lie within ε of ``s``.
    bound:
        The scorer's, of the kind ``"members"``: its ρ, and its curvature c, 1/(4τ) for conditional
        transport.

    Returns (n, Q) float32, up to float32 rounding at least the score of every scorer that keeps the
    marginals at this ρ.

    *Proof.* Such a score is ``2 (1 − ρ) Σ_k p_k f_k + 2 ρ Σ_m q_m b_m``, each ``f_k`` an average
    of ``s_k·`` and ``b_m`` one of ``s_·m`` (see ``BlockScorer.upper_bound``). An average is at most
    the maximum, and that moves by at most ε when every similarity does; the factors sum to 2, so
    the score moves by at most 2ε. The average of conditional
    transport is ``f(β) = Σ w s / Σ w`` with ``w = q e^{βs}`` and β = 1/τ; ``f(0)`` is the weighted
    mean, and ``f'(β)`` is the variance of s under w, at most R²/4 for similarities within a range R
    (Popoviciu 1935). Hence ``f(1/τ) ≤ mean + R²/(4τ)``; mean and range move by at most ε and 2ε.
    Both bounds hold, so the smaller does; the averages with p and q finish the proof. ∎
    """
    curvature = bound.curvature
    of_captions, of_views = direction_weights(bound.rho)
    top: Floats = s.max(axis=1)
    if curvature is not None:
        mean = s.mean(axis=1) if q is None else np.einsum("kmnq,mn->knq", s, q)
        top = _smaller(top, s.min(axis=1), mean, error, curvature)
    total: Floats = (top * p[:, None, :]).sum(axis=0)
    total *= np.float32(of_captions)
    if of_views:
        top = s.max(axis=0)
        if curvature is not None:
            mean = np.einsum("kmnq,kq->mnq", s, p)
            top = _smaller(top, s.min(axis=0), mean, error, curvature)
        views: Floats = top.mean(axis=0) if q is None else (top * q[:, :, None]).sum(axis=0)
        views *= np.float32(of_views)
        total += views
    total += 2.0 * error
    return np.asarray(total, dtype=np.float32)


def member_floors(
    s: Floats,
    p: Floats,
    q: Floats | None,
    error: Floats,
    bound: SetBound,
) -> Floats:
    r"""Bound the scores of n sets under Q queries from below, where the bound has a gap g.

    Parameters and result are those of :func:`member_bounds`.

    *Proof.* The average of conditional transport, ``f(1/τ)``, rises with β = 1/τ (its derivative is
    a variance), so it is at least the weighted mean ``f(0)``; and it is at least the maximum less
    ``g log(1/w)``, w the weight of the largest (:class:`SetBound`). With R even views that is
    ``max(mean, max − τ log R)``. Both move by at most ε, so the score by at most 2ε. ∎
    """
    assert bound.gap is not None
    of_captions, of_views = direction_weights(bound.rho)
    gap = np.float32(bound.gap)
    if q is None:
        even, mean = np.float32(np.log(s.shape[1])), s.mean(axis=1)
    else:
        even = np.log(np.maximum(1, (q > 0).sum(axis=0))).astype(np.float32)[:, None]
        mean = np.einsum("kmnq,mn->knq", s, q)
    least = np.maximum(s.max(axis=1) - gap * even, mean)
    total: Floats = (least * p[:, None, :]).sum(axis=0)
    total *= np.float32(of_captions)
    if of_views:
        rarest = np.log(np.where(p > 0, p, 1.0).min(axis=0)).astype(np.float32)
        least = np.maximum(s.max(axis=0) + gap * rarest, np.einsum("kmnq,kq->mnq", s, p))
        views: Floats = least.mean(axis=0) if q is None else (least * q[:, :, None]).sum(axis=0)
        total += np.float32(of_views) * views
    total -= 2.0 * error
    return np.asarray(total, dtype=np.float32)


def _smaller(top: Floats, low: Floats, mean: Floats, error: Floats, curvature: float) -> Floats:
    """Return the smaller of the two bounds of an average, less the ε that both have in common."""
    spread = top - low
    spread += 2.0 * error
    spread *= spread
    spread *= np.float32(curvature)
    spread += mean
    return np.asarray(np.minimum(top, spread))

"""Entropic optimal transport by Sinkhorn's iterations, for many small pairs at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from stitch_cir._schema import default_of
from stitch_cir.transport._blocks import Block
from stitch_cir.transport._coupling import Coupling, CouplingScorer, full_marginals
from stitch_cir.transport._scorer import Tensor

__all__ = ["Sinkhorn"]

Doubles = NDArray[np.float64]
SCALABLE = 0.008
"""Smallest ε at which the kernel and its scalings are numbers that float64 has (``_scale``)."""
KEPT = 0.75
"""Share of the pairs in memory at which those that have converged are left out of it."""
LARGEST_COSINE = 1.01
"""Largest magnitude of what counts as a cosine."""


@dataclass(frozen=True, slots=True)
class Sinkhorn(CouplingScorer):
    r"""Optimal transport with an entropy term on the cost 1 − s.

    .. math::

        P = \arg\min_{P \mathbf 1 = p,\; P^\top \mathbf 1 = q}
            \sum_{km} P_{km} (1 - s_{km}) + ε \sum_{km} P_{km} \log P_{km}, \qquad
        \text{score} = 2 \sum_{km} P_{km} s_{km} .

    Cuturi, "Sinkhorn Distances", NeurIPS 2013; below an ε of 0.008 in the log domain after Peyré &
    Cuturi, "Computational Optimal Transport", 2019, §4.4. The last iterate is then rounded onto the
    exact marginals (Altschuler, Weed & Rigollet, NeurIPS 2017, algorithm 2): P is a coupling
    whether or not the iterations converged, hence the score never exceeds that of
    :class:`ExactTransport`. The entropy steers P but is no part of the score.

    Parameters
    ----------
    epsilon:
        ε ≥ 1e-6, in units of cosine. ε → 0 gives :class:`ExactTransport`, ever more slowly; ε → ∞
        gives :class:`MeanPooling`.
    max_iterations:
        Iterations after which a pair is taken as it is; a plan then says ``converged=False``.
    tolerance:
        L1 distance between the row sums of P and p at which a pair counts as converged (the column
        sums are exact after every iteration).

    Raises ``SettingError`` when ε is not a finite number of at least 1e-6, the tolerance not one
    above 0, or when there are fewer than 1 iterations.
    """

    epsilon: float = default_of("epsilon")
    max_iterations: int = default_of("max_iterations")
    tolerance: float = default_of("tolerance")

    name: ClassVar[str] = "sinkhorn"

    def score_tensors(self, s: Tensor, p: Tensor, q: Tensor) -> Tensor:
        """Score n pairs on a device: (n,).

        Iterates all pairs in float64 until the last has converged; then rounds onto p and q.
        """
        s, p, q = s.double(), p.double(), q.double()
        kernel = (s - 1.0) / self.epsilon
        log_p, log_q = p.log(), q.log()
        row_sums = (kernel + log_q[:, None, :]).logsumexp(2)
        for _ in range(self.max_iterations):
            u = log_p - row_sums
            v = log_q - (kernel + u[:, :, None]).logsumexp(1)
            row_sums = (kernel + v[:, None, :]).logsumexp(2)
            error = ((u + row_sums).exp() - p).abs().sum(1)
            if bool((error <= self.tolerance).all()):
                break
        mass = (kernel + u[:, :, None] + v[:, None, :]).exp()
        mass = mass * _shrink_tensor(mass.sum(2), p)[:, :, None]
        mass = mass * _shrink_tensor(mass.sum(1), q)[:, None, :]
        missing_p = (p - mass.sum(2)).clamp(min=0.0)
        missing_q = (q - mass.sum(1)).clamp(min=0.0)
        total = missing_p.sum(1)[:, None, None]
        total = total.masked_fill(total <= 0, 1.0)
        mass = mass + missing_p[:, :, None] * missing_q[:, None, :] / total
        return 2.0 * (mass * s).sum((1, 2))

    def _couple(self, block: Block) -> Coupling:
        p, q = full_marginals(block)
        if 1 in block.s.shape[:2]:
            # a single member on either side: there is only one coupling
            mass = p[:, None] * q[None]
            return Coupling(mass, converged=True, iterations=1, marginal_error=0.0)
        exponents = (block.s.astype(np.float64) - 1.0) / self.epsilon
        limits = self.max_iterations, self.tolerance
        if self.epsilon >= SCALABLE and bool((np.abs(block.s) <= LARGEST_COSINE).all()):
            kernel = np.exp(exponents)
            u, v, error, iterations = _scale(kernel, p, q, *limits)
            mass = kernel * u[:, None] * v[None]
        else:
            u, v, error, iterations = _potentials(exponents, p, q, *limits)
            mass = np.exp(exponents + u[:, None] + v[None])
        return Coupling(
            _round_to_marginals(mass, p, q),
            converged=bool((error <= self.tolerance).all()),
            iterations=iterations,
            marginal_error=float(error.max(initial=0.0)),
        )


def _scale(
    kernel: Doubles, p: Doubles, q: Doubles, max_iterations: int, tolerance: float
) -> tuple[Doubles, Doubles, Doubles, int]:
    """Scale ``kernel`` (K, M, n) > 0 to the marginals, without an exponential an iteration.

    Returns scalings u (K, n) and v (M, n), 0 for absent members, so that ``u_k kernel_km v_m`` has
    column sums q and nearly row sums p; the L1 error of the row sums (n,); and the iterations of
    the slowest pair.

    *Range.* Let the entries of a pair lie between exp(−R) and 1. The scalings of its solution may
    be chosen such that log v − log q is within ±R/2; so is 0, where the iterations begin, which
    never move log u or log v further from the solution than they began (in the maximum norm). Hence
    v is within q exp(±R) and u within p exp(−R) and p exp(2 R): with R ≤ 2.01 / 0.008 = 252 and
    weights that are no less than float32 has, no product leaves the range of float64.
    """
    u, v, error = np.zeros_like(p), np.zeros_like(q), np.full(p.shape[1], np.inf)
    # the pairs in the arrays, as indices into the results, and which of them are still running
    numbers, running = np.arange(p.shape[1]), np.ones(p.shape[1], bool)
    row_sums = _sum_products(kernel.swapaxes(0, 1), q)
    iterations = 0
    for iterations in range(1, max_iterations + 1):
        now_u = p / row_sums
        now_v = q / _sum_products(kernel, now_u)
        # the sums over rows measure the error and are the first half of the next iteration
        row_sums = _sum_products(kernel.swapaxes(0, 1), now_v)
        now_error = np.abs(now_u * row_sums - p).sum(axis=0)
        done = running & (now_error <= tolerance) if iterations < max_iterations else running
        if not done.any():
            continue
        finished = numbers[done]
        u[:, finished], v[:, finished] = now_u[:, done], now_v[:, done]
        error[finished] = now_error[done]
        running = running & ~done
        left = int(running.sum())
        if not left:
            break
        # to leave pairs out is to copy the others, which pays where they are many fewer
        if left <= KEPT * len(numbers):
            kernel, row_sums = kernel[:, :, running], row_sums[:, running]
            p, q, numbers = p[:, running], q[:, running], numbers[running]
            running = np.ones(left, bool)
    return u, v, error, iterations


def _sum_products(kernel: Doubles, scaling: Doubles) -> Doubles:
    """Return Σ_i kernel_ijn scaling_in: (j, n). Added one by one, alike for every n."""
    total: Doubles = kernel[0] * scaling[0]
    product = np.empty_like(total)
    for each, factor in zip(kernel[1:], scaling[1:], strict=True):
        np.multiply(each, factor, out=product)
        total += product
    return total


def _potentials(
    kernel: Doubles, p: Doubles, q: Doubles, max_iterations: int, tolerance: float
) -> tuple[Doubles, Doubles, Doubles, int]:
    """Scale ``exp(kernel)`` (K, M, n) to the marginals.

    Returns log scalings u (K, n) and v (M, n), −∞ for absent members, so that
    ``exp(u_k + kernel_km + v_m)`` has column sums q and nearly row sums p; the L1 error of the row
    sums (n,); and the iterations of the slowest pair.
    """
    with np.errstate(divide="ignore"):
        log_p, log_q = np.log(p), np.log(q)
    u, v, error = np.zeros_like(log_p), log_q.copy(), np.full(p.shape[1], np.inf)
    # the pairs still running, as indices into the results
    running = np.arange(p.shape[1])
    row_sums = _log_sum(kernel + v[None], 1)
    iterations = 0
    for iterations in range(1, max_iterations + 1):
        now_u = log_p - row_sums
        now_v = log_q - _log_sum(kernel + now_u[:, None], 0)
        # the sums over rows measure the error and are the first half of the next iteration
        row_sums = _log_sum(kernel + now_v[None], 1)
        now_error = np.abs(np.exp(now_u + row_sums) - p).sum(axis=0)
        done = now_error <= tolerance
        if iterations == max_iterations:
            done[:] = True
        if done.any():
            finished, keep = running[done], ~done
            u[:, finished], v[:, finished] = now_u[:, done], now_v[:, done]
            error[finished] = now_error[done]
            running = running[keep]
            if not len(running):
                break
            kernel, row_sums = kernel[:, :, keep], row_sums[:, keep]
            p, log_p, log_q = p[:, keep], log_p[:, keep], log_q[:, keep]
    return u, v, error, iterations


def _log_sum(x: Doubles, axis: int) -> Doubles:
    """Return log Σ exp along ``axis`` of (K, M, n), stable for any magnitude."""
    top = x.max(axis=axis, keepdims=True)
    x -= top
    np.exp(x, out=x)
    return np.asarray(top.squeeze(axis) + np.log(x.sum(axis=axis)))


def _round_to_marginals(mass: Doubles, p: Doubles, q: Doubles) -> Doubles:
    """Move a nearly feasible plan (K, M, n) onto row sums p and column sums q exactly.

    Rows, then columns, that are too heavy are scaled down; what is missing is filled in with a rank
    one plan. It moves at most twice the L1 error of the marginals (Altschuler et al., lemma 7).
    """
    mass = mass * _shrink(mass.sum(axis=1), p)[:, None]
    mass = mass * _shrink(mass.sum(axis=0), q)[None]
    missing_p = np.maximum(p - mass.sum(axis=1), 0.0)
    missing_q = np.maximum(q - mass.sum(axis=0), 0.0)
    total = missing_p.sum(axis=0)
    scale = np.where(total > 0, total, 1.0)
    filling: Doubles = missing_p[:, None] * missing_q[None] / scale
    return mass + filling


def _shrink(sums: Doubles, target: Doubles) -> Doubles:
    share: Doubles = np.minimum(target / np.where(sums > 0, sums, 1.0), 1.0)
    return share


def _shrink_tensor(sums: Tensor, target: Tensor) -> Tensor:
    return (target / sums.masked_fill(sums <= 0, 1.0)).clamp(max=1.0)

"""Marginals: how much each member of a set counts, and which members are absent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stitch_cir.errors import VectorError

__all__ = ["Floats", "Marginal", "read_marginal"]

Floats: TypeAlias = NDArray[np.floating[Any]]
"""float32 or float64, whichever a computation runs in."""


@dataclass(frozen=True, slots=True)
class Marginal:
    """The weights of one side for n pairs of sets, members first.

    ``weights``: (size, n) or (size, 1) where all n pairs share them; every column sums to 1.
    ``absent``: same shape, bool, true where the weight is 0; ``None`` when none is absent.
    ``even``: all members of all pairs count the same, so plain means may be used.
    """

    weights: Floats
    absent: NDArray[np.bool_] | None
    even: bool

    def part(self, start: int, stop: int) -> Marginal:
        """Return the marginal of the pairs ``start:stop``."""
        if self.weights.shape[1] == 1:
            return self
        absent = None if self.absent is None else self.absent[:, start:stop]
        return Marginal(self.weights[:, start:stop], absent, self.even)


def read_marginal(
    side: str,
    weights: ArrayLike | None,
    size: int,
    batch: tuple[int, ...],
    dtype: np.dtype[Any],
) -> Marginal:
    """Read the weights or the mask of one side and normalise them.

    Parameters
    ----------
    side:
        ``"p"`` or ``"q"``, for messages.
    weights:
        (..., size), broadcastable against ``batch``: weights ≥ 0 of any sum, or bool (true =
        present). ``None``: all members are present and count the same.
    size, batch, dtype:
        Number of members, batch shape of the similarities, and the float type to compute in.

    Raises ``VectorError`` for a wrong shape, negative or non-finite weights, or a set without any
    member. Weights so small that they round to 0 in ``dtype`` count as absent.
    """
    if weights is None:
        return Marginal(np.full((size, 1), 1.0 / size, dtype=dtype), None, True)
    array = np.asarray(weights)
    if array.ndim == 0 or array.shape[-1] != size:
        raise VectorError(
            f"The marginal {side} has shape {array.shape}, but its side has {size} members.",
            hint="Give one weight a member, along the last axis.",
        )
    if array.dtype.kind not in "biuf":
        raise VectorError(
            f"The marginal {side} has type {array.dtype}.", hint="Give numbers or booleans."
        )
    if array.ndim > 1:
        # broadcasting against the batch is settled here, once, so that later code sees one axis
        array = np.broadcast_to(array, (*batch, size)).reshape(-1, size)
    else:
        array = array[None, :]
    columns = np.array(array.T, dtype=np.float64, order="C")
    if columns.shape[1] == 0:
        return Marginal(columns.astype(dtype), None, False)
    largest = columns.max(axis=0)
    if not np.isfinite(columns).all() or bool((columns < 0).any()) or bool((largest <= 0).any()):
        raise VectorError(
            f"The marginal {side} is not usable: {_trouble(columns)}.",
            hint="Weights must be finite and at least 0, and at least one of every set above 0.",
        )
    if bool((columns == columns[:1]).all()):
        return Marginal(np.full((size, 1), 1.0 / size, dtype=dtype), None, True)
    columns /= largest  # first by the largest: a sum of huge weights could overflow
    columns /= columns.sum(axis=0)
    rounded = columns.astype(dtype)
    absent = rounded == 0
    return Marginal(rounded, absent if absent.any() else None, False)


def _trouble(weights: NDArray[np.float64]) -> str:
    if not np.isfinite(weights).all():
        return "it holds NaN or infinity"
    if (weights < 0).any():
        return f"its smallest weight is {weights.min()}"
    where = int(np.flatnonzero(weights.max(axis=0) <= 0)[0])
    return f"set {where} has no member with a weight above 0"

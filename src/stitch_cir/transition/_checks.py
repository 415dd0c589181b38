"""Checks of vectors, and the normalisation that all transitions use."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stitch_cir.errors import VectorError

__all__ = ["read_row", "read_rows", "to_unit"]

Doubles = NDArray[np.float64]

SHORTEST = 1e-6
"""A vector shorter than this is rounding error; its direction means nothing."""


def read_rows(what: str, vectors: ArrayLike, dim: int | None = None) -> Doubles:
    """Read (n, d) vectors, n ≥ 1, as float64.

    Raises ``VectorError`` for another shape, other than ``dim`` dimensions, or NaN or infinity.
    """
    array = np.asarray(vectors)
    if array.ndim != 2 or 0 in array.shape or array.dtype.kind not in "iuf":
        raise VectorError(
            f"The {what} have shape {array.shape} and type {array.dtype}.",
            hint="Give numbers of shape (count, dimensions), at least one row.",
        )
    if dim is not None and array.shape[1] != dim:
        raise VectorError(
            f"The {what} have {array.shape[1]} dimensions, the captions {dim}.",
            hint="All vectors must come from the same encoder.",
        )
    if not np.isfinite(array).all():
        raise VectorError(f"The {what} hold NaN or infinity.", hint="Check the encoder.")
    rows: Doubles = array.astype(np.float64)
    return rows


def read_row(what: str, vector: ArrayLike, dim: int) -> Doubles:
    """Read one (d,) vector as float64; raises as :func:`read_rows` does."""
    array = np.asarray(vector)
    if array.ndim != 1:
        raise VectorError(
            f"The {what} has shape {array.shape}.", hint=f"Give one vector of shape ({dim},)."
        )
    row: Doubles = read_rows(what, array[None, :], dim)[0]
    return row


def to_unit(what: str, vectors: Doubles) -> NDArray[np.float32]:
    """Divide every row by its length: (n, d) float32.

    Raises ``VectorError`` where a row has cancelled to zero: no direction would be better than
    any other, and NaN would spread through all scores.
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if bool((lengths < SHORTEST).any()):
        where = int(np.flatnonzero(lengths[:, 0] < SHORTEST)[0])
        raise VectorError(
            f"The {what} (row {where}) cancels to zero, and has no direction.",
            hint="Use another weight (α, scale), or the transition 'none'.",
        )
    return np.asarray(vectors / lengths, dtype=np.float32)

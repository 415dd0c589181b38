"""Batches of sets of unit vectors, padded to one length, with weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stitch_cir.errors import VectorError

__all__ = ["PointSets"]

UNIT_TOLERANCE = 1e-3
"""How far the length of a vector may be from 1."""


@dataclass(frozen=True, slots=True, eq=False)
class PointSets:
    """n sets of up to M unit vectors: caption sets of queries, or view sets of gallery images.

    Parameters
    ----------
    vectors:
        (n, M, d) float32, finite everywhere; rows of present members have length 1 ± 1e-3. What
        absent members hold does not matter.
    weights:
        (n, M), finite and ≥ 0, of any sum; normalised to sum 1 per set and kept as float32. Weight
        0 means the member is absent. ``None``: evenly weighted.
    mask:
        (n, M) bool, true where a member is present. ``None``: all present.

    Raises ``VectorError`` for wrong shapes, NaN or infinity, rows that are not unit length,
    negative weights, or a set without any member.
    """

    vectors: NDArray[np.float32] = field(repr=False)
    weights: NDArray[np.float32] | None = field(default=None, repr=False)
    mask: NDArray[np.bool_] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check everything once, so that scoring need not."""
        vectors = np.asarray(self.vectors)
        if vectors.ndim != 3 or 0 in vectors.shape[1:] or vectors.dtype.kind not in "iuf":
            raise VectorError(
                f"Sets of vectors have shape {vectors.shape} and type {vectors.dtype}.",
                hint="Give numbers of shape (sets, members, dimensions).",
            )
        vectors = vectors.astype(np.float32, copy=False)
        mask = None if self.mask is None else np.asarray(self.mask)
        if mask is not None and (mask.dtype != np.bool_ or mask.shape != vectors.shape[:2]):
            raise VectorError(
                f"The mask has shape {mask.shape} and type {mask.dtype}.",
                hint=f"Give booleans of shape {vectors.shape[:2]}, true where a member is present.",
            )
        weights = None
        present = np.ones(vectors.shape[:2], dtype=bool) if mask is None else mask
        if self.weights is not None:
            weights = _normalised(np.asarray(self.weights), present)
            present = weights > 0
        _check_rows(vectors, present)
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "mask", None if mask is None and weights is None else present)

    @classmethod
    def trusted(
        cls,
        vectors: NDArray[np.float32],
        weights: NDArray[np.float32] | None = None,
        mask: NDArray[np.bool_] | None = None,
    ) -> PointSets:
        """Wrap arrays without reading them, for hot loops over vectors that were checked before.

        ``vectors`` must be (n, M, d) float32 (a memory map is fine), ``weights`` (n, M) float32 of
        sum 1 with 0 for absent members, ``mask`` (n, M) bool.
        """
        sets = object.__new__(cls)
        object.__setattr__(sets, "vectors", vectors)
        object.__setattr__(sets, "weights", weights)
        object.__setattr__(sets, "mask", mask)
        return sets

    @classmethod
    def pack(
        cls, sets: Sequence[ArrayLike], weights: Sequence[ArrayLike | None] | None = None
    ) -> PointSets:
        """Pad sets of different sizes to one batch.

        Parameters
        ----------
        sets:
            n arrays (M_i, d) of unit rows, M_i ≥ 1, all of one d.
        weights:
            n arrays (M_i,) or ``None`` for evenly weighted sets.

        Returns n sets of length max M_i, zeros as padding, which is absent.

        Raises ``VectorError`` as the constructor does, and when shapes or counts do not fit.
        """
        arrays = [np.asarray(each) for each in sets]
        if not arrays or any(each.ndim != 2 or 0 in each.shape for each in arrays):
            raise VectorError(
                f"Sets to pack have shapes {[each.shape for each in arrays]}.",
                hint="Give at least one array, each of shape (members, dimensions).",
            )
        if len({each.shape[1] for each in arrays}) > 1:
            raise VectorError(
                f"Sets to pack have dimensions {sorted({each.shape[1] for each in arrays})}.",
                hint="All vectors must come from the same encoder.",
            )
        longest = max(len(each) for each in arrays)
        vectors = np.zeros((len(arrays), longest, arrays[0].shape[1]), dtype=np.float32)
        mask = np.arange(longest) < np.array([len(each) for each in arrays])[:, None]
        for target, each in zip(vectors, arrays, strict=True):
            target[: len(each)] = each
        if weights is None:
            return cls(vectors, mask=None if mask.all() else mask)
        if len(weights) != len(arrays):
            raise VectorError(
                f"There are {len(arrays)} sets but {len(weights)} arrays of weights.",
                hint="Give one array, or None, for each set.",
            )
        padded = np.zeros(mask.shape)
        for i, (each, each_weights) in enumerate(zip(arrays, weights, strict=True)):
            row = (
                np.ones(len(each))
                if each_weights is None
                else np.asarray(each_weights, dtype=np.float64)
            )
            if row.shape != (len(each),):
                raise VectorError(
                    f"Set {i} has {len(each)} members but weights of shape {row.shape}.",
                    hint="Give one weight a member.",
                )
            padded[i, : len(each)] = row
        return cls(vectors, _normalised(padded, mask), mask)

    def __len__(self) -> int:
        """Count the sets."""
        return len(self.vectors)

    @property
    def size(self) -> int:
        """M, the members of a set with the absent ones."""
        return int(self.vectors.shape[1])

    @property
    def dim(self) -> int:
        """d, the dimensions of a vector."""
        return int(self.vectors.shape[2])

    def marginals(self) -> NDArray[np.float32] | None:
        """Return what scorers take as p or q: (n, M) float32, 0 = absent; ``None`` = even and full.

        A set that has a mask but no weights gives ones and zeros, which scorers normalise.
        """
        if self.weights is None:
            return None if self.mask is None else self.mask.astype(np.float32)
        if self.mask is None:
            return self.weights
        return np.where(self.mask, self.weights, np.float32(0.0))

    def part(self, start: int, stop: int) -> PointSets:
        """Return the sets ``start:stop`` as views of the same memory, unchecked."""
        return PointSets.trusted(
            self.vectors[start:stop],
            None if self.weights is None else self.weights[start:stop],
            None if self.mask is None else self.mask[start:stop],
        )


def _normalised(weights: NDArray[np.generic], present: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return weights (n, M) of sum 1 per set, 0 where absent."""
    if weights.shape != present.shape or weights.dtype.kind not in "biuf":
        raise VectorError(
            f"Weights have shape {weights.shape} and type {weights.dtype}.",
            hint=f"Give numbers of shape {present.shape}, one for each member.",
        )
    values = np.where(present, weights, 0.0).astype(np.float64)
    if not np.isfinite(values).all() or bool((values < 0).any()):
        where = np.argwhere(~np.isfinite(values) | (values < 0))[0].tolist()
        raise VectorError(
            f"The weight of member {where[1]} of set {where[0]} is {values[tuple(where)]}.",
            hint="Weights must be finite and at least 0.",
        )
    largest = values.max(axis=1, keepdims=True)
    values /= np.where(largest > 0, largest, 1.0)
    total = values.sum(axis=1, keepdims=True)
    return (values / np.where(total > 0, total, 1.0)).astype(np.float32)


def _check_rows(vectors: NDArray[np.float32], present: NDArray[np.bool_]) -> None:
    if not present.any(axis=1).all():
        raise VectorError(
            f"Set {int(np.flatnonzero(~present.any(axis=1))[0])} has no present member.",
            hint="Every set needs a member with a weight above 0.",
        )
    finite = np.isfinite(vectors).all(axis=2)
    if not finite.all():
        where = np.argwhere(~finite)[0].tolist()
        raise VectorError(
            f"Vector {where[1]} of set {where[0]} holds NaN or infinity.",
            hint="Check the encoder; padding must be finite too, zeros for instance.",
        )
    lengths = np.sqrt(np.einsum("nmd,nmd->nm", vectors, vectors))
    wrong = present & ~(np.abs(lengths - 1.0) <= UNIT_TOLERANCE)
    if wrong.any():
        where = np.argwhere(wrong)[0].tolist()
        raise VectorError(
            f"Vector {where[1]} of set {where[0]} has length {lengths[tuple(where)]:.6g}, not 1.",
            hint="Divide every vector by its Euclidean length.",
        )

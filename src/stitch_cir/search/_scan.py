"""One pass over a gallery that bounds the score of every set, for one or many queries.

Vectors stream from the memory map in blocks that stay in the cache, on all cores; only the bounds,
one float32 an image and query, are kept. Why they are bounds: docs/exact-search.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stitch_cir.cores import usable_cores
from stitch_cir.gallery import Codes, ViewMatrix
from stitch_cir.search._asked import Asked
from stitch_cir.search._fused import Loop, fused_loop
from stitch_cir.search._products import ZERO, integer_product
from stitch_cir.search._results import Query
from stitch_cir.transport import SetBound, member_bounds

__all__ = ["scan"]

Floats: TypeAlias = NDArray[np.float32]
Rows: TypeAlias = NDArray[np.int64]
Places: TypeAlias = "slice | NDArray[np.int64]"
Bounder: TypeAlias = Callable[[Rows], tuple[Floats, Floats]]
"""Rows (n,) → upper bounds (n, Q), and the errors ε (n, Q) of similarities they allow for."""

ELEMENTS = 1 << 18
"""Similarities of a block: its work arrays fit the second-level cache."""
VIEWS = 8192
"""Views of a block at most."""
WIDEST = 4096
"""Dimensions up to which the sums of coded products fit 32 bits."""
FEW = 8
"""Queries below which images, not queries, go on the last axis."""
COARSE = 0.03
"""Largest error of a caption that is worth halving the products for."""


def scan(
    matrix: ViewMatrix,
    rows: Rows,
    queries: Sequence[Query],
    bound: SetBound,
    *,
    lower: bool = False,
) -> Floats:
    """Bound the scores of the images ``rows`` (n,) under queries of one K: (Q, n) float32.

    From above, or with ``lower`` from below where the bound says how (``bound.gap``). The scores
    meant are those of the float32 vectors in exact arithmetic. An image whose vectors are no
    numbers gets the bound +∞, or −∞ from below.
    """
    asked = Asked.of(queries)
    found = np.empty((len(queries), len(rows)), dtype=np.float32)
    codes = matrix.codes if asked.dim <= WIDEST and bound.kind == "members" else None
    step, bounder = VIEWS, None
    if bound.kind == "members":
        curvature = None if lower else bound.curvature
        bounder = _bounder(matrix, asked, curvature, codes)
        widest = int((matrix.offsets[rows + 1] - matrix.offsets[rows]).max())
        step = max(1, min(VIEWS, ELEMENTS // len(asked.vectors)) // widest)
    nowhere = -np.inf if lower else np.inf

    def one(start: int) -> None:
        part = slice(start, min(start + step, len(rows)))
        with np.errstate(invalid="ignore", over="ignore", under="ignore"):
            if bounder is not None:
                bounds, error = bounder(rows[part])
                if lower:
                    bounds = bounds - 4 * error - _gap(matrix, rows[part], asked, bound)
            else:
                bounds = _single(matrix, rows[part], asked, bound.kind, lower)
        found[:, part] = np.where(np.isfinite(bounds), bounds, nowhere).T

    starts = range(0, len(rows), step)
    if codes is None:
        for start in starts:  # float32 products take all cores themselves
            one(start)
    else:
        _on_all_cores(one, starts)
    return found


def _on_all_cores(task: Callable[[int], None], items: Iterable[int]) -> None:
    """Run ``task`` for every item in threads; what one raises, or an interrupt, ends all."""
    pool = ThreadPoolExecutor(usable_cores(), thread_name_prefix="scan")
    try:
        for future in [pool.submit(task, item) for item in items]:
            future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _gap(matrix: ViewMatrix, rows: Rows, asked: Asked, bound: SetBound) -> Floats:
    """Say how far a score may lie below Chamfer: (n, Q)."""
    assert bound.gap is not None
    sizes = matrix.offsets[rows + 1] - matrix.offsets[rows]
    least = np.where(asked.weights > 0, asked.weights, 1.0).min(axis=0)
    return np.asarray(bound.gap * (np.log(sizes)[:, None] - np.log(least)), dtype=np.float32)


def _bounder(
    matrix: ViewMatrix, asked: Asked, curvature: float | None, codes: Codes | None
) -> Bounder:
    """Choose how to bound from all views."""
    if codes is None:
        return _plain(matrix, asked, curvature)
    loop = fused_loop() if len(asked.steps) == 1 and curvature is None else None
    if loop is None:
        return _coded(matrix, codes, asked, curvature)
    return _fused(matrix, codes, asked, loop)


def _plain(matrix: ViewMatrix, asked: Asked, curvature: float | None) -> Bounder:
    def bound(rows: Rows) -> tuple[Floats, Floats]:
        places, width, weights = _places(matrix, rows)
        found = matrix.vectors[places] @ asked.vectors.T
        s = found.reshape(len(rows), width, asked.captions, -1).transpose(2, 1, 0, 3)
        error = _rounding(asked, width) + asked.longest * np.float32(asked.dim * 2.0**-23)
        error = np.broadcast_to(error, s.shape[2:])
        return member_bounds(s, asked.weights, weights, error, curvature), error

    return bound


def _coded(matrix: ViewMatrix, codes: Codes, asked: Asked, curvature: float | None) -> Bounder:
    finely = len(asked.steps) < FEW or bool(asked.lost_coarse.max() > COARSE)
    columns, steps, lost = asked.whole, asked.steps, asked.lost_coarse
    if finely:
        columns = np.hstack([asked.whole, asked.finer])
        steps, lost = asked.steps / np.float32(64), asked.lost
    base = asked.base(codes.centre)

    def bound(rows: Rows) -> tuple[Floats, Floats]:
        places, width, weights = _places(matrix, rows)
        sums = integer_product(codes.codes[places], columns)
        products = sums.reshape(len(rows), width, 1 + finely, *asked.weights.shape)
        scales = codes.scales[places].reshape(len(rows), width)
        s = _similarities(products, scales, steps, base)
        error = _error(codes, rows, asked, lost, width)
        return member_bounds(s, asked.weights, weights, error, curvature), error

    return bound


def _fused(matrix: ViewMatrix, codes: Codes, asked: Asked, loop: Loop) -> Bounder:
    rows_of = np.ascontiguousarray((64 * asked.whole.astype(np.int16) + asked.finer).T)
    shift = (ZERO * rows_of.sum(axis=1, dtype=np.int64)).astype(np.int32)
    step, weights = asked.steps[0] / np.float32(64), np.ascontiguousarray(asked.weights[:, 0])
    base = np.ascontiguousarray(asked.base(codes.centre)[:, 0])
    # plain arrays: the compiler knows no memory maps
    code, scales = np.asarray(codes.codes), np.asarray(codes.scales)

    def bound(rows: Rows) -> tuple[Floats, Floats]:
        starts = matrix.offsets[rows]
        sizes = matrix.offsets[rows + 1] - starts
        found = np.empty(len(rows), np.float32)
        loop(code, scales, starts, sizes, rows_of, shift, step, base, weights, found)
        error = _error(codes, rows, asked, asked.lost, int(sizes.max()))
        return found[:, None] + 2 * error, error

    return bound


def _error(codes: Codes, rows: Rows, asked: Asked, lost: Floats, width: int) -> Floats:
    """Bound what eight bits and rounding change of the similarities of each set: (n, Q)."""
    far = codes.errors[rows]
    return np.asarray(far[:, :1] * asked.longest + far[:, 1:] * lost + _rounding(asked, width))


def _rounding(asked: Asked, width: int) -> np.float32:
    """Bound float32 sums over captions and views, and the few operations before them."""
    return np.float32((asked.captions + width + 16) * 2.0**-23)


def _similarities(
    products: NDArray[np.int32], scales: Floats, steps: Floats, base: Floats
) -> Floats:
    """Turn products (n, M, parts, K, Q) into similarities (K, M, n, Q), the longer axis contiguous.

    A second part is the finer one, 64 to one of the first.
    """
    few = products.shape[-1] < FEW
    ordered = products.transpose((2, 3, 4, 1, 0) if few else (2, 0, 1, 3, 4))
    parts = ordered.astype(np.float32, order="C")
    s: Floats = parts[0]
    if len(parts) == 2:
        s *= 64
        s += parts[1]
    if few:
        s *= steps[:, None, None] * scales.T
        s += base[:, :, None, None]
        return s.transpose(0, 2, 3, 1)
    s *= (scales[:, :, None] * steps)[:, :, None]
    s += base
    return s.transpose(2, 1, 0, 3)


def _places(matrix: ViewMatrix, rows: Rows) -> tuple[Places, int, Floats | None]:
    """Say where the views of ``rows`` lie, padded to one width by repeating each set's first view.

    Returns places of n · width views, the width, and weights (width, n), ``None`` if all even.
    """
    starts = matrix.offsets[rows]
    sizes = matrix.offsets[rows + 1] - starts
    width = int(sizes.max())
    even = bool((sizes == width).all())
    if even and int(rows[-1] - rows[0]) == len(rows) - 1:
        return slice(int(starts[0]), int(starts[-1]) + width), width, None
    steps = np.arange(width)[:, None]
    present = steps < sizes
    places = np.where(present, starts + steps, starts).T.ravel()
    weights = None if even else np.where(present, 1.0 / sizes, 0.0).astype(np.float32)
    return places, width, weights


def _single(matrix: ViewMatrix, rows: Rows, asked: Asked, kind: str, lower: bool) -> Floats:
    """Bound from one vector a set, in which the score is linear: (n, Q)."""
    mean = asked.mean()
    lengths: Floats | np.float32 = np.float32(1.0)
    if kind == "means":
        assert matrix.lengths is not None
        consecutive = int(rows[-1] - rows[0]) == len(rows) - 1
        part: Places = slice(int(rows[0]), int(rows[-1]) + 1) if consecutive else rows
        vectors, lengths = matrix.means[part], matrix.lengths[part][:, None]
    else:
        vectors = matrix.vectors[matrix.offsets[rows]]
    rounding = np.linalg.norm(mean, axis=1) * np.float32((asked.dim + 16) * 2.0**-23)
    bounds = vectors @ mean.T + (-rounding if lower else rounding)
    return np.asarray(bounds * (2 * lengths), dtype=np.float32)

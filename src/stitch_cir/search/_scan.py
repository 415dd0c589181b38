"""One pass over a gallery that bounds the score of every set, for one or many queries.

Vectors stream from the memory map in blocks that stay in the cache, on all cores; only the bounds,
one float32 an image and query, are kept. Why they are bounds: docs/exact-search.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stitch_cir.gallery import Codes, ViewMatrix
from stitch_cir.search._asked import Asked
from stitch_cir.search._products import integer_product
from stitch_cir.search._results import Query
from stitch_cir.transport import SetBound, member_bounds

__all__ = ["scan"]

Floats: TypeAlias = NDArray[np.float32]
Rows: TypeAlias = NDArray[np.int64]
Places: TypeAlias = "slice | NDArray[np.int64]"
Look: TypeAlias = Callable[[Rows, Places, int], tuple[Floats, Floats]]
"""Rows (n,), the places of their n · M views, M → similarities (K, M, n, Q), their error (n, Q)."""

ELEMENTS = 1 << 18
"""Similarities of a block: its work arrays fit the second-level cache."""
VIEWS = 4096
"""Views of a block at most."""
CODED_FROM = 1 << 23
"""Numbers in a gallery's vectors from which eight bits pay for starting the inference engine."""
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
    step, look = VIEWS, None
    if bound.kind == "members":
        look = _look(matrix, asked)
        widest = int((matrix.offsets[rows + 1] - matrix.offsets[rows]).max())
        step = max(1, min(VIEWS, ELEMENTS // len(asked.vectors)) // widest)
    nowhere = -np.inf if lower else np.inf

    def one(start: int) -> None:
        part = slice(start, min(start + step, len(rows)))
        with np.errstate(invalid="ignore", over="ignore", under="ignore"):
            if look is not None:
                bounds = _members(matrix, rows[part], asked, bound, look, lower)
            else:
                bounds = _single(matrix, rows[part], asked, bound.kind, lower)
        found[:, part] = np.where(np.isfinite(bounds), bounds, nowhere).T

    _on_all_cores(one, range(0, len(rows), step))
    return found


def _on_all_cores(task: Callable[[int], None], items: Iterable[int]) -> None:
    """Run ``task`` for every item in threads; what one raises, or an interrupt, ends all."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    pool = ThreadPoolExecutor(cores, thread_name_prefix="scan")
    try:
        for future in [pool.submit(task, item) for item in items]:
            future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _members(
    matrix: ViewMatrix, rows: Rows, asked: Asked, bound: SetBound, look: Look, lower: bool
) -> Floats:
    """Bound from all views: (n, Q)."""
    places, width, weights = _places(matrix, rows)
    s, error = look(rows, places, width)
    # float32 sums over captions and views, and the few operations before them
    error = error + np.float32((asked.captions + width + 16) * 2.0**-23)
    if not lower:
        return member_bounds(s, asked.weights, weights, error, bound.curvature)
    assert bound.gap is not None
    sizes = matrix.offsets[rows + 1] - matrix.offsets[rows]
    least = np.where(asked.weights > 0, asked.weights, 1.0).min(axis=0)
    gap = bound.gap * (np.log(sizes)[:, None] - np.log(least))
    return np.asarray(member_bounds(s, asked.weights, weights, error) - 4 * error - gap, np.float32)


def _look(matrix: ViewMatrix, asked: Asked) -> Look:
    codes = matrix.codes
    if codes is not None and matrix.vectors.size >= CODED_FROM and asked.dim <= WIDEST:
        return _coded(codes, asked)

    def plain(rows: Rows, places: Places, width: int) -> tuple[Floats, Floats]:
        found = matrix.vectors[places] @ asked.vectors.T
        s = found.reshape(len(rows), width, asked.captions, -1).transpose(2, 1, 0, 3)
        error = np.broadcast_to(asked.longest * np.float32(asked.dim * 2.0**-23), s.shape[2:])
        return s, error

    return plain


def _coded(codes: Codes, asked: Asked) -> Look:
    finely = len(asked.steps) < FEW or bool(asked.lost_coarse.max() > COARSE)
    columns, steps, lost = asked.whole, asked.steps, asked.lost_coarse
    if finely:
        columns = np.hstack([asked.whole, asked.finer])
        steps, lost = asked.steps / np.float32(64), asked.lost
    base = asked.base(codes.centre)

    def look(rows: Rows, places: Places, width: int) -> tuple[Floats, Floats]:
        sums = integer_product(codes.codes[places], columns)
        parts = sums.reshape(len(rows), width, 1 + finely, *asked.weights.shape)
        products = parts[:, :, 0]
        if finely:
            products *= 64
            products += parts[:, :, 1]
        scales = codes.scales[places].reshape(len(rows), width)
        far = codes.errors[rows]
        error = far[:, :1] * asked.longest + far[:, 1:] * lost
        return _similarities(products, scales, steps, base), error

    return look


def _similarities(
    products: NDArray[np.int32], scales: Floats, steps: Floats, base: Floats
) -> Floats:
    """Turn products (n, M, K, Q) into similarities (K, M, n, Q), the longer axis contiguous."""
    count, width, captions, queries = products.shape
    if queries < FEW:
        s = np.empty((captions, queries, width, count), np.float32)
        np.copyto(s, products.transpose(2, 3, 1, 0), casting="unsafe")
        s *= steps[:, None, None] * scales.T
        s += base[:, :, None, None]
        return s.transpose(0, 2, 3, 1)
    s = products.astype(np.float32)
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

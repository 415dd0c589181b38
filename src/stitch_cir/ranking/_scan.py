"""One pass over packed sets that bounds the score of every set, for one or many queries.

Vectors stream from the memory map in blocks that stay in the cache, on all cores; only the bounds,
one float32 a set and query, are kept. Why they are bounds: docs/exact-search.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stitch_cir._cores import usable_cores
from stitch_cir.ranking._problem import CaptionSet, PackedCodes, PackedSets
from stitch_cir.ranking._products import integer_product, product_by_sets
from stitch_cir.ranking._query_batch import QueryBatch
from stitch_cir.transport import SetBound, direction_weights, member_bounds, member_floors

__all__ = ["Scanner"]

Floats: TypeAlias = NDArray[np.float32]
Rows: TypeAlias = NDArray[np.int64]
Indices: TypeAlias = "slice | NDArray[np.int64]"
Bounder: TypeAlias = Callable[[Rows], tuple[Floats, Floats]]
"""Rows (n,) → bounds (n, Q), and the errors ε (n, Q) of similarities they allow for."""
Limit: TypeAlias = Callable[..., Floats]
"""``member_bounds`` or ``member_floors`` of a scorer."""

WIDEST = 4096
"""Dimensions up to which the sums of coded products fit 32 bits."""


@dataclass(frozen=True, slots=True)
class Scanner:
    """Bounds the scores of all sets in one pass. Safe to share between threads.

    Parameters
    ----------
    views_per_block, similarities_per_block:
        Limits of a block: so large that calls cost little beside what they compute, so small that
        a block's work arrays take a few megabytes. Blocks are of one size, as many as keep all
        cores busy to the end.
    few:
        Number of queries below which sets, not queries, go on the last axis.
    coarse_error:
        Largest error of a caption that is worth halving the products for.
    """

    views_per_block: int = 1 << 15
    similarities_per_block: int = 1 << 18
    few: int = 8
    coarse_error: float = 0.03

    def scan(
        self,
        sets: PackedSets,
        rows: Rows,
        queries: Sequence[CaptionSet],
        bound: SetBound,
        *,
        lower: bool = False,
    ) -> Floats:
        """Bound the scores of the sets ``rows`` (n,) under queries of one K: (Q, n) float32.

        From above, or with ``lower`` from below where the bound says how (``bound.gap``). The
        scores meant are those of the float32 vectors in exact arithmetic. A set with NaN or
        infinity in its vectors gets the bound +∞, or −∞ from below.
        """
        batch = QueryBatch.of(queries)
        bounds = np.empty((len(queries), len(rows)), dtype=np.float32)
        codes = sets.codes if batch.dim <= WIDEST and bound.kind == "members" else None
        step, bounder = self.views_per_block, None
        if bound.kind == "members":
            bounder = self._bounder(sets, batch, bound, codes, lower)
            widest = int((sets.offsets[rows + 1] - sets.offsets[rows]).max())
            views = min(self.views_per_block, self.similarities_per_block // len(batch.vectors))
            step = _even(len(rows), max(1, views // widest))
        unknown = -np.inf if lower else np.inf

        def bound_block(start: int) -> None:
            part = slice(start, min(start + step, len(rows)))
            with np.errstate(invalid="ignore", over="ignore", under="ignore"):
                if bounder is not None:
                    block, error = bounder(rows[part])
                    if lower and bound.curvature is None:
                        block = block - 4 * error - _gap(sets, rows[part], batch, bound)
                else:
                    block = _single(sets, rows[part], batch, bound.kind, lower)
            bounds[:, part] = np.where(np.isfinite(block), block, unknown).T

        starts = range(0, len(rows), step)
        if codes is None:
            for start in starts:  # float32 products take all cores themselves
                bound_block(start)
        else:
            _on_all_cores(bound_block, starts)
        return bounds

    def _bounder(
        self,
        sets: PackedSets,
        batch: QueryBatch,
        bound: SetBound,
        codes: PackedCodes | None,
        lower: bool,
    ) -> Bounder:
        """Choose how to bound from all views.

        From below there is a bound with the mean where there is a curvature; elsewhere it follows
        from that from above.
        """
        limit = member_floors if lower and bound.curvature is not None else member_bounds
        if codes is None:
            return _plain(sets, batch, partial(limit, bound=bound))
        few = len(batch.steps) < self.few
        finely = few or bool(batch.lost_coarse.max() > self.coarse_error)
        return _coded(sets, codes, batch, partial(limit, bound=bound), few=few, finely=finely)


def _even(count: int, most: int) -> int:
    """Return the size of blocks of at most ``most`` sets that all cores finish together."""
    blocks = -(-count // most)
    if blocks > 1:
        cores = usable_cores()
        blocks = -(-blocks // cores) * cores
    return -(-count // blocks)


def _on_all_cores(task: Callable[[int], None], items: Iterable[int]) -> None:
    """Run ``task`` for every item in threads; what one raises, or an interrupt, ends all."""
    cores = usable_cores()
    if cores == 1:
        # each further thread would keep memory of its own for what it allocated
        for item in items:
            task(item)
        return
    pool = ThreadPoolExecutor(cores, thread_name_prefix="scan")
    try:
        for future in [pool.submit(task, item) for item in items]:
            future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _gap(sets: PackedSets, rows: Rows, batch: QueryBatch, bound: SetBound) -> Floats:
    """Return how far a score may lie below Chamfer: (n, Q)."""
    assert bound.gap is not None
    of_captions, of_views = direction_weights(bound.rho)
    sizes = sets.offsets[rows + 1] - sets.offsets[rows]
    least = np.where(batch.weights > 0, batch.weights, 1.0).min(axis=0)
    # a caption attends to views of equal weight, a view to captions of the query's weights
    gap = of_captions * np.log(sizes)[:, None] - of_views * np.log(least)
    return np.asarray(bound.gap * gap, dtype=np.float32)


def _plain(sets: PackedSets, batch: QueryBatch, limit: Limit) -> Bounder:
    def bound(rows: Rows) -> tuple[Floats, Floats]:
        indices, width, weights = _indices(sets, rows)
        products = sets.vectors[indices] @ batch.vectors.T
        s = products.reshape(len(rows), width, batch.captions, -1).transpose(2, 1, 0, 3)
        error = _rounding(batch, width) + batch.longest * np.float32(batch.dim * 2.0**-23)
        error = np.broadcast_to(error, s.shape[2:])
        return limit(s, batch.weights, weights, error), error

    return bound


def _coded(
    sets: PackedSets,
    codes: PackedCodes,
    batch: QueryBatch,
    limit: Limit,
    *,
    few: bool,
    finely: bool,
) -> Bounder:
    columns, steps, lost = batch.whole, batch.steps, batch.lost_coarse
    if finely:
        columns = np.hstack([batch.whole, batch.finer])
        steps, lost = batch.steps / np.float32(64), batch.lost
    base = batch.base(codes.centre)
    # few queries are always computed finely
    sums = np.eye(batch.weights.size if few else 0, dtype=np.float32)
    mixture = np.vstack([np.float32(64) * sums, sums])

    def bound(rows: Rows) -> tuple[Floats, Floats]:
        indices, width, weights = _indices(sets, rows)
        scales = codes.scales[indices].reshape(len(rows), width)
        if few:
            mixed = product_by_sets(codes.codes[indices], columns, mixture, width)
            s = _similarities_of_few(mixed.reshape(width, *base.shape, -1), scales, steps, base)
        else:
            whole = integer_product(codes.codes[indices], columns)
            products = whole.reshape(len(rows), width, 1 + finely, *base.shape)
            s = _similarities(products, scales, steps, base)
        error = _error(codes, rows, batch, lost, width)
        return limit(s, batch.weights, weights, error), error

    return bound


def _error(codes: PackedCodes, rows: Rows, batch: QueryBatch, lost: Floats, width: int) -> Floats:
    """Bound what eight bits and rounding change of the similarities of each set: (n, Q)."""
    far = codes.errors[rows]
    return np.asarray(far[:, :1] * batch.longest + far[:, 1:] * lost + _rounding(batch, width))


def _rounding(batch: QueryBatch, width: int) -> np.float32:
    """Bound float32 sums over captions and views, and the few operations before them."""
    return np.float32((batch.captions + width + 16) * 2.0**-23)


def _similarities_of_few(s: Floats, scales: Floats, steps: Floats, base: Floats) -> Floats:
    """Turn products (M, K, Q, n), whose memory is used, into similarities (K, M, n, Q)."""
    s *= scales.T[:, None, None, :] * steps[:, None]
    s += base[:, :, None]
    return s.transpose(1, 0, 3, 2)


def _similarities(
    products: NDArray[np.int32], scales: Floats, steps: Floats, base: Floats
) -> Floats:
    """Turn products (n, M, parts, K, Q) into similarities (K, M, n, Q), Q last in memory.

    A second part is the finer one, 64 to one of the first.
    """
    parts = products.transpose(2, 0, 1, 3, 4).astype(np.float32, order="C")
    s: Floats = parts[0]
    if len(parts) == 2:
        s *= 64
        s += parts[1]
    s *= (scales[:, :, None] * steps)[:, :, None]
    s += base
    return s.transpose(2, 1, 0, 3)


def _indices(sets: PackedSets, rows: Rows) -> tuple[Indices, int, Floats | None]:
    """Locate the views of ``rows``, padded to one width by repeating each set's first view.

    Returns indices of n · width views, the width, and weights (width, n), ``None`` if all even.
    """
    starts = sets.offsets[rows]
    sizes = sets.offsets[rows + 1] - starts
    width = int(sizes.max())
    even = bool((sizes == width).all())
    if even and int(rows[-1] - rows[0]) == len(rows) - 1:
        return slice(int(starts[0]), int(starts[-1]) + width), width, None
    steps = np.arange(width)[:, None]
    present = steps < sizes
    indices = np.where(present, starts + steps, starts).T.ravel()
    weights = None if even else np.where(present, 1.0 / sizes, 0.0).astype(np.float32)
    return indices, width, weights


def _single(sets: PackedSets, rows: Rows, batch: QueryBatch, kind: str, lower: bool) -> Floats:
    """Bound from one vector a set, in which the score is linear: (n, Q)."""
    mean = batch.mean()
    lengths: Floats | np.float32 = np.float32(1.0)
    if kind == "means":
        assert sets.lengths is not None
        consecutive = int(rows[-1] - rows[0]) == len(rows) - 1
        part: Indices = slice(int(rows[0]), int(rows[-1]) + 1) if consecutive else rows
        vectors, lengths = sets.means[part], sets.lengths[part][:, None]
    else:
        vectors = sets.vectors[sets.offsets[rows]]
    rounding = np.linalg.norm(mean, axis=1) * np.float32((batch.dim + 16) * 2.0**-23)
    bounds = vectors @ mean.T + (-rounding if lower else rounding)
    return np.asarray(bounds * (2 * lengths), dtype=np.float32)

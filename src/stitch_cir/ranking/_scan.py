"""One pass over packed sets that bounds the score of every set, for one or many queries.

Vectors stream from the memory map in blocks that stay in the cache, on all cores; only the bounds,
one float32 a set and query, are kept. Why they are bounds: docs/exact-search.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stitch_cir._cores import usable_cores
from stitch_cir.ranking._problem import CaptionSet, PackedCodes, PackedSets, as_slice, set_sizes
from stitch_cir.ranking._products import bounds as bounds_of
from stitch_cir.ranking._products import similarities as similarities_of
from stitch_cir.ranking._query_batch import QueryBatch
from stitch_cir.transport import SetBound, direction_weights, member_bounds, member_floors

__all__ = ["Scanner"]

Floats: TypeAlias = NDArray[np.float32]
Rows: TypeAlias = NDArray[np.int64]
Indices: TypeAlias = "slice | NDArray[np.int64]"
Bounder: TypeAlias = Callable[[Rows], Floats]
"""Rows (n,) → bounds (Q, n)."""
Limit: TypeAlias = Callable[..., Floats]
"""``member_bounds`` or ``member_floors`` of a scorer."""
Locate: TypeAlias = "Callable[[Rows], tuple[Indices, int, Floats | None]]"
"""What :func:`_indices` returns for rows."""

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
        Number of queries below which captions are never coarse: finer ones cost no more.
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
        step = self.views_per_block
        bounder: Bounder = partial(_single, sets, batch, bound.kind, lower)
        if bound.kind == "members":
            sizes = set_sizes(sets, rows)
            widest = int(sizes.max())
            locate = partial(_indices, sets, widest if int(sizes.min()) == widest else None)
            bounder = self._bounder(sets, locate, batch, bound, codes, lower)
            views = min(self.views_per_block, self.similarities_per_block // len(batch.vectors))
            step = _even(len(rows), max(1, views // widest))

        def bound_block(start: int) -> None:
            part = slice(start, min(start + step, len(rows)))
            with np.errstate(invalid="ignore", over="ignore", under="ignore"):
                bounds[:, part] = bounder(rows[part])
                if lower and bound.kind == "members" and bound.curvature is None:
                    bounds[:, part] -= _gap(sets, rows[part], batch, bound).T

        starts = range(0, len(rows), step)
        if codes is None:
            for start in starts:  # float32 products take all cores themselves
                bound_block(start)
        else:
            _on_all_cores(bound_block, starts)
        for of_query in bounds:
            np.copyto(of_query, -np.inf if lower else np.inf, where=~np.isfinite(of_query))
        return bounds

    def _bounder(
        self,
        sets: PackedSets,
        locate: Locate,
        batch: QueryBatch,
        bound: SetBound,
        codes: PackedCodes | None,
        lower: bool,
    ) -> Bounder:
        """Choose how to bound from all views.

        From below there is a bound with the mean where there is a curvature; elsewhere it follows
        from that from above.
        """
        limit: Limit = partial(member_bounds, bound=bound)
        if lower:
            floors = partial(member_floors, bound=bound)
            limit = floors if bound.curvature is not None else _lowered(limit)
        if codes is None:
            return _plain(sets, locate, batch, limit)
        few = len(batch.steps) < self.few
        finely = few or bool(batch.lost_coarse.max() > self.coarse_error)
        if bound.curvature is not None:
            return _coded(codes, locate, batch, limit, finely=finely)
        return _coded_maxima(codes, locate, batch, bound, finely=finely, lower=lower)


def _even(count: int, most: int) -> int:
    """Return the size of blocks of some ``most`` sets that all cores finish together, even."""
    blocks = -(-count // most)
    if blocks > 1:
        cores = usable_cores()
        blocks = -(-blocks // cores) * cores
    size = -(-count // blocks)
    return size + size % 2 if blocks > 1 else size


def _on_all_cores(task: Callable[[int], None], items: Iterable[int]) -> None:
    """Run ``task`` for every item, in this thread and others; what one raises ends all."""
    waiting = deque(items)

    def take() -> int | None:
        with suppress(IndexError):  # there is none left
            return waiting.popleft()
        return None

    def work() -> None:
        try:
            for item in iter(take, None):
                task(item)
        except BaseException:
            waiting.clear()
            raise

    others = min(usable_cores(), len(waiting)) - 1
    if others < 1:
        # each further thread would keep memory of its own for what it allocated
        work()
        return
    with ThreadPoolExecutor(others, thread_name_prefix="scan") as pool:
        working = [pool.submit(work) for _ in range(others)]
        work()
        for each in working:
            each.result()


def _gap(sets: PackedSets, rows: Rows, batch: QueryBatch, bound: SetBound) -> Floats:
    """Return how far a score may lie below Chamfer: (n, Q)."""
    assert bound.gap is not None
    of_captions, of_views = direction_weights(bound.rho)
    sizes = set_sizes(sets, rows)
    least = np.where(batch.weights > 0, batch.weights, 1.0).min(axis=0)
    # a caption attends to views of equal weight, a view to captions of the query's weights
    gap = of_captions * np.log(sizes)[:, None] - of_views * np.log(least)
    return np.asarray(bound.gap * gap, dtype=np.float32)


def _lowered(limit: Limit) -> Limit:
    """Return what bounds Chamfer from below where ``limit`` does from above."""
    return lambda s, p, q, error: limit(s, p, q, error) - 4 * error


def _plain(sets: PackedSets, locate: Locate, batch: QueryBatch, limit: Limit) -> Bounder:
    def bound(rows: Rows) -> Floats:
        indices, width, weights = locate(rows)
        products = sets.vectors[indices] @ batch.vectors.T
        s = products.reshape(len(rows), width, batch.captions, -1).transpose(2, 1, 0, 3)
        error = _rounding(batch, width) + batch.longest * np.float32(batch.dim * 2.0**-23)
        return limit(s, batch.weights, weights, np.broadcast_to(error, s.shape[2:])).T

    return bound


def _coded(
    codes: PackedCodes, locate: Locate, batch: QueryBatch, limit: Limit, *, finely: bool
) -> Bounder:
    """Bound in NumPy from similarities to coded views."""
    arrays, lost = _captions(codes, batch, finely)
    compute = similarities_of(finely=finely)

    def bound(rows: Rows) -> Floats:
        indices, width, weights = locate(rows)
        # the larger axis last
        parts = 1 if len(rows) >= len(lost) else len(rows)
        s = compute(arrays | _views(codes, indices, width, parts, batch, finely))
        s = s[0].transpose(1, 0, 3, 2) if parts == 1 else s[..., 0].transpose(2, 1, 0, 3)
        far = codes.errors[as_slice(rows)]
        error = far[:, :1] * batch.longest + far[:, 1:] * lost + _rounding(batch, width)
        return limit(s, batch.weights, weights, error).T

    return bound


def _coded_maxima(
    codes: PackedCodes,
    locate: Locate,
    batch: QueryBatch,
    bound: SetBound,
    *,
    finely: bool,
    lower: bool,
) -> Bounder:
    """Bound by maxima alone, in one call: what ``member_bounds`` does without a curvature."""
    arrays, lost = _captions(codes, batch, finely)
    of_captions, of_views = direction_weights(bound.rho)
    sign = np.float32(-2.0 if lower else 2.0)
    arrays["p"] = (batch.weights * np.float32(of_captions))[:, :, None]
    arrays["margins"] = sign * np.stack([batch.longest, lost], axis=1)
    compute = bounds_of(finely=finely)

    def bound_rows(rows: Rows) -> Floats:
        indices, width, weights = locate(rows)
        count = len(rows)
        parts = count if count < 2 * len(lost) else 1 if count % 2 else 2
        shares = np.full((1, 1, 1), of_views / width, np.float32)
        if weights is not None:
            shares = weights.reshape(width, parts, -1).transpose(1, 0, 2) * np.float32(of_views)
        block = arrays | _views(codes, indices, width, parts, batch, finely)
        block["q"] = np.ascontiguousarray(shares[:, :, None])
        block["errors"] = codes.errors[as_slice(rows)].reshape(parts, -1, 2)
        block["slack"] = sign * np.full(1, _rounding(batch, width))
        return compute(block).transpose(1, 0, 2).reshape(-1, count)

    return bound_rows


def _captions(
    codes: PackedCodes, batch: QueryBatch, finely: bool
) -> tuple[dict[str, NDArray[Any]], Floats]:
    """Return the arrays of a graph that are alike for all blocks, and what was lost of captions."""
    columns, steps, lost = batch.whole, np.tile(batch.steps, batch.captions), batch.lost_coarse
    if finely:
        columns = np.hstack([batch.whole, batch.finer])
        steps, lost = np.hstack([steps, steps / np.float32(64)]), batch.lost
    base = batch.base(codes.centre)[:, :, None]
    return {"columns": columns, "steps": steps, "base": base}, lost


def _views(
    codes: PackedCodes, indices: Indices, width: int, parts: int, batch: QueryBatch, finely: bool
) -> dict[str, NDArray[Any]]:
    """Return the arrays of a graph that bring the views of a block, its sets in equal parts."""
    scales = codes.scales[indices].reshape(parts, -1, width)
    sums = (2,) if finely else ()
    sets = scales.shape[1]
    shape = (parts, width, *sums, *batch.weights.shape, sets)
    return {
        "codes": codes.codes[indices],
        "scales": scales,
        "rows": np.array((parts, sets, -1), np.int64),
        "shape": np.array(shape, np.int64),
    }


def _rounding(batch: QueryBatch, width: int) -> np.float32:
    """Bound float32 sums over captions and views, and the few operations before them."""
    return np.float32((batch.captions + width + 16) * 2.0**-23)


def _indices(sets: PackedSets, size: int | None, rows: Rows) -> tuple[Indices, int, Floats | None]:
    """Locate the views of ``rows``, padded to one width by repeating each set's first view.

    Returns indices of n · width views, the width, and weights (width, n), ``None`` if all even.
    ``size``: that of all sets where it is one; then little is asked, for all threads wait for it.
    """
    part = as_slice(rows)
    if size is not None and isinstance(part, slice):
        start = int(sets.offsets[part.start])
        return slice(start, start + size * len(rows)), size, None
    starts = sets.offsets[rows]
    sizes = sets.offsets[rows + 1] - starts
    width = int(sizes.max())
    even = bool((sizes == width).all())
    if even and isinstance(part, slice):
        return slice(int(starts[0]), int(starts[-1]) + width), width, None
    steps = np.arange(width)[:, None]
    present = steps < sizes
    indices = np.where(present, starts + steps, starts).T.ravel()
    weights = None if even else np.where(present, 1.0 / sizes, 0.0).astype(np.float32)
    return indices, width, weights


def _single(sets: PackedSets, batch: QueryBatch, kind: str, lower: bool, rows: Rows) -> Floats:
    """Bound from one vector a set, in which the score is linear: (Q, n)."""
    mean = batch.mean()
    lengths: Floats | np.float32 = np.float32(1.0)
    if kind == "means":
        assert sets.lengths is not None
        part = as_slice(rows)
        vectors, lengths = sets.means[part], sets.lengths[part][:, None]
    else:
        vectors = sets.vectors[sets.offsets[rows]]
    rounding = np.linalg.norm(mean, axis=1) * np.float32((batch.dim + 16) * 2.0**-23)
    bounds = vectors @ mean.T + (-rounding if lower else rounding)
    return np.asarray(bounds * (2 * lengths), dtype=np.float32).T

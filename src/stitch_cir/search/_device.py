"""Ranking with the scores of a torch device, settled on the CPU: the same ranking as ``rank``.

A gallery that fits into half of a GPU's free memory is sent there once and stays until it is
closed; of a larger one, blocks are sent for every query. On the device float32 scores give the cut;
the images near it come back and are ordered in float64, as ``rank`` does it.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.gallery import ViewMatrix
from stitch_cir.search._bounded import Ranking
from stitch_cir.search._rank import BLOCK_BYTES, ROUNDING, pad_sets, settle
from stitch_cir.search._results import Query
from stitch_cir.transition import Transition
from stitch_cir.transport import Scorer, TorchScorer

__all__ = ["rank_on_device"]

_kept: dict[tuple[int, str], Any] = {}
"""Vectors that lie on a device, by the identity of their array and the device's name."""


def rank_on_device(
    matrix: ViewMatrix,
    rows: NDArray[np.int64],
    query: Query,
    scorer: Scorer,
    transition: Transition,
    k: int,
    *,
    device: str,
    resident: bool | None = None,
) -> Ranking:
    """Rank ``rows`` (n,) ascending, n ≥ 1, and give the best ``k``; all sets are scored.

    ``resident`` says whether the vectors stay on the device; ``None`` decides by its free memory.
    Raises ``SettingError`` for a scorer without a torch form, ``ModelError`` without torch.
    """
    ready = TorchScorer(scorer, device)
    place = _place(matrix, ready, device, resident)
    combines = transition.combines_scores and query.before is not None
    asked: list[tuple[NDArray[np.float32], NDArray[np.float32] | None]]
    asked = [(query.vectors, query.weights)]
    if combines and query.before is not None:
        asked.append((query.before, None))
    parts: list[list[Any]] = [[] for _ in asked]
    for views, present in _blocks(matrix, rows, ready, place):
        for own, (captions, weights) in zip(parts, asked, strict=True):
            own.append(ready.score(views, captions, weights, present))
    scores = [ready.join(own) for own in parts]
    k = min(k, len(rows))
    if combines or query.handicap is not None:
        # transitions combine NumPy arrays: n numbers, not n sets
        after, *rest = (own.cpu().numpy() for own in scores)
        before = rest[0] if rest else None
        coarse = np.asarray(transition.combine(after, before), dtype=np.float32)
        if query.handicap is not None:
            coarse = coarse - query.handicap[rows].astype(np.float32)
        close = np.flatnonzero(
            coarse >= np.partition(coarse, len(rows) - k)[len(rows) - k] - ROUNDING
        )
    else:
        cut = scores[0].topk(k).values[-1] - ROUNDING
        close = (scores[0] >= cut).nonzero()[:, 0].cpu().numpy()
    ordered, fine = settle(matrix, rows[close], query, scorer, transition)
    return Ranking(ordered[:k], fine[:k], 0, len(rows))


def _place(matrix: ViewMatrix, ready: TorchScorer, device: str, resident: bool | None) -> Any:
    """Give the gallery's vectors on the device, or ``None`` where they are sent in blocks."""
    key = (id(matrix.vectors), device)
    if key in _kept:
        return _kept[key]
    fits = 2 * matrix.vectors.nbytes <= ready.free_bytes() if resident is None else resident
    if not fits:
        return None
    _kept[key] = ready.send(matrix.vectors)
    weakref.finalize(matrix.vectors, _kept.pop, key, None)
    return _kept[key]


def _blocks(
    matrix: ViewMatrix, rows: NDArray[np.int64], ready: TorchScorer, place: Any
) -> Iterator[tuple[Any, NDArray[np.bool_] | None]]:
    """Give padded blocks of view sets on the device, and which members are present."""
    sizes = matrix.offsets[rows + 1] - matrix.offsets[rows]
    step = max(1, BLOCK_BYTES // (4 * int(sizes.max()) * matrix.vectors.shape[1]))
    for start in range(0, len(rows), step):
        part, own = rows[start : start + step], sizes[start : start + step]
        present = np.arange(int(own.max())) < own[:, None]
        if place is None:
            views = ready.send(pad_sets(matrix, part)[0])
        else:
            starts = matrix.offsets[part][:, None]
            # absent members repeat the first: the mask keeps them out of the score
            views = place[
                ready.send(np.where(present, starts + np.arange(present.shape[1]), starts))
            ]
        yield views, None if present.all() else present

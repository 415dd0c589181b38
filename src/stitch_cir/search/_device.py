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

RESIDENT_BLOCK_BYTES = 1 << 30
"""Upper bound on the view vectors scored at a time where they stay on the device."""

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
    matrix: ViewMatrix, rows: NDArray[np.int64], ready: TorchScorer, resident: Any
) -> Iterator[tuple[Any, NDArray[np.bool_] | None]]:
    """Yield padded blocks of view sets on the device, and which members are present.

    Sets that lie side by side in resident vectors and are of one size are a view of them: nothing
    is copied. Blocks of resident vectors are larger, because every block costs a round trip.
    """
    sizes = matrix.offsets[rows + 1] - matrix.offsets[rows]
    limit = BLOCK_BYTES if resident is None else RESIDENT_BLOCK_BYTES
    step = max(1, limit // (4 * int(sizes.max()) * matrix.vectors.shape[1]))
    for start in range(0, len(rows), step):
        part, widths = rows[start : start + step], sizes[start : start + step]
        width = int(widths.max())
        even = bool((widths == width).all())
        present = None if even else np.arange(width) < widths[:, None]
        if resident is None:
            yield ready.send(pad_sets(matrix, part)[0]), present
            continue
        first = int(matrix.offsets[part[0]])
        if even and part[-1] - part[0] == len(part) - 1:
            yield resident[first : first + len(part) * width].view(len(part), width, -1), None
            continue
        members = matrix.offsets[part][:, None] + np.arange(width)
        if present is not None:
            # absent members repeat the first: the mask keeps them out of the score
            members = np.where(present, members, members[:, :1])
        yield resident[ready.send(members)], present

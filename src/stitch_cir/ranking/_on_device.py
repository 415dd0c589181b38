"""Ranking with the scores of a torch device, and float64 on the CPU: the same ranking exactly.

Vectors that fit into half of a GPU's free memory are sent there once and stay until they are
dropped here; of larger ones, and where another process takes the memory first, blocks are sent for
every query. On the device float32 scores give the cut; the sets near it come back and are ordered
in float64, as ``Exhaustive`` does it.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.ranking._exhaustive import Exhaustive
from stitch_cir.ranking._groups import count_units, kth_best, rank_exactly
from stitch_cir.ranking._problem import PackedSets, Progress, Ranking, RankingProblem
from stitch_cir.ranking._scores import (
    BLOCK_BYTES,
    ROUNDING,
    pad_sets,
)
from stitch_cir.transport import TorchScorer

__all__ = ["OnDevice"]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class OnDevice:
    """Score every candidate on a torch device. Safe to share between threads.

    Parameters
    ----------
    device:
        A torch device, such as ``"cuda"`` or ``"cuda:1"``.
    resident_limit:
        Bytes of vectors that may stay on the device; ``None``: half of its free memory.
    block_bytes, resident_block_bytes:
        Upper bound on the view vectors scored at a time, where they are sent for it, and where they
        lie on the device: each block costs a round trip, so these are larger.
    """

    device: str
    resident_limit: int | None = None
    block_bytes: int = BLOCK_BYTES
    resident_block_bytes: int = 1 << 30
    _resident: dict[int, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Tensors by the identity of the array that they copy."""
    _sources: dict[int, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Weak references to those arrays."""
    _lock: Any = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    @property
    def resident_count(self) -> int:
        """How many galleries' vectors lie on the device."""
        return len(self._resident)

    def solve(self, problem: RankingProblem, k: int) -> Ranking:
        """Rank the candidates and return the best ``k``, or all where there are fewer.

        Raises ``SettingError`` for a scorer without a torch form, ``ModelError`` without torch, and
        where the device's memory does not suffice for a block.
        """
        scored_sets = [
            (captions, TorchScorer(scorer, self.device))
            for captions, scorer in problem.scored_sets()
        ]
        rows = problem.candidates
        k = min(k, count_units(problem, rows))
        if not k:
            return rank_exactly(problem, rows[:0], 0, block_bytes=self.block_bytes)
        with scored_sets[0][1].memory_errors():
            close = self._close(problem, scored_sets, k)
        return rank_exactly(problem, close, k, scored=len(rows), block_bytes=self.block_bytes)

    def _close(
        self, problem: RankingProblem, scored_sets: Sequence[tuple[Any, TorchScorer]], k: int
    ) -> NDArray[np.int64]:
        """Return the candidates that float32 scores do not rule out of the best ``k``."""
        scorer, rows = scored_sets[0][1], problem.candidates
        resident = self._keep_resident(problem.sets.vectors, scorer)
        parts: list[list[Any]] = [[] for _ in scored_sets]
        for views, present in self._blocks(problem.sets, rows, scorer, resident):
            for scored, ((vectors, weights), of_set) in zip(parts, scored_sets, strict=True):
                scored.append(of_set.score(views, vectors, weights, present))
        scores = [scorer.join(scored) for scored in parts]
        in_numpy = problem.terms or problem.penalty is not None or problem.groups is not None
        if len(scores) > 1 or in_numpy:
            # transitions combine NumPy arrays, groups are looked up in one: n numbers, not n sets
            coarse = problem.combine([each.cpu().numpy() for each in scores], rows)
            coarse = np.asarray(coarse, dtype=np.float32)
            return rows[np.flatnonzero(coarse >= kth_best(problem, rows, coarse, k) - ROUNDING)]
        cut = scores[0].topk(k).values[-1] - ROUNDING
        near: NDArray[np.int64] = (scores[0] >= cut).nonzero()[:, 0].cpu().numpy()
        return rows[near]

    def above(self, problem: RankingProblem, score: float) -> NDArray[np.int64]:
        """Return all candidates whose float64 score is at least ``score``; scored on the CPU."""
        return Exhaustive(self.block_bytes).above(problem, score)

    def solve_many(
        self, problems: Sequence[RankingProblem], k: int, *, progress: Progress | None = None
    ) -> list[Ranking]:
        """Solve the problems one after the other."""
        rankings = []
        for problem in problems:
            rankings.append(self.solve(problem, k))
            if progress is not None:
                progress(len(rankings), len(problems))
        return rankings

    def _keep_resident(self, vectors: NDArray[np.float32], scorer: TorchScorer) -> Any:
        """Return the vectors on the device, or ``None`` where they are sent in blocks."""
        key = id(vectors)
        with self._lock:
            if key in self._resident:
                return self._resident[key]
            limit = self.resident_limit
            if vectors.nbytes > (scorer.free_bytes() // 2 if limit is None else limit):
                return None
            kept = scorer.keep(vectors)
            if kept is None:
                return None
            self._resident[key] = kept
            # the solver is referred to weakly, so that dropping it frees the device at once
            solver = weakref.ref(self)
            self._sources[key] = weakref.ref(vectors, lambda _: _forget(solver(), key))
            return kept

    def _blocks(
        self,
        sets: PackedSets,
        rows: NDArray[np.int64],
        scorer: TorchScorer,
        resident: Any,
    ) -> Iterator[tuple[Any, NDArray[np.bool_] | None]]:
        """Yield padded blocks of view sets on the device, and which members are present.

        Sets that lie side by side in resident vectors and are of one size are a view of them:
        nothing is copied.
        """
        sizes = sets.offsets[rows + 1] - sets.offsets[rows]
        limit = self.block_bytes if resident is None else self.resident_block_bytes
        step = max(1, limit // (4 * int(sizes.max()) * sets.vectors.shape[1]))
        for start in range(0, len(rows), step):
            part, widths = rows[start : start + step], sizes[start : start + step]
            width = int(widths.max())
            even = bool((widths == width).all())
            present = None if even else np.arange(width) < widths[:, None]
            if resident is None:
                yield scorer.send(pad_sets(sets, part)[0]), present
                continue
            first = int(sets.offsets[part[0]])
            if even and part[-1] - part[0] == len(part) - 1:
                yield resident[first : first + len(part) * width].view(len(part), width, -1), None
                continue
            members = sets.offsets[part][:, None] + np.arange(width)
            if present is not None:
                # absent members repeat the first: the mask keeps them out of the score
                members = np.where(present, members, members[:, :1])
            yield resident[scorer.send(members)], present


def _forget(solver: OnDevice | None, key: int) -> None:
    """Drop a device's copy of an array that is gone."""
    if solver is not None:
        solver._resident.pop(key, None)
        solver._sources.pop(key, None)

"""A scorer between Chamfer and mean pooling: each side attends evenly to its best few partners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from stitch_cir import SettingError
from stitch_cir.transport import Attention, Block, BlockScorer

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class TopViews(BlockScorer):
    """Every caption attends to its ``count`` best views, every view to as many captions."""

    count: int = 2

    name: ClassVar[str] = "top-views"

    def __post_init__(self) -> None:
        """Check the count: a setting is refused before anything is scored."""
        if self.count < 1:
            raise SettingError(f"count is {self.count}.", hint="Give at least 1.")

    def settings(self) -> dict[str, Any]:
        """Return what changes a score."""
        return {"scorer": self.name, "count": self.count}

    def score_block(self, block: Block) -> Floats:
        """Return the scores of n pairs, (n,): the similarities under both attentions."""
        attention = self.attend(block)
        forward = (attention.forward * block.s).sum(axis=1)
        backward = (attention.backward * block.s).sum(axis=0)
        score = (block.p.weights * forward).sum(axis=0) + (block.q.weights * backward).sum(axis=0)
        return np.asarray(score)

    def attend(self, block: Block) -> Attention:
        """Return who attends to whom, (K, M, n) each."""
        return Attention(self._best(block, 1), self._best(block, 0))

    def _best(self, block: Block, axis: int) -> Floats:
        weights, absent, _ = block.side(axis)
        s = block.s if absent is None else np.where(absent, -np.inf, block.s)
        kth = -np.sort(-s, axis=axis).take([min(self.count, s.shape[axis]) - 1], axis=axis)
        # members of weight 0 get none; a set of fewer than ``count`` members is taken whole
        chosen = ((s >= kth) & np.isfinite(s)) * np.broadcast_to(weights, s.shape)
        return np.asarray(chosen / chosen.sum(axis=axis, keepdims=True))

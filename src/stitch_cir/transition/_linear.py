"""The transition of the method, and its two controls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from stitch_cir.transition._checks import number, read_row, read_rows, to_unit
from stitch_cir.transition._protocol import Plain, Vectors

__all__ = ["Linear", "NoTransition", "TextOnly"]


@dataclass(frozen=True, slots=True)
class Linear(Plain):
    """Mix every caption with the modification: ``t̂_k = normalise((1 − α) f(t_k) + α f(m))``.

    STiTch, arXiv 2605.21261: the wanted increment (target minus reference) is unknown, and f(m)
    estimates it. The refined caption leans on the intent and drops detail of the reference image
    that nobody asked to keep.

    Parameters
    ----------
    alpha:
        α in [0, 1]; the paper has 0.45, its public code 0.5. 0 is :class:`NoTransition`; 1 scores
        as :class:`TextOnly` does.

    Without a modification the captions stay unchanged. Raises ``SettingError`` when α is outside
    [0, 1]; ``refine`` raises ``VectorError`` where a caption and the modification cancel.
    """

    alpha: float = 0.45

    name: ClassVar[str] = "linear"

    def __post_init__(self) -> None:
        """Check α."""
        object.__setattr__(self, "alpha", number("alpha", self.alpha, 0.0, 1.0))

    def settings(self) -> dict[str, Any]:
        """Name and α, JSON-ready."""
        return {"transition": self.name, "alpha": self.alpha}

    def refine(
        self,
        captions: Vectors,
        modification: Vectors | None,
        *,
        before: Vectors | None = None,
        reference_image: Vectors | None = None,
    ) -> Vectors:
        """Give t̂, (K, d) float32 unit rows."""
        rows = read_rows("captions", captions)
        if modification is None:
            return np.asarray(captions, dtype=np.float32)
        intent = read_row("modification", modification, rows.shape[1])
        return to_unit("mixture", (1.0 - self.alpha) * rows + self.alpha * intent)


@dataclass(frozen=True, slots=True)
class NoTransition(Plain):
    """Captions as they were composed (α = 0): the control without the transition."""

    name: ClassVar[str] = "none"

    def settings(self) -> dict[str, Any]:
        """Name, JSON-ready."""
        return {"transition": self.name}


@dataclass(frozen=True, slots=True)
class TextOnly(Plain):
    """The modification alone (α = 1): the control without composition.

    Gives one row, since K equal captions score as one. Without a modification the captions stay
    unchanged.
    """

    name: ClassVar[str] = "text-only"

    def settings(self) -> dict[str, Any]:
        """Name, JSON-ready."""
        return {"transition": self.name}

    def refine(
        self,
        captions: Vectors,
        modification: Vectors | None,
        *,
        before: Vectors | None = None,
        reference_image: Vectors | None = None,
    ) -> Vectors:
        """Give f(m) as (1, d) float32."""
        rows = read_rows("captions", captions)
        if modification is None:
            return np.asarray(captions, dtype=np.float32)
        return to_unit("modification", read_row("modification", modification, rows.shape[1])[None])

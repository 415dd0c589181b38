"""Toward the modification and away from the reference, in one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from stitch_cir.transition._checks import number, read_row, read_rows, to_unit
from stitch_cir.transition._protocol import Plain, Vectors

__all__ = ["Away"]


@dataclass(frozen=True, slots=True)
class Away(Plain):
    r"""The linear transition, less a share of the unchanged reference.

    .. math::

        t̂_k = \operatorname{normalise}((1 - α) f(t_k) + α f(m) - β r),

    with r the normalised mean of the reference's plain captions. A caption that carries words of
    the reference along also finds the pictures that look like it *without* the change, its closest
    look-alikes first; β takes that back. With β = 0 this is :class:`Linear`; along f(t_k) − r it
    is the step of :class:`PDV` without its length.

    Parameters
    ----------
    alpha:
        α in [0, 1], the weight of the modification.
    beta:
        β in [0, 1], how much of the reference is taken away.

    Without a modification or without captions of the reference that part is left out. Raises
    ``SettingError`` for a value outside its range; ``refine`` raises ``VectorError`` where a sum
    cancels to zero.
    """

    alpha: float = 0.45
    beta: float = 0.1

    name: ClassVar[str] = "away"
    needs_before: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check α and β."""
        object.__setattr__(self, "alpha", number("alpha", self.alpha, 0.0, 1.0))
        object.__setattr__(self, "beta", number("beta", self.beta, 0.0, 1.0))

    def settings(self) -> dict[str, Any]:
        """Name, α and β, JSON-ready."""
        return {"transition": self.name, "alpha": self.alpha, "beta": self.beta}

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
        moved = rows
        if modification is not None:
            intent = read_row("modification", modification, rows.shape[1])
            moved = (1.0 - self.alpha) * rows + self.alpha * intent
        if before is not None and self.beta > 0:
            plain = read_rows("captions of the reference", before, rows.shape[1])
            mean = to_unit("mean caption of the reference", plain.mean(axis=0, keepdims=True))
            moved = moved - self.beta * mean.astype(np.float64)
        if moved is rows:
            return np.asarray(captions, dtype=np.float32)
        return to_unit("mixture", moved)

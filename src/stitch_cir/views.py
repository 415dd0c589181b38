"""View boxes: which crops of a picture form its view set, cut reproducibly (method §3)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ViewBox"]


@dataclass(frozen=True, slots=True)
class ViewBox:
    """One crop as fractions of the picture's sides, 0 ≤ x0 < x1 ≤ 1 and 0 ≤ y0 < y1 ≤ 1.

    ``flip`` mirrors the crop left to right. The box (0, 0, 1, 1) without flip is the original view.
    """

    x0: float = 0.0
    y0: float = 0.0
    x1: float = 1.0
    y1: float = 1.0
    flip: bool = False

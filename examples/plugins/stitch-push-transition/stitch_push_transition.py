"""A transition that moves captions toward the modification and away from the reference image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from stitch_cir.transition import TransitionBase


@dataclass(frozen=True)
class Push(TransitionBase):
    """``normalise(t + α m − push · r)``: captions t, modification m, reference image r."""

    alpha: float = 0.45
    push: float = 0.2

    name: ClassVar[str] = "push"
    needs_reference_image: ClassVar[bool] = True

    def settings(self) -> dict[str, Any]:
        """Return what changes a vector."""
        return {"transition": self.name, "alpha": self.alpha, "push": self.push}

    def refine(
        self,
        captions: NDArray[np.float32],
        modification: NDArray[np.float32] | None,
        *,
        reference_captions: NDArray[np.float32] | None = None,
        reference_image: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Return the refined captions, (K, d) unit rows."""
        rows = super().refine(captions, modification)
        if modification is not None:
            rows = rows + self.alpha * modification
        if reference_image is not None:
            rows = rows - self.push * reference_image
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)

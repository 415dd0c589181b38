"""A reranker that prefers wide images, as a page's header needs them: no model is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stitch_cir.reranker import Candidate, Verdict


class Landscape:
    """Says yes to an image the more, the wider it is, up to 2 : 1."""

    def settings(self) -> dict[str, Any]:
        """Return what shapes the verdicts."""
        return {"reranker": "landscape"}

    def judge(
        self, reference: Candidate, modification: str, candidates: Sequence[Candidate]
    ) -> list[Verdict]:
        """Return a verdict for each candidate, in their order; ½ where there is no image."""
        return [Verdict(each.id, self._share(each)) for each in candidates]

    def notes(self) -> tuple[str, ...]:
        """Return what a user should know of the verdicts."""
        return ("judged by the format of the images alone",)

    def usage(self) -> None:
        """Return None: no model was used."""

    @staticmethod
    def _share(candidate: Candidate) -> float:
        if candidate.image is None:
            return 0.5
        width, height = candidate.image.size
        return min(1.0, width / height / 2)

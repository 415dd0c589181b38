"""A composer and a reranker without a model, the same for everyone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from stitch_cir.composers import Caption, Composition, Reference
from stitch_cir.errors import QueryError
from stitch_cir.reranker import Candidate, Verdict

__all__ = ["FixedComposer", "FixedReranker"]


class FixedComposer:
    """Returns the same captions for every query.

    Parameters
    ----------
    captions:
        Texts of the target captions, of which the first ``count`` are used; the k-th has the
        weight 1/k.
    reference_captions:
        Texts of the unchanged reference.
    """

    name = "fixed"

    def __init__(self, captions: Sequence[str], reference_captions: Sequence[str] = ()) -> None:
        self._captions = tuple(captions)
        self._reference_captions = tuple(reference_captions)

    def settings(self) -> dict[str, Any]:
        """Return name and captions, JSON-ready."""
        return {"composer": self.name, "captions": list(self._captions)}

    def compose(self, reference: Reference | None, modification: str, count: int) -> Composition:
        """Return the captions. Raises ``QueryError`` without reference and modification."""
        if reference is None and not modification.strip():
            raise QueryError(
                "There is nothing to compose: no reference and no modification.",
                hint="Give one of them.",
            )
        captions = tuple(
            Caption(text, 1.0 / number, self.name)
            for number, text in enumerate(self._captions[:count], 1)
        )
        return Composition(
            captions, modification, self.name, self._reference_captions, self.settings()
        )


class FixedReranker:
    """Accepts the candidates with these ids and rejects all others."""

    def __init__(self, accepted: Collection[str]) -> None:
        """Accept the ids ``accepted``."""
        self._accepted = frozenset(accepted)

    def settings(self) -> dict[str, Any]:
        """Return the accepted ids, JSON-ready."""
        return {"reranker": "fixed", "accepted": sorted(self._accepted)}

    def judge(
        self, reference: Candidate, modification: str, candidates: Sequence[Candidate]
    ) -> list[Verdict]:
        """Judge every candidate, in order: 1 for the accepted ones, else 0."""
        return [Verdict(each.id, float(each.id in self._accepted)) for each in candidates]

    def notes(self) -> tuple[str, ...]:
        """Return no notes."""
        return ()

    def usage(self) -> None:
        """Return ``None``: there is no model."""
        return

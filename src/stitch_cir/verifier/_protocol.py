"""What a verifier takes and gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from PIL import Image

__all__ = ["Candidate", "Remarking", "Verdict", "Verifier"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A picture as a verifier gets it: pixels, captions, or both.

    ``content`` is the SHA-256 of its file, under which answers are remembered.
    """

    id: str
    image: Image.Image | None = field(default=None, compare=False, repr=False)
    captions: tuple[str, ...] = ()
    content: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer about one candidate: ``yes`` in [0, 1], ½ when the model did not say.

    ``replies`` are the model's own words.
    """

    id: str
    yes: float
    replies: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give JSON-ready data."""
        return {"yes": round(self.yes, 4), "replies": list(self.replies)}


@runtime_checkable
class Verifier(Protocol):
    """Says of each candidate whether it is the reference, changed as asked."""

    def settings(self) -> Mapping[str, Any]:
        """Everything that shapes the answers, as JSON-ready data (recorded with results)."""
        ...

    def judge(
        self, reference: Candidate, modification: str, candidates: Sequence[Candidate]
    ) -> list[Verdict]:
        """Judge every candidate, in their order."""
        ...


@runtime_checkable
class Remarking(Protocol):
    """A verifier that has something to say of its last verdicts."""

    def notes(self) -> tuple[str, ...]:
        """Say what a user should know, e.g. that answers were cut off."""
        ...

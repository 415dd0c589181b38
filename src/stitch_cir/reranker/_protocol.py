"""The protocol of rerankers: candidates in, verdicts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from PIL import Image

if TYPE_CHECKING:
    from stitch_cir.chat import Usage

__all__ = ["Candidate", "Checklist", "JointReranker", "Judgement", "Reranker", "Verdict"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An image as a reranker gets it: pixels, captions, or both.

    ``content`` is the SHA-256 of its file, under which answers are cached.
    """

    id: str
    image: Image.Image | None = field(default=None, compare=False, repr=False)
    captions: tuple[str, ...] = ()
    content: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer about one candidate: ``yes`` in [0, 1], ½ when the model gave no clear answer.

    ``replies`` are the texts the model wrote.
    """

    id: str
    yes: float
    replies: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {"yes": round(self.yes, 4), "replies": list(self.replies)}


@dataclass(frozen=True, slots=True)
class Checklist:
    """What the target must show, keep of the reference, and avoid: short phrases."""

    must: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """Verdicts on candidates that were ranked together, in the order of the candidates.

    ``yes`` of each is its mean standing, 1 for the first and 0 for the last. ``disagreement`` is
    the share of pairs that two answers order differently, in [0, 1]; ``None`` where fewer than two
    could be read. ``fallback`` says what was done instead where an answer could not be read.
    """

    verdicts: tuple[Verdict, ...]
    disagreement: float | None = None
    fallback: str = ""


@runtime_checkable
class Reranker(Protocol):
    """Judges of each candidate whether it shows the reference after the modification."""

    def settings(self) -> Mapping[str, Any]:
        """Return all that shapes the verdicts, as JSON-ready data (recorded with results)."""
        ...

    def judge(
        self, reference: Candidate, modification: str, candidates: Sequence[Candidate]
    ) -> list[Verdict]:
        """Judge every candidate and return the verdicts in the order of ``candidates``."""
        ...

    def notes(self) -> tuple[str, ...]:
        """Return what a user should know of the last verdicts, e.g. that answers were cut off."""
        ...

    def usage(self) -> Usage | None:
        """Return the answers and tokens that were used so far; ``None`` without a model."""
        ...


@runtime_checkable
class JointReranker(Reranker, Protocol):
    """A reranker that can also rank all candidates in one request."""

    def judge_together(
        self,
        reference: Candidate,
        modification: str,
        candidates: Sequence[Candidate],
        checklist: Checklist,
        *,
        mode: str,
    ) -> Judgement:
        """Rank the candidates: ``"list"`` shows each, ``"grid"`` all on one contact sheet."""
        ...

"""Several references and several turns: what a composer may be able to read beyond one of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from stitch_cir.composers._protocol import Composer, Composition, CostEstimator, Reference
from stitch_cir.composers._requests import Change, read_request
from stitch_cir.composers._text import clean

if TYPE_CHECKING:
    from stitch_cir.chat import Estimate

__all__ = [
    "Conversation",
    "ConversationCostEstimator",
    "ConversationalComposer",
    "compose_conversation",
    "estimate_conversation",
    "join_names",
    "merge_changes",
]

_REPLACED = ("colour", "number")
"""Kinds of changes of which a later one takes the place of an earlier one."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """The references of a query, and everything that its user requests, oldest first."""

    references: tuple[Reference, ...] = ()
    requests: tuple[str, ...] = ()

    @property
    def standing(self) -> tuple[str, ...]:
        """The requests without those that a later one replaces: "red", then "make it blue"."""
        if len(self.requests) < 2:
            return self.requests
        read = [read_request(clean(each)) for each in self.requests]
        return tuple(
            request
            for number, request in enumerate(self.requests)
            if not _is_replaced(
                read[number], [each for later in read[number + 1 :] for each in later]
            )
        )

    @property
    def modification(self) -> str:
        """All standing requests as one text."""
        if len(self.requests) == 1:
            return self.requests[0]
        standing = self.standing
        return ", ".join([*(each.rstrip(" .,;") for each in standing[:-1]), *standing[-1:]])

    def notes(self) -> tuple[str, ...]:
        """Return which requests no longer stand."""
        standing = list(self.standing)
        return tuple(
            f"replaced by a later request: {each}" for each in self.requests if each not in standing
        )


@runtime_checkable
class ConversationalComposer(Protocol):
    """A composer that reads several references, and requests of several turns."""

    def compose_conversation(self, conversation: Conversation, count: int) -> Composition:
        """Compose up to ``count`` different captions, as ``Composer.compose`` does.

        The composition's modification is that of the conversation.
        """
        ...


def compose_conversation(composer: Composer, conversation: Conversation, count: int) -> Composition:
    """Compose up to ``count`` captions of a conversation by any composer.

    One that reads a single reference and a single text gets the first reference and all requests
    in one text; a note says so.
    """
    references, requests = conversation.references, conversation.requests
    first = references[0] if references else None
    if len(references) < 2 and len(requests) < 2:
        return composer.compose(first, conversation.modification, count)
    if isinstance(composer, ConversationalComposer):
        return composer.compose_conversation(conversation, count)
    composition = composer.compose(first, conversation.modification, count)
    notes = list(conversation.notes())
    if len(references) > 1:
        notes.append(
            f"the composer {composer.name} reads one reference: of {len(references)} only the first "
            "counts in the captions"
        )
    return replace(composition, notes=(*notes, *composition.notes))


@runtime_checkable
class ConversationCostEstimator(Protocol):
    """A conversational composer whose captions cost something that can be estimated beforehand."""

    def estimate_conversation(self, conversation: Conversation, count: int) -> Estimate:
        """Return what composing it would request from a model, without a request."""
        ...


def estimate_conversation(
    composer: CostEstimator, conversation: Conversation, count: int
) -> Estimate:
    """Return what :func:`compose_conversation` would request from a model, without a request."""
    references, requests = conversation.references, conversation.requests
    several = len(references) > 1 or len(requests) > 1
    if several and isinstance(composer, ConversationCostEstimator):
        return composer.estimate_conversation(conversation, count)
    first = references[0] if references else None
    return composer.estimate(first, conversation.modification, count)


def join_names(names: Sequence[str]) -> str | None:
    """Return the name of several references together, as files of compositions have it."""
    return " + ".join(names) or None


def merge_changes(requests: Sequence[str]) -> tuple[Change, ...]:
    """Return the changes of all requests; where one says where things are, so may the next.

    >>> [each.text for each in merge_changes(["on a beach", "at night"])]
    ['on a beach at night']
    """
    changes: list[Change] = []
    for request in requests:
        for change in read_request(request):
            same = [
                number
                for number, earlier in enumerate(changes)
                if earlier.kind == change.kind == "location" and earlier.subject == change.subject
            ]
            if same:
                text = f"{changes[same[0]].text} {change.text}"
                changes[same[0]] = replace(changes[same[0]], text=text)
            else:
                changes.append(change)
    return tuple(changes)


def _is_replaced(changes: Sequence[Change], later: Sequence[Change]) -> bool:
    """Return whether every change has a later one of the same kind and of the same thing."""
    return bool(changes) and all(
        change.kind in _REPLACED
        and any(
            each.kind == change.kind and each.subject.casefold() == change.subject.casefold()
            for each in later
        )
        for change in changes
    )

"""Several references and several turns by rules: they become requests about one reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from stitch_cir.composers._concepts import without_guesses
from stitch_cir.composers._conversation import Conversation, merge_changes
from stitch_cir.composers._mentions import Reading, read_mentions
from stitch_cir.composers._protocol import Caption, Composition, Reference
from stitch_cir.composers._requests import Change
from stitch_cir.composers._roles import merge_roles
from stitch_cir.composers._text import clean, fold

__all__ = ["Writer", "compose_by_rules", "plain_intent"]

Writer: TypeAlias = Callable[[Reference | None, str, Sequence[Change], int], Composition]
"""Writes captions of one reference or none, a cleaned text and the changes read in it."""


def compose_by_rules(write: Writer, conversation: Conversation, count: int) -> Composition:
    """Compose captions of a conversation with a writer that knows one reference."""
    texts, number, noun, unread = _read(conversation)
    references = conversation.references
    written, changes = ", ".join(texts), merge_changes(texts)
    notes = list(conversation.notes())
    if len(references) < 2:
        made = write(references[0] if references else None, written, changes, count)
    elif number:
        chosen = references[number - 1]
        if noun and not chosen.captions:
            chosen = chosen.with_object(noun)
        made = write(chosen, written, changes, count)
        if number > 1:  # the object that a query names is the first reference's
            made = without_guesses(made)
        notes.append(f"read as a request about reference {number}: {written or '(as it is)'}")
    else:
        made = _of_each(write, references, written, changes, count)
        notes.append("the text names none of the references: it is applied to each of them")
    notes += [f"taken as written, no words are known for it: {each}" for each in unread]
    modification = conversation.modification
    intent = made.intent or written or made.captions[0].text
    return replace(
        made,
        modification=modification,
        intent="" if fold(intent) == fold(modification) else intent,
        notes=(*notes, *made.notes),
    )


def plain_intent(conversation: Conversation) -> str:
    """Return the modification without the names of references, where the rules can read it, or ""."""
    if len(conversation.references) < 2:
        return ""
    texts, number, _, unread = _read(conversation)
    return ", ".join(texts) if number and not unread else ""


def _read(conversation: Conversation) -> tuple[list[str], int, str, list[str]]:
    """Return the texts to apply, to which reference (0: each), its name, and what is not read."""
    requests = [clean(each) for each in conversation.standing]
    if len(conversation.references) > 1:
        readings = [read_mentions(each, conversation.references) for each in requests]
    else:
        readings = [Reading(each) for each in requests]
    first = next((each for each in readings if each.number), Reading(""))
    texts = [each.text.strip(" .,;") for each in readings]
    unread = [words for each in readings for words in each.unread]
    return [each for each in texts if each], first.number, first.object, unread


def _of_each(
    write: Writer,
    references: Sequence[Reference],
    written: str,
    changes: Sequence[Change],
    count: int,
) -> Composition:
    """Apply a text to each reference; captions that several share weigh as much as all of them."""
    first, *others = (write(each, written, changes, count) for each in references)
    made = [first, *map(without_guesses, others)]
    total = sum(each.weight for each in references)
    merged: dict[str, Caption] = {}
    longest = max(len(each.captions) for each in made)
    for position in range(longest):
        for reference, composition in zip(references, made, strict=True):
            for caption in composition.captions[position : position + 1]:
                weight = caption.weight * reference.weight / total
                earlier = merged.get(fold(caption.text))
                if earlier is not None:
                    caption, weight = earlier, weight + earlier.weight
                merged[fold(caption.text)] = replace(caption, weight=weight)
    described = (text for each in made for text in each.reference_captions)
    return replace(
        first,
        captions=tuple(merged.values())[:count],
        reference_captions=tuple(dict.fromkeys(described)),
        roles=merge_roles([each.roles for each in made]),
        notes=tuple(dict.fromkeys(note for each in made for note in each.notes)),
    )

"""The default composer: the request in the user's words, joined to what the reference shows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from stitch_cir.composers._concepts import likeliest_first, without_explanation
from stitch_cir.composers._conversation import Conversation
from stitch_cir.composers._phrases import noun_phrase, plural, unframed, with_article
from stitch_cir.composers._protocol import Caption, Composition, Reference
from stitch_cir.composers._requests import COLOUR, Change, read_request
from stitch_cir.composers._rule_roles import roles_by_rules
from stitch_cir.composers._rules_of_many import compose_by_rules
from stitch_cir.composers._text import clean, cut_characters, fold, unique
from stitch_cir.concepts import Concept, ConceptKind
from stitch_cir.errors import QueryError, SettingError

__all__ = ["WORDING", "VerbatimComposer"]

WORDING = "verbatim-3"
"""Version of rules and forms together: another version, other captions."""
CHARACTERS = 600
"""Most characters of a request that are read; text encoders read less."""
REFERENCES = 3
"""Most captions of the reference, and most guesses at its object, that are used."""
REQUEST_SHARE = 0.2
"""Weight of the request as written, against 1 for the captions that join it to the reference."""
PART_SHARE = 0.5
"""Weight of a caption that takes the thing the user names for a part of the likely object."""
LEAST = 0.3
"""Weight from which on a colour stands in captions; share of the best from which on a guess counts."""
_MODIFIER = r"(?:in|on|at|with|without|under|by|near|for|from|behind|next to|beside|as)\b"


class VerbatimComposer:
    """Writes captions that never break the user's words.

    The first caption is the request as written; the others join it to the reference's captions, or
    to its likely objects. A clause is rewritten ("a red dress" of "in red") only where a rule covers
    every word of it. What is to vanish becomes a forbidden phrase of its roles. Captions that
    would only repeat others are not written, so there may be fewer than requested.
    """

    @property
    def name(self) -> str:
        """Return ``"verbatim"``."""
        return "verbatim"

    def settings(self) -> Mapping[str, Any]:
        """Return the version of the wording, and its numbers."""
        shares = {"request_share": REQUEST_SHARE, "part_share": PART_SHARE}
        return {"composer": self.name, "wording": WORDING, "references": REFERENCES, **shares}

    def compose(self, reference: Reference | None, modification: str, count: int) -> Composition:
        """Compose up to ``count`` different captions.

        Raises ``QueryError`` when there is no modification and nothing is known of the reference,
        ``SettingError`` for a ``count`` below 1.
        """
        written = clean(modification)
        changes = read_request(cut_characters(written, CHARACTERS))
        return self._write(reference, written, changes, count)

    def compose_conversation(self, conversation: Conversation, count: int) -> Composition:
        """Compose captions of several references and of the requests of several turns.

        The text may name the references; where it does not, it is applied to each of them, and the
        weights of the references become those of the captions. Raises what :meth:`compose` raises.
        """
        return compose_by_rules(self._write, conversation, count)

    def _write(
        self, reference: Reference | None, written: str, changes: Sequence[Change], count: int
    ) -> Composition:
        """Compose captions of a cleaned text that was read already."""
        if count < 1:
            raise SettingError(f"The number of captions is {count}.", hint="Ask for at least 1.")
        text = cut_characters(written, CHARACTERS)
        described = _distinct(() if reference is None else reference.captions)
        concepts = () if reference is None or described else reference.concepts
        objects = _objects(concepts, changes, text) if concepts else []
        if not (text or described or objects):
            raise QueryError(
                "There is nothing to compose captions from: no modification, and nothing is known "
                "of the reference.",
                hint="Say what should change, or give a reference with captions or an image.",
            )
        content = ", ".join(filter(None, (change.phrase for change in changes))) or text
        if described:
            captions = _of_captions(text, content, described)
        elif objects:
            captions = _of_objects(text, changes, objects, concepts)
            described = [noun_phrase(each.text) for each in objects]
        else:
            captions = [
                Caption(text, 1.0, "verbatim:request"),
                Caption(content, 1.0, "verbatim:rule"),
            ]
        different = tuple({fold(each.text): each for each in reversed(captions)}.values())[::-1]
        notes = _notes(written, changes, objects, concepts)
        if reference is not None and not described:
            notes.append("nothing is known of the reference in words; only the modification counts")
        if reference is not None and len(different) < count:
            notes.append(f"fewer captions than {count}: others would only repeat these")
        return Composition(
            captions=different[:count],
            modification=text,
            composer=self.name,
            reference_captions=tuple(described),
            settings=self.settings(),
            notes=tuple(notes),
            intent="" if fold(content) == fold(text) else content,
            roles=roles_by_rules(changes, described),
            alternatives=tuple(each.text for each in objects[1:] if each.weight >= LEAST),
        )


def _of_captions(text: str, content: str, described: Sequence[str]) -> list[Caption]:
    """Join the content to each caption of the reference: first, since encoders weigh it most."""
    if not text:
        return [Caption(each, 1.0, "verbatim:reference") for each in described]
    share = 1.0 / len(described)
    joined = [Caption(f"{content}, {each}", share, "verbatim:joined") for each in described]
    return [Caption(text, REQUEST_SHARE, "verbatim:request"), *joined]


def _of_objects(
    text: str, changes: Sequence[Change], objects: Sequence[Concept], concepts: Sequence[Concept]
) -> list[Caption]:
    """Apply the changes to each likely object, or join the request to it where a rule is missing."""
    colour, whole = _best(concepts, "colour", LEAST), _best(concepts, "object")
    if not text:
        phrases = [(_changed(each.text, colour, ()), each.weight) for each in objects]
        return [Caption(phrase, weight, "verbatim:reference") for phrase, weight in phrases]
    captions = [Caption(text, REQUEST_SHARE, "verbatim:request")]
    if any(change.kind == "words" for change in changes):
        gap = " " if re.match(_MODIFIER, text, re.I) else ", "
        return captions + [
            Caption(f"{with_article(each.text)}{gap}{text}", each.weight, "verbatim:joined")
            for each in objects
            if each.text != "thing" and not _names(text, each.text)
        ]
    # a replaced thing may or may not have the colour of the old one
    colours = ("", colour) if any(change.kind == "replace" for change in changes) else (colour,)
    for each in objects:
        captions += [
            Caption(_changed(each.text, tint, changes), each.weight, "verbatim:rule")
            for tint in colours
        ]
    # "make the sleeves black" names a part of the dress, "make the bus black" the bus itself
    for part in [c.phrase for c in changes if whole and _is_part(c, text, whole)][:1]:
        phrase = f"{with_article(whole)} with {with_article(part)}"
        captions.append(Caption(phrase, PART_SHARE, "verbatim:rule"))
    return captions


def _is_part(change: Change, text: str, whole: str) -> bool:
    """Return whether a change may be one of a part of the object, and not of the object itself."""
    if change.kind not in ("colour", "number", "location") or not change.subject:
        return False
    return not _names(change.subject, whole) and f"same {change.subject}" not in text.lower()


def _changed(noun: str, colour: str, changes: Sequence[Change]) -> str:
    """Return the object with all changes as one phrase."""
    new: dict[str, list[str]] = {}
    for change in changes:
        if change.kind == "scene":
            return change.text
        new.setdefault(change.kind, []).append(change.text)
    noun, colour = new.get("replace", [noun])[-1], new.get("colour", [colour])[-1]
    coloured = re.search(rf"\b{COLOUR}\b", noun, re.I)
    return noun_phrase(
        noun,
        number=new.get("number", [""])[-1],
        qualities=(*new.get("quality", ()), *([colour] if colour and not coloured else ())),
        additions=new.get("add", ()),
        location=new.get("location", [""])[-1],
    )


def _objects(concepts: Sequence[Concept], changes: Sequence[Change], text: str) -> list[Concept]:
    """Return the likely objects of the reference, the best with weight 1.

    What the user calls the object comes before what the encoder recognises, which may be nothing.
    """
    likely = likeliest_first(concepts, "object")[:REFERENCES]
    for change in changes:
        if noun := change.subject or (change.removed if change.kind == "replace" else ""):
            return [Concept(noun, "object", 1.0)]
    objects = [
        Concept(_plain(each.text), "object", max(0.05, each.weight / (likely[0].weight or 1.0)))
        for each in likely
    ]
    named = [each for each in objects if _names(text, each.text)][:1]
    return named or objects or [Concept("thing", "object", 1.0)]


def _names(text: str, noun: str) -> bool:
    """Return whether a request names an object itself."""
    thing = re.sub(r" \w{2,}ing\b.*", "", noun)
    return bool(re.search(rf"\b(?:{re.escape(thing)}|{re.escape(plural(thing))})\b", text, re.I))


def _plain(label: str) -> str:
    """Return a label of an encoder as a noun of captions, without its explanation."""
    return clean(without_explanation(label)).lower() or "thing"


def _best(concepts: Sequence[Concept], kind: ConceptKind, least: float = 0.0) -> str:
    """Return the name of the likeliest concept of a kind, or ""."""
    ordered = likeliest_first(concepts, kind)
    return _plain(ordered[0].text) if ordered and ordered[0].weight >= least else ""


def _distinct(captions: Sequence[str]) -> list[str]:
    """Return the first cleaned captions, without those that only concatenate others."""
    cleaned = unique(unframed(clean(caption)) for caption in captions)
    kept = [
        each
        for each in cleaned
        if not any(fold(other) != fold(each) and fold(other) in fold(each) for other in cleaned)
    ]
    return [cut_characters(caption, CHARACTERS) for caption in kept[:REFERENCES]]


def _notes(
    written: str,
    changes: Sequence[Change],
    objects: Sequence[Concept],
    concepts: Sequence[Concept],
) -> list[str]:
    notes = []
    if len(written) > CHARACTERS:
        notes.append(f"the modification was cut from {len(written):,} to {CHARACTERS:,} characters")
    if not written:
        notes.append("no modification: the captions describe the reference")
    if removed := unique(change.removed for change in changes):
        notes.append(f"to vanish: {', '.join(removed)}")
    if any(change.kind == "words" for change in changes) and objects:
        notes.append("no rule covers the whole modification: it is used as written")
    if len(objects) > 1 and objects[1].weight >= LEAST:
        first, second = (
            f"{with_article(_plain(each.text))} ({each.weight:.2f})"
            for each in likeliest_first(concepts, "object")[:2]
        )
        label = objects[1].text if " " not in objects[1].text else f"'{objects[1].text}'"
        notes.append(f"The reference may show {first} or {second}; choose with --object {label}")
    return notes

"""The default composer: the request in the user's words, joined to what the reference shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from stitch_cir.composers import _text as texts
from stitch_cir.composers._concepts import LEAST, likeliest_first, misread_note, second_guesses
from stitch_cir.composers._conversation import Conversation
from stitch_cir.composers._phrases import names, plural, with_article
from stitch_cir.composers._protocol import Caption, Composition, Reference
from stitch_cir.composers._request_rules import (
    ADVERBIAL,
    COLOUR,
    DETERMINER,
    DOING,
    MENTION,
    QUALITY,
    SINGLE,
    THIS,
)
from stitch_cir.composers._requests import Change, read_request
from stitch_cir.composers._rule_roles import roles_by_rules
from stitch_cir.composers._rules_of_many import compose_by_rules
from stitch_cir.concepts import Concept
from stitch_cir.errors import QueryError, SettingError

__all__ = ["VerbatimComposer"]

WORDING = "verbatim-6"
"""Version of rules, forms and weights together: another version, other captions."""
REQUEST_SHARE, PART_SHARE = 0.2, 0.5
"""Weights of the request as written, where other captions join it to the reference with weight 1,
and of a caption that takes the thing the user names for a part of the likely object."""


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
        """Return the version of the wording, and its weights."""
        shares = {"request_share": REQUEST_SHARE, "part_share": PART_SHARE}
        return {"composer": self.name, "wording": WORDING, **shares}

    def compose(self, reference: Reference | None, modification: str, count: int) -> Composition:
        """Compose up to ``count`` different captions.

        Raises ``QueryError`` when there is no modification and nothing is known of the reference,
        ``SettingError`` for a ``count`` below 1.
        """
        written = texts.clean(modification)
        return self._write(reference, written, read_request(texts.shortened(written)), count)

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
        text = texts.shortened(written)
        described = texts.distinct_captions(reference.captions)[:3] if reference else []
        concepts = reference.concepts if reference and not described else ()
        changes = [_settled(change, concepts) for change in changes]
        objects = _objects(concepts, changes, text)
        shown = described or [with_article(each.text) for each in objects]
        content = ", ".join(filter(None, (change.phrase for change in changes))) or text
        captions = [Caption(text, REQUEST_SHARE if shown else 1.0, "verbatim:request")]
        if objects:
            captions += _of_objects(text, changes, objects, concepts)
        else:
            joined = [", ".join(filter(None, (content, each))) for each in described or [""]]
            captions += [Caption(each, 1 / len(joined), "verbatim:content") for each in joined]
        first = {each.text: each for each in reversed(captions)}
        different = texts.unique(caption.text for caption in captions)
        if not different:
            raise QueryError(
                "There is nothing to compose captions from: neither a modification nor words for the reference.",
                hint="Say what should change, or give a reference with captions or an image.",
            )
        removed = texts.unique(change.removed for change in changes)
        unread = objects and any(change.kind == "words" for change in changes)
        fewer = reference is not None and len(different) < count
        guesses = _used(objects, captions)
        notes = (
            texts.cut_note(written),
            "" if text else "no modification: the captions describe the reference",
            f"to vanish: {', '.join(removed)}" if removed else "",
            "no rule covers the whole modification: it is used as written" if unread else "",
            misread_note(guesses),
            "no words for the reference: only the text counts"
            if reference and not (shown or concepts)
            else "",
            f"{len(different)} captions, not {count}: any more would only repeat them"
            if fewer
            else "",
        )
        return Composition(
            captions=tuple(first[each] for each in different[:count]),
            modification=text,
            composer=self.name,
            reference_captions=tuple(shown),
            settings=self.settings(),
            notes=tuple(filter(None, notes)),
            intent="" if texts.fold(content) == texts.fold(text) else content,
            roles=roles_by_rules(changes, shown),
            alternatives=second_guesses(guesses),
        )


def _objects(concepts: Sequence[Concept], changes: Sequence[Change], text: str) -> list[Concept]:
    """Return what the user calls the reference's object, else up to three that are recognised."""
    for change in changes if concepts else ():
        if noun := change.subject or (change.removed if change.kind == "replace" else ""):
            return [Concept(noun, "object", 1.0)]
    mention = re.search(MENTION, text, re.I) if concepts else None
    if mention is not None:
        return [Concept(mention["noun"], "object", 1.0)]
    objects = likeliest_first(concepts, "object")[:3]
    if concepts and not objects:
        return [Concept("thing", "object", 1.0)]
    gone = {plural(change.removed.lower()) for change in changes}
    named = [each for each in objects if names(text, each.text)][:1] or objects
    left = [each for each in named if plural(each.text) not in gone]
    return left or (named if any(change.kind == "scene" for change in changes) else [])


def _settled(change: Change, concepts: Sequence[Concept]) -> Change:
    """Return a change whose bare new word is no thing, unless it takes the place of one.

    "Truck instead of car" is a truck where a car is recognised; "round instead of square" and
    "knee-length instead of long" say what the object is like.
    """
    word = change.text
    is_bare = re.fullmatch(r"[\w-]+", word) and plural(word) != word
    if not (change.kind == "replace" and change.removed and is_bare and concepts):
        return change
    if any(names(change.removed, each.text) for each in likeliest_first(concepts, "object")):
        return change
    return replace(change, kind="quality" if re.fullmatch(QUALITY, word, re.I) else "words")


def _used(objects: Sequence[Concept], captions: Sequence[Caption]) -> Sequence[Concept]:
    """Return the objects where captions depend on which of them it is, else none."""
    pairs = ((each.text, other.text) for each in captions[1:] for other in objects[1:])
    return objects if any(names(*pair) for pair in pairs) else ()


def _of_objects(
    text: str, changes: Sequence[Change], objects: Sequence[Concept], concepts: Sequence[Concept]
) -> Iterator[Caption]:
    """Yield each likely object with the changes, or joined to the request where a rule is missing."""
    weights = {each.text: max(0.05, each.weight / (objects[0].weight or 1.0)) for each in objects}
    if any(change.kind == "words" for change in changes):
        gap = " " if re.match(ADVERBIAL, text, re.I) else ", "
        for noun in (noun for noun in weights if not names(text, noun)):
            joined = f"{with_article(noun)}{gap}{text}"
            yield Caption(joined, weights[noun], "verbatim:joined")
        return
    colours = [each.text for each in likeliest_first(concepts, "colour") if each.weight >= LEAST]
    replaced = any(change.kind == "replace" for change in changes)  # in the old colour or not
    for tint in ["", *colours[:1]] if replaced else colours[:1] or [""]:
        for noun, weight in weights.items():
            yield Caption(_changed(noun, tint, changes), weight, "verbatim:rule")
    # "make the sleeves black" names a part of the dress, "make the bus black" the bus itself
    for part in (each for each in changes if each.subject and each.text):
        for whole in likeliest_first(concepts, "object")[:1]:
            itself = re.search(rf"\b{THIS} {re.escape(part.subject)}\b", text, re.I)
            if not names(part.subject, whole.text) and not itself:
                phrase = f"{with_article(whole.text)} with {with_article(part.phrase)}"
                yield Caption(phrase, PART_SHARE, "verbatim:rule")


def _changed(noun: str, colour: str, changes: Sequence[Change]) -> str:
    """Return the object with all changes as one phrase, "two longer red dresses with a belt"."""
    new: dict[str, list[str]] = {"replace": [noun], "colour": [colour], "number": [""]}
    for change in changes:
        new.setdefault(change.kind, []).append(change.text)
    if "scene" in new:
        return new["scene"][0]
    location, number = " ".join(new.get("location", ())), new["number"][-1]
    noun = new["replace"][-1]
    action = re.search(rf" ({DOING})", noun)
    if action and location.lower().startswith(f"{action[1]} "):  # it does the same elsewhere
        location = location[len(action[0]) :]
    elif re.match(DOING, location, re.I):  # it does something else now
        noun = re.sub(f" {DOING}.*", "", noun)
    determiner = match[0] if (match := re.match(DETERMINER, noun, re.I)) else ""
    coloured = [] if re.search(rf"\b{COLOUR}\b", noun, re.I) else new["colour"][-1:]
    body = " ".join(filter(None, (*new.get("quality", ()), *coloured, noun[len(determiner) :])))
    if re.fullmatch(SINGLE, number, re.I):
        body = f"{'a single' if 'single' in number else number} {body}"
    elif number:
        body = f"{number} {plural(body)}"
    else:
        body = with_article(body) if determiner in ("", "a ", "an ") else f"{determiner}{body}"
    additions = " and ".join(each.removeprefix("with ") for each in new.get("add", ()))
    return " ".join(filter(None, (body, additions and f"with {additions}", location)))

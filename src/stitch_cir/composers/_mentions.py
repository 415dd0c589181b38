"""Which of several references a text names, and what of it can be said in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stitch_cir.composers._concepts import likeliest_first
from stitch_cir.composers._phrases import plural, with_article
from stitch_cir.composers._protocol import Reference
from stitch_cir.composers._request_rules import COLOUR
from stitch_cir.composers._text import clean, unframed
from stitch_cir.concepts import ConceptKind

__all__ = ["Mention", "Reading", "find_mentions", "read_mentions"]

_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
_ORDINAL = rf"(?:{'|'.join(_ORDINALS)}|last|other|\d{{1,2}}(?:st|nd|rd|th))"
_IMAGE = r"(?:one|image|picture|photo|photograph|reference|item)"
_FOLLOW = (
    r"(?:in|of|on|with|without|but|and|or|from|as|at|to|by|for|like|is|are|has|have|should|instead|under|"
    r"over|behind|near|next|beside|against|colou?red|looks?|made)\b"
)
_COLOURED = rf"{COLOUR}(?=\W*$|[,.;]| and\b| with\b)"
# "the second boat" is a boat, and "the third floor" a floor: a number alone names a reference
_MENTION = (
    rf"(?:\b(?:the )?(?P<ordinal>{_ORDINAL})(?: {_IMAGE}\b)?(?=\W*$|[,.;:!?)]|'s\b| {_FOLLOW}| {_COLOURED})"
    rf"|\b(?:the )?(?:image|picture|photo|reference|number|no\.) ?#?(?P<digits>\d{{1,2}})\b)"
)
_PLAIN_MENTION = re.sub(r"\?P<\w+>", "?:", _MENTION)
_ASPECTS: dict[ConceptKind, str] = {
    "colour": r"colou?rs?|shade",
    "pattern": r"pattern|print",
    "background": r"background|setting",
    "light": r"light|lighting",
}
_ASPECT = "|".join(_ASPECTS.values())
_ABSTRACT = r"style|shape|size|length|cut|fit|material|fabric|texture|pose|angle|mood|look"
_OPENING = (
    r"(?:(?:show|find|give|put|place|make|take|wear|like|as|same as|something like)(?: me)? )?"
)
_JOINTS = re.compile(r"^(?:[\s,;.]|(?:but|and|is|are|should be|now)\b)+", re.I)


@dataclass(frozen=True, slots=True)
class Mention:
    """Where a text names a reference: its ``number`` from 1, and the ``words`` that name it."""

    number: int
    words: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A request about several references, read as a request about one of them.

    ``number`` counts the reference from 1; 0: the request names none, so it concerns each.
    ``object`` is what the user calls it, ``unread`` are phrases for which no words are at hand.
    """

    text: str
    number: int = 0
    object: str = ""
    unread: tuple[str, ...] = ()


def find_mentions(text: str, count: int) -> list[Mention]:
    """Return the references that a text names by their number, in its order, of ``count``.

    >>> [each.number for each in find_mentions("the dress of the first in the colour of image 2", 2)]
    [1, 2]
    """
    return [
        Mention(_number(match, count), match[0].strip())
        for match in re.finditer(_MENTION, clean(text), re.I)
    ]


def read_mentions(text: str, references: Sequence[Reference]) -> Reading:
    """Read a request about several references as one about the reference that it begins with.

    What it says of the others is put into words where their captions or concepts have some: "in
    the colour of the second" becomes "in red". Where it begins with none of them, it is about the
    first that it does not name.
    """
    line = clean(text)
    count = len(references)
    named: set[int] = set()
    unread: list[str] = []
    line = re.sub(rf"(?P<by>{_PLAIN_MENTION})'s (?P<what>[\w-]+)", r"the \g<what> of \g<by>", line,
                  flags=re.I)  # fmt: skip

    def number_of(words: str) -> int:
        match = re.fullmatch(_MENTION, words.strip(), re.I)
        if match is not None:
            return _number(match, count)
        return _named_by(re.sub(r"^the ", "", words.strip(), flags=re.I), references)

    def aspect(match: re.Match[str]) -> str:
        number = number_of(match["of"])
        if not 1 <= number <= count:
            return match[0]
        named.add(number)
        kind = next(
            each for each, words in _ASPECTS.items() if re.fullmatch(words, match["what"], re.I)
        )
        word = _word(references[number - 1], kind)
        if not word:
            return match[0]
        if kind == "colour":
            return f"{match['how'] or ''}{word}" if match["how"] != "with " else f"in {word}"
        phrase = word if re.search(rf"\b(?:{_ASPECT})$", word, re.I) else f"{word} {match['what']}"
        return f"{match['how'] or ''}{with_article(phrase)}"

    line = re.sub(
        rf"(?P<how>\b(?:in|with|has|on) )?(?:the |its )?(?P<what>{_ASPECT}) of "
        rf"(?P<of>{_PLAIN_MENTION}|the [\w-]+)",
        aspect,
        line,
        flags=re.I,
    )
    opening = (
        rf"{_OPENING}(?:(?:the |an? )?(?P<noun>[\w-]+(?: [\w-]+)?) of )?(?P<of>{_PLAIN_MENTION})"
    )
    number, noun = 0, ""
    match = re.match(opening, line, re.I)
    if match is not None and 1 <= (first := number_of(match["of"])) <= count:
        number, noun = first, match["noun"] or ""
        line = _JOINTS.sub("", line[match.end() :])
    else:
        match = re.match(rf"{_OPENING}the (?P<noun>[\w-]+)(?=\W*$|[,.;:!?]| {_FOLLOW})", line, re.I)
        if match is not None and (number := _named_by(match["noun"], references)):
            noun, line = match["noun"], _JOINTS.sub("", line[match.end() :])

    def thing(match: re.Match[str]) -> str:
        other = number_of(match["of"])
        if not 1 <= other <= count:
            return match[0]
        named.add(other)
        words = _thing(references[other - 1])
        if match["noun"] and re.fullmatch(rf"{_ASPECT}|{_ABSTRACT}", match["noun"], re.I):
            if not words:
                unread.append(match[0].strip())
            return match[0].replace(match["of"], words or match["of"])
        if match["noun"]:
            colour = _word(references[other - 1], "colour")
            return with_article(f"{colour} {match['noun']}".strip())
        if not words:
            unread.append(match[0].strip())
        return words or match[0]

    line = re.sub(
        rf"(?:(?:the |an? )?\b(?P<noun>(?!{_FOLLOW})[\w-]+) of )?(?P<of>{_PLAIN_MENTION})", thing, line,
        flags=re.I,
    )  # fmt: skip
    for match in re.finditer(r"\bthe ([\w-]+)", line, re.I):
        named.add(_named_by(match[1], references) or number)
    others = named - {0, number}
    if not number and others:
        number = next((each for each in range(1, count + 1) if each not in others), 1)
    return Reading(line, number, noun, tuple(dict.fromkeys(unread)))


def _number(match: re.Match[str], count: int) -> int:
    """Return which reference a mention names, from 1; one that is not there has its number too."""
    if match["digits"]:
        return int(match["digits"])
    word = match["ordinal"].lower()
    if word == "last":
        return count
    if word == "other":
        return 2
    return _ORDINALS.index(word) + 1 if word in _ORDINALS else int(re.sub(r"\D", "", word))


def _named_by(noun: str, references: Sequence[Reference]) -> int:
    """Return the number of the only reference that shows such a thing, else 0."""
    pattern = re.compile(rf"\b(?:{re.escape(noun)}|{re.escape(plural(noun))})\b", re.I)
    numbers = [
        number
        for number, each in enumerate(references, 1)
        if any(pattern.search(text) for text in _names(each))
    ]
    return numbers[0] if len(numbers) == 1 else 0


def _names(reference: Reference) -> list[str]:
    if reference.captions:
        return list(reference.captions)
    return [each.text for each in likeliest_first(reference.concepts, "object")[:1]]


def _word(reference: Reference, kind: ConceptKind) -> str:
    """Return a word for an aspect of a reference: of its captions, else of its concepts, or ""."""
    if kind == "colour":
        for caption in reference.captions:
            match = re.search(rf"\b{COLOUR}\b", caption, re.I)
            if match is not None:
                return match[0].lower()
    return next((each.text for each in likeliest_first(reference.concepts, kind)), "")


def _thing(reference: Reference) -> str:
    """Return a phrase for what a reference shows: a caption, or its likeliest object, or ""."""
    for caption in reference.captions:
        return unframed(clean(caption))
    objects = likeliest_first(reference.concepts, "object")
    if not objects:
        return ""
    noun = objects[0].text
    colour = _word(reference, "colour")
    return with_article(noun if colour in noun else f"{colour} {noun}")

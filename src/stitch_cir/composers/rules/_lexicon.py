"""The word lists of the template composer, and the colours they find in texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

__all__ = ["Lexicon", "alternatives", "colour_pattern", "find_colours", "is_colour", "lexicon"]

_NOUN_LISTS = ("garments", "animals", "people", "food", "furniture", "vehicles", "things")


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Word lists in lower case; ``nouns`` are things that can be the main object of an image.

    ``colour_nouns`` are colours that are also things (an *orange*), so that they count as colours
    only where a colour is expected. ``comparatives`` maps *longer* to *long*.
    """

    colours: frozenset[str]
    colour_nouns: frozenset[str]
    shades: frozenset[str]
    parts: frozenset[str]
    patterns: frozenset[str]
    people: frozenset[str]
    animals: frozenset[str]
    garments: frozenset[str]
    nouns: frozenset[str]
    places: frozenset[str]
    lights: frozenset[str]
    media: frozenset[str]
    attributes: frozenset[str]
    ing_nouns: frozenset[str]
    uncountable: frozenset[str]
    pairs: frozenset[str]
    verbs: frozenset[str]
    comparatives: dict[str, str]
    plurals: dict[str, str]
    singulars: dict[str, str]


@cache
def lexicon() -> Lexicon:
    """Return the word lists, read once."""
    file = resources.files(__package__) / "words" / "english.json"
    raw: dict[str, list[str]] = json.loads(file.read_text(encoding="utf-8"))

    def words(name: str) -> list[str]:
        return " ".join(raw[name]).split(", ")

    def pairs(name: str) -> dict[str, str]:
        return dict(entry.split("=", 1) for entry in words(name))

    plurals = pairs("irregular_plurals")
    lists = {
        name: frozenset(words(name))
        for name in ("colours", "colour_nouns", "shades", "parts", "patterns", "people", "animals")
        + ("garments", "places", "lights", "media", "attributes", "ing_nouns", "uncountable")
        + ("pairs", "verbs")
    }
    return Lexicon(
        **lists,
        nouns=frozenset(word for name in _NOUN_LISTS for word in words(name)),
        comparatives=pairs("comparatives"),
        plurals=plurals,
        singulars={many: single for single, many in plurals.items() if many != single},
    )


def alternatives(words: Iterable[str]) -> str:
    """Join words to the inside of a regular expression's group, the longest first.

    A space in an entry also matches a hyphen, since people write both ("t shirt", "t-shirt").
    """
    ordered = sorted(set(words), key=lambda word: (-len(word), word))
    return "|".join(
        re.escape(word).replace(r"\ ", "[ -]").replace(r"\-", "[ -]") for word in ordered
    )


@cache
def colour_pattern() -> str:
    """Return the regular expression of a colour phrase: ``dark red``, ``black and white``."""
    lex = lexicon()
    shade = f"(?:(?:{alternatives(lex.shades | lex.comparatives.keys())})[ -])*"
    colour = rf"{shade}(?:{alternatives(lex.colours)})(?:[ -]?colou?red)?"
    return rf"\b{colour}(?:(?:, and |, | and |/| & |-and-| or ){colour})*\b"


@cache
def _compiled() -> tuple[re.Pattern[str], re.Pattern[str]]:
    return re.compile(colour_pattern(), re.I), re.compile(
        rf"(?:an? |the )?(?:(?:more|mostly|all|completely) )?({colour_pattern()})"
        r"(?: in)?(?: colou?r(?:ed|s)?| shade| tone)?",
        re.I,
    )


def is_colour(text: str) -> str | None:
    """Return the colour when a text is nothing else ("a darker blue colour"), else ``None``."""
    match = _compiled()[1].fullmatch(text.strip())
    return None if match is None else match.group(1)


def find_colours(text: str) -> Iterator[re.Match[str]]:
    """Yield colour phrases that qualify a following word; an *orange* by itself is a fruit."""
    for match in _compiled()[0].finditer(text):
        alone = match.group().lower() in lexicon().colour_nouns
        follows = re.match(r" [a-z]+", text[match.end() :], re.I)
        if not alone or (follows and follows.group().strip().lower() not in _NOT_QUALIFIED):
            yield match


_NOT_QUALIFIED = frozenset(
    "and or is are was were in on at of with from to by near next beside under over for that which "
    "who has have being sits lies stands".split()
)

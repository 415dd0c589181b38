"""Distinguish a qualified noun ("red dress", "knitted hat") from a participle ("curled up")."""

from __future__ import annotations

import re
from typing import Literal

from stitch_cir.composers.rules._english import singular
from stitch_cir.composers.rules._lexicon import find_colours, is_colour, lexicon
from stitch_cir.composers.rules._phrases import head_noun, is_noun, split_phrase

__all__ = ["adjective_of_pronoun", "is_participle", "qualified_noun", "qualities"]

_NOT_PARTICIPLES = frozenset(
    "red bed bread breed deed feed hundred kindred moped naked need reed sacred seed shed sled speed "
    "steed tweed weed wicked king ring wing thing string spring sibling evening morning wedding "
    "ceiling".split()
)
"""Words that end like participles and are not."""
_BEHIND_PARTICIPLES = frozenset(
    "up down out off on in open away together back well high low sideways upright forward forwards "
    "backward backwards apart over around now indoors outdoors left right straight alone together "
    "asleep awake closed there here".split()
)
"""Words that complete a participle ("curled up") instead of being what it qualifies."""
_TAKE_OBJECTS = frozenset(
    "wear hold carry eat drink drive pull push hug kiss catch throw kick chase bite lick touch show "
    "cover surround ride read write attack fill lead cook".split()
)
_DETAILS = frozenset(
    "accent accents detail details detailing stitching piping highlights panel panels edge edges edging "
    "trimming border borders finish tips".split()
)
_TONES = frozenset("tint hue tinge shade tone cast colouring coloring".split())
_NO_ADJECTIVES = frozenset(
    "another other same different next last first second only single each every this that which any no "
    "one two three four five six more fewer new similar alone group".split()
)


def is_participle(word: str) -> bool:
    """Return whether a word is a participle by its ending and no colour, noun or pattern."""
    low = word.lower()
    lex = lexicon()
    if re.fullmatch(r"[a-z-]+(?:ing|ed)", low) is None or low in _NOT_PARTICIPLES:
        return False
    return low not in lex.nouns and low not in lex.colours and low not in lex.patterns


def qualified_noun(words: str) -> Literal["", "thing", "detail", "place", "colour"]:
    """Return what a phrase such as "red dress" names, or ``""`` where it is no qualified noun.

    ``words`` has no leading article. A *thing* can stand for the main object, a *detail* is a part
    or an accent of it, a *place* a surrounding, a *colour* no more than a tone ("red tint").
    """
    low = words.lower()
    several = low.split()
    if len(several) < 2 or split_phrase(low)[1]:
        return ""
    lex = lexicon()
    if low in lex.patterns or low in lex.attributes or is_colour(low):
        return ""
    head, last, listed = head_noun(low), several[-1], is_noun(head_noun(low))
    first = _leading_quality(low)
    if first and last in _TONES:
        return "colour"
    if head in lex.parts and head not in lex.nouns:
        return ""
    if low in lex.ing_nouns or low in lex.nouns:
        return "thing"
    if several[0] in _NO_ADJECTIVES or (first in lex.attributes - lex.patterns and not listed):
        return ""
    if not first and not is_participle(several[0]) and several[0] not in lex.ing_nouns:
        return ""
    if not first and several[0].endswith("ing") and not _qualifies(several[0], listed, head):
        return ""
    if listed:
        return "thing" if lex.nouns & {head, singular(head)} else "place"
    if last in _DETAILS:
        return "detail"
    joined = re.fullmatch(r"[a-z][a-z -]*", low) is not None and len(several) <= 4
    ends = last in _BEHIND_PARTICIPLES or last.endswith("ly") or bool(is_colour(last))
    if ends or not joined or last in lex.attributes or last in lex.patterns or is_participle(last):
        return ""
    return "thing"


def _leading_quality(low: str) -> str:
    """Return the colour, pattern or attribute that a phrase begins with, or ``""``."""
    for match in find_colours(low):
        if match.start() == 0 and match.end() < len(low):
            return match.group()
        break
    lex = lexicon()
    several = low.split()
    for length in (3, 2, 1):
        start = " ".join(several[:length])
        if len(several) > length and (start in lex.patterns or start in lex.attributes):
            return start
    return ""


def _qualifies(gerund: str, listed: bool, head: str) -> bool:
    """Return whether an -ing word qualifies a noun: "running dog", not "holding shoes"."""
    lex = lexicon()
    if gerund in lex.ing_nouns or gerund in _NOT_PARTICIPLES:
        return listed
    stem = gerund.removesuffix("ing")
    stems = {stem, f"{stem}e", stem[:-1] if stem[-1:] == stem[-2:-1] else stem}
    if stems & _TAKE_OBJECTS:
        # "riding boots" are boots, "holding boots" is what somebody does
        return head in lex.garments and bool(stems & {"ride", "drive"})
    return listed


def adjective_of_pronoun(text: str) -> str:
    """Return the adjective of "a longer one" or "the striped ones", or ``""`` for other phrases."""
    match = re.fullmatch(r"(?:an? |the |some )?(?P<what>[\w -]+?) (?:one|ones|version)", text, re.I)
    if match is None or _NO_ADJECTIVES & set(match["what"].lower().split()):
        return ""
    return match["what"]


def qualities(words: str) -> tuple[str, ...]:
    """Split what precedes a noun into its qualities: ``("polka dot", "long")``."""
    lex = lexicon()
    several, cut = words.lower().split(), []
    while several:
        length = next(
            (
                n
                for n in (3, 2)
                if " ".join(several[:n]) in lex.patterns | lex.attributes and len(several) >= n
            ),
            1,
        )
        cut.append(" ".join(several[:length]).strip(",-"))
        several = several[length:]
    return tuple(word for word in cut if word and word not in ("and", "very", "a", "an", "the"))

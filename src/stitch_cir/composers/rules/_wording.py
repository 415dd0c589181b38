"""The content words of a modification: without commands, frames and what it removes.

The parser of the template composer parses edits and writes new captions from them, which helps
where it succeeds. Real modifications are often beyond a grammar ("Target on three puppies sleeping
in baggage rather showing one"), and a misread one is worse than its words. So this only *drops*
words, by three small lists of patterns, and keeps all others in their order.
"""

from __future__ import annotations

import re
from functools import cache

from stitch_cir.composers._text import clean

__all__ = ["content_words"]

_IMAGE = r"(?:image|photo|photograph|picture|pic|shot|scene)"
_SHOWS = (
    r"(?:show(?:s|ing|n)?|depict(?:s|ing)?|display(?:s|ing)?|features?|has|have|having|is of|"
    r"contains?|includ(?:es?|ing)|(?:should|must)(?: (?:show|have|be|contain|display|include))?)"
)
_TO_GO = (
    r",?\s*\b(?:instead of|in place of|in lieu of|as opposed to|rather than|unlike)\b[^,.;]*",
    # "rather making with dog in bar": an idiom of CIRR's annotators for "instead of"
    r",?\s*\brather\b[^,.;]*",
    r",?\s*\b(?:and|but) not\b[^,.;]*",
    r",?\s*\b(?:excluding|excludes?|except|without|(?:with|and|but|has|have|is|are) no|no longer"
    r"|no more|(?:does|do)(?: not|n't) have|doesnt have|minus|lacking)\b[^,.;]*?"
    r"(?=[,.;]| and (?:add|make|change|put|the|has|is|show)\b| but | with |$)",
    r"\b(?:remov(?:e|es|ing)|delete|erase|eliminate|take (?:away|out|off)|get rid of|drop|lose)\b"
    r"[^,.;]*?(?=[,.;]| and | but |$)(?: and(?= ))?",
    r",?\s*\bno \w+(?: \w+)?(?=[,.;]|$)",
)
"""Parts of a sentence that name what is removed: a text encoder would look for it."""
_OLD_FOR_NEW = (
    (r"\b(?:change|alter) the colou?rs? of (?:the |its )?([^,.;]+?) (?:in)?to (?:be )?([\w -]+)", r"\2 \1"),
    (
        r"\b(?:the )?colou?rs? of (?:the |its )?([^,.;]+?) (?:is|are|has|have)(?: been)? (?:changed|turned)"
        r"(?: from [^,.;]*?)? (?:in)?to (?:be )?(\w+)",
        r"\2 \1",
    ),
    (
        r"\b(?:reduce|increase|change) the (?:number|amount) of ([^,.;]+?) to (\w+)(?=[,.;]|$| and )",
        r"\2 \1",
    ),
    (
        r"\b(?:change|replace|turn|transform|convert|swap|substitute|exchange|switch|modify|alter)"
        r"[sd]?\b [^.;]*?\b(?:to|with|into|for|by)\b(?: be)?\s+",
        "",
    ),
    (
        r"[^,.;]{0,60}?\b(?:is|are|was|were|has|have|been|got) "
        r"(?:changed|replaced|turned|transformed|converted|swapped)"
        r"(?: from [^,.;]*?)? (?:to|with|into|by|for)\s+",
        "",
    ),
)  # fmt: skip
"""Replacements: the new thing stays, the old one goes."""
_FRAMES = (
    rf"(?:in )?(?:the |this |an? )?(?:target|desired|new|second|other|modified|same)? ?(?:{_IMAGE}|one)"
    rf" {_SHOWS}\s+",
    rf"(?:an? |the )?{_IMAGE} of\s+",
    rf"{_SHOWS}\s+(?:only |just )?",
    r"(?:please |now |then |also )?(?:mak(?:es?|ing)|give|put|adds?|adding|target(?:ing)?|"
    r"focus(?:ing)?(?: more)?|more focused|get|change|use|place|needs?|want|let|create|include|keep)"
    rf"(?: (?:it|them|this|(?:the )?{_IMAGE})\b)?"
    r"(?: (?:with|on|to|into|at|of|in|as|be|so|have|for|like|look like|more like)\b)*\s+",
    r"(?:it'?s|it is|they are|they're|there (?:is|are)|has|have|is|are|be|to|with(?: the addition of)?"
    r"|the same|same|but|and)\s+",
)
"""Beginnings of a clause that only announce the content that follows."""


def content_words(modification: str) -> str:
    """Return the words of a modification that name the target's content, in their order.

    From each sentence the old parts of replacements are dropped first, then what is removed, then
    commands and frames at the beginnings of clauses. Where nothing would be left, as in "remove the
    hat", the modification stays whole.

    >>> content_words("The target photo shows two dogs instead of a cat. Make it a close-up")
    'two dogs. a close-up'
    """
    text = clean(modification)
    kept = []
    for sentence in re.split(r"(?<=[.!?;])\s+", text):
        for pattern, new in _old_for_new():
            sentence = pattern.sub(new, sentence)
        for pattern in _to_go():
            sentence = pattern.sub(" ", sentence)
        parts = re.split(r",\s*(?:and |but )?", " ".join(sentence.split()).strip(" ,.;"))
        phrase = ", ".join(filter(None, (_unframed(part) for part in parts)))
        phrase = re.sub(r"\s+(?:and|but|with)$", "", phrase)
        if phrase:
            kept.append(phrase)
    return ". ".join(kept) or text


def _unframed(part: str) -> str:
    """Drop frames until none is left, unless nothing else would remain."""
    while True:
        before = part
        for pattern in _frames():
            match = pattern.match(part)
            if match is not None and match.end() < len(part):
                part = part[match.end() :]
        if part == before:
            return part.strip(" ,.;")


@cache
def _to_go() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.I) for pattern in _TO_GO)


@cache
def _old_for_new() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern, re.I), new) for pattern, new in _OLD_FOR_NEW)


@cache
def _frames() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.I) for pattern in _FRAMES)

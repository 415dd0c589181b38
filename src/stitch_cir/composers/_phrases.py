"""English nouns: with an article, in the plural, and named in a text."""

from __future__ import annotations

import re

from stitch_cir.composers._request_rules import ADVERBIAL, DETERMINER, DOING

__all__ = ["names", "plural", "with_article"]

_IRREGULAR = {"person": "people", "man": "men", "woman": "women", "child": "children",
              "mouse": "mice", "sheep": "sheep", "fish": "fish", "foot": "feet"}  # fmt: skip


def with_article(noun: str) -> str:
    """Return a noun phrase with "a" or "an" where it needs one; a place or an action never does."""
    after = rf"[,.]| (?:and|that|which|who|{ADVERBIAL}|{DOING})"
    thing = re.split(after, noun, maxsplit=1, flags=re.I)[0]
    is_plural = plural(thing) == thing and thing.rpartition(" ")[2] not in _IRREGULAR
    if is_plural or re.match(f"{DETERMINER}|{ADVERBIAL}", noun, re.I):
        return noun
    return f"{'an' if re.match('(?!uni|us|eu|one)[aeiou]', noun, re.I) else 'a'} {noun}"


def plural(noun: str) -> str:
    """Return the plural of a noun or noun phrase: "two dogs sitting"; of a plural the same."""
    thing, action = re.fullmatch(r"(.*?)( \w{2,}ing\b.*)?", noun, re.S).groups("")  # type: ignore[union-attr]
    head = thing.rpartition(" ")[2]
    if head in _IRREGULAR:
        many = _IRREGULAR[head]
    elif head in _IRREGULAR.values() or re.search(r"(?<![su])s$|people$", head):
        many = head
    else:
        many = re.sub("(?<=[^aeiou])y$", "ie", head) + (
            "es" if re.search("(?:s|x|[cs]h)$", head) else "s"
        )
    return f"{thing.removesuffix(head)}{many}{action}"


def names(text: str, noun: str) -> bool:
    """Return whether a text names a thing, be it one or several, whatever the thing does."""
    thing = re.sub(r" \w{2,}ing\b.*", "", noun)
    return bool(re.search(rf"\b(?:{re.escape(thing)}|{re.escape(plural(thing))})\b", text, re.I))

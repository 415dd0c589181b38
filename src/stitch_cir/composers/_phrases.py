"""English phrases of few parts: articles, plurals, and a noun with what belongs to it."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["noun_phrase", "plural", "unframed", "with_article"]

_DETERMINER = re.compile(
    r"(?:an?|the|some|his|her|its|their|no|many|several|another|both|all|one|two|three|four|five|six|\d+|"
    r"a pair of|lots of) (?:single )?", re.I
)  # fmt: skip
_IRREGULAR = {"person": "people", "man": "men", "woman": "women", "child": "children",
              "mouse": "mice", "sheep": "sheep", "fish": "fish", "foot": "feet"}  # fmt: skip
_AFTER_SUBJECT = re.compile(
    r"[,.]| (?:on|in|at|by|near|with|under|behind|next|beside|and|that|which|who|is|are|has|have|of|"
    r"for|from|to|against|while|over|\w{2,}ing)\b", re.I
)  # fmt: skip
_FRAME = re.compile(
    r"(?:the|this|an?) (?:image|photo|picture|scene) (?:shows|depicts|features|is of|of) ", re.I
)


def with_article(noun: str) -> str:
    """Return a noun phrase with "a" or "an" where it needs one."""
    if _DETERMINER.match(noun) or _is_plural(_AFTER_SUBJECT.split(noun, maxsplit=1)[0]):
        return noun
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def _is_plural(noun: str) -> bool:
    return (noun.endswith("s") and not noun.endswith(("ss", "us"))) or noun.endswith("people")


def plural(noun: str) -> str:
    """Return the plural of a noun or noun phrase: "two dogs sitting"; of a plural the same."""
    thing, space, activity = re.fullmatch(r"(.+?)(?:( )(\w{2,}ing\b.*))?", noun).groups("")  # type: ignore[union-attr]
    rest, gap, head = thing.rpartition(" ")
    if head in _IRREGULAR:
        head = _IRREGULAR[head]
    elif not _is_plural(head) and head not in _IRREGULAR.values():
        head = (
            f"{head}es"
            if re.search(r"(?:s|x|ch|sh)$", head)
            else f"{re.sub(r'(?<=[^aeiou])y$', 'ie', head)}s"
        )
    return f"{rest}{gap}{head}{space}{activity}"


def noun_phrase(
    noun: str,
    *,
    number: str = "",
    qualities: Sequence[str] = (),
    additions: Sequence[str] = (),
    location: str = "",
) -> str:
    """Return "two longer red dresses with a belt on a beach" of its parts.

    >>> noun_phrase("dress", qualities=["longer", "red"], additions=["a belt"])
    'a longer red dress with a belt'
    """
    determiner = match[0] if (match := _DETERMINER.match(noun)) else ""
    body = " ".join((*qualities, noun[len(determiner) :]))
    if number:
        single = number.lower() in ("1", "one", "single", "a single")
        counted = "a single" if number == "single" else number
        body = f"{counted} {body if single else plural(body)}"
    else:
        body = (
            with_article(body) if determiner.lower() in ("", "a ", "an ") else f"{determiner}{body}"
        )
    for joint, addition in zip(("with", *["and"] * len(additions)), additions, strict=False):
        body += f" {joint} {re.sub(r'^with ', '', addition, flags=re.I)}"
    return f"{body} {location}".strip()


def unframed(caption: str) -> str:
    """Return a caption without "The image shows"."""
    return _FRAME.sub("", caption.strip(), count=1).rstrip(" .")

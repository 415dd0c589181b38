"""English phrases of few parts: articles, plurals, and a noun with what belongs to it."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["join_to", "noun_phrase", "plural", "split_activity", "unframed", "with_article"]

_DETERMINED = re.compile(
    r"(?:an?|the|some|his|her|its|their|no|many|several|another|both|all|one|two|three|four|five|six|\d+|"
    r"a pair of|lots of)\b", re.I
)  # fmt: skip
_DETERMINER = re.compile(
    r"((?:(?:an?|the|some|his|her|its|several|many|one|two|three|four|five|six|\d+)(?: single)? )?)(.+)",
    re.I | re.S,
)
_IRREGULAR = {"person": "people", "man": "men", "woman": "women", "child": "children",
              "mouse": "mice", "sheep": "sheep", "fish": "fish", "foot": "feet"}  # fmt: skip
_FRAME = re.compile(
    r"(?:(?:the|this|an?) )?(?:image|photo|photograph|picture|shot|scene|view)(?: here)? "
    r"(?:shows|depicts|displays|features|captures|contains|presents|showcases|portrays|is of|of) (?=\w)"
    r"|this is (?:an? (?:photo|image|picture|close-up|photograph) of )?(?=an?\b)",
    re.I,
)
_SHOWN = re.compile(
    r" (?:is|are) (?:shown|pictured|depicted|displayed|featured|seen|captured|visible)"
    r"(?: in (?:the|this) (?:image|photo|picture|photograph|foreground))?\.?$",
    re.I,
)
_AFTER_SUBJECT = re.compile(
    r"[,.]| (?:on|in|at|by|near|with|under|behind|next|beside|and|that|which|who|is|are|has|have|of|"
    r"for|from|to|against|while|over|\w{2,}ing)\b",
    re.I,
)
_MODIFIER = re.compile(
    r"(?:in|on|at|with|without|under|by|near|for|from|behind|next to|beside|as)\b", re.I
)


def with_article(noun: str) -> str:
    """Return a noun phrase with "a" or "an" where it needs one."""
    if _DETERMINED.match(noun) or is_plural(_AFTER_SUBJECT.split(noun, maxsplit=1)[0]):
        return noun
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def is_plural(noun: str) -> bool:
    """Return whether a noun looks like a plural; a phrase is judged by its last word."""
    return (noun.endswith("s") and not noun.endswith(("ss", "us"))) or noun.endswith("people")


def split_activity(noun: str) -> tuple[str, str]:
    """Return "dog" and "sitting on grass" of "dog sitting on grass"; most nouns have no activity."""
    match = re.fullmatch(r"(.+?) (\w{2,}ing\b.*)", noun)
    return (match[1], match[2]) if match else (noun, "")


def plural(noun: str) -> str:
    """Return the plural of a noun or noun phrase, of a plural the same."""
    thing, activity = split_activity(noun)
    if activity:
        return f"{plural(thing)} {activity}"
    head = noun.rpartition(" ")[2]
    if head in _IRREGULAR:
        return noun.removesuffix(head) + _IRREGULAR[head]
    if is_plural(noun) or head in _IRREGULAR.values():
        return noun
    if re.search(r"(?:s|x|ch|sh)$", noun):
        return f"{noun}es"
    return re.sub(r"(?<=[^aeiou])y$", "ie", noun) + "s"


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
    determiner, stem = _DETERMINER.fullmatch(lower_first(noun)).groups()  # type: ignore[union-attr]
    body = " ".join((*qualities, stem))
    if number:
        single = number.lower() in ("1", "one", "single", "a single")
        body = f"{with_article(number) if number == 'single' else number} {body if single else plural(body)}"
    else:
        body = with_article(body) if determiner in ("", "a ", "an ") else f"{determiner}{body}"
    for i, addition in enumerate(additions):
        bare = re.sub(r"^with ", "", addition, flags=re.I)
        body += f" {'and' if i else 'with'} {bare}"
    return f"{body} {location}".strip()


def lower_first(text: str) -> str:
    """Return a text with its first letter in lower case, unless the word looks like a name."""
    head = text.split(" ", 1)[0]
    return text if head[1:] != head[1:].lower() or head == "I" else text[:1].lower() + text[1:]


def join_to(subject: str, request: str) -> str:
    """Return a subject with the user's words behind it: "a hat for a child", "a hat, make it blue"."""
    return f"{subject} {request}" if _MODIFIER.match(request) else f"{subject}, {request}"


def unframed(caption: str) -> str:
    """Return a caption without "The image shows …" and "… is shown"."""
    return _SHOWN.sub("", _FRAME.sub("", caption.strip(), count=1)).rstrip(" .")

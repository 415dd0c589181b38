"""Clean texts that people typed, and cut them to a bounded length."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

__all__ = ["clean", "cut_characters", "cut_words", "fold", "tidy", "unique"]

_QUOTES = str.maketrans(
    {
        "‘": "'",
        "’": "'",
        "‚": "'",
        "‛": "'",
        "“": '"',
        "”": '"',
        "„": '"',
        "«": '"',
        "»": '"',
        "`": "'",
    }
)
_INVISIBLE = {"Cf", "Cs", "Co", "Cn"}
_BREAKS = {"Cc", "Zl", "Zp", "Zs"}


def clean(text: str) -> str:
    """Return one line of plain text: NFC, no control or invisible characters, straight quotes.

    Tags and entities are not interpreted: HTML is text like any other. Quotes around the whole
    text are dropped, and a text that holds nothing visible becomes ``""``.
    """
    if text.isascii() and text.isprintable():
        line = text
    else:
        pieces = []
        for character in unicodedata.normalize("NFC", text):
            category = unicodedata.category(character)
            if category in _BREAKS:
                pieces.append(" ")
            elif category not in _INVISIBLE:
                pieces.append(character)
        line = "".join(pieces).translate(_QUOTES)
    line = " ".join(line.split())
    while len(line) > 1 and line[0] == line[-1] and line[0] in "'\"" and line[0] not in line[1:-1]:
        line = line[1:-1].strip()
    return line if any(not unicodedata.category(c).startswith(("M", "Z")) for c in line) else ""


def cut_characters(text: str, limit: int) -> str:
    """Cut a text to at most ``limit`` characters, between words where there is a gap."""
    if len(text) <= limit:
        return text
    head = text[: limit + 1]
    gap = head.rfind(" ")
    return (head[:gap] if gap > limit // 2 else text[:limit]).rstrip(" ,;:-")


def cut_words(text: str, limit: int) -> str:
    """Cut a text to at most ``limit`` words, ending on no dangling comma or joining word."""
    words = text.split(" ")
    if len(words) <= limit:
        return text
    words = words[:limit]
    while len(words) > 1 and words[-1].lower().strip(",;:") in _DANGLING:
        words.pop()
    return " ".join(words).rstrip(" ,;:-")


def tidy(text: str) -> str:
    """Clean up an edited text: doubled spaces, commas and joining words."""
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"\s+([,.;:])", r"\1", text)
    text = re.sub(r"([,;:])(?:\s*[,;:])+", r"\1", text)
    return text.strip(" ,;:")


def fold(text: str) -> str:
    """Fold a text to the form in which two texts compare equal."""
    return " ".join(re.sub(r"[.!?,;:]+(?=\s|$)", " ", clean(text).casefold()).split())


def unique(texts: Iterable[str]) -> list[str]:
    """Return the first of texts that differ only in case and punctuation; drop blank ones."""
    first: dict[str, str] = {}
    for text in texts:
        if text and fold(text) not in first:
            first[fold(text)] = text
    return list(first.values())


_DANGLING = frozenset("a an the and or but with of in on at to by for from is are".split())

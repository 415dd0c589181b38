"""Clean texts that people typed, and cut them to a bounded length."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

__all__ = ["clean", "cut_characters", "fold", "unique"]

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

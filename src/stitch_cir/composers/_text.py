"""Clean texts that people typed, and cut them to a bounded length."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

__all__ = [
    "CHARACTERS",
    "clean",
    "cut_characters",
    "distinct_captions",
    "fold",
    "unframed",
    "unique",
]

CHARACTERS = 600
"""Most characters of a text that composers read; text encoders read less."""
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


def shortened(text: str) -> str:
    """Return the beginning of a text, as much of it as composers read."""
    return cut_characters(text, CHARACTERS)


def cut_note(text: str) -> str:
    """Return how much of a modification is read, or "" where all of it is."""
    cut = f"the modification was cut from {len(text):,} to {CHARACTERS:,} characters"
    return cut if len(text) > CHARACTERS else ""


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


def unframed(caption: str) -> str:
    """Return a caption without "The image shows"."""
    frame = r"(?:the|this|an?) (?:image|photo|picture|scene) (?:shows|depicts|features|is of|of) "
    return re.sub(f"^{frame}", "", caption.strip(), flags=re.I).rstrip(" .")


def distinct_captions(captions: Sequence[str]) -> list[str]:
    """Return cleaned captions of an image, without those that only concatenate others."""
    cleaned = unique(unframed(clean(caption)) for caption in captions)
    folded = [fold(caption) for caption in cleaned]
    return [
        shortened(caption)
        for caption, text in zip(cleaned, folded, strict=True)
        if not any(other != text and other in text for other in folded)
    ]

"""Reading what a model wrote: one caption, or the reason why it is none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stitch_cir.chat import Reply
from stitch_cir.composers._text import clean, fold

__all__ = ["Rejected", "read_caption"]

MOST_CHARACTERS = 600
_THINKING = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"^```\w*\s*|\s*```$")
_NUMBER = re.compile(r"^(?:[-*•]|\(?\d{1,2}[.)])\s+")
_OPENING = re.compile(r"^(?:sure|certainly|of course|okay|ok|here(?: is|'s| are))\b[^:]*:$", re.I)
_REFUSAL = re.compile(
    r"\b(?:i(?:'m| am)? (?:sorry|unable|afraid)|i (?:can ?not|can't|could not|couldn't|do not see|"
    r"don't see)|as an? (?:ai|language model)|(?:cannot|can't|unable to) (?:assist|help|comply|"
    r"provide|fulfill|see|view)|no (?:image|picture) (?:was|is|has been) (?:provided|attached)|"
    r"please (?:provide|upload|share))\b",
    re.IGNORECASE,
)
_QUOTES = "\"'“”‘’«»`*_ "


@dataclass(frozen=True, slots=True)
class Rejected:
    """A reply that is no caption, and why."""

    reason: str


def read_caption(
    reply: Reply, labels: Sequence[str], max_words: int, modification: str = ""
) -> str | Rejected:
    """Read one caption out of a reply.

    Thinking aloud, code fences, one label of the prompt, list numbers, quotes and an opening line
    such as "Here is the caption:" are dropped; then the first line must be a caption: not empty,
    not a refusal, not the modification itself, at most ``max_words`` words. A reply that was cut
    off counts up to its last whole sentence.
    """
    if reply.text is None:
        return Rejected("no text")
    lines = [
        line
        for line in (_strip(part, labels) for part in _visible(reply.text).splitlines())
        if line
    ]
    if lines and _OPENING.match(lines[0]):
        lines = lines[1:]
    if not lines:
        return Rejected("empty")
    text = lines[0]
    if len(lines) == 1 and reply.finish == "length":
        whole = re.match(r"^(.*[.!?])(?:\s|$)", text)
        if whole is None:
            return Rejected("cut off")
        text = whole[1]
    if _REFUSAL.search(text):
        return Rejected("refused")
    if len(text.split()) > max_words or len(text) > MOST_CHARACTERS:
        return Rejected("too long")
    if not any(character.isalpha() for character in text):
        return Rejected("no words")
    if modification and fold(text) == fold(modification) and len(text.split()) < 6:
        return Rejected("repeats the modification")
    return text


def _visible(text: str) -> str:
    # a megabyte of prose is no caption: what matters stands at the beginning
    text = _THINKING.sub(" ", text[:100_000]).strip()
    return _FENCE.sub("", text).strip()


def _strip(line: str, labels: Sequence[str]) -> str:
    line = _NUMBER.sub("", clean(line)).strip(_QUOTES)
    for label in labels:
        if line.lower().startswith(f"{label.lower()}:"):
            line = line[len(label) + 1 :].strip(_QUOTES)
            break
        if line.lower().rstrip("*_ ") == label.lower():
            return ""
    return line

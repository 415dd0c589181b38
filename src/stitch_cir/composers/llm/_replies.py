"""Parse a model's reply: one caption, or the reason why it has none."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stitch_cir.chat import Reply, visible
from stitch_cir.composers._text import clean, fold

__all__ = ["Rejected", "is_final", "read_caption"]

MOST_CHARACTERS = 600
_FENCED = re.compile(r"```[\w-]*[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL)
_KEYS = ("caption", "edited_description", "description", "text", "answer", "output", "result")
_THOUGHTS = frozenset({"thought", "thoughts", "thinking", "reasoning", "analysis", "rationale"})
_PAIR = re.compile(
    r'"(?:caption|edited_description|description|text|answer|output|result)"\s*:\s*'
    r'("(?:[^"\\]|\\.)*")',
    re.IGNORECASE,
)
_NUMBER = re.compile(r"^(?:[-*•]|\(?\d{1,2}[.)])\s+")
_OPENING = re.compile(r"^(?:sure|certainly|of course|okay|ok|here(?: is|'s| are))\b[^:]*:$", re.I)
_REFUSAL = re.compile(
    r"\b(?:i(?:'m| am)? (?:sorry|unable|afraid)|i (?:can ?not|can't|could not|couldn't|do not see|"
    r"don't see)|as an? (?:ai|language model)|(?:cannot|can't|unable to) (?:assist|help|comply|"
    r"provide|fulfill|see|view)|no (?:image|picture) (?:was|is|has been) (?:provided|attached)|"
    r"please (?:provide|upload|share))\b",
    re.IGNORECASE,
)
_MUSING = re.compile(
    r"^(?:(?:okay|ok|alright|hmm+|wait|well|so|first|now)\b[,.!:]* +)?(?:the user (?:wants|asks|is asking|"
    r"gave|provided|said|has)|let me (?:think|look|see|start|analy[sz]e|consider|try)|let's (?:think|see|"
    r"look|start)|i (?:need|have|should|must|will|am going) to\b|we (?:need|have|should|must) (?:to )?)",
    re.IGNORECASE,
)
"""Beginnings of thoughts that are written out; no caption begins so."""
_PASSING = frozenset(
    {"no text", "empty", "refused", "cut off", "blocked by a content filter", "thought, no answer"}
)
"""Reasons that may not recur at the next try: such a reply is not final."""
_QUOTES = "\"'“”‘’«»`*_ "


@dataclass(frozen=True, slots=True)
class Rejected:
    """A reply without a usable caption, and the reason."""

    reason: str

    @property
    def passing(self) -> bool:
        """Whether another sample may be usable."""
        return self.reason in _PASSING


def is_final(parsed: str | Rejected) -> bool:
    """Return whether a parsed reply is final: a caption, or rejected for good."""
    return isinstance(parsed, str) or not parsed.passing


def read_caption(
    reply: Reply, labels: Sequence[str], max_words: int, modification: str = ""
) -> str | Rejected:
    """Return the caption in a reply, or why it is rejected.

    Thoughts, channels and special tokens of reasoning models, JSON around a caption, code fences,
    one label of the prompt, list numbers, quotes and an opening line such as "Here is the caption:"
    are dropped; then the first line must be a caption: not empty, not a refusal, not a thought, not
    the modification itself, at most ``max_words`` words. A reply that was cut off counts up to its
    last whole sentence, unless it was cut off in a thought.
    """
    if reply.finish == "content_filter":
        return Rejected("blocked by a content filter")
    if reply.finish == "refusal":
        return Rejected("refused")
    if reply.finish == "thought":
        return Rejected("thought, no answer")
    if reply.text is None:
        return Rejected("cut off" if reply.finish == "length" else "no text")
    answer = visible(reply.text)
    if answer.unfinished:
        return Rejected("cut off" if reply.finish == "length" else "thought, no answer")
    content = _unwrapped(answer.text, labels)
    if content is None:
        return Rejected("cut off" if reply.finish == "length" else "JSON without a caption")
    lines = [line for line in (_strip(part, labels) for part in content.splitlines()) if line]
    if lines and _OPENING.match(lines[0]):
        lines = lines[1:]
    if not lines:
        return Rejected("cut off" if reply.finish == "length" else "empty")
    text = lines[0]
    if len(lines) == 1 and reply.finish == "length":
        whole = re.match(r"^(.*[.!?])(?:\s|$)", text)
        if whole is None:
            return Rejected("cut off")
        text = whole[1]
    if _REFUSAL.search(text):
        return Rejected("refused")
    if _MUSING.search(text):
        return Rejected("cut off" if reply.finish == "length" else "thought, no answer")
    if len(text.split()) > max_words or len(text) > MOST_CHARACTERS:
        return Rejected("too long")
    if not any(character.isalpha() for character in text):
        return Rejected("no words")
    if modification and fold(text) == fold(modification) and len(text.split()) < 6:
        return Rejected("repeats the modification")
    return text


def _unwrapped(text: str, labels: Sequence[str]) -> str | None:
    """Take a text out of code fences and JSON; ``None`` for JSON that holds no caption."""
    # a megabyte of prose is no caption: what matters stands at the beginning
    text = text[:100_000].strip()
    fenced = _FENCED.search(text)
    if fenced is not None and fenced[1].strip():
        text = fenced[1].strip()
    if text[:1] not in ("{", "[", '"'):
        return text
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        if text[0] == '"' or not re.match(r'[{\[]\s*["{]', text):
            return text
        pair = _PAIR.search(text)
        return None if pair is None else str(json.loads(pair[1], strict=False))
    return _caption_in(data, [label.lower().replace(" ", "_") for label in labels])


def _caption_in(data: Any, labels: Sequence[str], depth: int = 4) -> str | None:
    """Find the caption in decoded JSON: a string, the first of a list, or a value by its key."""
    if isinstance(data, str):
        return data
    if not depth:
        return None
    if isinstance(data, list):
        return _caption_in(data[0], labels, depth - 1) if data else ""
    if not isinstance(data, dict):
        return None
    named = {str(key).lower().replace(" ", "_"): value for key, value in data.items()}
    for key in (*labels, *_KEYS):
        if key in named:
            return _caption_in(named[key], labels, depth - 1)
    texts = [
        value for key, value in named.items() if isinstance(value, str) and key not in _THOUGHTS
    ]
    return texts[0] if len(texts) == 1 else None


def _strip(line: str, labels: Sequence[str]) -> str:
    line = _NUMBER.sub("", clean(line)).strip(_QUOTES)
    for label in labels:
        if line.lower().startswith(f"{label.lower()}:"):
            line = line[len(label) + 1 :].strip(_QUOTES)
            break
        if line.lower().rstrip("*_ ") == label.lower():
            return ""
    return line

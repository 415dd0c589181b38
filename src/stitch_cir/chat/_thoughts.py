"""The visible part of a reply: without thoughts, channels, boxes and left-over special tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Visible", "visible"]

_LONGEST = 1_000_000
_NAME = (
    r"(?:[\w-]+:)?(?:[a-z]+_)?(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|analysis|"
    r"scratchpad|rationale|cot(?:_[a-z_]+)?)"
)
_OPEN = re.compile(
    rf"<{_NAME}(?:\s[^<>]{{0,80}})?>|◁think▷|\[THINK\]|<\|begin_of_thought\|>|<\|START_THINKING\|>|"
    r"<\|channel>\s*thought|<unused94>(?:thought)?|here(?: is|'s) my thought process:",
    re.IGNORECASE,
)
_CLOSE = re.compile(
    rf"</{_NAME}\s*>|◁/think▷|\[/THINK\]|<\|end_of_thought\|>|<\|END_THINKING\|>|<channel\|>|"
    r"<unused95>|here(?: is|'s) my response:",
    re.IGNORECASE,
)
_ANSWER_TAGS = r"answer|final_answer|response|final|output|caption"
_ANSWER_OPEN = re.compile(
    rf"<(?:{_ANSWER_TAGS})>|<\|begin_of_box\|>|<\|begin_of_solution\|>|<\|START_RESPONSE\|>|"
    r"\[BEGIN FINAL RESPONSE\]",
    re.IGNORECASE,
)
_ANSWER_CLOSE = re.compile(
    rf"</(?:{_ANSWER_TAGS})>|<\|end_of_box\|>|<\|end_of_solution\|>|<\|END_RESPONSE\|>|"
    r"\[END FINAL RESPONSE\]",
    re.IGNORECASE,
)
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)[^<]{0,40}(?:<\|constrain\|>[^<]{0,40})?<\|message\|>")
_BARE_ANALYSIS = re.compile(r"\A\s*(?:assistant)?(?:analysis|commentary)(?=[A-Z])")
"""Channels whose special tokens a server dropped: ``analysisWe need …assistantfinalA cat``."""
_BARE_FINAL = re.compile(r"assistantfinal(?=\S)|\A\s*final(?=[A-Z])")
_ROLES = re.compile(
    r"<\|start_header_id\|>\s*\w*\s*<\|end_header_id\|>|<\|im_start\|>\s*(?:assistant\b)?|"
    r"<start_of_turn>\s*(?:model\b)?|<\|start\|>\s*(?:assistant\b)?"
)
_END = re.compile(
    r"<\|(?:im_end|eot_id|eom_id|end_of_text|endoftext|end|return|eot|END_OF_TURN_TOKEN)\|>|"
    r"</s>|<end_of_turn>|<turn\|>|<eos>|<｜end▁of▁sentence｜>|<\|end▁of▁sentence\|>"
)
_SPECIAL = re.compile(
    r"<\|[^|<>\s]{1,40}\|>|<｜[^｜<>]{1,40}｜>|</?s>|<(?:bos|eos|pad|unk)>|\[/?INST\]"
)


@dataclass(frozen=True, slots=True)
class Visible:
    """The part of a reply that is meant for the reader.

    ``unfinished`` is true when the reply broke off inside a thought, so that nothing of it is an
    answer; ``text`` is empty then.
    """

    text: str
    unfinished: bool = False


def visible(text: str) -> Visible:
    """Return the visible part of a reply: without thoughts, channel, box and special tokens.

    Reads the conventions of current reasoning models: tags such as ``<think>`` (whole, nested, or
    with only their closing half), ``◁think▷``, ``[THINK]``, harmony channels, boxes and
    ``<answer>``. A thought that never ends is no answer.
    """
    text = text[:_LONGEST]
    channelled = _channels(text)
    if channelled is not None:
        return channelled
    boxed = _boxed(text)
    if boxed is not None:
        return Visible(_plain(boxed))
    return _outside_thoughts(text)


def _channels(text: str) -> Visible | None:
    """Read harmony channels: only ``final`` is the answer. ``None`` where there are none."""
    heads = list(_CHANNEL.finditer(text))
    if heads:
        if heads[-1][1].lower() == "final":
            return Visible(_plain(text[heads[-1].end() :]))
        return Visible("", unfinished=True)
    finals = list(_BARE_FINAL.finditer(text))
    if finals:
        return Visible(_plain(text[finals[-1].end() :]))
    if _BARE_ANALYSIS.match(text):
        return Visible("", unfinished=True)
    return None


def _boxed(text: str) -> str | None:
    """Return the last answer in a box, unless the box is only mentioned in a thought."""
    opens = list(_ANSWER_OPEN.finditer(text))
    if not opens:
        return None
    start = opens[-1].end()
    close = _ANSWER_CLOSE.search(text, start)
    inside = text[start:] if close is None else text[start : close.start()]
    thought = _OPEN.search(text) is not None
    if thought or _CLOSE.search(text) is not None:
        ended = _last_end(text) <= opens[-1].start() and _CLOSE.search(text) is not None
        # a box that ends the reply is the answer even where the thought was never closed
        last = close is not None and not _plain(text[close.end() :])
        if not ended and not last:
            return None
    return inside if inside.strip() else None


def _outside_thoughts(text: str) -> Visible:
    first = _OPEN.search(text)
    end = _last_end(text)
    if end:
        rest = text[end:]
        reopened = _OPEN.search(rest)
        answer = _plain(rest if reopened is None else rest[: reopened.start()])
        if answer:
            return Visible(answer)
    if first is None:
        return Visible("" if end else _plain(text))
    start = _plain(text[: first.start()])
    if start or end:
        return Visible(start or _between(text))
    return Visible("", unfinished=True)


def _between(text: str) -> str:
    """Return what stands between whole thoughts."""
    kept, position = [], 0
    while (opened := _OPEN.search(text, position)) is not None:
        kept.append(text[position : opened.start()])
        closed = _CLOSE.search(text, opened.end())
        if closed is None:
            break
        position = closed.end()
    return _plain("".join(kept))


def _last_end(text: str) -> int:
    """Return where the last thought ends; 0 when none does."""
    return max((match.end() for match in _CLOSE.finditer(text)), default=0)


def _plain(text: str) -> str:
    """Drop special tokens; what follows an end-of-turn token is no part of the reply."""
    text = _ROLES.sub("", text).strip()
    ended = _END.search(text)
    while ended is not None and not text[: ended.start()].strip():
        text = text[ended.end() :]
        ended = _END.search(text)
    if ended is not None:
        text = text[: ended.start()]
    return _SPECIAL.sub(" ", text).strip()

"""Parse a model's answer about an image: captions and attributes, or why it is rejected."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stitch_cir._hints import first_problem
from stitch_cir.chat import MalformedReplyError, Reply, read_json

__all__ = ["Answer", "is_answer", "read_answer"]

_MOST_CAPTIONS = 3
_MOST_CHARACTERS = 600
_MOST_ENTRIES = 6
_ENTRY_CHARACTERS = 60


class _Attributes(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    subject: list[str]
    colours: list[str]
    materials: list[str]
    setting: list[str]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    captions: list[str] = Field(min_length=1, max_length=_MOST_CAPTIONS)
    attributes: _Attributes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model wrote of one image."""

    captions: tuple[str, ...]
    attributes: dict[str, tuple[str, ...]]


def read_answer(reply: Reply, max_words: int) -> Answer:
    """Return the captions and attributes in a reply.

    The reply must be one JSON object with exactly the keys that the prompt names. Raises
    ``MalformedReplyError`` for anything else, and for captions that are blank or longer than
    ``max_words``.
    """
    try:
        read = _File.model_validate(read_json(reply))
    except ValidationError as error:
        raise MalformedReplyError(first_problem(error)) from None
    captions = _different(read.captions)
    if not captions:
        raise MalformedReplyError("its captions are blank")
    if any(len(text.split()) > max_words or len(text) > _MOST_CHARACTERS for text in captions):
        raise MalformedReplyError(f"a caption of more than {max_words} words")
    attributes = {}
    for name, entries in read.attributes:
        short = [text.casefold() for text in _different(entries)]
        if len(entries) > _MOST_ENTRIES or any(len(text) > _ENTRY_CHARACTERS for text in short):
            raise MalformedReplyError(f"attributes.{name} is not a few short texts")
        attributes[name] = tuple(dict.fromkeys(short))
    return Answer(tuple(captions), attributes)


def is_answer(reply: Reply, max_words: int) -> bool:
    """Return whether :func:`read_answer` can read a reply."""
    try:
        read_answer(reply, max_words)
    except MalformedReplyError:
        return False
    return True


def _different(texts: Iterable[str]) -> Sequence[str]:
    """Return texts on one line each, without control characters; blank and repeated ones go."""
    lines = (" ".join("".join(map(_plain, text)).split()) for text in texts)
    return list({line.casefold(): line for line in reversed(list(lines)) if line}.values())[::-1]


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    return " " if category == "Cc" else "" if category in ("Cf", "Cs", "Co", "Cn") else character

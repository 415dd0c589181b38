"""Roles from a model: one strict JSON answer a query, requested again where it is malformed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stitch_cir._hints import first_problem
from stitch_cir.chat import (
    Chat,
    Estimate,
    FittingPrompt,
    MalformedReplyError,
    Prompt,
    Reply,
    Sampling,
    estimate,
    load_prompt,
    read_json,
)
from stitch_cir.composers._roles import Phrase, Roles, reconcile
from stitch_cir.composers._text import clean, unique
from stitch_cir.errors import QueryError

__all__ = ["RoleReader", "SampledRoles"]

ANSWERS = 3
"""Most answers that are requested until one can be read."""
TOKENS = 300
"""New tokens that an answer may have at least."""
_MOST = 5
_CHARACTERS = 120


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    desired: list[str] = Field(max_length=_MOST)
    preserve: list[str] = Field(max_length=_MOST)
    forbidden: list[str] = Field(max_length=_MOST)


@dataclass(frozen=True, slots=True)
class SampledRoles:
    """Roles that a model wrote, none where no answer could be read, and how they came about."""

    roles: Roles
    settings: Mapping[str, Any]
    keys: tuple[str, ...]
    notes: tuple[str, ...]


class RoleReader:
    """Requests the roles of queries from a model, with a prompt of the kind it can read.

    A reply must be one JSON object with exactly the three roles, each a list of at most five short
    texts. A malformed one is requested again, three answers at most; then there are no roles, and a
    note says so. A phrase in two roles that contradict each other stays in one, and is noted.
    """

    def __init__(self, chat: Chat, prompt: str, kind: str, sampling: Sampling) -> None:
        """Request roles of ``chat`` with a prompt of kind ``roles`` or ``roles-text``."""
        self._chat = chat
        self._prompt = FittingPrompt(load_prompt(prompt, kind))
        self._sampling = replace(sampling, max_tokens=max(TOKENS, sampling.max_tokens))

    def settings(self) -> Mapping[str, Any]:
        """Return name and digest of the prompt."""
        return self._prompt.full.to_dict()

    def sample(self, fields: Mapping[str, Any], origin: str) -> SampledRoles:
        """Return the roles of a query, whose images or captions and instructions fill the prompt.

        Raises what the end point raises.
        """
        (roles, notes, key), prompt, shortened = self._prompt.run(
            lambda form: self._draw(form, fields, origin), self._is_cached(fields)
        )
        return SampledRoles(roles, prompt.to_dict(), (key,), (*shortened, *notes))

    def estimate(self, fields: Mapping[str, Any]) -> Estimate:
        """Return what :meth:`sample` would request, unless an answer is malformed."""
        messages = self._prompt.choose(self._is_cached(fields)).messages(**fields)
        return estimate(self._chat, messages, 1, self._sampling)

    def _draw(
        self, prompt: Prompt, fields: Mapping[str, Any], origin: str
    ) -> tuple[Roles, tuple[str, ...], str]:
        messages = prompt.messages(**fields)
        key = self._chat.key(messages, self._sampling)
        why: list[str] = []
        for number in range(ANSWERS):
            for reply in self._chat.samples(
                messages, 1, self._sampling, number, usable=lambda each: _is_answer(each, prompt)
            ):
                try:
                    roles, notes = _read(reply, prompt.max_words, origin)
                except MalformedReplyError as error:
                    why.append(str(error))
                    continue
                again = (f"roles: of {number + 1} answers {number} could not be read",)
                return roles, (*(again if number else ()), *notes), key
        reasons = "; ".join(dict.fromkeys(why)) or "there was none"
        note = f"roles: no answer could be read ({reasons}), so that the captions alone count"
        return Roles(), (note,), key

    def _is_cached(self, fields: Mapping[str, Any]) -> Any:
        def is_cached(prompt: Prompt) -> bool:
            messages = prompt.messages(**fields)
            return self._chat.peek(messages, 1, self._sampling, 0) is not None

        return is_cached


def _is_answer(reply: Reply, prompt: Prompt) -> bool:
    try:
        _read(reply, prompt.max_words, "")
    except MalformedReplyError:
        return False
    return True


def _read(reply: Reply, max_words: int, origin: str) -> tuple[Roles, tuple[str, ...]]:
    """Return the roles in a reply, and notes. Raises ``MalformedReplyError``."""
    try:
        answer = _Answer.model_validate(read_json(reply))
    except ValidationError as error:
        raise MalformedReplyError(first_problem(error)) from None
    parts = []
    for name, listed in answer:
        texts = unique(clean(text) for text in listed)
        if any(len(text.split()) > max_words or len(text) > _CHARACTERS for text in texts):
            raise MalformedReplyError(f"{name}: a phrase of more than {max_words} words")
        parts.append(tuple(Phrase(text, origin=origin) for text in texts))
    desired, preserve, forbidden = parts
    both = {each.text for each in desired} & {each.text for each in preserve}
    try:
        return reconcile(
            desired, tuple(each for each in preserve if each.text not in both), forbidden
        )
    except QueryError as error:
        raise MalformedReplyError(error.message.rstrip(".")) from None

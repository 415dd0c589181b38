"""Estimates of what a batch will cost: requests, answers, tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from stitch_cir._hints import counted
from stitch_cir.chat._chat import Chat
from stitch_cir.chat._messages import ImagePart, Message, Sampling
from stitch_cir.chat.endpoint._wire import IMAGE_SIDE

__all__ = ["Estimate", "estimate", "prompt_tokens"]

_CHARACTERS_A_TOKEN = 4
_PIXELS_A_SIDE = 28
"""Qwen2-VL turns every 28 × 28 pixels into one token; others differ, few take more."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Requests that remain to be sent, unless some must be repeated.

    ``requests`` counts calls where the end point gives several answers at once, else there are as
    many as ``answers``; ``cached`` answers cost nothing. ``prompt_tokens`` is estimated (four
    characters or 28 × 28 pixels a token), ``completion_tokens`` is the most there can be.
    """

    queries: int = 0
    requests: int = 0
    answers: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Estimate) -> Estimate:
        """Add two estimates."""
        mine, theirs = asdict(self), asdict(other)
        return Estimate(**{name: mine[name] + theirs[name] for name in mine})

    def to_dict(self) -> dict[str, int]:
        """Return JSON-ready data."""
        return asdict(self)

    def __str__(self) -> str:
        """One line for people."""
        return (
            f"{counted(self.queries, 'query')}: {counted(self.requests, 'request')} for "
            f"{counted(self.answers, 'answer')} "
            f"({self.cached:,} more are in the cache), about {self.prompt_tokens:,} tokens to read "
            f"and at most {self.completion_tokens:,} to write"
        )


def estimate(
    chat: Chat, messages: Sequence[Message], count: int, sampling: Sampling, first: int = 0
) -> Estimate:
    """Estimate the cost of ``count`` samples of the answer to one prompt."""
    missing = chat.missing(messages, count, sampling, first)
    return Estimate(
        requests=1 if missing else 0,
        answers=missing,
        cached=count - missing,
        prompt_tokens=prompt_tokens(messages) if missing else 0,
        completion_tokens=missing * sampling.max_tokens,
    )


def prompt_tokens(messages: Sequence[Message]) -> int:
    """Estimate the tokens of a prompt."""
    total = 0
    for message in messages:
        total += 4
        for part in message.parts:
            if isinstance(part, ImagePart):
                total += _image_tokens(part)
            else:
                total += math.ceil(len(part) / _CHARACTERS_A_TOKEN)
    return total


def _image_tokens(part: ImagePart) -> int:
    if part.image is None:
        return (IMAGE_SIDE // _PIXELS_A_SIDE) ** 2
    scale = min(1.0, IMAGE_SIDE / max(part.image.size))
    return math.prod(math.ceil(side * scale / _PIXELS_A_SIDE) for side in part.image.size)

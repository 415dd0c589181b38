"""Sampling the captions of a query with a prompt, as the one-stage and two-stage composers do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from stitch_cir.chat import Chat, Estimate, FittingPrompt, Message, Prompt, Sampling, estimate
from stitch_cir.composers._conversation import Conversation, compose_conversation
from stitch_cir.composers._protocol import Caption
from stitch_cir.composers._text import clean
from stitch_cir.composers._verbatim import VerbatimComposer
from stitch_cir.composers.llm._replies import read_caption
from stitch_cir.composers.llm._sampling import Collected, collect, fill, first_round

__all__ = ["Sampled", "Sampler"]


@dataclass(frozen=True, slots=True)
class Sampled:
    """Captions of a query, the prompt that was sent, the keys of its answers, and notes."""

    captions: tuple[Caption, ...]
    prompt: Prompt
    keys: Sequence[str]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Sampler:
    """Samples captions from a model; the verbatim composer writes those that are missing.

    ``fields`` fill in the prompt, once for each of its Q wordings; sample i is drawn from wording
    i mod Q. ``retries`` are the most samples drawn again; ``None``: as many as captions.
    """

    chat: Chat
    sampling: Sampling
    retries: int | None
    verbatim: VerbatimComposer

    def sample(
        self,
        fitting: FittingPrompt,
        fields: Sequence[Mapping[str, Any]],
        conversation: Conversation,
        count: int,
        composer: str,
    ) -> Sampled:
        """Sample ``count`` captions for the composer of that name."""
        read = partial(
            read_caption,
            labels=fitting.full.labels,
            max_words=fitting.full.max_words,
            modification=clean(conversation.modification),
        )
        budget = count if self.retries is None else self.retries

        def send(prompt: Prompt) -> Collected:
            return collect(self.chat, _fill_in(prompt, fields), count, self.sampling, read, budget)

        collected, prompt, shortened = fitting.run(send, self._is_cached(fields, count))
        notes = [*shortened, *collected.notes(count), *self.chat.notes()]
        substitutes: Sequence[Caption] = ()
        if len(collected.captions) < count:
            substitutes = compose_conversation(self.verbatim, conversation, count).captions
        origin = f"{composer}:{self.chat.model}"
        captions, filled = fill(collected.captions, origin, count, substitutes)
        if filled:
            notes.append(f"{filled} of {count} captions were written by the verbatim composer")
        return Sampled(captions, prompt, collected.keys, notes)

    def estimate(
        self, fitting: FittingPrompt, fields: Sequence[Mapping[str, Any]], count: int
    ) -> Estimate:
        """Return what :meth:`sample` would request, unless replies must be drawn again."""
        prompt = fitting.choose(self._is_cached(fields, count))
        total = Estimate()
        for messages, number, first in first_round(_fill_in(prompt, fields), count):
            total += estimate(self.chat, messages, number, self.sampling, first)
        return total

    def _is_cached(
        self, fields: Sequence[Mapping[str, Any]], count: int
    ) -> Callable[[Prompt], bool]:
        """Return a predicate: are the answers to a prompt in the cache?"""

        def is_cached(prompt: Prompt) -> bool:
            return all(
                self.chat.peek(messages, number, self.sampling, first) is not None
                for messages, number, first in first_round(_fill_in(prompt, fields), count)
            )

        return is_cached


def _fill_in(prompt: Prompt, fields: Sequence[Mapping[str, Any]]) -> list[tuple[Message, ...]]:
    return [prompt.messages(**each) for each in fields]

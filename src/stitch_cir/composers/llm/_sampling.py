"""Collecting K different captions from a model that repeats itself, refuses, or rambles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from stitch_cir.chat import Chat, Message, Reply, Sampling
from stitch_cir.composers._protocol import Caption
from stitch_cir.composers._text import fold
from stitch_cir.composers.llm._replies import Rejected, is_final

__all__ = ["Collected", "collect", "fill", "first_round"]


@dataclass
class Collected:
    """Different captions in the order they were drawn, and what became of the other replies."""

    captions: list[str] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    samples: int = 0
    keys: list[str] = field(default_factory=list)
    max_tokens: int = 0

    def notes(self, count: int) -> list[str]:
        """Return what was rejected, if anything, and what to do about it."""
        if not self.rejected:
            return []
        why = ", ".join(f"{number} {reason}" for reason, number in sorted(self.rejected.items()))
        notes = [
            f"of {self.samples} replies {sum(self.rejected.values())} could not be used: {why}"
        ]
        if self.rejected["cut off"]:
            notes.append(
                f"the model had used up its {self.max_tokens} tokens, perhaps by thinking, before it "
                "had answered: allow more with --max-tokens"
            )
        if self.rejected["thought, no answer"]:
            notes.append(
                "the model gave thoughts but no answer: turn its thinking off, or check the "
                "server's reasoning parser"
            )
        return notes


def collect(
    chat: Chat,
    prompts: Sequence[Sequence[Message]],
    count: int,
    sampling: Sampling,
    read: Callable[[Reply], str | Rejected],
    budget: int,
) -> Collected:
    """Draw up to ``count`` different captions, sample i from prompt i mod Q.

    Replies that are unusable or repeat another are drawn again, at most ``budget`` samples in
    all. Which samples are drawn depends on the replies alone, so a run from the cache
    draws the same.
    """
    collected = Collected(
        keys=[chat.key(messages, sampling) for messages in prompts],
        max_tokens=sampling.max_tokens,
    )
    folded: set[str] = set()
    missing, left = count, count + budget
    while missing and left:
        take = min(missing, left)
        for reply in _draw(chat, prompts, take, sampling, collected.samples, read):
            caption = read(reply)
            if isinstance(caption, Rejected):
                collected.rejected[caption.reason] += 1
            elif fold(caption) in folded:
                collected.rejected["repeated"] += 1
            else:
                folded.add(fold(caption))
                collected.captions.append(caption)
        collected.samples += take
        left -= take
        missing = count - len(collected.captions)
    return collected


def first_round(
    prompts: Sequence[Sequence[Message]], count: int, start: int = 0
) -> list[tuple[Sequence[Message], int, int]]:
    """Split samples ``start`` … into (prompt, how many, its first sample), without empty ones.

    Sample i is sample i // Q of prompt i mod Q.
    """
    total = len(prompts)
    parts = []
    for number, messages in enumerate(prompts):
        first = len(range(number, start, total))
        end = len(range(number, start + count, total))
        if end > first:
            parts.append((messages, end - first, first))
    return parts


def _draw(
    chat: Chat,
    prompts: Sequence[Sequence[Message]],
    count: int,
    sampling: Sampling,
    start: int,
    read: Callable[[Reply], str | Rejected],
) -> list[Reply]:
    parts = first_round(prompts, count, start)

    def sample(part: tuple[Sequence[Message], int, int]) -> list[Reply]:
        messages, number, first = part
        return chat.samples(
            messages, number, sampling, first, usable=lambda reply: is_final(read(reply))
        )

    if len(parts) == 1:
        return sample(parts[0])
    with ThreadPoolExecutor(min(len(parts), chat.backend.concurrency)) as pool:
        drawn = list(pool.map(sample, parts))
    # back into the order of samples: each prompt in turn
    longest = max(len(replies) for replies in drawn)
    return [replies[i] for i in range(longest) for replies in drawn if i < len(replies)]


def fill(
    captions: Sequence[str], origin: str, count: int, others: Sequence[Caption]
) -> tuple[tuple[Caption, ...], int]:
    """Complete ``captions`` to ``count`` with others' captions; also return how many were needed."""
    chosen = {fold(text): Caption(text, 1.0, origin) for text in captions[:count]}
    num_sampled = len(chosen)
    for caption in others:
        if len(chosen) >= count:
            break
        chosen.setdefault(fold(caption.text), caption)
    return tuple(chosen.values()), len(chosen) - num_sampled

"""A language model with a cache: every sample is drawn once, stored, and counted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stitch_cir.chat._backend import ChatBackend
from stitch_cir.chat._messages import Message, Reply, Sampling
from stitch_cir.chat._thoughts import visible
from stitch_cir.chat.answers._cache import AnswerCache, answer_key, request_of
from stitch_cir.errors import EndpointError

__all__ = ["Chat", "Usage", "has_text"]


def has_text(reply: Reply) -> bool:
    """Return whether a reply holds an answer: text outside of thoughts."""
    return bool(visible(reply.text or "").text)


@dataclass(frozen=True, slots=True)
class Usage:
    """Samples that were requested from the model, or taken from the cache; the model's tokens."""

    requested: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Add the counts of two models."""
        return Usage(*(a + b for a, b in zip(self._values(), other._values(), strict=True)))

    def __sub__(self, other: Usage) -> Usage:
        """Return the difference to an earlier count."""
        return Usage(*(a - b for a, b in zip(self._values(), other._values(), strict=True)))

    def _values(self) -> tuple[int, ...]:
        return (self.requested, self.cached, self.prompt_tokens, self.completion_tokens)

    def to_dict(self) -> dict[str, int]:
        """Return JSON-ready data."""
        return asdict(self)

    def __str__(self) -> str:
        """Return one line for users."""
        return (
            f"{self.requested} answers requested, {self.cached} from the cache, "
            f"{self.prompt_tokens:,} + {self.completion_tokens:,} tokens"
        )


class Chat:
    """A back end and its cache. Thread-safe; equal requests at the same time are sent once.

    Answers that cannot be used (empty, declined, cut off) are stored as a record of what happened,
    but are not final: the next time the sample is drawn again and replaces them.

    With ``offline=True`` only the cache answers, with what it has: a missing answer is an
    ``EndpointError``.
    """

    def __init__(
        self, backend: ChatBackend, cache: AnswerCache | None = None, *, offline: bool = False
    ) -> None:
        """Wrap ``backend``; without ``cache`` no answer is stored."""
        self.backend = backend
        self.cache = cache
        self.offline = offline
        self._lock = threading.Lock()
        self._under_way: dict[str, threading.Lock] = {}
        self._usage = Usage()
        self._left_out: set[str] = set()

    @property
    def model(self) -> str:
        """The model's recorded name."""
        return self.backend.model

    def usage(self) -> Usage:
        """Return what was used so far."""
        return self._usage

    def settings(self) -> dict[str, Any]:
        """Return the model's name and what the back end records."""
        return {"model": self.model, **self.backend.settings()}

    def notes(self) -> tuple[str, ...]:
        """Return what a user should know of the back end, and of the answers from the cache.

        The parameters that an end point did not accept are recorded with its answers.
        """
        remembered = (f"the end point does not take {name}" for name in sorted(self._left_out))
        return tuple(dict.fromkeys((*self.backend.notes(), *remembered)))

    def close(self) -> None:
        """Cancel the requests under way, where the back end can; the cache stays open."""
        self.backend.close()

    def key(self, messages: Sequence[Message], sampling: Sampling) -> str:
        """Return the key under which the answers to these messages are stored."""
        return answer_key(self._request(messages, sampling))

    def samples(
        self,
        messages: Sequence[Message],
        count: int,
        sampling: Sampling,
        first: int = 0,
        *,
        usable: Callable[[Reply], bool] = has_text,
    ) -> list[Reply]:
        """Return the samples ``first`` … ``first + count − 1``, from the cache where it has them.

        A sample in the cache that is not ``usable`` is drawn again, except offline. Raises what the
        back end raises; ``CacheError`` when the cache fails.
        """
        request = self._request(messages, sampling)
        key = answer_key(request)
        with self._lock:
            turn = self._under_way.setdefault(key, threading.Lock())
        with turn:
            replies = {i: self._cached(key, i, usable) for i in range(first, first + count)}
            for start, length in _runs([i for i, reply in replies.items() if reply is None]):
                fresh = self._sample(messages, length, sampling, start)
                self._store(request, key, start, fresh, usable)
                replies.update(zip(range(start, start + length), fresh, strict=True))
                self._count(fresh, cached=False)
        return [reply for reply in replies.values() if reply is not None]

    def missing(
        self, messages: Sequence[Message], count: int, sampling: Sampling, first: int = 0
    ) -> int:
        """Count the samples that :meth:`samples` would request from the model."""
        key = self.key(messages, sampling)
        return sum(self._stored(key, i, has_text) is None for i in range(first, first + count))

    def peek(
        self, messages: Sequence[Message], count: int, sampling: Sampling, first: int = 0
    ) -> list[Reply] | None:
        """Return the samples if the cache has them all, else ``None``; nothing is counted."""
        key = self.key(messages, sampling)
        stored = [self._stored(key, i, has_text) for i in range(first, first + count)]
        replies = [reply for reply in stored if reply is not None]
        return replies if len(replies) == count else None

    def _request(self, messages: Sequence[Message], sampling: Sampling) -> dict[str, Any]:
        return request_of(self.model, self.backend.settings(), messages, sampling)

    def _store(
        self,
        request: Mapping[str, Any],
        key: str,
        start: int,
        replies: Sequence[Reply],
        usable: Callable[[Reply], bool],
    ) -> None:
        """Store answers; what another process has stored meanwhile is kept if it is usable."""
        if self.cache is None:
            return
        origin = self.backend.settings()
        stored = [self.cache.get(key, start + number) for number in range(len(replies))]
        if not any(stored):
            self.cache.put(request, start, replies, origin)
            return
        for number, (reply, old) in enumerate(zip(replies, stored, strict=True)):
            stale = old is not None and not usable(old)
            self.cache.put(request, start + number, [reply], origin, replace=stale)

    def _stored(self, key: str, sample: int, usable: Callable[[Reply], bool]) -> Reply | None:
        """Return a final answer of the cache; offline any answer is final."""
        reply = None if self.cache is None else self.cache.get(key, sample)
        return reply if reply is None or self.offline or usable(reply) else None

    def _cached(self, key: str, sample: int, usable: Callable[[Reply], bool]) -> Reply | None:
        reply = self._stored(key, sample, usable)
        if reply is not None and self.cache is not None:
            self._count([reply], cached=True)
            left_out = self.cache.origin(key, sample).get("left_out", ())
            self._left_out.update(str(name) for name in left_out if name != "n")
        return reply

    def _sample(
        self, messages: Sequence[Message], count: int, sampling: Sampling, first: int
    ) -> list[Reply]:
        if self.offline:
            raise EndpointError(
                f"{count} answers of {self.model} are not in the cache"
                f"{'' if self.cache is None else f' {self.cache.path}'}, and it is the only source "
                "(--offline).",
                hint="Import your colleague's answers (stitch answers import FILE), or ask the "
                "model without --offline.",
            )
        replies = self.backend.sample(messages, count, sampling, first)
        if len(replies) != count:
            raise EndpointError(
                f"{self.model} gave {len(replies)} answers instead of {count}.",
                hint="Try again; if it stays so, the end point does not keep to its protocol.",
            )
        return replies

    def _count(self, replies: Sequence[Reply], *, cached: bool) -> None:
        with self._lock:
            u = self._usage
            if cached:
                self._usage = Usage(
                    u.requested, u.cached + len(replies), u.prompt_tokens, u.completion_tokens
                )
                return
            self._usage = Usage(
                u.requested + len(replies),
                u.cached,
                u.prompt_tokens + sum(reply.prompt_tokens for reply in replies),
                u.completion_tokens + sum(reply.completion_tokens for reply in replies),
            )


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Group sorted numbers into runs: (start, length)."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == sum(runs[-1]):
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((number, 1))
    return runs

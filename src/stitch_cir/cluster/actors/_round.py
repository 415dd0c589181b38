"""One question to all shards, with a deadline, and hedged calls of slow replicas."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stitch_cir import __version__
from stitch_cir._request_id import current_request
from stitch_cir.cluster._errors import (
    NotLoadedError,
    VersionGoneError,
    named_error,
    reason_of,
)
from stitch_cir.cluster.actors._deployment import Deployment, Replica
from stitch_cir.cluster.actors._silence import SilentShards, not_answering
from stitch_cir.cluster.search import ShardCounts
from stitch_cir.cluster.shards import packed, unpacked

__all__ = ["Round", "ShardsEndedError", "Timing"]

_AGAIN = 0.2
"""Seconds before a replica that failed is called once more."""
_ENDED = "it was ended on purpose (stitch cluster stop), and nothing starts it again"


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a router waits, in seconds.

    ``deadline``: for an answer; ``hedge``: until another replica is asked as well; ``silent``: for
    a shard that did not answer lately; ``follow``: between checks for new versions and of shards.
    """

    deadline: float = 20.0
    hedge: float = 1.0
    follow: float = 5.0
    silent: float = 1.0


class ShardsEndedError(Exception):
    """A shard was ended during a question; other shards may have replaced it."""


@dataclass(slots=True)
class _Waiting:
    """A shard that has not answered yet; ``replicas`` are called in this order, in turns.

    ``next_at``, ``since``, ``until``: when the next call is due, when the question began, and when
    it is given up, by the monotonic clock.
    """

    replicas: Sequence[Replica]
    arguments: bytes
    next_at: float
    since: float
    until: float
    calls: int = 0
    failure: str = ""
    gone: Exception | None = None
    """What a replica answered that no longer holds the version; another one may."""
    unable: set[str] = field(default_factory=set)
    """Replicas that cannot answer at this version: one more call would change nothing."""

    def turn(self, call: int) -> Replica:
        """Return the replica of a call, counted from 0."""
        return self.replicas[call % len(self.replicas)]


@dataclass(slots=True)
class Round:
    """One question at one version to the shards of a deployment.

    ``silent``: shards that do not answer at present, kept up to date, and ``late`` the names of
    replicas that failed or had to be hedged, which are asked last until they answer;
    ``machines``: where replicas are, by name; ``was_ended`` returns whether nothing starts a
    replica again, and raises ``ShardsEndedError`` where others are there in its stead.
    ``ended``: shards that did not answer because all of their replicas were ended.
    """

    ray: Any
    deployment: Deployment
    timing: Timing
    version: int
    version_id: str | None
    question: str
    counts: ShardCounts
    silent: SilentShards
    late: set[str]
    machines: Mapping[str, str]
    was_ended: Callable[[Replica, float], bool]
    ended: set[int] = field(default_factory=set)
    _waiting: dict[int, _Waiting] = field(default_factory=dict)
    _calls: dict[Any, tuple[int, Replica]] = field(default_factory=dict)
    _answers: dict[int, tuple[Any, ...]] = field(default_factory=dict)

    def run(
        self,
        arguments: Sequence[Sequence[Any]],
        turn: int,
        *,
        without: Collection[int],
        may_miss: bool,
    ) -> tuple[dict[int, tuple[Any, ...]], dict[int, str]]:
        """Return (shard numbers, rows, value) of each shard, and why others did not answer.

        ``turn``: rotates which replica is asked first. A silent shard gets ``timing.silent``
        instead of the deadline, and, where shards may be missing, no more time than the others.
        """
        now, silent = time.monotonic(), set[int]()
        sent = [packed(tuple(each)) for each in arguments]
        shards = [n for n in range(len(self.deployment.replicas)) if n not in without]
        for position, number in enumerate(shards):
            replicas = self.deployment.replicas[number]
            first = turn % len(replicas)
            turns = [*replicas[first:], *replicas[:first]]
            turns.sort(key=lambda each: each.name in self.late)
            of_shard = sent[position] if len(sent) > 1 else sent[0]
            patience = self.timing.deadline
            if number in self.silent:
                silent.add(number)
                patience = min(patience, self.timing.silent)
            self._waiting[number] = _Waiting(turns, of_shard, now, now, now + patience)
        missing: dict[int, str] = {}
        while self._waiting:
            self._call()
            self._collect()
            now = time.monotonic()
            done_without = may_miss and self._answers and self._waiting.keys() <= silent
            for number in list(self._waiting):
                if done_without or now >= self._waiting[number].until:
                    gone = self._waiting[number].gone
                    if gone is not None:
                        raise gone
                    missing[number] = self._missing(number, self._waiting.pop(number))
                    self.silent.note(number, missing[number])
        return self._answers, missing

    @property
    def hint(self) -> str:
        """What to do about the shards that did not answer."""
        if self.ended:
            return "The next stitch serve --cluster that is started makes the shards anew."
        return (
            "Is its node up (stitch cluster status)? A shard is started again by itself; then "
            "search again."
        )

    def _call(self) -> None:
        """Call the next replica of each shard whose time has come."""
        now = time.monotonic()
        for number, each in self._waiting.items():
            if now < each.next_at:
                continue
            replica = each.turn(each.calls)
            call = replica.actor.answer.remote(
                self.version, self.question, each.arguments, current_request(), self.version_id
            )
            if each.calls:
                self.counts.hedged(number)
                self.late.add(each.turn(each.calls - 1).name)
            self._calls[call] = number, replica
            each.calls += 1
            # with one replica a second call would wait behind the first
            several = len(each.replicas) > each.calls
            each.next_at = now + self.timing.hedge if several else float("inf")

    def _collect(self) -> None:
        """Wait for an answer, or until the next call is due; process the answers."""
        upcoming = min(min(each.until, each.next_at) for each in self._waiting.values())
        seconds = max(0.0, upcoming - time.monotonic())
        if not self._calls:
            time.sleep(min(seconds, _AGAIN))
            return
        ready, _ = self.ray.wait(list(self._calls), num_returns=1, timeout=seconds)
        for call in ready:
            number, replica = self._calls.pop(call)
            each = self._waiting.get(number)
            if each is None:
                continue  # another replica was quicker
            try:
                kind, *rest = self.ray.get(call)
            except self.ray.exceptions.RayError as error:
                if self.was_ended(replica, each.until):
                    self._note_unable(each, number, replica, _ENDED)
                    if not each.until:
                        self.ended.add(number)
                    continue
                where = self.machines.get(replica.name)
                on = replica.name if where is None else f"{replica.name} on {where}"
                self._note_failure(each, number, f"{on}: {reason_of(error)}")
                continue
            if kind == "error" and rest[0] == NotLoadedError.__name__:
                self._note_unable(each, number, replica, rest[1].rstrip("."))
                continue
            if kind == "error" and rest[0] == VersionGoneError.__name__:
                each.gone = named_error(*rest)
                self._note_unable(each, number, replica, rest[1].rstrip("."))
                continue
            if kind == "error":
                raise named_error(*rest)
            numbers, stitch, answer = rest
            if stitch != __version__:
                where = self.machines.get(replica.name, replica.name)
                reason = f"{where} runs stitch {stitch}, and the router {__version__}"
                self._note_unable(each, number, replica, reason)
                continue
            self.late.discard(replica.name)
            self._answers[number] = (tuple(numbers), *unpacked(answer))
            self.counts.answered(number, time.monotonic() - each.since)
            self.silent.clear(number)
            del self._waiting[number]

    def _note_failure(self, each: _Waiting, number: int, reason: str) -> None:
        """Keep why a replica failed, and when the next one is called."""
        each.failure = reason
        self.counts.failed(number)
        another = len(each.replicas) > each.calls
        each.next_at = time.monotonic() + (0.0 if another else _AGAIN)

    def _note_unable(self, each: _Waiting, number: int, replica: Replica, reason: str) -> None:
        """Keep why a replica cannot answer this version; where none can, give the shard up."""
        self._note_failure(each, number, reason)
        each.unable.add(replica.name)
        if len(each.unable) == len(each.replicas):
            each.until = 0.0

    def _missing(self, number: int, waiting: _Waiting) -> str:
        """Return why a shard is missing: the reason noted before, unless this round has another."""
        noted = self.silent.reasons().get(number)
        if noted is not None and not waiting.failure:
            return noted
        cause = waiting.failure or "it did not answer in time"
        return not_answering(self.deployment, number, cause)

"""Which shards of a deployment do not answer at present, and why, as a router sees them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stitch_cir.cluster.actors._deployment import Deployment

__all__ = ["SilentShards", "not_answering"]


@dataclass(slots=True)
class SilentShards:
    """Shards, by number, that do not answer; safe to share between threads.

    A shard becomes silent when it does not answer a question in time, or is not ready at two
    checks in a row: a process that dies is restarted between them. It stops being silent when it
    answers a question, or is ready at a check.
    """

    _reasons: dict[int, str] = field(default_factory=dict)
    _suspected: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __contains__(self, number: object) -> bool:
        """Return whether a shard is silent."""
        with self._lock:
            return number in self._reasons

    def note(self, number: int, reason: str) -> None:
        """Note a shard that did not answer in time, and the reason in a sentence."""
        with self._lock:
            self._reasons[number] = reason

    def clear(self, number: int) -> None:
        """Note that a shard has answered."""
        with self._lock:
            self._reasons.pop(number, None)
            self._suspected.discard(number)

    def look_at(
        self, deployment: Deployment, rows: Sequence[Mapping[str, Any]], version: int
    ) -> None:
        """Process what every replica reported, in the order of ``deployment.all``."""
        of_replica = iter(rows)
        for number, replicas in enumerate(deployment.replicas):
            of_shard = [next(of_replica) for _ in replicas]
            if any(row["alive"] and version in row["versions"] for row in of_shard):
                self.clear(number)
                continue
            reason = not_answering(deployment, number, _cause(of_shard, version))
            with self._lock:
                if number in self._suspected:
                    self._reasons.setdefault(number, reason)
                self._suspected.add(number)

    def forget(self) -> None:
        """Forget all of them: other shards are asked from now on."""
        with self._lock:
            self._reasons.clear()
            self._suspected.clear()

    def reasons(self) -> dict[int, str]:
        """Return the silent shards by number, with the reason of each in a sentence."""
        with self._lock:
            return dict(sorted(self._reasons.items()))


def not_answering(deployment: Deployment, number: int, cause: str) -> str:
    """Return a sentence that says that a shard, ``number`` from 0, does not answer, and why."""
    shards = len(deployment.replicas)
    return f"The shard {number + 1} of {shards} of {deployment.uri} does not answer: {cause}."


def _cause(of_shard: Sequence[Mapping[str, Any]], version: int) -> str:
    """Return why no replica of a shard is ready; one that is loading comes first."""
    for row in of_shard:
        if row["alive"] and row["loading"] is not None:
            return f"{row['machine']} is still loading version {row['loading']}"
    for row in of_shard:
        if row["alive"]:
            return str(row["problem"]).rstrip(".") or f"it does not hold version {version} yet"
    return str(of_shard[0]["error"]) if of_shard else "it has no replica"

"""Actors in this process, with what a fleet uses of Ray: every call is a thread that a test can hold."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from stitch_cir.cluster import DatasetShard, Deployment, Replica


class RayError(Exception):
    """What a call of an actor that is dead or cut off ends with."""


class ActorHere:
    """A shard whose calls run in threads; they wait while ``free`` is not set, and count."""

    def __init__(self, shard: DatasetShard) -> None:
        self.shard = shard
        self.free = threading.Event()
        self.free.set()
        self.dead = False
        self.unreachable = False
        self.calls: list[str] = []
        self.changes: Callable[[str, Any], Any] = lambda method, answer: answer
        self.before_answer: Callable[[], None] | None = None
        self.before_load: Callable[[], None] | None = None
        """What others do at the moment of a call; it is done before the call returns."""

    def __getattr__(self, method: str) -> Any:
        return SimpleNamespace(remote=lambda *arguments: self._start(method, arguments))

    def _start(self, method: str, arguments: Sequence[Any]) -> Future[Any]:
        future: Future[Any] = Future()
        self.calls.append(method)
        others = vars(self).get(f"before_{method}")
        if others is not None:
            others()

        def run() -> None:
            self.free.wait()
            if self.dead or self.unreachable:
                future.set_exception(RayError("The actor is dead."))
                return
            try:
                answer = getattr(self.shard, method)(*arguments)
                future.set_result(self.changes(method, answer))
            except Exception as error:
                future.set_exception(RayError(repr(error)))

        threading.Thread(target=run, daemon=True).start()
        return future


class RayHere:
    """The part of Ray's module that fleets use, for actors of this process."""

    def __init__(self) -> None:
        self.actors: dict[str, ActorHere] = {}
        self.exceptions = SimpleNamespace(RayError=RayError)
        self.util = SimpleNamespace(list_named_actors=self._named)

    def _named(self, all_namespaces: bool) -> list[dict[str, str]]:
        return [{"name": name, "namespace": "stitch"} for name in self.actors]

    def get_actor(self, name: str, namespace: str) -> ActorHere:
        if name not in self.actors:
            raise ValueError(f"Failed to look up the actor {name!r}.")
        return self.actors[name]

    def wait(
        self, calls: Sequence[Future[Any]], num_returns: int, timeout: float
    ) -> tuple[list[Future[Any]], list[Future[Any]]]:
        when = FIRST_COMPLETED if num_returns < len(calls) else "ALL_COMPLETED"
        done = wait(calls, timeout, return_when=when).done
        return [each for each in calls if each in done], [
            each for each in calls if each not in done
        ]

    def get(self, call: Future[Any], timeout: float | None = None) -> Any:
        return call.result(timeout)

    def start(self, uri: str, folder: Path, shards: int, replicas: int = 1) -> Deployment:
        """Start actors; those of one shard have folders of their own, as on several machines."""
        key = hashlib.blake2b(uri.encode(), digest_size=6).hexdigest()  # as they are named in Ray
        made = []
        for number in range(shards):
            bounds = 256 * number // shards, 256 * (number + 1) // shards
            of_shard = []
            for replica in range(replicas):
                name = f"{key}:{number}/{shards}:{replica}"
                if name not in self.actors:
                    shard = DatasetShard(uri, bounds, str(folder / f"node{replica}"))
                    self.actors[name] = ActorHere(shard)
                of_shard.append(Replica(name, number, shards, self.actors[name]))
            made.append(tuple(of_shard))
        return Deployment(uri, tuple(made))

    def end(self, *names: str) -> None:
        """End actors for good, as ``ray.kill`` does."""
        for name in names:
            self.actors.pop(name).dead = True

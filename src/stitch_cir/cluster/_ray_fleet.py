"""Asking shard actors: at one version, within a deadline, a slow one a second time elsewhere."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from stitch_cir import __version__
from stitch_cir._request_id import current_request
from stitch_cir.cluster._counts import ShardCount, ShardCounts
from stitch_cir.cluster._dataset import SharedDataset
from stitch_cir.cluster._deploy import Deployment, Replica
from stitch_cir.cluster._errors import named_error
from stitch_cir.cluster._fleet import Answers
from stitch_cir.cluster._rows import SHARDS
from stitch_cir.errors import ClusterError, StitchError

__all__ = ["SERVING", "RayFleet", "Timing"]

SERVING = "serving"
"""The tag of the version that is searched, which no clean-up deletes."""
_AGAIN = 0.2
"""Seconds before a replica that failed is called once more."""
_LOAD_SECONDS = 3600.0
_log = logging.getLogger("stitch_cir.cluster")


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds for an answer, until a second replica is asked as well, and between two versions."""

    deadline: float = 20.0
    hedge: float = 1.0
    follow: float = 5.0


@dataclass(slots=True)
class _Waiting:
    """A shard whose answer is waited for."""

    replicas: Sequence[Replica]
    order: list[int]
    arguments: tuple[Any, ...]
    next_at: float
    since: float
    calls: int = 0
    running: int = 0
    failure: str = "it did not answer in time"


class RayFleet:
    """The shard actors of a dataset; safe to share between threads."""

    def __init__(
        self,
        ray: Any,
        deployment: Deployment,
        *,
        storage_options: Mapping[str, str] | None = None,
        timing: Timing | None = None,
    ) -> None:
        """Have all replicas load the newest version.

        Raises what :meth:`refresh` raises.
        """
        self._ray = ray
        self.deployment = deployment
        self.uri = deployment.uri
        self.timing = timing or Timing()
        self.counts = ShardCounts()
        self._options = dict(storage_options or {})
        self._rows: dict[int, int] = {}
        self._version = 0
        self._turn = itertools.count()
        self._refreshing = threading.Lock()
        self._closed = threading.Event()
        self.refresh()

    @classmethod
    def attached(cls, other: RayFleet, timing: Timing) -> RayFleet:
        """Return the same actors at the same versions, waited for otherwise."""
        fleet = cls.__new__(cls)
        vars(fleet).update(vars(other), timing=timing)
        return fleet

    def version(self) -> int:
        """Return the version that all replicas hold, and that is searched."""
        return self._version

    def refresh(self) -> int:
        """Search the newest version from now on, once every replica holds it; return its number.

        Raises
        ------
        ClusterError
            A replica does not load it; the version before it stays.
        StitchError
            The dataset cannot be read.
        """
        with self._refreshing:
            dataset = SharedDataset.open(self.uri, storage_options=self._options)
            newest = dataset.version
            if newest == self._version:
                return newest
            rows = len(dataset)
            calls = {
                each.actor.load.remote(newest): each
                for of_shard in self.deployment.replicas
                for each in of_shard
            }
            _, late = self._ray.wait(list(calls), num_returns=len(calls), timeout=_LOAD_SECONDS)
            if late:
                raise self._failed(calls[late[0]], f"version {newest} was not loaded in an hour")
            for call, replica in calls.items():
                try:
                    kind, *rest = self._ray.get(call)
                except self._ray.exceptions.RayError as error:
                    raise self._failed(replica, _reason(error)) from error
                if kind == "error":
                    raise named_error(*rest)
            self._rows = {**{v: n for v, n in self._rows.items() if v >= self._version}}
            self._rows[newest] = rows
            before, self._version = self._version, newest
            with suppress(StitchError):  # a storage that may only be read keeps no tag
                dataset.tag(SERVING, newest)
            _log.info("version %d of %s is searched, before it %d", newest, self.uri, before)
            return newest

    def follow(self) -> None:
        """Look for new versions from time to time, in a thread of its own, until it is closed."""

        def look() -> None:
            while not self._closed.wait(self.timing.follow):
                try:
                    self.refresh()
                except Exception as error:
                    _log.warning("%s stays at version %d: %s", self.uri, self._version, error)

        threading.Thread(target=look, name="versions", daemon=True).start()

    def close(self) -> None:
        """Look for no more versions; the actors stay."""
        self._closed.set()

    def shard_counts(self) -> Sequence[ShardCount]:
        """Return what was counted of each shard that was asked."""
        return self.counts.read()

    def ask(
        self,
        version: int,
        question: str,
        arguments: Sequence[Sequence[Any]],
        *,
        without: Collection[int] = (),
        may_miss: bool = False,
    ) -> Answers:
        """Return what every shard answers; see :meth:`Fleet.ask`."""
        shards = [n for n in range(len(self.deployment.replicas)) if n not in without]
        turn, now = next(self._turn), time.monotonic()
        until = now + self.timing.deadline
        waiting: dict[int, _Waiting] = {}
        calls: dict[Any, tuple[int, Replica]] = {}
        for position, number in enumerate(shards):
            replicas = self.deployment.replicas[number]
            first = turn % len(replicas)
            order = [(first + step) % len(replicas) for step in range(len(replicas))]
            of_shard = arguments[position] if len(arguments) > 1 else arguments[0]
            waiting[number] = _Waiting(replicas, order, tuple(of_shard), now, now)
        answers: dict[int, tuple[Any, ...]] = {}
        while waiting and time.monotonic() < until:
            self._call(waiting, calls, version, question)
            self._collect(waiting, calls, answers, until)
        missing = {number: self._missing(each) for number, each in waiting.items()}
        if missing and (not may_miss or not answers):
            raise ClusterError(
                next(iter(missing.values())),
                hint="Is its node up (stitch cluster status)? A shard is started again by itself; "
                "then search again.",
            )
        self._check_cover(version, answers, complete=not missing and not without)
        return Answers([answers[number][2] for number in sorted(answers)], missing)

    def _call(
        self,
        waiting: Mapping[int, _Waiting],
        calls: dict[Any, tuple[int, Replica]],
        version: int,
        question: str,
    ) -> None:
        """Call the next replica of each shard whose time has come."""
        now = time.monotonic()
        for number, each in waiting.items():
            if now < each.next_at:
                continue
            replica = each.replicas[each.order[each.calls % len(each.order)]]
            call = replica.actor.answer.remote(version, question, each.arguments, current_request())
            if each.calls:
                self.counts.hedged(number)
            calls[call] = number, replica
            each.calls += 1
            each.running += 1
            # with one replica a second call would wait behind the first
            several = len(each.order) > each.calls
            each.next_at = now + self.timing.hedge if several else float("inf")

    def _collect(
        self,
        waiting: dict[int, _Waiting],
        calls: dict[Any, tuple[int, Replica]],
        answers: dict[int, tuple[Any, ...]],
        until: float,
    ) -> None:
        """Wait for an answer, or until somebody is to be called; take in what has come."""
        upcoming = min([until, *(each.next_at for each in waiting.values())])
        seconds = max(0.0, upcoming - time.monotonic())
        if not calls:
            time.sleep(min(seconds, _AGAIN))
            return
        ready, _ = self._ray.wait(list(calls), num_returns=1, timeout=seconds)
        for call in ready:
            number, replica = calls.pop(call)
            each = waiting.get(number)
            if each is None:
                continue  # another replica was quicker
            each.running -= 1
            try:
                kind, *rest = self._ray.get(call)
            except self._ray.exceptions.RayError as error:
                each.failure = f"{replica.name}: {_reason(error)}"
                self.counts.failed(number)
                another = len(each.order) > each.calls
                each.next_at = time.monotonic() + (0.0 if another else _AGAIN)
                continue
            if kind == "error":
                raise named_error(*rest)
            numbers, stitch, (rows, value) = rest
            if stitch != __version__:
                raise self._failed(
                    replica, f"it runs stitch {stitch}, and the router {__version__}"
                )
            answers[number] = tuple(numbers), rows, value
            self.counts.answered(number, time.monotonic() - each.since)
            del waiting[number]

    def _check_cover(
        self, version: int, answers: Mapping[int, tuple[Any, ...]], *, complete: bool
    ) -> None:
        """Raise ``ClusterError`` unless the answers hold every row of the version exactly once."""
        if not complete:
            return
        ranges = sorted(numbers for numbers, _, _ in answers.values())
        covered = [number for first, end in ranges for number in range(first, end)]
        rows = sum(rows for _, rows, _ in answers.values())
        expected = self._rows.get(version)
        if covered != list(range(SHARDS)) or (expected is not None and rows != expected):
            raise ClusterError(
                f"The shards of {self.uri} hold {rows:,} rows of version {version} together, in "
                f"{len(set(covered))} of {SHARDS} parts, and not {expected or 0:,} in all of them.",
                hint="Start them again: stitch cluster scale.",
            )

    def _missing(self, waiting: _Waiting) -> str:
        replica = waiting.replicas[0]
        return (
            f"The shard {replica.number + 1} of {replica.shards} of {self.uri} does not answer: "
            f"{waiting.failure}."
        )

    def _failed(self, replica: Replica, reason: str) -> ClusterError:
        return ClusterError(
            f"The shard {replica.number + 1} of {replica.shards} of {self.uri} "
            f"({replica.name}) failed: {reason}.",
            hint="Look at its node: stitch cluster status.",
        )

    # -- how it is doing ---------------------------------------------------------------------------

    def status(self, seconds: float = 5.0) -> list[dict[str, Any]]:
        """Return of every replica what it says of itself, or why it says nothing."""
        calls = {
            each.actor.hello.remote(): each
            for of_shard in self.deployment.replicas
            for each in of_shard
        }
        self._ray.wait(list(calls), num_returns=len(calls), timeout=seconds)
        rows = []
        for call, replica in calls.items():
            row: dict[str, Any] = {"name": replica.name, "numbers": list(replica.numbers)}
            try:
                row |= {"alive": True, **self._ray.get(call, timeout=0)}
            except (self._ray.exceptions.RayError, TimeoutError) as error:
                row |= {"alive": False, "error": _reason(error)}
            rows.append(row)
        return rows


def _reason(error: BaseException) -> str:
    """Return the cause of a failed call in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300].rstrip(".")

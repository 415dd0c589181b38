"""Asking shard actors: at one version, within a deadline, a slow one a second time elsewhere."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stitch_cir.cluster._errors import VersionGoneError, named_error, reason_of
from stitch_cir.cluster.actors._checks import check_cover, check_not_replaced
from stitch_cir.cluster.actors._deploy import hellos
from stitch_cir.cluster.actors._deployment import Deployment, Replica, current_shards, is_there
from stitch_cir.cluster.actors._round import Round, ShardsEndedError, Timing
from stitch_cir.cluster.actors._silence import SilentShards
from stitch_cir.cluster.search import Answers, FleetState, ShardCount, ShardCounts
from stitch_cir.cluster.storage import SharedDataset
from stitch_cir.errors import ClusterError, NotFoundError, StitchError

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder

__all__ = ["SERVING", "RayFleet"]

SERVING = "serving"
"""The tag of the version that is searched, which no clean-up deletes."""
_LOAD_SECONDS, _LOOK_SECONDS = 3600.0, 5.0
_CHANGES = 3
"""How often something begins again because of others: shards in place of shards, versions."""
_log = logging.getLogger("stitch_cir.cluster")


@dataclass(frozen=True, slots=True)
class _Version:
    """A version of the dataset: the id of its commit, its number of rows, its facts."""

    id: str
    rows: int
    facts: Mapping[str, Any]


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
        self._versions: dict[int, _Version] = {}
        """The version that is searched, and later ones, by number."""
        self._encoders: dict[str, DualEncoder] = {}
        """The encoder that was loaded last, by its fingerprint."""
        self.load_encoder: Callable[[Mapping[str, Any]], DualEncoder] | None = None
        """What loads the encoder of a version before it is searched in place of another one's."""
        self._silent = SilentShards()
        self._late: set[str] = set()
        """Replicas that failed or were too slow, and are asked last until they answer."""
        self._images: dict[int, int] = {}
        """How many images a version has, of those that every shard has counted."""
        self._nodes: Mapping[int, int] = {}
        """On how many nodes replicas of each shard answered at the last look."""
        self._machines: dict[str, str] = {}
        """On which machine a replica was when it last said so, by its name."""
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

    def facts(self, version: int) -> Mapping[str, Any]:
        """Return what shaped the vectors of a version; of one that is gone, those of today's."""
        today, versions = self._version, self._versions
        return versions[version if version in versions else today].facts

    def refresh(self) -> int:
        """Search the newest version from now on, once every replica holds it; return its number.

        Raises
        ------
        ClusterError
            A replica does not load it, or another dataset has taken the place of this one; the
            version before it stays.
        ModelError, GalleryMismatchError
            Its encoder is another one, which cannot be loaded here; likewise.
        StitchError
            The dataset cannot be read.
        """
        with self._refreshing:
            self._take_over()
            dataset, loaded = self._newest()
            before, newest = self._version, dataset.version
            if newest == before:
                self.look()
                return newest
            # facts before the number: other threads look up the facts of the searched version
            kept = {number: each for number, each in self._versions.items() if number >= before}
            self._versions, self._version = kept | {newest: loaded}, newest
            self.look()
            with suppress(StitchError):  # a storage that may only be read keeps no tag
                dataset.tag(SERVING, newest)
            _log.info("version %d of %s is searched, before it %d", newest, self.uri, before)
            return newest

    def _newest(self) -> tuple[SharedDataset, _Version]:
        """Return the newest version, once every replica holds it."""
        for attempt in range(_CHANGES):
            dataset = SharedDataset.open(self.uri, storage_options=self._options)
            try:
                newest = _Version(dataset.version_id, len(dataset), dataset.facts)
                if (before := self._versions.get(self._version)) is not None:
                    there = dataset.version, newest.id
                    check_not_replaced(self.uri, there, (self._version, before.id))
                if dataset.version != self._version:
                    self._prepare(newest.facts)
                    self._load(self.deployment.all, dataset.version, newest.id)
                break
            except (NotFoundError, VersionGoneError):
                # it was cleaned up meanwhile: then there is a newer one
                if attempt == _CHANGES - 1:
                    raise
        return dataset, newest

    def _prepare(self, facts: Mapping[str, Any]) -> None:
        """Load the encoder of a version, where it is another one than that of the version before.

        Raises ``StitchError`` where it cannot be: the version is not searched then.
        """
        before = self._versions.get(self._version)
        if before is None or self.load_encoder is None:
            return
        fingerprint = facts["fingerprint"]
        if fingerprint != before.facts["fingerprint"] and fingerprint not in self._encoders:
            self._encoders = {fingerprint: self.load_encoder(facts)}

    def encoder(self, version: int) -> DualEncoder | None:
        """Return the encoder that was loaded for a version before it was searched, if one was."""
        return self._encoders.get(self.facts(version)["fingerprint"])

    def _load(self, replicas: Sequence[Replica], version: int, version_id: str) -> None:
        """Have replicas load a version, and return when all hold it."""
        calls = {each.actor.load.remote(version, version_id): each for each in replicas}
        if not calls:
            return
        _, late = self._ray.wait(list(calls), num_returns=len(calls), timeout=_LOAD_SECONDS)
        if late:
            raise self._failed(calls[late[0]], f"version {version} was not loaded in an hour")
        for call, replica in calls.items():
            try:
                kind, *rest = self._ray.get(call)
            except self._ray.exceptions.RayError as error:
                raise self._failed(replica, reason_of(error)) from error
            if kind == "error":
                raise named_error(*rest)

    def _take_over(self) -> bool:
        """Return whether other shards are there by now; these are asked once they hold the version.

        Replicas that were ended are left at once.
        """
        before = self.deployment
        there = current_shards(self._ray, before)
        # compared as actors: one that was ended and made again has the name of the former
        if set(there.all) == set(before.all):
            return False
        if len(there.replicas) == len(before.replicas):
            left = before.among(there.all)
            self.deployment = left if all(left.replicas) else before
        new = [each for each in there.all if each not in before.all]
        if self._version:
            self._load(new, self._version, self._versions[self._version].id)
        self.deployment = there
        self._silent.forget()
        _log.info(
            "%s is searched in %d shards of %d", self.uri, len(there.replicas), len(there.all)
        )
        return True

    def look(self) -> None:
        """Take in how the shards are; replicas that were started anew load the version."""
        deployment, version, versions = self.deployment, self._version, self._versions
        rows = self.status(deployment=deployment)
        self._silent.look_at(deployment, rows, version)
        counted: dict[int, int] = {}
        nodes: dict[int, set[str]] = {n: set() for n in range(len(deployment.replicas))}
        for row, replica in zip(rows, deployment.all, strict=True):
            if not row["alive"]:
                continue
            nodes[replica.number].add(row["node"])
            if version in row["versions"]:
                self._late.discard(replica.name)
                counted[replica.number] = row["images"][version]
            elif row["loading"] is None:
                replica.actor.load.remote(version, versions[version].id)
        if len(counted) == len(deployment.replicas):
            self._images = {version: sum(counted.values())}
        self._nodes = {number: len(those) for number, those in nodes.items()}

    def state(self) -> FleetState:
        """Return what is known of the shards, without asking them."""
        images, version = self._images, self._version
        return FleetState(version, images.get(version), self._silent.reasons(), self._nodes)

    def follow(self) -> None:
        """Look for new versions and at the shards from time to time, until it is closed."""

        def repeat(work: Callable[[], Any]) -> None:
            while not self._closed.wait(self.timing.follow):
                try:
                    work()
                except Exception as error:
                    _log.warning("%s stays at version %d: %s", self.uri, self._version, error)

        # two threads: a version may take an hour to load, and storage minutes to fail
        for name, work in (("versions", self.refresh), ("shards", self.look)):
            threading.Thread(target=repeat, args=(work,), name=name, daemon=True).start()

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
        # what was for each shard its own is not what others are asked
        for _ in range(_CHANGES if len(arguments) == 1 else 1):
            with suppress(ShardsEndedError):
                return self._ask(self.deployment, version, question, arguments, without, may_miss)
        raise ClusterError(
            f"The shards of {self.uri} were changed during this search.", hint="Search again."
        )

    def _ask(
        self,
        deployment: Deployment,
        version: int,
        question: str,
        arguments: Sequence[Sequence[Any]],
        without: Collection[int],
        may_miss: bool,
    ) -> Answers:
        loaded = self._versions.get(version)
        round_of_calls = Round(
            self._ray,
            deployment,
            self.timing,
            version,
            None if loaded is None else loaded.id,
            question,
            self.counts,
            self._silent,
            self._late,
            self._machines,
            self._was_ended,
        )
        answers, missing = round_of_calls.run(
            arguments, next(self._turn), without=without, may_miss=may_miss
        )
        if missing and (not may_miss or not answers):
            raise ClusterError(next(iter(missing.values())), hint=round_of_calls.hint)
        if not missing and not without:
            check_cover(self.uri, version, None if loaded is None else loaded.rows, answers)
        return Answers([answers[number][2] for number in sorted(answers)], missing)

    def _was_ended(self, replica: Replica, until: float) -> bool:
        """Return whether a replica was ended, and nothing is there in its stead.

        Raises ``ShardsEndedError`` where others are there by now. Processes that die are no reason:
        Ray keeps their actors' names while it starts them again.
        """
        if is_there(self._ray, replica):
            return False
        before = self.deployment
        if current_shards(self._ray, before) is before and replica in before.all:
            return True
        # whoever takes a new version in meanwhile looks for shards as well
        if not self._refreshing.acquire(timeout=max(0.0, until - time.monotonic())):
            return False
        try:
            with suppress(ClusterError):
                if self._take_over() or replica not in self.deployment.all:
                    raise ShardsEndedError
        finally:
            self._refreshing.release()
        return False

    def _failed(self, replica: Replica, reason: str) -> ClusterError:
        where = self._machines.get(replica.name, "a node that has not answered yet")
        return ClusterError(
            f"The shard {replica.number + 1} of {replica.shards} of {self.uri} failed on {where}: "
            f"{reason}.",
            hint="Look at its node: stitch cluster status.",
        )

    def status(
        self, seconds: float = _LOOK_SECONDS, deployment: Deployment | None = None
    ) -> list[dict[str, Any]]:
        """Return what every replica reports about itself, or why it does not answer in time."""
        rows, replicas = [], (deployment or self.deployment).all
        for replica, answer in zip(replicas, hellos(self._ray, replicas, seconds), strict=True):
            row: dict[str, Any] = {"name": replica.name, "numbers": list(replica.numbers)}
            if isinstance(answer, str):
                row |= {"alive": False, "error": answer}
            else:
                row |= {"alive": True, **answer}
                self._machines[replica.name] = row["machine"]
            rows.append(row)
        return rows

"""Looking after the shards of a dataset: how they are, and how many they are."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stitch_cir.cluster._ray import connected, ray_errors
from stitch_cir.cluster.actors._deploy import (
    Replica,
    deploy,
    deployed,
    moved_apart,
    nodes_of,
    replica_of,
)
from stitch_cir.cluster.actors._placement import Placement, apart_first
from stitch_cir.cluster.actors._ray_fleet import RayFleet
from stitch_cir.cluster.storage import SHARDS, SharedDataset, check_address
from stitch_cir.errors import ClusterError, SettingError

__all__ = ["ClusterStatus", "NodeStatus", "ScaleReport", "ShardStatus", "read_status", "scale"]

_ANSWER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A machine of the cluster, by its host name and address."""

    name: str
    alive: bool
    cpus: float

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {"node": self.name, "alive": self.alive, "cpus": self.cpus}


@dataclass(frozen=True, slots=True)
class ShardStatus:
    """One replica of a shard, ``number`` of ``shards`` from 1.

    ``versions``: the rows of each version that it holds; ``answered``: questions since it started;
    ``node``: the name of its node;
    ``loading``: the version that it loads now; ``failure``: why it could not load one; ``problem``:
    why it does not answer. Each is empty otherwise.
    """

    number: int
    shards: int
    replica: int
    machine: str
    versions: Mapping[int, int]
    answered: int
    problem: str = ""
    loading: int | None = None
    failure: str = ""
    node: str = ""

    @property
    def state(self) -> str:
        """How it is, in a word."""
        if self.problem:
            return "down"
        return "up" if self.loading is None else "loading"

    @property
    def name(self) -> str:
        """What it is called, such as ``2/4, replica 1``."""
        return f"{self.number}/{self.shards}, replica {self.replica}"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "shard": self.number,
            "shards": self.shards,
            "replica": self.replica,
            "alive": not self.problem,
            "machine": self.machine,
            "node": self.node,
            "versions": {str(number): rows for number, rows in self.versions.items()},
            "answered": self.answered,
            "loading": self.loading,
            "problem": self.problem or self.failure,
        }


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """The nodes of a cluster, and the shards of a dataset there.

    ``newest``: the dataset's newest version, with so many ``rows``; ``crowded``: shards of which
    several replicas share a node although another one has none.
    """

    uri: str
    newest: int
    rows: int
    nodes: tuple[NodeStatus, ...]
    shards: tuple[ShardStatus, ...]
    crowded: tuple[str, ...] = ()

    def problems(self) -> tuple[str, ...]:
        """Return what keeps searches from being answered, or from being answered by any replica."""
        if not self.shards:
            return ("there are no shards: stitch serve --cluster starts them",)
        shown = [
            f"shard {each.name} does not answer: {each.problem}"
            for each in self.shards
            if each.problem
        ]
        for count in sorted({each.shards for each in self.shards}):
            of_count = [each for each in self.shards if each.shards == count and not each.problem]
            missing = set(range(1, count + 1)) - {each.number for each in of_count}
            shown += [f"no replica of shard {each}/{count} answers" for each in sorted(missing)]
            ready = {each.number for each in of_count if self.newest in each.versions}
            for each in of_count:
                if self.newest in each.versions:
                    continue
                if each.loading is None:
                    why = f": {each.failure}" if each.failure else ""
                    shown.append(f"shard {each.name} does not hold version {self.newest}{why}")
                elif each.number not in ready:
                    shown.append(f"shard {each.name} is still loading version {each.loading}")
        shown += [
            f"the replicas of shard {each} share a node, although another one has none: stitch "
            "cluster scale moves them apart"
            for each in self.crowded
        ]
        return tuple(shown)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "dataset": self.uri,
            "newest": self.newest,
            "rows": self.rows,
            "nodes": [each.to_dict() for each in self.nodes],
            "shards": [each.to_dict() for each in self.shards],
            "problems": list(self.problems()),
        }

    def summary(self) -> str:
        """Return one line for people."""
        alive = sum(each.alive for each in self.nodes)
        answering = sum(not each.problem for each in self.shards)
        problems = len(self.problems())
        state = "all is well" if not problems else f"{problems} problem{'s' * (problems > 1)}"
        loading = sum(each.state == "loading" for each in self.shards)
        while_loading = f", {loading} of them loading" if loading else ""
        return (
            f"{alive} of {len(self.nodes)} nodes are up, {answering} of {len(self.shards)} shards "
            f"answer{while_loading}; version {self.newest} has {self.rows:,} rows: {state}."
        )


@dataclass(frozen=True, slots=True)
class ScaleReport:
    """How many shards and replicas there are now, and how many actors were started and ended."""

    shards: int
    replicas: int
    started: int
    ended: int

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "shards": self.shards,
            "replicas": self.replicas,
            "started": self.started,
            "ended": self.ended,
        }

    def summary(self) -> str:
        """Return one line for people."""
        return (
            f"{self.shards} shards with {self.replicas} replicas each: {self.started} started, "
            f"{self.ended} ended."
        )


def read_status(
    address: str | None, uri: str, *, storage_options: Mapping[str, str] | None = None
) -> ClusterStatus:
    """Return how the nodes of a cluster and the shards of a dataset are.

    ``address``: ``HOST:PORT`` of the head, or ``auto``.

    Raises
    ------
    ClusterError
        The cluster cannot be reached, or refuses this machine.
    GalleryMissingError, GalleryError
        There is no dataset, or it may not be read.
    """
    uri = _absolute(uri)
    dataset = SharedDataset.open(uri, storage_options=storage_options)
    with connected(address) as ray, ray_errors(address):
        entries = _latest(ray.nodes())
        nodes = tuple(
            NodeStatus(
                f"{each['NodeManagerHostname']} ({each['NodeManagerAddress']})",
                bool(each["Alive"]),
                each["Resources"].get("CPU", 0.0),
            )
            for each in entries
        )
        names = {each["NodeID"]: node.name for each, node in zip(entries, nodes, strict=True)}
        shards, on = _shard_status(ray, deployed(ray, uri), names)
        crowded = _crowded(Placement.of(ray), on)
    return ClusterStatus(uri, dataset.version, len(dataset), nodes, shards, crowded)


def _latest(entries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return one entry for each node: to Ray, one that was started again is another one."""
    identity = ("NodeManagerHostname", "NodeManagerAddress", "NodeManagerPort")
    latest: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for each in sorted(entries, key=lambda entry: bool(entry["Alive"])):
        latest[tuple(each[name] for name in identity)] = each
    return list(latest.values())


def _crowded(placement: Placement, on: Sequence[tuple[ShardStatus, str]]) -> tuple[str, ...]:
    """Return the shards whose replicas share a node needlessly; ``on``: each with its node's id."""
    nodes: dict[str, list[str]] = {}
    for each, node in on:
        nodes.setdefault(f"{each.number}/{each.shards}", []).append(node)
    return tuple(name for name, those in nodes.items() if placement.could_be_apart(those))


def _shard_status(
    ray: Any, replicas: Sequence[Replica], names: Mapping[str, str]
) -> tuple[tuple[ShardStatus, ...], list[tuple[ShardStatus, str]]]:
    """Return how each replica is, and of those that answer the ids of their nodes as well."""
    calls = [(each, each.actor.hello.remote()) for each in replicas]
    if calls:
        waited_for = [call for _, call in calls]
        ray.wait(waited_for, num_returns=len(waited_for), timeout=_ANSWER_SECONDS)
    shown, on = [], []
    for each, call in calls:
        hello: dict[str, Any] = {"machine": "", "node": "", "versions": {}, "answered": 0}
        hello |= {"loading": None, "problem": ""}
        problem = ""
        try:
            hello = ray.get(call, timeout=0)
        except ray.exceptions.GetTimeoutError:
            problem = f"no answer in {_ANSWER_SECONDS:.0f} s"
        except ray.exceptions.RayError as error:
            problem = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        shown.append(
            ShardStatus(
                each.number + 1,
                each.shards,
                replica_of(each) + 1,
                str(hello["machine"]),
                hello["versions"],
                hello["answered"],
                problem,
                hello["loading"],
                hello["problem"],
                names.get(hello["node"], ""),
            )
        )
        if not problem:
            on.append((shown[-1], str(hello["node"])))
    return tuple(shown), on


def scale(
    address: str | None,
    uri: str,
    *,
    shards: int | None = None,
    replicas: int | None = None,
    storage_options: Mapping[str, str] | None = None,
) -> ScaleReport:
    """Bring a dataset to so many shards and replicas; what there is stays by default.

    Replicas of one shard that share a node are moved apart where there is another one. New shards
    hold the newest version before any other is ended. Running servers move to them: at
    once where the shards that they asked are ended, else when they next look for a version.

    Raises
    ------
    SettingError
        A number that cannot be.
    ClusterError
        There are no shards, the cluster has no room for more, or they do not load the version; what
        there was stays.
    """
    check_address(uri)
    uri = _absolute(uri)
    for name, value, most in (("shards", shards, SHARDS), ("replicas", replicas, 16)):
        if value is not None and not 1 <= value <= most:
            raise SettingError(
                f"{value} {name} were requested.", hint=f"It must be between 1 and {most}."
            )
    with connected(address) as ray, ray_errors(address):
        before = deployed(ray, uri)
        counts = sorted({each.shards for each in before})
        if shards is None:
            if len(counts) != 1:
                there = " and ".join(map(str, counts)) or "no"
                raise ClusterError(
                    f"There are {there} shards of {uri}.", hint="Say how many: --shards N."
                )
            shards = counts[0]
        if replicas is None:
            of_shard = Counter((each.number, each.shards) for each in before)
            replicas = max(of_shard.values(), default=1)
        deployment = deploy(
            ray,
            uri,
            shards=shards,
            replicas=replicas,
            folder=shard_folder(),
            storage_options=dict(storage_options or {}),
            beside=True,
        )
        deployment = moved_apart(ray, deployment, shard_folder(), dict(storage_options or {}))
        # every replica loads the newest version, or this raises and nothing is ended
        RayFleet(ray, deployment, storage_options=storage_options).close()
        kept = {
            each.name
            for of_shard in deployment.replicas
            for each in apart_first(of_shard, nodes_of(ray, of_shard))[:replicas]
        }
        superfluous = [each for each in deployed(ray, uri) if each.name not in kept]
        for each in superfluous:
            ray.kill(each.actor, no_restart=True)
    started = len(kept - {each.name for each in before})
    return ScaleReport(shards, replicas, started, len(superfluous))


def shard_folder() -> str:
    """Return where nodes keep the galleries of their shards, unless a server says otherwise."""
    default = Path(tempfile.gettempdir()) / "stitch-shards"
    return os.environ.get("STITCH_SHARD_CACHE") or str(default)


def _absolute(uri: str) -> str:
    return uri if "://" in uri else str(Path(uri).absolute())

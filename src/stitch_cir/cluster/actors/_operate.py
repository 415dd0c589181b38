"""Looking after the shards of a dataset: how they are, and how many they are."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from stitch_cir.cluster._ray import connected
from stitch_cir.cluster._ray_errors import ray_errors
from stitch_cir.cluster.actors._deploy import (
    HELLO_SECONDS,
    Spread,
    deploy,
    hellos,
    moved_apart,
    nodes_of,
)
from stitch_cir.cluster.actors._deployment import Replica, deployed, replica_of
from stitch_cir.cluster.actors._exclusive import placing_alone
from stitch_cir.cluster.actors._late import Hello, late_options
from stitch_cir.cluster.actors._placement import Placement, apart_first
from stitch_cir.cluster.actors._ray_fleet import RayFleet
from stitch_cir.cluster.actors._record import intended_replicas, record_replicas
from stitch_cir.cluster.actors._reports import (
    ClusterStatus,
    NodeStatus,
    ScaleReport,
    ShardStatus,
)
from stitch_cir.cluster.storage import (
    SharedDataset,
    absolute_address,
)
from stitch_cir.errors import ClusterError

__all__ = ["end_shards", "ending_new", "read_status", "scale"]


@contextmanager
def ending_new(ray: Any) -> Iterator[list[Replica]]:
    """Yield a list for the actors that are made meanwhile; end them where something fails.

    They would keep their CPUs, and the folder that they were told, whatever is tried next. Those
    that another process made meanwhile are its own.
    """
    made: list[Replica] = []
    try:
        yield made
    except BaseException:
        with suppress(ray.exceptions.RayError, ValueError):
            for each in made:
                ray.kill(each.actor, no_restart=True)
        raise


def read_status(
    address: str | None, uri: Path | str, *, storage_options: Mapping[str, str] | None = None
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
    uri = absolute_address(uri)
    dataset = SharedDataset.open(uri, storage_options=storage_options)
    with connected(address) as ray, ray_errors(address):
        latest = _latest(ray.nodes())
        entries = [each for each in latest if each["Alive"] or not _was_shut_down(each)]
        nodes = tuple(
            NodeStatus(
                f"{each['NodeManagerHostname']} ({each['NodeManagerAddress']})",
                bool(each["Alive"]),
                each["Resources"].get("CPU", 0.0),
                each["Resources"].get("GPU", 0.0),
            )
            for each in entries
        )
        names = {each["NodeID"]: node.name for each, node in zip(entries, nodes, strict=True)}
        there = deployed(ray, uri)
        sent = time.time()
        answers = hellos(ray, there, HELLO_SECONDS)
        shards, on = _shard_status(there, answers, names, sent)
        share = max((each.gpus for each in shards), default=0.0)
        crowded, together = _sharing(Placement.of(ray, share), on)
    late = late_options(answers, storage_options or {})
    return ClusterStatus(
        uri,
        dataset.version,
        len(dataset),
        nodes,
        shards,
        crowded,
        together,
        late,
        len(latest) - len(entries),
    )


def _offset(read: float, sent: float) -> float:
    """Return by how many seconds a clock is ahead that was read at some time since ``sent``."""
    return min(0.0, read - sent) or max(0.0, read - time.time())


def _latest(entries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return one entry for each node: to Ray, one that was started again is another one."""
    identity = ("NodeManagerHostname", "NodeManagerAddress", "NodeManagerPort")
    latest: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for each in sorted(entries, key=lambda entry: bool(entry["Alive"])):
        latest[tuple(each[name] for name in identity)] = each
    return list(latest.values())


def _was_shut_down(entry: Mapping[str, Any]) -> bool:
    """Return whether a node that is gone was ended by SIGTERM, by ``ray stop`` or to save nodes."""
    # as Ray numbers it: EXPECTED_TERMINATION, AUTOSCALER_DRAIN_PREEMPTED, AUTOSCALER_DRAIN_IDLE
    return entry.get("DeathReason") in (1, 3, 4)


def _sharing(
    placement: Placement, on: Sequence[tuple[ShardStatus, str]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the shards whose replicas share a node needlessly, and those that have one node alone.

    ``on``: each replica with the id of its node.
    """
    nodes: dict[str, list[str]] = {}
    for each, node in on:
        nodes.setdefault(f"{each.number}/{each.shards}", []).append(node)
    crowded = tuple(name for name, those in nodes.items() if placement.could_be_apart(those))
    together = (name for name, those in nodes.items() if len(those) > len(set(those)) == 1)
    return crowded, tuple(name for name in together if name not in crowded)


def _shard_status(
    replicas: Sequence[Replica], answers: Sequence[Hello], names: Mapping[str, str], sent: float
) -> tuple[tuple[ShardStatus, ...], list[tuple[ShardStatus, str]]]:
    """Return how each replica is, and of those that answer the ids of their nodes as well.

    ``sent``: when they were asked.
    """
    shown, on = [], []
    for each, answer in zip(replicas, answers, strict=True):
        hello: dict[str, Any] = {"machine": "", "node": "", "versions": {}, "answered": 0}
        hello |= {"loading": None, "problem": "", "gpus": 0.0, "folder": ""}
        problem = ""
        if isinstance(answer, str):
            problem = answer
        else:
            hello = answer
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
                0.0 if problem else _offset(hello["time"], sent),
                hello["gpus"],
                hello["folder"],
            )
        )
        if not problem:
            on.append((shown[-1], str(hello["node"])))
    return tuple(shown), on


def scale(
    address: str | None,
    uri: Path | str,
    *,
    shards: int | None = None,
    replicas: int | None = None,
    gpus: float | None = None,
    storage_options: Mapping[str, str] | None = None,
) -> ScaleReport:
    """Bring a dataset to so many shards and replicas; both stay as they were by default.

    ``gpus``: the share of a GPU that Ray sets aside for each shard, 0 for none.

    Further ones keep their galleries in the same folder as those that are there. Replicas that are
    missing are made. Those of one shard that share a node are moved apart where there is another
    one. Where nothing is to be done nothing is, so that it may be called from time to time, and by
    several processes at once: one after the other is at it. New shards hold the newest version
    before any other is ended. Running servers move to them: at once where the shards that they
    asked are ended, else when they next look for a version.

    Raises
    ------
    SettingError
        A number that cannot be.
    GalleryMissingError, GalleryError
        There is no dataset, or it may not be read.
    ClusterError
        There are no shards, the cluster has no room for more, they do not load the version, or
        another process is at it for more than an hour; what there was stays.
    """
    uri = absolute_address(uri)
    spread, options = Spread(shards, replicas, gpus), dict(storage_options or {})
    SharedDataset.open(uri, storage_options=options)
    with connected(address) as ray, ray_errors(address), placing_alone(ray, uri):
        before = deployed(ray, uri)
        counts = sorted({each.shards for each in before})
        if spread.shards is None and len(counts) != 1:
            there = " and ".join(map(str, counts)) or "no"
            raise ClusterError(
                f"There are {there} shards of {uri}.", hint="Say how many: --shards N."
            )
        if spread.replicas is None:
            spread = replace(spread, replicas=intended_replicas(uri, before))
        with ending_new(ray) as made:
            deployment = deploy(
                ray, uri, spread, folder=None, storage_options=options, made=made, beside=True
            )
            each_has = spread.replicas or 1
            deployment = moved_apart(ray, deployment, each_has, options, made)
            # every replica loads the newest version, or this raises and nothing is ended
            RayFleet(ray, deployment, storage_options=options).close()
        record_replicas(uri, each_has)
        kept = {
            each.name
            for replicas_of in deployment.replicas
            for each in apart_first(replicas_of, nodes_of(ray, replicas_of))[:each_has]
        }
        superfluous = [each for each in deployed(ray, uri) if each.name not in kept]
        for each in superfluous:
            ray.kill(each.actor, no_restart=True)
    started = len(kept - {each.name for each in before})
    return ScaleReport(len(deployment.replicas), each_has, started, len(superfluous))


def end_shards(address: str | None, uri: Path | str) -> int:
    """End the shards of a dataset, and return how many replicas that were.

    The dataset stays, and on every node what it kept of it, so that shards start quickly again.
    Raises ``ClusterError`` where the cluster cannot be reached, or refuses this machine, or where
    another process scales them for more than an hour.
    """
    uri = absolute_address(uri)
    with connected(address) as ray, ray_errors(address), placing_alone(ray, uri):
        record_replicas(uri, None)
        there = deployed(ray, uri)
        for each in there:
            ray.kill(each.actor, no_restart=True)
    return len(there)

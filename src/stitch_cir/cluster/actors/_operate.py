"""Looking after the shards of a dataset: how they are, and how many they are."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from stitch_cir.cluster._ray import connected, ray_errors
from stitch_cir.cluster.actors._deploy import (
    HELLO_SECONDS,
    Spread,
    deploy,
    hellos,
    moved_apart,
    nodes_of,
    shard_folder,
)
from stitch_cir.cluster.actors._deployment import Replica, deployed, replica_of
from stitch_cir.cluster.actors._exclusive import placing_alone
from stitch_cir.cluster.actors._placement import Placement, apart_first
from stitch_cir.cluster.actors._ray_fleet import RayFleet
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


def _folder_of(ray: Any, replicas: Sequence[Replica]) -> str:
    """Return where the galleries of these replicas are kept, on every node; for none the usual."""
    answers = hellos(ray, replicas, HELLO_SECONDS)
    folders = (str(each["folder"]) for each in answers if not isinstance(each, str))
    return next(folders, shard_folder())


@contextmanager
def ending_new(ray: Any, uri: str) -> Iterator[None]:
    """End the actors that were made meanwhile where something fails, or is interrupted.

    They would keep their CPUs, and the folder that they were told, whatever is tried next. For use
    within :func:`placing_alone`: those of others must not be among them.
    """
    before = {each.name for each in deployed(ray, uri)}
    try:
        yield
    except BaseException:
        with suppress(ray.exceptions.RayError, ValueError):
            for each in deployed(ray, uri):
                if each.name not in before:
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
        entries = _latest(ray.nodes())
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
        shards, on = _shard_status(ray, deployed(ray, uri), names)
        share = max((each.gpus for each in shards), default=0.0)
        crowded, together = _sharing(Placement.of(ray, share), on)
    return ClusterStatus(uri, dataset.version, len(dataset), nodes, shards, crowded, together)


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
    ray: Any, replicas: Sequence[Replica], names: Mapping[str, str]
) -> tuple[tuple[ShardStatus, ...], list[tuple[ShardStatus, str]]]:
    """Return how each replica is, and of those that answer the ids of their nodes as well."""
    sent = time.time()
    shown, on = [], []
    for each, answer in zip(replicas, hellos(ray, replicas, HELLO_SECONDS), strict=True):
        hello: dict[str, Any] = {"machine": "", "node": "", "versions": {}, "answered": 0}
        hello |= {"loading": None, "problem": "", "gpus": 0.0}
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
    """Bring a dataset to so many shards and replicas; what there is stays by default.

    ``gpus``: the share of a GPU that Ray sets aside for each shard, 0 for none.

    Further ones keep their galleries in the same folder as those that are there.
    Replicas of one shard that share a node are moved apart where there is another one. New shards
    hold the newest version before any other is ended. Running servers move to them: at
    once where the shards that they asked are ended, else when they next look for a version.

    Raises
    ------
    SettingError
        A number that cannot be.
    GalleryMissingError, GalleryError
        There is no dataset, or it may not be read.
    ClusterError
        There are no shards, the cluster has no room for more, or they do not load the version; what
        there was stays.
    """
    uri = absolute_address(uri)
    Spread(shards, replicas, gpus)  # raises for what cannot be
    SharedDataset.open(uri, storage_options=storage_options)
    with connected(address) as ray, ray_errors(address), placing_alone(ray, uri):
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
        folder = _folder_of(ray, before)
        with ending_new(ray, uri):
            deployment = deploy(
                ray,
                uri,
                Spread(shards, replicas, gpus),
                folder=folder,
                storage_options=dict(storage_options or {}),
                beside=True,
            )
            deployment = moved_apart(ray, deployment, folder, dict(storage_options or {}))
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


def end_shards(address: str | None, uri: Path | str) -> int:
    """End the shards of a dataset, and return how many replicas that were.

    The dataset stays, and on every node what it kept of it, so that shards start quickly again.
    Raises ``ClusterError`` where the cluster cannot be reached, or refuses this machine.
    """
    with connected(address) as ray, ray_errors(address):
        there = deployed(ray, absolute_address(uri))
        for each in there:
            ray.kill(each.actor, no_restart=True)
    return len(there)

"""Shard actors of a dataset on a Ray cluster: made once, found again by their names."""

from __future__ import annotations

import itertools
import os
import re
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stitch_cir.cluster._errors import reason_of
from stitch_cir.cluster._ray import NAMESPACE
from stitch_cir.cluster.actors._placement import Placement
from stitch_cir.cluster.shards import DatasetShard, check_hello, dataset_key
from stitch_cir.cluster.storage import SHARDS
from stitch_cir.errors import ClusterError, SettingError

__all__ = [
    "Deployment",
    "Replica",
    "deploy",
    "deployed",
    "hellos",
    "moved_apart",
    "nodes_of",
    "remove",
    "replica_of",
    "shard_folder",
]

_NAME = re.compile(r"(?P<key>[0-9a-f]+):(?P<number>\d+)/(?P<shards>\d+):(?P<replica>\d+)")
_START_SECONDS, HELLO_SECONDS = 120.0, 5.0
_ROOM_SECONDS = 20.0
"""How long a shard waits for a CPU that others take, such as an encoder that is about to end."""
_THREADS, _MOST_REPLICAS = 8, 16


@dataclass(frozen=True, slots=True)
class Replica:
    """One actor of a shard, ``number`` of ``shards``."""

    name: str
    number: int
    shards: int
    actor: Any = field(repr=False)

    @property
    def numbers(self) -> tuple[int, int]:
        """The first shard number that it holds, and the one behind the last."""
        return numbers_of(self.number, self.shards)


@dataclass(frozen=True, slots=True)
class Deployment:
    """The actors of a dataset: for each shard its replicas."""

    uri: str
    replicas: tuple[tuple[Replica, ...], ...]

    @classmethod
    def of(cls, uri: str, there: Sequence[Replica], shards: int) -> Deployment:
        """Return those of some actors that are one of so many shards; a shard may have none."""
        chosen = [each for each in there if each.shards == shards]
        return cls(
            uri,
            tuple(
                tuple(each for each in chosen if each.number == number) for number in range(shards)
            ),
        )

    @property
    def all(self) -> tuple[Replica, ...]:
        """The replicas of all shards."""
        return tuple(each for of_shard in self.replicas for each in of_shard)

    def among(self, replicas: Collection[Replica]) -> Deployment:
        """Return the same shards with those of their replicas alone that are among these."""
        kept = [each for each in self.all if each in replicas]
        return Deployment.of(self.uri, kept, len(self.replicas))


def numbers_of(number: int, shards: int) -> tuple[int, int]:
    """Return the shard numbers of one of so many shards: the first, and the one behind the last."""
    return SHARDS * number // shards, SHARDS * (number + 1) // shards


def deployed(ray: Any, uri: str) -> list[Replica]:
    """Return the actors that a dataset has in the cluster, by shard and replica."""
    key = dataset_key(uri)
    replicas = []
    for entry in ray.util.list_named_actors(all_namespaces=True):
        match = _NAME.fullmatch(entry["name"])
        if entry["namespace"] == NAMESPACE and match is not None and match["key"] == key:
            actor = ray.get_actor(entry["name"], namespace=NAMESPACE)
            number, shards = int(match["number"]), int(match["shards"])
            replicas.append(Replica(entry["name"], number, shards, actor))
    return sorted(replicas, key=lambda each: (each.shards, each.number, each.name))


def is_there(ray: Any, replica: Replica) -> bool:
    """Return whether an actor is there, or is being started again: nobody has ended it."""
    try:
        # another one may have its name by now
        return bool(ray.get_actor(replica.name, namespace=NAMESPACE) == replica.actor)
    except ValueError:
        return False


def current_shards(ray: Any, before: Deployment) -> Deployment:
    """Return the actors that are to be asked by now.

    Those of as many shards as before, as long as no shard lacks all of them; else those of another
    number that lacks none; else what there was.
    """
    there = deployed(ray, before.uri)
    count = len(before.replicas)
    others = sorted({each.shards for each in there} - {count}, reverse=True)
    for shards in (count, *others):
        deployment = Deployment.of(before.uri, there, shards)
        if all(deployment.replicas):
            return deployment
    return before


def deploy(
    ray: Any,
    uri: str,
    *,
    shards: int | None,
    replicas: int | None,
    folder: str,
    storage_options: Mapping[str, str],
    beside: bool = False,
) -> Deployment:
    """Make the actors that are missing, and return all once they answer.

    ``shards`` and ``replicas`` are those that there are by default, else one shard a node. Those of
    another number are refused, unless the new ones may be made ``beside`` them, or are there.

    Raises
    ------
    SettingError
        A number that cannot be.
    ClusterError
        There are actors of another number of shards, or of another version of stitch, or they do
        not start in two minutes.
    """
    check_numbers(shards, replicas)
    there = deployed(ray, uri)
    counts = sorted({each.shards for each in there})
    if counts and not beside and (len(counts) > 1 if shards is None else shards not in counts):
        raise ClusterError(
            f"The shards of {uri} are {' and '.join(map(str, counts))} in this cluster"
            f"{'' if shards is None else f', not {shards}'}.",
            hint="Say --shards with one of them, or leave it out where there is one alone; another "
            "number needs new shards: stitch cluster scale.",
        )
    alive = [node for node in ray.nodes() if node["Alive"]]
    shards = shards or (counts[0] if counts else min(len(alive), SHARDS))
    there = [each for each in there if each.shards == shards]
    most = max((sum(each.number == n for each in there) for n in range(shards)), default=0)
    replicas = replicas or max(1, most)
    make = _Maker(ray, uri, folder, storage_options, placement_of(ray, there))
    made = []
    for number in range(shards):
        of_shard = [each for each in there if each.number == number]
        while len(of_shard) < max(replicas, most):
            of_shard.append(make.replica(number, shards, of_shard))
        made.append(tuple(of_shard))
    deployment = Deployment(uri, tuple(made))
    _greet(ray, deployment)
    return deployment


def check_numbers(shards: int | None, replicas: int | None) -> None:
    """Raise ``SettingError`` for numbers of shards and of their replicas that cannot be."""
    for name, value, most in (("shards", shards, SHARDS), ("replicas", replicas, _MOST_REPLICAS)):
        if value is not None and not 1 <= value <= most:
            raise SettingError(
                f"{value} {name} were requested.", hint=f"It must be between 1 and {most}."
            )


def placement_of(ray: Any, there: Sequence[Replica]) -> Placement:
    """Return on which nodes replicas are; those that do not say so are on none."""
    placement = Placement.of(ray)
    for each, node in zip(there, nodes_of(ray, there), strict=True):
        placement.add(node, (each.number, each.shards))
    return placement


def nodes_of(ray: Any, replicas: Sequence[Replica]) -> list[str]:
    """Return the id of each replica's node; empty for one that does not answer."""
    answers = hellos(ray, replicas, HELLO_SECONDS)
    return ["" if isinstance(each, str) else str(each["node"]) for each in answers]


def hellos(ray: Any, replicas: Sequence[Replica], seconds: float) -> list[dict[str, Any] | str]:
    """Return what each replica says of itself within some seconds, or why it says nothing."""
    calls = [each.actor.hello.remote() for each in replicas]
    if calls:
        ray.wait(calls, num_returns=len(calls), timeout=seconds)
    answers: list[dict[str, Any] | str] = []
    for call in calls:
        try:
            answers.append(ray.get(call, timeout=0))
        except TimeoutError:
            answers.append(f"no answer in {seconds:g} s")
        except ray.exceptions.RayError as error:
            answers.append(reason_of(error))
    return answers


def shard_folder() -> str:
    """Return where nodes keep the galleries of their shards, unless a server says otherwise."""
    default = Path(tempfile.gettempdir()) / "stitch-shards"
    return os.environ.get("STITCH_SHARD_CACHE") or str(default)


def replica_of(replica: Replica) -> int:
    """Return which replica of its shard an actor is, from 0."""
    return int(replica.name.rpartition(":")[2])


def moved_apart(
    ray: Any, deployment: Deployment, folder: str, storage_options: Mapping[str, str]
) -> Deployment:
    """Return the same shards with a further replica of each whose replicas share a node needlessly.

    It is on a node that has none; which one is to be ended is :func:`apart_first`'s to say.
    """
    placement = placement_of(ray, deployment.all)
    make = _Maker(ray, deployment.uri, folder, storage_options, placement)
    made = []
    for number, replicas in enumerate(deployment.replicas):
        of_shard, nodes = list(replicas), list(filter(None, nodes_of(ray, replicas)))
        for _ in range(min(len(nodes), len(placement.cpus)) - len(set(nodes))):
            of_shard.append(make.replica(number, len(deployment.replicas), of_shard))
        made.append(tuple(of_shard))
    moved = Deployment(deployment.uri, tuple(made))
    _greet(ray, moved)
    return moved


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes replicas of a dataset's shards, each where it is to be."""

    ray: Any
    uri: str
    folder: str
    storage_options: Mapping[str, str]
    placement: Placement

    def replica(self, number: int, shards: int, of_shard: Sequence[Replica]) -> Replica:
        """Return one more replica of a shard, on a node without another one if there is one."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        used = {replica_of(each) for each in of_shard}
        free = next(index for index in itertools.count() if index not in used)
        name = f"{dataset_key(self.uri)}:{number}/{shards}:{free}"
        node = self.placement.choose((number, shards))
        strategy: Any = "SPREAD"
        if node is not None:
            # a node that dies, or that others fill, is no reason to wait
            strategy = NodeAffinitySchedulingStrategy(node, soft=True, _spill_on_unavailable=True)
        actor = (
            self.ray.remote(DatasetShard)
            .options(
                name=name,
                namespace=NAMESPACE,
                get_if_exists=True,
                lifetime="detached",
                max_restarts=-1,
                max_task_retries=0,
                max_concurrency=_THREADS,
                num_cpus=1,
                scheduling_strategy=strategy,
            )
            .remote(
                self.uri,
                numbers_of(number, shards),
                self.folder,
                dict(self.storage_options),
                # what one query keeps busy on a node: of the replicas of a shard it asks one
                sharing=-(-shards // max(1, len(self.placement.cpus))),
            )
        )
        return Replica(name, number, shards, actor)


def _greet(ray: Any, deployment: Deployment) -> None:
    """Wait until every actor answers. Raises ``ClusterError`` naming the first that does not."""
    calls = {each.actor.hello.remote(): each for each in deployment.all}
    seconds = _ROOM_SECONDS
    _, waiting = ray.wait(list(calls), num_returns=len(calls), timeout=seconds)
    free = ray.available_resources().get("CPU", 0)
    if waiting and free >= 1:
        # there is room: they are being started
        seconds = _START_SECONDS
        _, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=seconds - _ROOM_SECONDS)
    if waiting:
        cpus = sum(Placement.of(ray).cpus.values())
        raise ClusterError(
            f"{_called(calls[waiting[0]], deployment.uri)} was not started within {seconds:.0f} s.",
            hint=f"Each replica needs a CPU, and {len(waiting)} of {len(calls)} have none; the "
            f"cluster has {cpus:g}, and {free:g} are free: add nodes, or take fewer shards or "
            "replicas.",
        )
    for call in calls:
        try:
            hello = ray.get(call)
        except ray.exceptions.RayError as error:
            raise ClusterError(
                f"{_called(calls[call], deployment.uri)} does not start: "
                f"{str(error).strip().splitlines()[-1]}",
                hint="Is stitch-cir with the extra cluster installed on every node?",
            ) from error
        check_hello(hello, _called(calls[call], deployment.uri))


def _called(replica: Replica, uri: str) -> str:
    which = f"Shard {replica.number + 1} of {replica.shards}"
    return f"{which} of {uri} (replica {replica_of(replica) + 1})"


def remove(ray: Any, uri: str) -> int:
    """End the actors of a dataset; return how many they were. Their folders stay."""
    there = deployed(ray, uri)
    for each in there:
        ray.kill(each.actor, no_restart=True)
    return len(there)

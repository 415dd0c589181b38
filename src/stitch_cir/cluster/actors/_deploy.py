"""Shard actors of a dataset on a Ray cluster: made once, found again by their names."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stitch_cir.cluster._errors import reason_of
from stitch_cir.cluster._ray import NAMESPACE
from stitch_cir.cluster.actors._deployment import (
    Deployment,
    Replica,
    deployed,
    name_of,
    numbers_of,
    replica_of,
)
from stitch_cir.cluster.actors._late import (
    Hello,
    check_folder,
    folder_of,
    late_options,
    shard_folder,
)
from stitch_cir.cluster.actors._placement import Placement
from stitch_cir.cluster.actors._record import intended_replicas, record_replicas
from stitch_cir.cluster.shards import DatasetShard, check_hello
from stitch_cir.cluster.storage import SHARDS
from stitch_cir.errors import ClusterError, SettingError

__all__ = [
    "HELLO_SECONDS",
    "Spread",
    "deploy",
    "hellos",
    "moved_apart",
    "nodes_of",
]

_START_SECONDS, HELLO_SECONDS = 120.0, 5.0
_ROOM_SECONDS = 20.0
"""How long a shard waits for a CPU that others take, such as an encoder that is about to end."""
_THREADS, _MOST_REPLICAS = 8, 16
_log = logging.getLogger("stitch_cir.cluster")
LEAST_SHARE = 0.01
"""Of a GPU, that a shard can have; Ray counts in ten-thousandths."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How many shards a dataset has, with how many replicas, and the share of a GPU of each.

    What is left out is as there is: else a shard for each node that can run one, one replica, and
    no GPU. Raises ``SettingError`` for a number that cannot be.
    """

    shards: int | None = None
    replicas: int | None = None
    gpus: float | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        gpus = self.gpus
        if gpus is not None and gpus != 0 and not LEAST_SHARE <= gpus <= 1:
            raise SettingError(
                f"A shard cannot have {gpus:g} of a GPU.",
                hint=f"It must be between {LEAST_SHARE:g} and 1, or 0 for none.",
            )
        for name, most in (("shards", SHARDS), ("replicas", _MOST_REPLICAS)):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= most:
                raise SettingError(
                    f"{value} {name} were requested.", hint=f"It must be between 1 and {most}."
                )


def deploy(
    ray: Any,
    uri: str,
    spread: Spread,
    *,
    folder: str | None,
    storage_options: Mapping[str, str],
    made: list[Replica],
    beside: bool = False,
) -> Deployment:
    """Make the actors that are missing, note them in ``made``, and return all once they answer.

    Those of another number of shards are refused, unless the new ones may be made ``beside`` them,
    or are there. ``folder``: ``None`` for that of those that are there, else the usual one.

    Raises
    ------
    ClusterError
        There are actors of another number of shards, in another folder, with another share of a
        GPU, or of another version of stitch; the GPUs have no room for them, or they do not start
        in two minutes.
    """
    shards, gpus = spread.shards, spread.gpus
    former = there = deployed(ray, uri)
    counts = sorted({each.shards for each in there})
    if counts and not beside and (len(counts) > 1 if shards is None else shards not in counts):
        raise ClusterError(
            f"The shards of {uri} are {' and '.join(map(str, counts))} in this cluster"
            f"{'' if shards is None else f', not {shards}'}.",
            hint="Say --shards with one of them, or leave it out where there is one alone; another "
            "number needs new shards: stitch cluster scale.",
        )
    nodes = len(Placement.of(ray, gpus or 0.0).cpus)
    shards = shards or (counts[0] if counts else max(1, min(nodes, SHARDS)))
    there = [each for each in there if each.shards == shards]
    answers = hellos(ray, there or former, HELLO_SECONDS)
    if not beside:
        check_folder(uri, answers, folder)
    placement = _placement_of(ray, there or former, answers, gpus)
    if there and gpus is not None and placement.shares - {gpus}:
        raise ClusterError(
            f"The {shards} shards of {uri} have {max(placement.shares):g} of a GPU each, not "
            f"{gpus:g}.",
            hint="Leave the share out; for another one make another number of shards: stitch "
            "cluster scale --shards N --shard-gpus SHARE.",
        )
    counts_of = Counter(each.number for each in there)
    meant = intended_replicas(uri, there)
    replicas = spread.replicas or meant
    if there and not beside and replicas < meant:
        _log.warning(
            "%d replicas of each shard of %s stay, although %d are asked for: stitch cluster scale "
            "--replicas %d ends the others",
            *(meant, uri, replicas, replicas),
        )
        replicas = meant
    placement.check_gpus(sum(max(0, replicas - counts_of[n]) for n in range(shards)))
    where = folder or folder_of(answers) or shard_folder()
    make = _Maker(ray, uri, where, storage_options, placement, made)
    chosen = []
    for number in range(shards):
        of_shard = [each for each in there if each.number == number]
        while len(of_shard) < replicas:
            of_shard.append(make.replica(number, shards, of_shard))
        chosen.append(tuple(of_shard))
    deployment = Deployment(uri, tuple(chosen))
    greetings = _greet(ray, deployment, placement.share)
    if not beside:
        # another server may have made them in the meantime
        check_folder(uri, greetings, folder)
        for note in late_options(greetings, storage_options):
            _log.warning("%s: %s", uri, note)
        record_replicas(uri, replicas)
    return deployment


def _placement_of(
    ray: Any, there: Sequence[Replica], answers: Sequence[Hello], gpus: float | None = None
) -> Placement:
    """Return on which nodes replicas are; those that do not say so are on none.

    ``gpus``: the share of a GPU that further ones are to have, by default that of these.
    """
    shares = [0.0 if isinstance(each, str) else float(each["gpus"]) for each in answers]
    placement = Placement.of(ray, max(shares, default=0.0) if gpus is None else gpus)
    for each, answer, share in zip(there, answers, shares, strict=True):
        if not isinstance(answer, str):
            placement.add(str(answer["node"]), (each.number, each.shards), share)
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


def moved_apart(
    ray: Any,
    deployment: Deployment,
    replicas: int,
    storage_options: Mapping[str, str],
    made: list[Replica],
) -> Deployment:
    """Return the same shards with a further replica of each whose replicas share a node needlessly.

    Each is to have so many ``replicas``. The further one is on a node that has none, and noted in
    ``made``; which one is to be ended is :func:`apart_first`'s to say.
    """
    answers = hellos(ray, deployment.all, HELLO_SECONDS)
    placement = _placement_of(ray, deployment.all, answers)
    folder = folder_of(answers) or shard_folder()
    make = _Maker(ray, deployment.uri, folder, storage_options, placement, made)
    chosen = []
    for number, there in enumerate(deployment.replicas):
        of_shard = list(there)
        nodes = placement.nodes_of((number, len(deployment.replicas)))
        apart = min(len(nodes), len(placement.cpus), replicas)
        for _ in range(apart - len(set(nodes))):
            of_shard.append(make.replica(number, len(deployment.replicas), of_shard))
        chosen.append(tuple(of_shard))
    moved = Deployment(deployment.uri, tuple(chosen))
    _greet(ray, moved, placement.share)
    return moved


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes replicas of a dataset's shards, each where it is to be."""

    ray: Any
    uri: str
    folder: str
    storage_options: Mapping[str, str]
    placement: Placement
    made: list[Replica]
    """What this process has made, and another one has not."""

    def replica(self, number: int, shards: int, of_shard: Sequence[Replica]) -> Replica:
        """Return one more replica of a shard, on a node without another one if there is one."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        used = {replica_of(each) for each in of_shard}
        free = next(index for index in itertools.count() if index not in used)
        name = name_of(self.uri, number, shards, free)
        node, share = self.placement.choose((number, shards)), self.placement.share
        strategy: Any = "SPREAD"
        if node is not None:
            # a node that dies, or that others fill, is no reason to wait
            strategy = NodeAffinitySchedulingStrategy(node, soft=True, _spill_on_unavailable=True)
        actors = self.ray.remote(DatasetShard).options(
            name=name,
            namespace=NAMESPACE,
            lifetime="detached",
            max_restarts=-1,
            max_task_retries=0,
            max_concurrency=_THREADS,
            num_cpus=1,
            scheduling_strategy=strategy,
            # without a share Ray leaves it all GPUs of its node, as it does other programs
            **({"num_gpus": share} if share else {}),
        )
        try:
            actor = actors.remote(
                self.uri,
                numbers_of(number, shards),
                self.folder,
                dict(self.storage_options),
                # as stitch cluster status names it
                label=f"{number + 1}/{shards}",
                # what one query keeps busy on a node: of the replicas of a shard it asks one
                sharing=-(-shards // max(1, len(self.placement.cpus))),
            )
        except ValueError:
            # another process was quicker
            return Replica(name, number, shards, self.ray.get_actor(name, namespace=NAMESPACE))
        replica = Replica(name, number, shards, actor)
        self.made.append(replica)
        return replica


def _greet(ray: Any, deployment: Deployment, share: float) -> list[dict[str, Any]]:
    """Return what every actor says of itself once all do.

    Raises ``ClusterError`` naming the first that does not.

    ``share``: of a GPU, that each needs.
    """
    calls = {each.actor.hello.remote(): each for each in deployment.all}
    seconds = _ROOM_SECONDS
    _, waiting = ray.wait(list(calls), num_returns=len(calls), timeout=seconds)
    left = ray.available_resources()
    free, free_gpus = left.get("CPU", 0.0), left.get("GPU", 0.0)
    if waiting and free >= 1 and free_gpus >= share:
        # there is room: they are being started
        seconds = _START_SECONDS
        _, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=seconds - _ROOM_SECONDS)
    if waiting:
        cpus = sum(Placement.of(ray).cpus.values())
        gpu = f" and {share:g} of a GPU ({free_gpus:g} are free)" if share else ""
        raise ClusterError(
            f"{_called(calls[waiting[0]], deployment.uri)} was not started within {seconds:.0f} s.",
            hint=f"Each replica needs a CPU{gpu}, and {len(waiting)} of {len(calls)} have none; "
            f"the cluster has {cpus:g}, and {free:g} are free: add nodes, or take fewer shards or "
            "replicas.",
        )
    answers = []
    for call in calls:
        try:
            answers.append(ray.get(call))
        except ray.exceptions.RayError as error:
            raise ClusterError(
                f"{_called(calls[call], deployment.uri)} does not start: "
                f"{str(error).strip().splitlines()[-1]}",
                hint="Is stitch-cir with the extra cluster installed on every node?",
            ) from error
        check_hello(answers[-1], _called(calls[call], deployment.uri))
    return answers


def _called(replica: Replica, uri: str) -> str:
    which = f"Shard {replica.number + 1} of {replica.shards}"
    return f"{which} of {uri} (replica {replica_of(replica) + 1})"

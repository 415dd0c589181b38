"""The shard actors of a dataset, as their names on a Ray cluster say which they are."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from stitch_cir.cluster._ray import NAMESPACE
from stitch_cir.cluster.shards import dataset_key
from stitch_cir.cluster.storage import SHARDS

__all__ = [
    "Deployment",
    "Replica",
    "current_shards",
    "deployed",
    "is_there",
    "name_of",
    "numbers_of",
    "replica_of",
]

_NAME = re.compile(r"(?P<key>[0-9a-f]+):(?P<number>\d+)/(?P<shards>\d+):(?P<replica>\d+)")


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
            try:
                actor = ray.get_actor(entry["name"], namespace=NAMESPACE)
            except ValueError:
                continue  # ended since it was listed
            number, shards = int(match["number"]), int(match["shards"])
            replicas.append(Replica(entry["name"], number, shards, actor))
    return sorted(replicas, key=lambda each: (each.shards, each.number, each.name))


def is_there(ray: Any, replica: Replica) -> bool:
    """Return whether an actor is there, or is being started again: nobody has ended it.

    The same where the head, which knows, cannot be asked.
    """
    try:
        # another one may have its name by now
        return bool(ray.get_actor(replica.name, namespace=NAMESPACE) == replica.actor)
    except ValueError:
        return False
    except ray.exceptions.RayError:
        return True


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


def name_of(uri: str, number: int, shards: int, replica: int) -> str:
    """Return what an actor is called."""
    return f"{dataset_key(uri)}:{number}/{shards}:{replica}"


def replica_of(replica: Replica) -> int:
    """Return which replica of its shard an actor is, from 0."""
    return int(replica.name.rpartition(":")[2])

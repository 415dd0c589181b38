"""Placement of replicas: those of one shard on different nodes, where there are enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from stitch_cir._hints import counted
from stitch_cir.errors import ClusterError

__all__ = ["Placement", "apart_first"]

T = TypeVar("T")
Shard = tuple[int, int]
"""Number of a shard, and of all shards."""


class Held(NamedTuple):
    """A replica on a node: of which shard, with which share of a GPU."""

    shard: Shard
    share: float


@dataclass(slots=True)
class Placement:
    """The nodes that can run a shard, with their CPUs, and the replicas that each holds.

    ``share``: of a GPU, that further replicas have, where ``gpus`` says how many a node has.
    """

    cpus: Mapping[str, float]
    gpus: Mapping[str, float] = field(default_factory=dict)
    share: float = 0.0
    held: dict[str, list[Held]] = field(default_factory=dict)

    @classmethod
    def of(cls, ray: Any, share: float = 0.0) -> Placement:
        """Return the live nodes, those with a GPU if a share is needed, without replicas yet."""
        alive = {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}
        gpus = {node: each.get("GPU", 0.0) for node, each in alive.items() if each.get("GPU")}
        cpus = {node: each.get("CPU", 0.0) for node, each in alive.items()}
        fit = {node: n for node, n in cpus.items() if n >= 1 and (not share or node in gpus)}
        return cls(fit, gpus, share)

    @property
    def shares(self) -> set[float]:
        """Which shares of a GPU the replicas have."""
        return {each.share for of_node in self.held.values() for each in of_node}

    def add(self, node: str, shard: Shard, share: float = 0.0) -> None:
        """Count a replica on a node, with its share of a GPU."""
        self.held.setdefault(node, []).append(Held(shard, share))

    def nodes_of(self, shard: Shard) -> list[str]:
        """Return the node of each replica of a shard."""
        return [node for node, held in self.held.items() for each in held if each.shard == shard]

    def choose(self, shard: Shard) -> str | None:
        """Return the node for a further replica, and count it there; ``None`` where none has room.

        Nodes without a replica of the shard come first, and among them the one with most room.
        """
        room = {node: self._room(node) for node in self.cpus}
        free = [node for node in sorted(room) if room[node] >= 1]
        there = self.nodes_of(shard)
        candidates = [node for node in free if node not in there] or free
        if not candidates:
            return None
        chosen = max(candidates, key=lambda node: room[node])
        self.add(chosen, shard, self.share)
        return chosen

    def check_gpus(self, count: int) -> None:
        """Raise ``ClusterError`` where the GPUs have no room for so many further replicas."""
        if not self.share or count <= sum(map(self._gpu_room, self.gpus)):
            return
        if not self.gpus:
            raise ClusterError(
                f"Each shard is to have {self.share:g} of a GPU, and no node of this cluster has "
                "one that Ray knows of.",
                hint="Start a node where its GPU can be seen (ray start --num-gpus says how many), "
                "or take --shard-gpus 0.",
            )
        room = sum(map(self._gpu_room, self.gpus))
        raise ClusterError(
            f"There is no room for {counted(count, 'further replica')} with {self.share:g} of a "
            f"GPU each: the GPUs of this cluster ({sum(self.gpus.values()):g} on "
            f"{counted(len(self.gpus), 'node')}) can take {room:,}.",
            hint="Take a smaller share (--shard-gpus), fewer shards or replicas, or add nodes.",
        )

    def _room(self, node: str) -> float:
        """Return how many further replicas fit on a node by its CPUs, and its GPUs if needed."""
        room = self.cpus[node] - len(self.held.get(node, ()))
        return min(room, self._gpu_room(node)) if self.share else room

    def _gpu_room(self, node: str) -> int:
        """Return how many further shares fit on a node's GPUs: none lies on two of them."""
        used, gpus = [each.share for each in self.held.get(node, ())], self.gpus[node]
        alike = int(gpus) * int(1 / self.share + 1e-6) - used.count(self.share)
        return max(0, min(alike, int((gpus - sum(used)) / self.share + 1e-6)))

    def could_be_apart(self, nodes: Sequence[str]) -> bool:
        """Return whether replicas on these nodes share one while another node has none."""
        return len(set(nodes)) < min(len(nodes), len(self.cpus))


def apart_first(replicas: Sequence[T], nodes: Sequence[str]) -> list[T]:
    """Return replicas in order, the first on each node before further ones on the same node.

    ``nodes``: the node of each replica.
    """
    numbers = range(len(nodes))
    order = sorted(numbers, key=lambda number: nodes.index(nodes[number]) != number)
    return [replicas[number] for number in order]

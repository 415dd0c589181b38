"""On which nodes the replicas of shards are: those of one shard apart, where there are nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

__all__ = ["Placement", "apart_first"]

T = TypeVar("T")
Shard = tuple[int, int]
"""Which one of how many."""


@dataclass(slots=True)
class Placement:
    """The nodes that can run a shard, with their CPUs, and the shards that each has replicas of."""

    cpus: Mapping[str, float]
    held: dict[str, list[Shard]] = field(default_factory=dict)

    @classmethod
    def of(cls, ray: Any) -> Placement:
        """Return the nodes of a cluster that are alive; what they hold is to be added."""
        alive = [node for node in ray.nodes() if node["Alive"]]
        cpus = {node["NodeID"]: node["Resources"].get("CPU", 0.0) for node in alive}
        return cls({node: count for node, count in cpus.items() if count >= 1})

    def add(self, node: str, shard: Shard) -> None:
        """Count a replica on a node."""
        self.held.setdefault(node, []).append(shard)

    def choose(self, shard: Shard) -> str | None:
        """Return the node for a further replica, and count it there; ``None`` without a free CPU.

        It is the one with the most room of those without a replica of this shard, or of all where
        each has one.
        """
        room = {node: cpus - len(self.held.get(node, ())) for node, cpus in self.cpus.items()}
        free = [node for node in sorted(room) if room[node] >= 1]
        candidates = [node for node in free if shard not in self.held.get(node, ())] or free
        if not candidates:
            return None
        chosen = max(candidates, key=lambda node: room[node])
        self.add(chosen, shard)
        return chosen

    def could_be_apart(self, nodes: Sequence[str]) -> bool:
        """Return whether replicas on these nodes share one, although another one has none."""
        return len(set(nodes)) < min(len(nodes), len(self.cpus))


def apart_first(replicas: Sequence[T], nodes: Sequence[str]) -> list[T]:
    """Return the replicas on these nodes in order, but the first of each node before others."""
    numbers = range(len(nodes))
    order = sorted(numbers, key=lambda number: nodes.index(nodes[number]) != number)
    return [replicas[number] for number in order]

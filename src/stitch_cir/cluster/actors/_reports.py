"""Status of a cluster's nodes and of a dataset's shards, and the report of scaling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stitch_cir._hints import counted
from stitch_cir.cluster._ray import CLOCK_TOLERANCE

__all__ = ["ClusterStatus", "NodeStatus", "ScaleReport", "ShardStatus"]


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A machine of the cluster, by its host name and address."""

    name: str
    alive: bool
    cpus: float
    gpus: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {"node": self.name, "alive": self.alive, "cpus": self.cpus, "gpus": self.gpus}


@dataclass(frozen=True, slots=True)
class ShardStatus:
    """One replica of a shard, ``number`` of ``shards`` from 1.

    ``versions``: the rows of each version that it holds; ``answered``: questions since it started;
    ``node``: the name of its node, whose clock is ``clock_offset`` seconds ahead of this machine's;
    ``loading``: the version that it loads now; ``failure``: why it could not load one; ``problem``:
    why it does not answer. Each is empty otherwise. ``gpus``: the share of a GPU that it has;
    ``folder``: where it keeps its gallery.
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
    clock_offset: float = 0.0
    gpus: float = 0.0
    folder: str = ""

    @property
    def state(self) -> str:
        """``up``, ``loading`` or ``down``."""
        if self.problem:
            return "down"
        return "up" if self.loading is None else "loading"

    @property
    def name(self) -> str:
        """The name of the replica, such as ``2/4, replica 1``."""
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
            "gpus": self.gpus,
            "folder": self.folder,
            "versions": {str(number): rows for number, rows in self.versions.items()},
            "answered": self.answered,
            "loading": self.loading,
            "problem": self.problem or self.failure,
        }


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """The nodes of a cluster, and the shards of a dataset there.

    ``newest``: the dataset's newest version, with so many ``rows``; ``crowded``: shards of which
    several replicas share a node although another one has none; ``together``: those of which all
    replicas are on the only node that could run them; ``late``: what was set where this was read,
    and not where the shards were started; ``shut_down``: nodes that were ended, and are not listed.
    """

    uri: str
    newest: int
    rows: int
    nodes: tuple[NodeStatus, ...]
    shards: tuple[ShardStatus, ...]
    crowded: tuple[str, ...] = ()
    together: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    shut_down: int = 0

    def problems(self) -> tuple[str, ...]:
        """Return what keeps a search, or one of the replicas, from answering."""
        if not self.shards:
            return ("no shards are running: stitch serve --cluster starts them",)
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
        offsets = {each.node or each.machine: each.clock_offset for each in self.shards}
        shown += [
            f"the clock of the node {node} is {abs(seconds) / 60:,.0f} minutes "
            f"{'ahead of' if seconds > 0 else 'behind'} this machine's"
            for node, seconds in offsets.items()
            if abs(seconds) > CLOCK_TOLERANCE
        ]
        shown += [
            f"the replicas of shard {each} share a node, although another node has none: stitch "
            "cluster scale moves them apart"
            for each in self.crowded
        ]
        return tuple(shown)

    def notes(self) -> tuple[str, ...]:
        """Return what does no harm so far: no further node dies, no version needs what was set."""
        if not self.together:
            return self.late
        return (
            *self.late,
            f"the replicas of {', '.join(self.together)} are on the only node that can run shards, "
            "and end with it: start another node, then move them apart with stitch cluster scale",
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "dataset": self.uri,
            "newest": self.newest,
            "rows": self.rows,
            "nodes": [each.to_dict() for each in self.nodes],
            "nodes_shut_down": self.shut_down,
            "shards": [each.to_dict() for each in self.shards],
            "problems": list(self.problems()),
            "notes": list(self.notes()),
        }

    def summary(self) -> str:
        """Return one line for people."""
        alive = sum(each.alive for each in self.nodes)
        answering = sum(not each.problem for each in self.shards)
        problems = len(self.problems())
        state = "all is well" if not problems else f"{problems} problem{'s' * (problems > 1)}"
        loading = sum(each.state == "loading" for each in self.shards)
        while_loading = f", {loading} of them loading" if loading else ""
        ended = f" ({self.shut_down:,} more were shut down)" if self.shut_down else ""
        return (
            f"{alive} of {len(self.nodes)} nodes are up{ended}, {answering} of {len(self.shards)} "
            f"shards answer{while_loading}; version {self.newest} has {self.rows:,} rows: {state}."
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
            f"{counted(self.shards, 'shard')} with {counted(self.replicas, 'replica')} each: "
            f"{self.started} started, "
            f"{self.ended} ended."
        )

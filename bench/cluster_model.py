"""What a cluster needs for 1 million to 1 billion images: memory, milliseconds, core hours, money.

    python -m bench.cluster_model
    python -m bench.cluster_model --core-hour 0.05 --replicas 2

Arithmetic on constants that were measured on single machines of two and of sixteen cores (their
sources stand beside them), not a measurement of a cluster. ``bench.cluster_replay`` adds queues and
stragglers to it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

VIEWS, DIM = 10, 512
"""Views of an image and numbers of a view that everything here is computed for."""

HOURS_A_MONTH = 730


@dataclass(frozen=True)
class Constants:
    """What was measured; times in seconds of one core unless said. :data:`SOURCES` says where."""

    scan: float = 2.7
    encode: float = 0.05
    fan_out: float = 0.0028
    per_node: float = 0.0016
    index_mini: float = 0.052
    index_vit: float = 1.1
    prepare_vit: float = 0.107


SOURCES = {
    "scan": (
        "core seconds of an exact search of a million sets by one query, whatever cores wait for",
        "16 cores for 16.4 and 17.9 ms, 100,000 sets ([benchmarks.md](benchmarks.md), quiet); one "
        "core alone takes 0.8, two cores of another machine 1.2",
    ),
    "encode": (
        "seconds to encode a query with `mini`",
        "“A query costs about 50 ms” in [benchmarks.md](benchmarks.md)",
    ),
    "fan_out": (
        "seconds of a call to every node that does nothing, there and back",
        "median of two Ray 2.60 actors on one machine, so without a network",
    ),
    "per_node": (
        "core seconds of the router for each node: asking it, and reading its ranking and hits",
        "two actors, busy machine: 7.3 ms of the router for a search, less 4.2 that it takes alone",
    ),
    "index_mini": (
        "core seconds to index an image with `mini` on all cores",
        "38 ms of the model and 13.5 ms beside it on two cores ([benchmarks.md](benchmarks.md)); "
        "35 with one thread, which has its core to itself",
    ),
    "index_vit": (
        "core seconds to index an image with ViT-B/32, ten crops, without a GPU",
        "16 images in 8.8 s on two cores ([benchmarks.md](benchmarks.md))",
    ),
    "prepare_vit": (
        "core seconds of the same outside the model, which stay where a GPU computes it",
        "pipeline of ViT-B/32 by ONNX ([benchmarks.md](benchmarks.md))",
    ),
}
"""Of every constant: what it is, and where its value is from; Markdown for docs/cluster-sizing.md."""


CODES = VIEWS * DIM + 100
"""Bytes of a set's codes, scales, errors, offset and id, which stay in memory."""
VECTORS = 4 * VIEWS * DIM
"""Bytes of a set's vectors, as the dataset holds them."""
GALLERY = 2 * VECTORS + CODES + 4 * DIM + 1300
"""Bytes of a set on the disk of its node: in SQLite and packed, with codes, mean and row."""
VERSIONS = 2
"""How many versions a node keeps: the newest, and the one that is searched until all have it."""


@dataclass(frozen=True)
class Cluster:
    """``images`` on ``nodes`` of ``cores`` each, every set held by ``replicas`` groups of nodes."""

    images: float
    nodes: int
    cores: int
    replicas: int = 1

    def scan(self, constants: Constants) -> float:
        """Return the seconds in which every node searches its part for one query."""
        core_s = constants.scan * self.images / 1e6
        return core_s / (self.nodes * self.cores)

    def answer(self, constants: Constants) -> float:
        """Return the seconds of one query on an idle cluster: encode, fan out, scan, merge."""
        fan_out = constants.fan_out + constants.per_node * self.nodes
        return constants.encode + fan_out + self.scan(constants)

    def queries_a_second(self, constants: Constants) -> float:
        """Return the most queries a second, one after the other, all replicas together."""
        return self.replicas / self.scan(constants)

    def memory(self) -> float:
        """Return the bytes of codes on each node."""
        return self.images * CODES / self.nodes

    def disk(self) -> float:
        """Return the bytes of galleries on each node's disk."""
        return VERSIONS * self.images * GALLERY / self.nodes

    def core_hours(self, seconds: float) -> float:
        """Return the core hours of what takes ``seconds`` of a core for each image."""
        return self.images * seconds / 3600

    def money_a_month(self, core_hour: float) -> float:
        """Return nodes · replicas · cores · 730 hours · the price of a core hour, without storage."""
        return self.nodes * self.replicas * self.cores * HOURS_A_MONTH * core_hour


CLUSTERS = (
    Cluster(1e6, 1, 16),
    Cluster(1e7, 4, 32),
    Cluster(1e8, 20, 64),
    Cluster(1e9, 50, 64),
    Cluster(1e9, 100, 128),
)


def table(constants: Constants, *, core_hour: float = 0.04, replicas: int = 1) -> list[str]:
    """Return the sizing table, in Markdown."""
    lines = [
        "| images | nodes × cores | codes a node, GB | disk a node, GB | vectors, TB | scan, ms "
        "| answer, ms | queries/s | to index, core hours: `mini` · ViT-B/32 "
        "· its part beside GPUs | a month |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for base in CLUSTERS:
        cluster = Cluster(base.images, base.nodes, base.cores, replicas)
        hours = [
            cluster.core_hours(seconds)
            for seconds in (constants.index_mini, constants.index_vit, constants.prepare_vit)
        ]
        lines.append(
            f"| {cluster.images / 1e6:,.0f} M | {cluster.nodes} × {cluster.cores} "
            f"| {cluster.memory() / 1e9:,.1f} | {cluster.disk() / 1e9:,.0f} "
            f"| {cluster.images * VECTORS / 1e12:,.2f} "
            f"| {1e3 * cluster.scan(constants):,.0f} | {1e3 * cluster.answer(constants):,.0f} "
            f"| {cluster.queries_a_second(constants):,.1f} "
            f"| {' · '.join(f'{each:,.0f}' for each in hours)} "
            f"| {cluster.money_a_month(core_hour):,.0f} |"
        )
    return lines


def constants_table(constants: Constants) -> list[str]:
    """Return every constant with its value and its source, in Markdown."""
    lines = ["| constant | value | what it is | source |", "|---|---|---|---|"]
    for name, (what, source) in SOURCES.items():
        lines.append(f"| `{name}` | {getattr(constants, name):.4g} | {what} | {source} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--core-hour", type=float, default=0.04, help="price of a core hour [0.04]")
    parser.add_argument("--replicas", type=int, default=1, help="copies of every set [1]")
    arguments = parser.parse_args()
    constants = Constants()
    rows = table(constants, core_hour=arguments.core_hour, replicas=arguments.replicas)
    print("\n".join([*constants_table(constants), "", *rows]))


if __name__ == "__main__":
    main()

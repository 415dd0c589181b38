"""Replay recorded scans on simulated shards: latency with queues, stragglers and hedged calls.

    python -m bench.cluster_replay              # table, and docs/images/cluster-latency.png
    python -m bench.cluster_replay --record     # measure the trace anew: 300 scans of 40,000 sets

The trace holds how long real exact searches took on this machine, one after the other, with all the
noise of it. A simulated shard draws its times from there, scaled so that their median is the scan of
the sizing table (``bench.cluster_model``). What is simulated, and so assumed: Poisson arrivals; one
search at a time on a node; times that are independent of one another; pauses of a node (a
neighbour, a slow disk) of half a second, one a minute on average; a hedged call does not stop the
first one.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from bench.cluster_model import CLUSTERS, DIM, VIEWS, Cluster, Constants

TRACE = Path(__file__).parent / "cluster_trace.json"
PLOT = Path(__file__).parents[1] / "docs" / "images" / "cluster-latency.png"
SETS, SCANS, WARM = 40_000, 300, 20
QUERIES = 4000
PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class Plan:
    """What is simulated: times in seconds.

    ``load``: share of its time that a replica would be busy without hedging. ``hedge``: a shard that
    has not answered after this quantile of the recorded times is called on another replica; ``None``:
    never. ``pause``, ``pauses_a_minute``: of each node.
    """

    shards: int
    replicas: int = 2
    load: float = 0.4
    hedge: float | None = 0.95
    pause: float = 0.5
    pauses_a_minute: float = 1.0


@dataclass
class _Replica:
    waiting: deque[int] = field(default_factory=deque)
    working_on: int | None = None
    paused_until: float = 0.0


def simulate(scans: ArrayLike, plan: Plan, *, queries: int = QUERIES, seed: int = 0) -> Replay:
    """Replay ``queries`` on the plan's shards, each scan drawn from ``scans``.

    A query is answered when every shard has answered; the first answer of a shard's replicas counts,
    and what the other one has not begun is dropped.
    """
    random = np.random.default_rng(seed)
    times = np.asarray(scans)
    rate = plan.load * plan.replicas / times.mean()
    arrivals = np.cumsum(random.exponential(1 / rate, queries))
    delay = None if plan.hedge is None or plan.replicas < 2 else np.quantile(times, plan.hedge)
    latencies = np.zeros(queries)
    calls = 0
    for _ in range(plan.shards):
        finished, of_shard = _simulate_shard(times, plan, arrivals, delay, random)
        calls += of_shard
        latencies = np.maximum(latencies, finished - arrivals)
    return Replay(plan, latencies, calls / (queries * plan.shards))


def _simulate_shard(
    times: np.ndarray,
    plan: Plan,
    arrivals: np.ndarray,
    delay: float | None,
    random: np.random.Generator,
) -> tuple[np.ndarray, int]:
    """Return when each query was answered by one shard, and how many scans were begun.

    Shards share nothing but the arrivals, so each is simulated alone.
    """
    replicas = [_Replica() for _ in range(plan.replicas)]
    # drawn ahead, since single draws are slow: more than can be begun with one hedge a query
    drawn = iter(random.choice(times, 3 * len(arrivals) + 1000).tolist())
    answered = np.full(len(arrivals), np.inf)
    called: dict[int, int] = {}
    numbers = itertools.count()
    # (time, order, kind, query, replica)
    events = [(at, next(numbers), "arrival", query, 0) for query, at in enumerate(arrivals)]
    if plan.pauses_a_minute:
        for number in range(plan.replicas):
            at = 0.0
            while (at := at + random.exponential(60 / plan.pauses_a_minute)) < arrivals[-1]:
                events.append((at, next(numbers), "pause", -1, number))
    heapq.heapify(events)
    begun = 0

    def begin(number: int, now: float) -> None:
        nonlocal begun
        replica = replicas[number]
        while replica.working_on is None and replica.waiting:
            query = replica.waiting.popleft()
            if answered[query] < np.inf:
                continue
            replica.working_on = query
            begun += 1
            end = max(now, replica.paused_until) + next(drawn)
            heapq.heappush(events, (end, next(numbers), "end", query, number))

    def call(query: int, now: float, besides: int | None = None) -> int:
        free = [each for each in range(len(replicas)) if each != besides]
        waiting = [
            len(replicas[each].waiting) + (replicas[each].working_on is not None) for each in free
        ]
        number = free[int(np.argmin(waiting))]
        replicas[number].waiting.append(query)
        begin(number, now)
        return number

    while events:
        now, _, kind, query, number = heapq.heappop(events)
        if kind == "arrival":
            called[query] = call(query, now)
            if delay is not None:
                heapq.heappush(events, (now + delay, next(numbers), "hedge", query, 0))
        elif kind == "hedge":
            if answered[query] == np.inf:
                call(query, now, besides=called[query])
        elif kind == "pause":
            replicas[number].paused_until = now + plan.pause
        else:
            replica = replicas[number]
            if replica.paused_until > now:  # it was paused on the way: the rest comes after that
                left = replica.paused_until + next(drawn) / 2
                heapq.heappush(events, (left, next(numbers), "end", query, number))
                continue
            answered[query] = min(answered[query], now)
            replica.working_on = None
            begin(number, now)
    return answered, begun


@dataclass(frozen=True)
class Replay:
    """Latencies (queries,) in seconds, and scans begun for each shard of a query."""

    plan: Plan
    latencies: np.ndarray
    scans: float

    def percentiles(self) -> list[float]:
        """Return p50, p95 and p99, in seconds."""
        return [float(np.percentile(self.latencies, each)) for each in PERCENTILES]


def record() -> None:
    """Measure exact searches of 40,000 sets of 10 × 512, and write the trace."""
    from bench.scan import exact
    from bench.vectors import World, write_matrix

    world = World.make(DIM)
    with tempfile.TemporaryDirectory() as scratch:
        matrix = write_matrix(world, Path(scratch) / "g", SETS, VIEWS)
        walls, cpus = [], []
        for seed in range(SCANS + WARM):
            query = world.query(seed)
            wall, cpu = time.perf_counter(), time.process_time()
            exact(matrix, query)
            walls.append(round(time.perf_counter() - wall, 6))
            cpus.append(round(time.process_time() - cpu, 6))
    data = {"sets": SETS, "views": VIEWS, "dim": DIM, "wall_s": walls[WARM:], "cpu_s": cpus[WARM:]}
    TRACE.write_text(json.dumps(data) + "\n", encoding="utf-8")


def draw(replays: Sequence[tuple[str, Replay]], file: Path) -> None:
    """Draw the share of queries that take longer than so many milliseconds."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import LogLocator

    colours = {
        nodes: f"C{n}" for n, nodes in enumerate(sorted({r.plan.shards for _, r in replays}))
    }
    figure, axes = plt.subplots(figsize=(9, 4.4), dpi=140)
    for name, replay in replays:
        values = np.sort(replay.latencies) * 1e3
        share = 1 - np.arange(len(values)) / len(values)
        dashes = "-" if replay.plan.hedge else "--"
        colour = colours[replay.plan.shards]
        axes.plot(values, 100 * share, dashes, color=colour, label=name, linewidth=1.8)
    axes.set(xscale="log", yscale="log", ylim=(0.05, 110))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(LogLocator(subs=(2, 3, 4, 5, 7)))
    axes.xaxis.set_minor_formatter("{x:g}")
    axes.set_xlabel("milliseconds from arrival to the last shard's answer (simulated)")
    axes.set_ylabel("% of queries that take longer")
    axes.grid(alpha=0.3, which="both")
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(file)
    plt.close(figure)


PLANS = (
    (4, 1, 0.2, None),
    (4, 2, 0.2, None),
    (4, 2, 0.2, 0.95),
    (20, 2, 0.2, None),
    (20, 2, 0.2, 0.95),
    (100, 2, 0.2, None),
    (100, 2, 0.2, 0.95),
    (100, 2, 0.4, None),
    (100, 2, 0.4, 0.95),
)
"""Shards (nodes of a cluster of the sizing table), replicas, load, quantile at which is hedged."""


def node_times(cluster: Cluster, trace: Path = TRACE) -> np.ndarray:
    """Return the recorded times, scaled to the median scan of a node of this cluster."""
    times = np.array(json.loads(trace.read_text(encoding="utf-8"))["wall_s"])
    return times / np.median(times) * cluster.scan(Constants())


def replay(shards: int, replicas: int, load: float, hedge: float | None) -> Replay:
    """Replay one row of the table."""
    cluster = next(each for each in CLUSTERS if each.nodes == shards)
    return simulate(node_times(cluster), Plan(shards, replicas, load, hedge))


def row(done: Replay) -> str:
    """Return a row of the table, in Markdown."""
    plan = done.plan
    p50, p95, p99 = (f"{1e3 * each:.0f}" for each in done.percentiles())
    hedged = "no" if plan.hedge is None else f"after p{100 * plan.hedge:.0f}"
    return (
        f"| {plan.shards} × {plan.replicas} | {plan.load} | {hedged} | {p50} | {p95} | {p99} "
        f"| {done.scans:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--record", action="store_true", help="measure the trace anew")
    if parser.parse_args().record:
        record()
    print("| shards × replicas | load | hedged | p50, ms | p95, ms | p99, ms | scans a shard |")
    print("|---|---|---|---|---|---|---|")
    drawn = []
    for plan in PLANS:
        done = replay(*plan)
        print(row(done), flush=True)
        if done.plan.load == 0.2 and done.plan.replicas == 2:
            hedged = "hedged" if done.plan.hedge else "not hedged"
            drawn.append((f"{done.plan.shards} nodes, {hedged}", done))
    draw(drawn, PLOT)


if __name__ == "__main__":
    main()

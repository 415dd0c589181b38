"""``make demo-cluster``: two nodes on this machine, a dataset, a search, a dead node, a search.

Both nodes are Ray's own processes with ports and folders of their own, and the images those of
``make demo``. What one machine finds is compared with what the cluster finds, before and after.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import stitch_cir as st
from fetch_stamps import fetch
from stitch_cir.cluster import ClusterOptions, index_on_cluster, open_cluster, read_status

OUT = Path("demo")
QUERIES = (
    ("vehicles/auto/sedan.png", "a truck instead"),
    ("food/fruit/lemon.png", "but orange"),
    (None, "a bird with a long neck"),
)
CPUS = 4
"""Logical ones of each node: room for two shards with two replicas even when one node is gone."""
PATIENCE = 60.0
"""Seconds until a dead node is no longer waited for to be replaced."""


def main() -> int:
    """Run the demo; return the exit code."""
    OUT.mkdir(exist_ok=True)
    try:
        images = fetch(OUT).resolve()
        with (
            ray_log(OUT / "cluster.log") as terminal,
            nodes(terminal) as (address, cluster),
        ):
            return run(images, address, cluster, terminal)
    except st.StitchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


@contextmanager
def ray_log(file: Path) -> Iterator[TextIO]:
    """Write what Ray prints, page by page when a node dies, into a file; yield the terminal."""
    print(f"what Ray prints is in {file}")
    sys.stdout.flush()
    sys.stderr.flush()
    before = os.dup(1), os.dup(2)
    with file.open("wb") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    try:
        with os.fdopen(os.dup(before[0]), "w", encoding=sys.stdout.encoding) as terminal:
            yield terminal
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, each in enumerate(before, 1):
            os.dup2(each, number)
            os.close(each)


@contextmanager
def nodes(terminal: TextIO) -> Iterator[tuple[str, Any]]:
    """Start a head and a node; end them and what they keep on disk."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # a node that does not answer is given up in seconds, not in a quarter of a minute
    os.environ.setdefault("RAY_health_check_period_ms", "1000")
    os.environ.setdefault("RAY_health_check_timeout_ms", "2000")
    os.environ.setdefault("RAY_health_check_failure_threshold", "3")
    from ray.cluster_utils import Cluster

    shards = tempfile.mkdtemp(prefix="stitch-")
    os.environ["STITCH_SHARD_CACHE"] = shards
    print("starting two nodes …", file=terminal, flush=True)
    started = time.perf_counter()
    size = {"num_cpus": CPUS, "object_store_memory": 80_000_000, "include_dashboard": False}
    cluster = Cluster()
    try:
        try:
            cluster.add_node(**size)
            cluster.add_node(num_cpus=CPUS, object_store_memory=80_000_000)
            cluster.wait_for_nodes()
        except Exception as error:  # Ray has no class for it
            raise st.errors.ClusterError(
                f"Ray did not start its nodes in {time.perf_counter() - started:.0f} s: {error}",
                hint=f"Each has half a minute: is the machine busy? See {OUT / 'cluster.log'}.",
            ) from error
        say(terminal, started, f"{CPUS} logical CPUs on each node, head at {cluster.address}")
        yield cluster.address, cluster
    finally:
        cluster.shutdown()
        shutil.rmtree(shards, ignore_errors=True)


def run(images: Path, address: str, cluster: Any, terminal: TextIO) -> int:
    """Index, search, kill a node, search again."""
    uri = OUT / "cluster.lance"
    encoder = st.load_encoder("mini")
    print("indexing on both nodes, then on this machine alone …", file=terminal, flush=True)
    started = time.perf_counter()
    report = index_on_cluster(images, str(uri), encoder="mini", address=address, unit=50)
    say(terminal, started, f"{report.index.images} images indexed by {report.workers} encoders")
    started = time.perf_counter()
    st.index_folder(images, OUT / "gallery", encoder=encoder)
    alone = st.Gallery.open(OUT / "gallery", encoder=encoder)
    say(terminal, started, f"{len(alone)} images indexed on this machine alone, to compare")
    started = time.perf_counter()
    gallery = open_cluster(
        address, str(uri), encoder=encoder, options=ClusterOptions(shards=2, replicas=2)
    )
    say(terminal, started, "two shards with two replicas each, which hold the dataset")
    with gallery:
        same = search(gallery, alone, terminal)
        print(f"\n{read_status(address, str(uri)).summary()}", file=terminal, flush=True)
        victim = sorted(cluster.worker_nodes, key=lambda node: node.unique_id)[0]
        process = victim.all_processes["raylet"][0].process
        os.kill(process.pid, signal.SIGKILL)
        killed = time.perf_counter()
        print("\nkilled the second node (SIGKILL); searching on", file=terminal, flush=True)
        same = search(gallery, alone, terminal) and same
        watch(address, str(uri), killed, terminal)
    print(
        "\nBefore and after, the cluster found what one machine finds, with the same scores."
        if same
        else "\nThe cluster found something else than one machine: this is a fault, report it.",
        file=terminal,
    )
    return 0 if same else 1


def watch(address: str, uri: str, killed: float, terminal: TextIO) -> None:
    """Print when the dead node is noticed, and when all replicas are there again."""
    print(file=terminal)
    noticed = False
    while time.perf_counter() < killed + PATIENCE:
        status = read_status(address, uri)
        if not noticed and not all(node.alive for node in status.nodes):
            say(terminal, killed, "the dead node is noticed")
            noticed = True
        if noticed and not status.problems():
            say(terminal, killed, "its replicas answer, started anew on the other node")
            break
        time.sleep(0.5)
    print(status.summary(), file=terminal, flush=True)


def search(gallery: st.Gallery, alone: st.Gallery, terminal: TextIO) -> bool:
    """Search for every query; print hits and times; return whether one machine finds the same."""
    settings = st.SearchSettings(k=3)
    same = True
    for reference, text in QUERIES:
        query = st.Query(reference, text)
        started = time.perf_counter()
        results = st.Searcher(gallery, settings=settings).search(query)
        seconds = time.perf_counter() - started
        expected = st.Searcher(alone, settings=settings).search(query)
        hits = [(hit.id, hit.score) for hit in results]
        equal = hits == [(hit.id, hit.score) for hit in expected]
        same = same and equal
        compared = "as on one machine" if equal else "NOT as on one machine"
        request = f"{reference or '(no reference)'}  +  “{text}”"
        print(f"\n{request}  {seconds:.2f} s, {compared}", file=terminal)
        for rank, (id, score) in enumerate(hits, 1):
            print(f"  {rank}. {score:.3f}  {id}", file=terminal, flush=True)
    return same


def say(terminal: TextIO, started: float, text: str) -> None:
    """Print what was done, and how long it took."""
    print(f"  {text}  ({time.perf_counter() - started:.1f} s)", file=terminal, flush=True)


if __name__ == "__main__":
    sys.exit(main())

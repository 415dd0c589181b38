"""One session of Ray with several nodes: what operators do, and what dies; as JSON lines.

Run as a program, so that Ray's warnings and threads stay out of the tests' own process. The nodes
are processes of this machine, as ``make demo-cluster`` starts them. ``SECONDS`` of mixed traffic.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

SECONDS = float(os.environ.get("STITCH_TRAFFIC_SECONDS", "15"))
os.environ |= {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "3000",
    "RAY_health_check_failure_threshold": "3",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "120",
}

from stitch_cir.cluster import (  # noqa: E402 - after Ray's variables
    ClusterGallery,
    ClusterOptions,
    RayFleet,
    Timing,
    export_gallery,
    open_cluster,
    read_status,
    scale,
)
from stitch_cir.encoders import HashEncoder  # noqa: E402
from stitch_cir.errors import ClusterError, StitchError  # noqa: E402
from stitch_cir.gallery import Gallery, index_folder  # noqa: E402
from stitch_cir.searcher import Query, Results, Searcher, SearchSettings  # noqa: E402
from tests.command import invoke  # noqa: E402
from tests.conftest import noise  # noqa: E402
from tests.extras.cluster_reports import refusal, report, session_port  # noqa: E402

ENCODER = HashEncoder()
IMAGES = 36
QUERIES = tuple(Query(f"i{number:02}.png", text) for number, text in enumerate(("in red", "blue")))
SETTINGS = (SearchSettings(k=5), SearchSettings.from_preset(k=5, include=["i1*"]))
OPTIONS: dict[str, Any] = {"object_store_memory": 80_000_000}


def hits(results: Results) -> list[tuple[str, float]]:
    return [(hit.id, hit.score) for hit in results]


@contextmanager
def redis(folder: Path) -> Iterator[bool]:
    """Run Debian's Redis for the head's state, where it is installed."""
    program = shutil.which("redis-server")
    if program is None:
        yield False
        return
    port = session_port()
    words = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    # no stream of this program's: whoever reads those waits for their end, even where this one crashes
    server = subprocess.Popen(
        [*words, "--appendonly", "yes"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while True:
        assert server.poll() is None, f"Redis does not start on port {port}"
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.05)
    os.environ["RAY_REDIS_ADDRESS"] = f"127.0.0.1:{port}"
    try:
        yield True
    finally:
        server.kill()
        server.wait()


class Session:
    """The nodes, the dataset, and what one machine finds in it."""

    def __init__(self, scratch: Path, cluster: Any, gpu_node: str = "") -> None:
        self.scratch, self.cluster, self.address = scratch, cluster, str(cluster.address)
        self.gpu_node = gpu_node
        folder, self.uri = scratch / "images", str(scratch / "photos.lance")
        folder.mkdir()
        for number in range(IMAGES):
            noise(number, 32, 40).save(folder / f"i{number:02}.png")
        index_folder(folder, encoder=ENCODER)
        export_gallery(folder, self.uri)
        with Gallery.open(folder, encoder=ENCODER) as gallery:
            self.expected = {
                (query, each): hits(Searcher(gallery, settings=SETTINGS[each]).search(query))
                for query in QUERIES
                for each in range(len(SETTINGS))
            }
        self.options = ClusterOptions(
            shards=2, replicas=1, folder=scratch / "shards", timing=Timing(deadline=300.0, hedge=2)
        )

    def open(self, **changes: Any) -> Gallery:
        from dataclasses import replace

        options = replace(self.options, **changes)
        return open_cluster(self.address, self.uri, encoder=ENCODER, options=options)

    def right(self, gallery: Gallery, query: Query = QUERIES[0], each: int = 0) -> bool:
        """Search; return whether the answer is complete and what one machine finds."""
        results = Searcher(gallery, settings=SETTINGS[each]).search(query)
        return results.complete and hits(results) == self.expected[query, each]


def seconds_until(work: Callable[[], bool], most: float = 300.0) -> float:
    """Return after how many seconds it was true; asked again after an error of the cluster."""
    began = time.monotonic()
    while time.monotonic() < began + most:
        try:
            if work():
                return time.monotonic() - began
        except ClusterError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"not within {most} s")


def fleet_of(gallery: Gallery) -> RayFleet:
    """Return the shard actors of a gallery."""
    assert isinstance(gallery, ClusterGallery)
    assert isinstance(gallery.fleet, RayFleet)
    return gallery.fleet


def replicas_there() -> dict[str, Any]:
    """Return the actors of the dataset by name, each with the id of its node."""
    import ray

    named = ray.util.list_named_actors(all_namespaces=True)
    actors = [each for each in named if "/" in each["name"]]
    handles = {each["name"]: ray.get_actor(each["name"], each["namespace"]) for each in actors}
    return {name: (actor, ray.get(actor.hello.remote())["node"]) for name, actor in handles.items()}


def nodes_of() -> dict[str, int]:
    """Return on how many nodes the replicas of each shard are."""
    shards: dict[str, set[str]] = {}
    for name, (_, node) in replicas_there().items():
        shards.setdefault(name.rpartition(":")[0].partition(":")[2], set()).add(node)
    return {shard: len(nodes) for shard, nodes in sorted(shards.items())}


def crowd(session: Session) -> None:
    """Put both replicas of the first shard on one node, as after a node that died and came back.

    Leave a third one of the second shard, as a ``scale`` that was killed does.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    from stitch_cir.cluster import DatasetShard

    there = replicas_there()
    first, second = sorted(name for name in there if ":0/2:" in name)
    ray.kill(there[second][0], no_restart=True)
    made = []
    for name, numbers in ((first, (0, 128)), (first.replace(":0/2:", ":1/2:"), (128, 256))):
        again = ray.remote(DatasetShard).options(
            name=name[:-1] + "5",
            namespace="stitch",
            lifetime="detached",
            num_cpus=1,
            scheduling_strategy=NodeAffinitySchedulingStrategy(there[first][1], soft=False),
        )
        actor = again.remote(session.uri, numbers, str(session.options.folder), {}, sharing=1)
        made.append(actor.load.remote(1))
    ray.get(made)


def operate(session: Session) -> None:
    """Look at a cluster without shards, with shards, and change their number."""
    empty = read_status(session.address, session.uri)
    report("empty", problems=empty.problems(), nodes=sum(each.alive for each in empty.nodes))
    with session.open() as gallery:
        report("right", right=session.right(gallery))
        os.environ["STITCH_SHARD_CACHE"] = str(session.scratch / "elsewhere")
        status = read_status(session.address, session.uri).to_dict()
        other = refusal(lambda: session.open(folder=session.scratch / "elsewhere"))
        report("status", of=status, other=other)
        grown = scale(session.address, session.uri, replicas=2)
        report("grown", of=grown.to_dict(), right=session.right(gallery))
        report("apart", nodes=nodes_of())
        crowd(session)
        crowded = read_status(session.address, session.uri)
        with ThreadPoolExecutor(2) as pool:  # as timers on two machines do
            scaling = [pool.submit(scale, session.address, session.uri) for _ in range(2)]
        moved = [each.result().to_dict() for each in scaling]
        report(
            "crowded",
            problems=crowded.problems(),
            moved=sorted(moved, key=lambda each: each["started"]),
            nodes=nodes_of(),
            right=session.right(gallery),
        )
        # a server that runs moves to the new shards by itself
        refused = [
            refusal(partial(scale, session.address, session.uri, shards=3, replicas=1, gpus=0.5)),
            refusal(partial(scale, session.address, session.uri, shards=2, gpus=0.5)),
            refusal(partial(scale, session.address, session.uri, gpus=1.5)),
        ]
        three = scale(session.address, session.uri, shards=3, replicas=1, gpus=0.25)
        report("three", of=three.to_dict(), right=session.right(gallery))
        with_gpus = read_status(session.address, session.uri).to_dict()
        report(
            "gpus",
            refused=refused,
            nodes=sorted({node for _, node in replicas_there().values()}),
            gpu_node=session.gpu_node,
            shards=[each["gpus"] for each in with_gpus["shards"]],
            of_nodes=sorted(each["gpus"] for each in with_gpus["nodes"]),
            problems=with_gpus["problems"],
        )
        two = scale(session.address, session.uri, shards=2, replicas=2, gpus=0)
        right = session.right(gallery)
        after = read_status(session.address, session.uri)
        problems, shards = after.problems(), len(after.shards)
        report("back", of=two.to_dict(), right=right, problems=problems, shards=shards)
    report("refused", message=refusal(lambda: scale(session.address, session.uri, replicas=0)))
    report("none", message=refusal(lambda: session.open(shards=0)))
    missing = refusal(lambda: scale(session.address, f"{session.uri}.other", shards=1))
    data = Path(session.uri, "data")
    data.rename(session.scratch / "away")
    unloaded = refusal(lambda: scale(session.address, session.uri, shards=5, replicas=1))
    (session.scratch / "away").rename(data)
    left = [each.name for each in read_status(session.address, session.uri).shards]
    elsewhere = (session.scratch / "elsewhere").exists()
    del os.environ["STITCH_SHARD_CACHE"]
    report("ended", missing=missing, unloaded=unloaded, shards=left, elsewhere=elsewhere)


def counts_and_logs(session: Session) -> None:
    """Serve the dataset in this process; read the metrics and the shards' logs of one request."""
    from fastapi.testclient import TestClient

    from stitch_cir.server import create_app

    with session.open(replicas=2) as gallery, TestClient(create_app(gallery)) as client:
        answer = client.post("/api/search", json={"text": "in red"})
        metrics = client.get("/metrics").text
    request = answer.headers["x-request-id"]
    logs = Path(session.cluster.head_node.get_session_dir_path()) / "logs"
    lines = [
        json.loads(line)
        for file in logs.glob("worker-*.err")
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines()
        if f'"id": "{request}"' in line
    ]
    shards = sorted({line["shard"] for line in lines})
    report("observed", metrics=metrics, shards=shards, lines=lines[:3], status=answer.status_code)


def kill_raylet(session: Session, victim: Any) -> None:
    """Kill a node; searches go on, and its shards start on another."""
    with session.open(replicas=2) as gallery:
        assert session.right(gallery)
        began = time.monotonic()
        os.kill(victim.all_processes["raylet"][0].process.pid, signal.SIGKILL)
        first = seconds_until(lambda: session.right(gallery))
        wrong = 0
        for _ in range(10):
            wrong += not session.right(gallery)

        def down() -> int:
            return sum(not each.alive for each in read_status(session.address, session.uri).nodes)

        def whole() -> bool:
            # a replica that was started anew loads a version when it is first asked
            assert session.right(gallery)
            status = read_status(session.address, session.uri)
            return not status.problems() and len(status.shards) == 4

        seconds_until(lambda: down() == 1)
        noticed = time.monotonic() - began
        seconds_until(whole)
        again = time.monotonic() - began
        wrong += not session.right(gallery)
        fleet = fleet_of(gallery)
        fleet.look()
        left = {
            "nodes": fleet.state().nodes,
            "notes": read_status(session.address, session.uri).notes(),
        }
    report("raylet", left=left, wrong=wrong, first=first, noticed=noticed, again=again, down=1)


def kill_head(session: Session) -> None:
    """Kill the head's server of state; searches go on, and it starts again from Redis."""
    head = session.cluster.head_node
    with session.open(replicas=2) as gallery:
        assert session.right(gallery)
        head.kill_gcs_server()
        while_dead = [session.right(gallery) for _ in range(3)]
        began = time.monotonic()
        head.start_gcs_server()
        back = seconds_until(lambda: not read_status(session.address, session.uri).problems())
        report(
            "head",
            while_dead=while_dead,
            seconds=time.monotonic() - began,
            waited=back,
            right=session.right(gallery),
        )


def stop(session: Session) -> None:
    """End the shards; a server that runs answers again when another one has made them anew."""
    words = ["cluster", "stop", session.uri, "--address", session.address]
    with session.open(replicas=2) as gallery:
        stopped, again = (invoke(words) for _ in range(2))
        there = replicas_there()
        message = refusal(lambda: session.right(gallery))
        with session.open(shards=2, replicas=1):
            right = session.right(gallery)
    report(
        "stop",
        output=stopped.output,
        again=again.output,
        there=len(there),
        message=message,
        right=right,
    )


def traffic(session: Session) -> None:
    """Search from three threads while replicas are killed; keep what was wrong or partial."""
    chance = random.Random(18)
    stop, lock = threading.Event(), threading.Lock()
    counts = {"answers": 0, "wrong": 0, "errors": 0}
    messages: set[str] = set()

    def search(gallery: Gallery, seed: int) -> None:
        mine = random.Random(seed)
        while not stop.is_set():
            query, each = mine.choice(QUERIES), mine.randrange(len(SETTINGS))
            try:
                right = session.right(gallery, query, each)
                outcome = "answers" if right else "wrong"
            except StitchError as error:
                outcome = "errors"
                with lock:
                    messages.add(f"{type(error).__name__}: {error}")
            with lock:
                counts[outcome] += 1

    with session.open(replicas=2) as gallery:
        threads = [threading.Thread(target=search, args=(gallery, seed)) for seed in range(3)]
        for thread in threads:
            thread.start()
        fleet = fleet_of(gallery)
        kills, until = 0, time.monotonic() + SECONDS
        while kills < 3 or time.monotonic() < until:
            alive = [each for each in fleet.status() if each["alive"]]
            if alive:  # on a busy machine all may be starting again
                os.kill(chance.choice(alive)["pid"], signal.SIGKILL)
                kills += 1
            stop.wait(chance.uniform(2.0, 6.0))
        stop.set()
        for thread in threads:
            thread.join()
    report("traffic", kills=kills, seconds=SECONDS, messages=sorted(messages), **counts)


def main(scratch: Path) -> None:
    from ray.cluster_utils import Cluster

    with redis(scratch) as kept:
        head = {**OPTIONS, "num_cpus": 6, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            # Ray sets aside what it is told of, whether there is a GPU or not
            victim = cluster.add_node(wait=False, num_cpus=6, num_gpus=1, **OPTIONS)
            cluster.wait_for_nodes(timeout=300)
            session = Session(scratch, cluster, victim.node_id)
            operate(session)
            counts_and_logs(session)
            traffic(session)
            kill_raylet(session, victim)
            if kept:
                kill_head(session)
            stop(session)
        finally:
            cluster.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

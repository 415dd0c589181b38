"""The server with ``mini``: what HTTP adds to the library, and what eight clients get of two cores."""

from __future__ import annotations

import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from threadpoolctl import threadpool_limits

from bench.images import make_images
from bench.rows import Row
from stitch_cir import Gallery, index_folder, load_encoder
from stitch_cir.searcher import SearchSettings, search

COLOURS = ("red", "green", "blue", "yellow", "black", "white", "pink", "brown", "grey", "orange")
THINGS = ("dress", "car", "dog", "house", "mug", "boat", "shirt", "chair", "flower", "bicycle")
LOCATIONS = ("on a beach", "in the snow", "at night", "in a forest", "on a table", "in a city")
SETTINGS = SearchSettings(k=10)


def modification(number: int) -> str:
    """A text that no earlier query had."""
    colour, rest = COLOURS[number % 10], number // 10
    thing, rest = THINGS[rest % 10], rest // 10
    return f"a {colour} {thing} {LOCATIONS[rest % 6]}, number {number}"


@contextmanager
def serving(gallery: Path, *options: str) -> Iterator[tuple[int, int]]:
    """Serve in a process of its own; yield its port and process id."""
    command = [
        sys.executable,
        "-m",
        "stitch_cir",
        "serve",
        str(gallery),
        "--port",
        "0",
        "--rate",
        "0",
    ]
    process = subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if match := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                break
        else:
            raise RuntimeError("the server did not start")
        drain = threading.Thread(target=process.stderr.read, daemon=True)
        drain.start()
        yield int(match[1]), process.pid
    finally:
        process.terminate()
        process.wait(30)


class Client:
    """One connection that stays open."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, path: str, body: object = None) -> bytes:
        if body is None:
            self.connection.request("GET", path)
        else:
            data = json.dumps(body)
            self.connection.request("POST", path, data, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{path}: {answer.status} {content[:200]!r}")
        return content


def query(number: int, reference: str) -> dict[str, object]:
    return {"reference": {"id": reference}, "text": modification(number), "settings": {"k": 10}}


def processor(process: psutil.Process) -> float:
    """Seconds of processor time that a process has used."""
    used = process.cpu_times()
    return used.user + used.system


def overhead(folder: Path, port: int, pid: int, references: list[str], rounds: int) -> Row:
    """One request against one call of the library, in turns, never the same query twice."""
    gallery = Gallery.open(folder, encoder=load_encoder("mini"))
    client = Client(port)
    pairs, busy = [], [0.0, 0.0]
    here, server = psutil.Process(), psutil.Process(pid)
    for number in range(rounds + 5):
        # every second query is the library's, so that both see like texts and new references
        mine, theirs = references[2 * number], references[2 * number + 1]
        before = processor(here), processor(server)
        started = time.perf_counter()
        # as the server does; with BLAS threads of its own the library is slower on a busy machine
        with threadpool_limits(1, user_api="blas"):
            search(gallery, reference=mine, text=modification(2 * number), settings=SETTINGS)
        middle = time.perf_counter()
        client.ask("/api/search", query(2 * number + 1, theirs))
        pairs.append((middle - started, time.perf_counter() - middle))
        busy = [busy[0] + processor(here) - before[0], busy[1] + processor(server) - before[1]]
    library, served = (statistics.median(column) for column in zip(*pairs[5:], strict=True))
    return Row(
        "server above the library call, median, of 15 ms",
        1e3 * (served - library) / 15,
        1.0,
        raw={
            "library_ms": 1e3 * library,
            "served_ms": 1e3 * served,
            "library_processor_ms": 1e3 * busy[0] / len(pairs),
            "served_processor_ms": 1e3 * busy[1] / len(pairs),
        },
        sizes={"images": len(gallery), "rounds": rounds},
    )


def throughput(
    port: int, pid: int, fresh: Iterator[tuple[int, str]], clients: int, seconds: float
) -> tuple[float, float]:
    """Searches a second of ``clients`` that ask without pause, nothing twice.

    Also gives the server's processor time for one, in milliseconds.
    """
    counts = [0] * clients
    server = psutil.Process(pid)
    busy = processor(server)
    until = time.perf_counter() + seconds

    def work(worker: int) -> None:
        client = Client(port)
        # taking from an enumeration is atomic; when it is used up, all stop
        for number, reference in fresh:
            if time.perf_counter() >= until:
                break
            client.ask("/api/search", query(number, reference))
            counts[worker] += 1

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    return sum(counts) / took, 1e3 * (processor(server) - busy) / max(1, sum(counts))


def together(port: int, pid: int, references: list[str], rounds: int, seconds: float) -> Row:
    """Eight clients against one, in turns, new texts and new references throughout."""
    fresh = iter([(100_000 + number, reference) for number, reference in enumerate(references)])
    pairs = []
    for _ in range(rounds):
        single = throughput(port, pid, fresh, 1, seconds)
        pairs.append((*single, *throughput(port, pid, fresh, 8, seconds)))
    if next(fresh, None) is None:
        raise RuntimeError("more images are needed: every query must have a new reference")
    single, one_ms, eight, eight_ms = (statistics.median(c) for c in zip(*pairs, strict=True))
    return Row(
        "searches a second of eight clients / of one",
        statistics.median(pair[2] / pair[0] for pair in pairs),
        1.6,
        at_least=True,
        raw={
            "one": single,
            "eight": eight,
            "one_processor_ms": one_ms,
            "eight_processor_ms": eight_ms,
        },
        sizes={"cores": os.cpu_count(), "rounds": rounds},
    )


def soak(port: int, process: int, references: list[str], requests: int) -> Row:
    """Memory after a mix of ``requests`` against memory after a tenth of them."""
    client, server = Client(port), psutil.Process(process)
    sizes = []
    for number in range(requests):
        reference = references[number % len(references)]
        if number % 5 == 0:
            client.ask(f"/api/thumbnails/{reference}")
        elif number % 5 == 1:
            client.ask(
                "/api/explain", {**query(number, reference), "id": references[number % 7 - 8]}
            )
        else:
            client.ask("/api/search", query(500_000 + number, reference))
        if (number + 1) % (requests // 10) == 0:
            sizes.append(server.memory_info().rss / (1 << 20))
    return Row(
        f"memory after {requests} requests / after a tenth of them",
        sizes[-1] / sizes[0],
        1.05,
        raw={"mb": " ".join(f"{size:.0f}" for size in sizes)},
        sizes={"requests": requests},
    )


def run(*, images: int = 1000, rounds: int = 60, requests: int = 5000) -> list[Row]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = make_images(Path(scratch) / "photos", images)
        index_folder(folder, encoder=load_encoder("mini"))
        return measure(folder, rounds=rounds, requests=requests)


def measure(folder: Path, *, rounds: int, requests: int) -> list[Row]:
    references = list(Gallery.open(folder).ids)
    with serving(folder) as (port, process):
        return [
            overhead(folder, port, process, references[:200], rounds),
            together(port, process, references[200:], rounds=4, seconds=2.0),
            soak(port, process, references, requests),
        ]

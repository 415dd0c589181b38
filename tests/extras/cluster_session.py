"""One session of Ray: what happens to searches while shards die and versions change, as JSON lines.

Run as a program: Ray's warnings and threads stay out of the tests' own process.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import ray

from stitch_cir.cluster import (
    ClusterGallery,
    ClusterOptions,
    RayFleet,
    Timing,
    export_gallery,
    open_cluster,
)
from stitch_cir.errors import StitchError
from stitch_cir.gallery import Gallery, index_folder
from stitch_cir.searcher import Query, Results, Searcher, SearchSettings
from tests.conftest import noise
from tests.docs.blocks import ROOT, blocks_of
from tests.extras.cluster_cases import CASES, ENCODER, answer, make_source, random_case
from tests.extras.cluster_reports import refusal, report

QUERY = Query("i01.png", "in red")
PATIENT = Timing(deadline=300.0)


def facts(results: Results) -> dict[str, Any]:
    """What does not depend on where and when a search ran."""
    data = results.to_dict(plans=True, regions=True)
    for name in ("seconds", "next_cursor"):
        del data[name]
    for name in ("directory", "generation"):
        del data["gallery"][name]
    return data


class Traffic:
    """Searches in a thread of its own until it is stopped; keeps every answer and every error."""

    def __init__(self, gallery: ClusterGallery) -> None:
        self.answers: list[tuple[int, dict[str, Any]]] = []
        self.errors: list[str] = []
        self._ended = threading.Event()
        self._gallery = gallery
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                results = Searcher(self._gallery).search(QUERY)
                self.answers.append((int(results.gallery["generation"]), facts(results)))
            except StitchError as error:
                self.errors.append(str(error))

    def __enter__(self) -> Traffic:
        self._thread.start()
        self.wait_for_answers(1)
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def wait_for_answers(self, more: int) -> None:
        """Return once so many more answers have come, or an error."""
        enough = len(self.answers) + more
        while len(self.answers) < enough and not self.errors:
            self._thread.join(0.01)


def fleet_of(gallery: ClusterGallery) -> RayFleet:
    """Return the shard actors of a gallery."""
    assert isinstance(gallery.fleet, RayFleet)
    return gallery.fleet


def documented(language: str, uri: str) -> str:
    """Return the code of docs/cluster.md that searches a cluster, with this dataset's address."""
    (code,) = [
        block.code
        for block in blocks_of(ROOT / "docs" / "cluster.md")
        if block.language == language and block.what.endswith("cluster_session.py")
    ]
    return code.replace("/mnt/share/photos.lance", uri)


def serve(address: str, uri: str, expected: dict[str, Any]) -> None:
    """Run the documented command, search over HTTP, stop it."""
    line = documented("sh", uri).replace("10.0.0.1:6379", address)
    command = [sys.executable, "-m", "stitch_cir", *shlex.split(line)[1:], "--port", "0"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    lines = []
    for line in server.stderr:
        lines.append(line)
        url = re.search(r"at (http://\S+)", line)
        if url is not None:
            body = json.dumps({"text": "in red", "references": [{"id": "i01.png"}]}).encode()
            request = urllib.request.Request(
                f"{url[1]}/api/search", body, {"content-type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=300) as answer:
                data = json.loads(answer.read())["results"]
            with urllib.request.urlopen(f"{url[1]}/api/gallery", timeout=300) as answer:
                images = json.loads(answer.read())["images"]
            report(
                "served",
                equal=[[hit["id"], hit["score"]] for hit in data["hits"]]
                == [[hit["id"], hit["score"]] for hit in expected["hits"]],
                complete=data["complete"],
                images=images,
            )
            break
    else:
        report("served", error="".join(lines))
    server.send_signal(signal.SIGTERM)
    server.communicate()
    report("stopped", code=server.returncode)


def compare_random_searches(scratch: Path) -> None:
    """Search a dataset with everything that may be combined, through actors and in this process."""
    address = str(scratch / "varied.lance")
    source = make_source(scratch / "varied")
    export_gallery(source, address)
    cases = CASES if "STITCH_RANDOM_CASES" in os.environ else CASES // 2
    options = ClusterOptions(shards=2, folder=scratch / "shards", timing=PATIENT)
    parted = open_cluster("local", address, encoder=ENCODER, options=options)
    with closing(parted), Gallery.open(source, encoder=ENCODER) as whole:
        # those before are compared without actors
        drawn = {seed: random_case(seed) for seed in range(1000, 1000 + cases)}
        different = [
            seed for seed, case in drawn.items() if answer(parted, *case) != answer(whole, *case)
        ]
        report("random", cases=cases, different=different)
        for each in fleet_of(parted).deployment.all:
            ray.kill(each.actor, no_restart=True)


def main(scratch: Path) -> None:
    """Index, export, search in shards, and break things."""
    folder, uri = scratch / "images", str(scratch / "photos.lance")
    folder.mkdir()
    for number in range(24):
        noise(number, 40, 48).save(folder / f"i{number:02}.png")
    index_folder(folder, encoder=ENCODER)
    export_gallery(folder, uri)
    with Gallery.open(folder, encoder=ENCODER) as gallery:
        expected = {1: facts(Searcher(gallery).search(QUERY))}
    options = ClusterOptions(shards=2, folder=scratch / "shards", timing=PATIENT)
    start = time.perf_counter()
    parted = open_cluster("local", uri, encoder=ENCODER, options=options)
    fleet = fleet_of(parted)
    report("open", seconds=time.perf_counter() - start)
    report("equal", equal=facts(Searcher(parted).search(QUERY)) == expected[1])
    times = []
    for _ in range(100):
        start = time.perf_counter()
        parted.ask("holds", ["i01.png"])
        times.append(time.perf_counter() - start)
    compare_random_searches(scratch)
    report("fan-out", median_ms=1e3 * float(np.median(times)), least_ms=1e3 * min(times))
    report(
        "threads",
        of_shards=[row["threads"] for row in fleet.status()],
        cores=len(os.sched_getaffinity(0)),
    )

    with Traffic(parted) as traffic:
        start = time.perf_counter()
        os.kill(fleet.status()[0]["pid"], signal.SIGKILL)
        traffic.wait_for_answers(3)
        seconds = time.perf_counter() - start
    wrong = sum(data != expected[1] for _, data in traffic.answers)
    report(
        "killed",
        wrong=wrong,
        errors=traffic.errors,
        answers=len(traffic.answers),
        seconds=seconds,
        started_again=fleet.status()[0]["alive"],
    )

    noise(99, 40, 48).save(folder / "new.png")
    index_folder(folder, encoder=ENCODER)
    with Gallery.open(folder, encoder=ENCODER) as gallery:
        expected[2] = facts(Searcher(gallery).search(QUERY))
    with Traffic(parted) as traffic:
        export_gallery(folder, uri)
        fleet.refresh()
        traffic.wait_for_answers(3)
    wrong = sum(data != expected[version] for version, data in traffic.answers)
    versions = [version for version, _ in traffic.answers]
    report(
        "switched",
        wrong=wrong,
        errors=traffic.errors,
        versions=sorted(set(versions)),
        monotonic=versions == sorted(versions),
    )
    report("gone", message=refusal(lambda: fleet.ask(77, "holds", [[["i01.png"]]])))
    held = fleet.ask(1, "holds", [[["i01.png"]]]).values
    report("held", earlier=sorted(id for part in held for id in part))
    other = ClusterOptions(shards=3, folder=scratch / "shards")
    report("recounted", message=refusal(lambda: open_cluster("local", uri, options=other)))
    names: dict[str, Any] = {}
    exec(documented("python", uri), names)
    report("documented", hits=len(names["results"]))
    serve(str(ray.get_runtime_context().gcs_address), uri, expected[2])

    lost = fleet.deployment.replicas[1][0].actor
    ray.kill(lost, no_restart=True)
    hurried = RayFleet.attached(fleet, Timing(deadline=300.0, silent=0.5))
    while not fleet.state().missing:
        fleet.look()
    strict = ClusterGallery(uri, hurried, parted.facts, ENCODER)
    report("missing", message=refusal(lambda: Searcher(strict).search(QUERY)))
    lenient = ClusterGallery(uri, hurried, parted.facts, ENCODER, may_miss=True)
    results = Searcher(lenient, settings=SearchSettings(k=100)).search(Query(None, "in red"))
    report("partial", complete=results.complete, missing=results.missing, ranked=results.ranked)
    parted.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

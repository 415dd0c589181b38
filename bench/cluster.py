"""Datasets in shared storage: what exporting, importing and indexing on a cluster cost.

Processor seconds of whole processes, because they mean the same on a busy machine. An indexing run
on a cluster counts its driver and its encoders, without the start of either and without Ray's own
processes.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.images import make_images
from bench.indexing import index_in_child
from bench.rows import Row
from bench.vectors import units
from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery.store import Item, Store, record
from stitch_cir.views import ViewRecipe

MILLION = 1_000_000
EXPORT = """
import json, sys, time
import lance
from stitch_cir.cluster import SharedDataset, export_gallery, import_gallery
started = time.process_time()
{}
print(json.dumps({{"cpu": time.process_time() - started}}))
"""
INDEX = """
import json, sys, time
from stitch_cir.cluster import index_on_cluster
from stitch_cir.encoders import load_encoder
load_encoder("mini").warm_up()
import ray
ray.init("local", num_cpus=4, include_dashboard=False, log_to_driver=False)
wall, cpu = time.perf_counter(), time.process_time()
report = index_on_cluster(sys.argv[1], sys.argv[2], encoder="mini", workers=1)
print(json.dumps({"driver_cpu": time.process_time() - cpu, "encoder_cpu": report.cpu_seconds,
    "wall": time.perf_counter() - wall, "images": report.index.images}))
"""


def make_gallery(directory: Path, sets: int, views: int, dim: int) -> Path:
    """Write a gallery of random unit vectors, as indexing would leave it."""
    rng = np.random.default_rng(0)
    boxes = ViewRecipe(count=views).boxes(1, 1, b"")
    encoder = HashEncoder()
    directory.mkdir()
    store = Store(directory, write=True)
    with store.transaction():
        record(store, encoder, ViewRecipe(count=views), directory.parent, directory)
        store.set_meta(dim=dim)
        for number in range(sets):
            hash = f"{number:064x}"
            vectors = units(rng.standard_normal((views, dim)).astype(np.float32))
            store.put_content(hash, (640, 480), boxes, vectors)
            store.put_item(Item(f"{number:08}.jpg", b"%08d.jpg" % number, 1000, number, hash))
    store.close()
    return directory


def transfer(sets: int = 100_000, views: int = 10, dim: int = 384) -> Iterator[Row]:
    """Export and import: seconds a million sets, extrapolated."""
    with tempfile.TemporaryDirectory() as scratch:
        gallery, uri = Path(scratch) / "gallery", Path(scratch) / "x.lance"
        make_gallery(gallery, sets, views, dim)
        for name, call in (
            ("export", "export_gallery(sys.argv[1], sys.argv[2])"),
            ("import", "import_gallery(sys.argv[2], sys.argv[1] + '-back')"),
        ):
            seconds = _child(EXPORT.format(call), gallery, uri)["cpu"]
            yield Row(
                f"{name} of a gallery, CPU seconds a million sets",
                seconds * MILLION / sets,
                100,
                raw={"seconds": seconds},
                sizes={"sets": sets, "views": views, "dim": dim},
            )


def indexing(images: int = 5000) -> Row:
    """An encoder and a driver on Ray against ``index_folder``, processor seconds."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = make_images(Path(scratch) / "images", images)
        here = index_in_child(folder, Path(scratch) / "gallery")
        there = _child(INDEX, folder, Path(scratch) / "x.lance")
        cpu = there["driver_cpu"] + there["encoder_cpu"]
        return Row(
            "indexing on Ray into a dataset / index_folder, CPU",
            cpu / here["cpu"],
            1.3,
            raw={"here_cpu": here["cpu"], **there},
            sizes={"images": images},
        )


def _child(code: str, *arguments: Path) -> dict[str, Any]:
    words = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def run(*, sets: int = 100_000, images: int = 5000) -> Iterator[Row]:
    """Measure what the extra makes possible, where it is installed."""
    if importlib.util.find_spec("lance") is None:
        print("skipped: install the extra cluster")
        return
    yield from transfer(sets)
    if importlib.util.find_spec("ray") is not None:
        yield indexing(images)

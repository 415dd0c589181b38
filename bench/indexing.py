"""Indexing with ``mini``: what ten views cost, how busy the cores are, how memory grows."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.images import make_images
from bench.rows import Row
from stitch_cir.encoders import load_encoder
from stitch_cir.images import open_image
from stitch_cir.views import ViewRecipe


def views_ratio(folder: Path) -> Row:
    """Ten views an image against one: median of paired rounds."""
    encoder = load_encoder("mini")
    paths = sorted(folder.rglob("*.jpg"))[:48]
    images = [open_image(path, decode_side=encoder.decode_side) for path in paths]
    boxes = ViewRecipe().boxes(1, 1, b"")
    encoder.encode_views(images[:2], [boxes] * 2)
    pairs = []
    for _ in range(5):
        times = []
        for chosen in (boxes, boxes[:1]):
            started = time.perf_counter()
            encoder.encode_views(images, [chosen] * len(images))
            times.append((time.perf_counter() - started) / len(images))
        pairs.append(times)
    ten, single = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    return Row(
        "ten views / one view, mini",
        ratio,
        1.5,
        raw={"ten_ms": ten * 1e3, "one_ms": single * 1e3},
        sizes={"images": len(images)},
    )


CHILD = """
import json, resource, sys, time
from stitch_cir import index_folder, load_encoder
encoder = load_encoder("mini"); encoder.warm_up()
wall, cpu = time.perf_counter(), time.process_time()
report = index_folder(sys.argv[1], sys.argv[2], encoder=encoder)
print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu,
    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "encoded": report.encoded, "unchanged": report.unchanged}))
"""


def index_in_child(folder: Path, gallery: Path) -> dict[str, float]:
    """Index in a fresh process, so that its peak memory is its own."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), str(gallery)],
        check=True,
        capture_output=True,
        text=True,
    )
    return dict(json.loads(done.stdout))


def run(*, small: int = 1000, large: int = 5000) -> list[Row]:
    """Measure everything about indexing."""
    cores = min(2, os.cpu_count() or 1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = make_images(Path(scratch) / "small", small)
        rows = [views_ratio(folder)]
        first = index_in_child(folder, Path(scratch) / "g1")
        rows.append(
            Row(
                "share of two cores busy while indexing",
                first["cpu"] / first["wall"] / cores,
                0.85,
                at_least=True,
                sizes={"images": small},
                raw={**first, "images_per_second": small / first["wall"]},
            )
        )
        rows.append(
            Row(
                f"peak memory at {small} images, of 1 GB",
                first["peak_mb"] / 1024,
                1.0,
                raw={"peak_mb": first["peak_mb"]},
            )
        )
        again = index_in_child(folder, Path(scratch) / "g1")
        assert again["encoded"] == 0
        assert again["unchanged"] == small
        rows.append(
            Row(
                "indexing again, unchanged / first time",
                again["wall"] / first["wall"],
                None,
                raw={"seconds": again["wall"], "images_read": again["encoded"]},
            )
        )
        many = make_images(Path(scratch) / "large", large)
        second = index_in_child(many, Path(scratch) / "g2")
        rows.append(
            Row(
                f"peak memory at {large} images, of 1 GB",
                second["peak_mb"] / 1024,
                1.0,
                raw={"peak_mb": second["peak_mb"], "growth": second["peak_mb"] / first["peak_mb"]},
            )
        )
    return rows

"""A cold search: from process start to answer, against importing and opening the two models."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.images import make_images
from bench.rows import Row
from stitch_cir import index_folder, load_encoder

BARE = """
import onnxruntime
from stitch_cir.encoders.mini._files import data_file, text_model
for file in (data_file("efficientnet-lite2.onnx"), text_model()):
    onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
"""


def run(*, images: int = 1000, rounds: int = 7) -> list[Row]:
    """Measure in pairs: one cold search, one bare opening of the models."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = make_images(Path(scratch) / "photos", images)
        gallery = Path(scratch) / "gallery"
        index_folder(folder, gallery, encoder=load_encoder("mini"))
        reference = sorted(folder.rglob("*.jpg"))[0]
        search = [
            sys.executable,
            "-m",
            "stitch_cir",
            "search",
            str(gallery),
            "but red",
            "-r",
            str(reference),
            "--json",
        ]
        bare = [sys.executable, "-c", BARE]
        pairs = []
        for number in range(rounds + 1):
            times = []
            for command in (search, bare):
                started = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True)
                times.append(time.perf_counter() - started)
            if number:  # the first round fills the file cache
                pairs.append(times)
    cold, opened = (statistics.median(column) for column in zip(*pairs, strict=True))
    return [
        Row(
            "cold search / import onnxruntime and open both models",
            statistics.median(a / b for a, b in pairs),
            1.5,
            raw={"search_s": cold, "open_s": opened},
            sizes={"images": images},
        )
    ]

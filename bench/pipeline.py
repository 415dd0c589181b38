"""The indexing pipeline against bare encoder calls on tensors already in memory.

*Bare* is the encoder's own call on inputs that were prepared before the clock started; *pipeline*
is ``index_folder`` from JPEG files to rows in SQLite. Where the model fills every core, whatever
decoding, cutting and resizing compute must be taken from it: ``ceiling`` is that limit, processor
time of the bare calls over that of the pipeline. ``python -m bench pipeline``; the CLIP rows need
torch and transformers (``make test-extras`` makes such an environment).
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench.encoders import make_clip
from bench.images import make_images
from bench.rows import Row
from stitch_cir import index_folder, load_encoder
from stitch_cir.images import open_image
from stitch_cir.views import ViewRecipe

CORES = min(2, os.cpu_count() or 1)


def run() -> list[Row]:
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        rows += compare("mini, ten views", load_encoder("mini"), folder, 256, rounds=5)
        if importlib.util.find_spec("transformers") is None:
            print("skipped ViT-B/32: torch and transformers are not installed here")
            return rows
        from stitch_cir.encoders import export_model

        make_clip(folder / "clip")
        export_model(f"transformers:{folder / 'clip'}", folder / "towers")
        onnx = load_encoder(f"onnx:{folder / 'towers'}")
        torch = load_encoder(f"transformers:{folder / 'clip'}")
        rows += compare("ViT-B/32 by ONNX, ten views", onnx, folder, 16, rounds=3)
        rows += compare("ViT-B/32 by ONNX, dense", onnx, folder, 64, rounds=3, kind="dense")
        rows += compare("ViT-B/32 by transformers, ten views", torch, folder, 16, rounds=3)
    return rows


def compare(
    name: str, encoder: Any, scratch: Path, count: int, *, rounds: int, kind: str = "grid"
) -> list[Row]:
    """Time both in turn, each round from files to a fresh gallery; medians over the rounds."""
    folder = make_images(scratch / f"photos-{count}", count)
    recipe = ViewRecipe(kind=kind)  # type: ignore[arg-type]
    boxes = recipe.boxes(1, 1, b"")
    side = encoder.decode_side
    images = [open_image(path, decode_side=side) for path in sorted(folder.rglob("*.jpg"))]
    jobs = encoder.prepare_views(images, [boxes] * count, dense=kind == "dense")
    parts = [job() for job in jobs]
    del images, jobs
    encoder.encode_prepared(parts[0])
    bare, whole, waits = [], [], []
    for number in range(rounds):
        bare.append(timed(lambda: [encoder.encode_prepared(part) for part in parts])[1:])
        gallery = scratch / f"gallery-{name}-{number}".replace("/", "-")
        report, *times = timed(
            partial(index_folder, folder, gallery, encoder=encoder, recipe=recipe)
        )
        assert report.encoded == count
        whole.append(times)
        waits.append(report.waiting_seconds)
    ratio = statistics.median(a / b for (a, _), (b, _) in zip(bare, whole, strict=True))
    ceiling = statistics.median(a / b for (_, a), (_, b) in zip(bare, whole, strict=True))
    bare_s, bare_cpu = (statistics.median(column) for column in zip(*bare, strict=True))
    whole_s, whole_cpu = (statistics.median(column) for column in zip(*whole, strict=True))
    waited = statistics.median(waits)
    return [
        Row(
            f"indexing / bare encoder, {name}",
            ratio,
            0.9,
            at_least=True,
            raw={
                "bare_s": bare_s,
                "pipeline_s": whole_s,
                "ceiling": ceiling,
                "bare_cores": bare_cpu / bare_s / CORES,
                "pipeline_cores": whole_cpu / whole_s / CORES,
                "outside_model_cpu_ms": (whole_cpu - bare_cpu) / count * 1e3,
                "images_per_second": count / whole_s,
            },
            sizes={"images": count, "rounds": rounds},
        ),
        Row(
            f"share of indexing the encoder waited, {name}",
            waited / whole_s,
            raw={"waited_s": waited},
            sizes={"images": count},
        ),
    ]


def timed(call: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what a call returns, with its wall and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    result = call()
    return result, time.perf_counter() - wall, time.process_time() - processor

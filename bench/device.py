"""Scoring and encoding on a GPU, against the same work on the CPU of the same machine.

``python -m bench device`` where torch sees a CUDA device (and transformers, for the encoder rows).
The search on the device scores every set; the one on the CPU is the exact search by bounds. Both
give the same ids and the same scores, which is checked before anything is timed.
"""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from bench.encoders import make_clip
from bench.images import make_images
from bench.rows import Row
from bench.scan import exact, problem
from bench.timing import in_turn, ratio, seconds
from bench.vectors import World, write_matrix
from stitch_cir import index_folder, load_encoder
from stitch_cir.images import open_image
from stitch_cir.ranking import OnDevice, Ranking
from stitch_cir.views import ViewRecipe

SIZES = ((100_000, 10, 512), (1_000_000, 5, 256))
QUERIES, ROUNDS, K = 20, 7, 10
IMAGES = 512


def run() -> Iterator[Row]:
    if importlib.util.find_spec("torch") is None:
        print("skipped: torch is not installed here")
        return
    import torch

    if not torch.cuda.is_available():
        print("skipped: torch sees no CUDA device here")
        return
    for sets, views, dim in SIZES:
        yield search_row(torch.cuda.get_device_name(0), sets, views, dim)
    if importlib.util.find_spec("transformers") is None:
        print("skipped encoding: transformers is not installed here")
        return
    yield from encoding_rows(torch.cuda.get_device_name(0))


def search_row(device: str, sets: int, views: int, dim: int) -> Row:
    """Time the exact top ten on the device against that on the CPU."""
    world = World.make(dim)
    with tempfile.TemporaryDirectory() as folder:
        matrix = write_matrix(world, Path(folder) / "g", sets, views)
        solver = OnDevice("cuda")

        def on_device(seed: int) -> Ranking:
            return solver.solve(problem(matrix, world.query(seed)), K)

        sent = seconds(lambda: on_device(0))
        for seed in range(QUERIES):
            here, there = exact(matrix, world.query(seed)), on_device(seed)
            assert here.rows.tolist() == there.rows.tolist()
            assert here.scores.tolist() == there.scores.tolist()
        times = in_turn(
            {
                "device": lambda: on_device(0),
                "cpu": lambda: exact(matrix, world.query(0)),
            },
            ROUNDS,
        )
    raw = {f"{name}_s": statistics.median(each) for name, each in times.items()}
    return Row(
        f"exact top 10 on the device / by bounds on the CPU, {sets:,} × {views} × {dim}",
        ratio(times["device"], times["cpu"]),
        raw={**raw, "first_query_with_transfer_s": sent, "equal_queries": QUERIES},
        sizes={"sets": sets, "views": views, "dim": dim, "device": device},
    )


def encoding_rows(device: str) -> Iterator[Row]:
    """Time a CLIP of ViT-B/32's size: the bare encoder on both, and indexing from JPEG files."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = make_clip(Path(scratch) / "clip")
        image_folder = make_images(Path(scratch) / "photos", IMAGES)
        paths = sorted(image_folder.rglob("*.jpg"))
        boxes = ViewRecipe().boxes(1, 1, b"")
        for precision in ("fp32", "bf16"):
            models = {
                name: load_encoder(f"transformers:{folder}", device=name, precision=precision)
                for name in ("cpu", "cuda")
            }
            images = [open_image(path, decode_side=models["cuda"].decode_side) for path in paths]
            parts = [job() for job in models["cuda"].prepare_views(images, [boxes] * len(images))]  # type: ignore[attr-defined]
            some = parts[: max(1, len(parts) // 8)]
            times = in_turn(
                {
                    "cuda": partial(encode, models["cuda"], some),
                    "cpu": partial(encode, models["cpu"], some),
                },
                3,
            )
            whole = [
                seconds(
                    partial(
                        index_folder,
                        image_folder,
                        Path(scratch) / f"gallery-{precision}-{number}",
                        encoder=models["cuda"],
                    )
                )
                for number in range(3)
            ]
            bare = [seconds(partial(encode, models["cuda"], parts)) for _ in range(3)]
            sizes = {"images": IMAGES, "views": 10, "device": device}
            yield Row(
                f"ViT-B/32 {precision}, ten views: encoder on the device / on the CPU",
                ratio(times["cuda"], times["cpu"]),
                raw={name: statistics.median(each) for name, each in times.items()},
                sizes={**sizes, "images": len(some) * IMAGES // len(parts)},
            )
            yield Row(
                f"ViT-B/32 {precision} on the device, ten views: bare encoder / indexing",
                statistics.median(bare) / statistics.median(whole),
                raw={
                    "bare_images_per_second": IMAGES / statistics.median(bare),
                    "images_per_second": IMAGES / statistics.median(whole),
                },
                sizes=sizes,
            )


def encode(encoder: Any, parts: list[Any]) -> None:
    for part in parts:
        encoder.encode_prepared(part)


if __name__ == "__main__":
    for row in run():
        print(row.show(), flush=True)

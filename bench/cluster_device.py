"""A shard on a GPU against a shard on the processors, and an encoder actor on a GPU.

``python -m bench device-cluster`` where torch sees a CUDA device, with the extra ``cluster`` (and
transformers, for the encoder rows). Ray is started on this machine and ends with the measurement.
Ids and scores are compared before anything is timed.
"""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.cluster_search import SyntheticTexts, write_gallery
from bench.encoders import make_clip
from bench.images import make_images
from bench.rows import Row
from bench.timing import in_turn, ratio, seconds
from bench.vectors import World
from stitch_cir.cluster import (
    ClusterOptions,
    SharedDataset,
    export_gallery,
    index_on_cluster,
    open_cluster,
)
from stitch_cir.encoders import load_encoder
from stitch_cir.gallery import Gallery, ProgressEvent, index_folder
from stitch_cir.searcher import Query, Results, Searcher, SearchSettings

SETS, VIEWS, DIM = 40_000, 10, 512
IMAGES, UNIT = 1000, 100
QUERIES, ROUNDS = 20, 9
NEEDED = ("torch", "ray", "lance")


def run(*, sets: int = SETS, images: int = IMAGES) -> Iterator[Row]:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(f"skipped: {', '.join(missing)} not installed here")
        return
    import torch

    if not torch.cuda.is_available():
        print("skipped: torch sees no CUDA device here")
        return
    card = torch.cuda.get_device_name(0)
    yield from searches(card, sets)
    if importlib.util.find_spec("transformers") is None:
        print("skipped encoding: transformers is not installed here")
        return
    yield from encoding(card, images)


def searches(card: str, sets: int) -> Iterator[Row]:
    """Search one gallery in one shard and in two that share the GPU."""
    world = World.make(DIM)
    encoder = SyntheticTexts(world)
    with tempfile.TemporaryDirectory() as scratch:
        folder, uri = Path(scratch) / "images", str(Path(scratch) / "sets.lance")
        write_gallery(world, folder, encoder, sets, VIEWS)
        export_gallery(folder, uri)
        with Gallery.open(folder, encoder=encoder) as whole:
            whole.matrix()
            for shards in (1, 2):
                options = ClusterOptions(shards=shards, folder=Path(scratch) / f"shards-{shards}")
                with open_cluster("local", uri, encoder=encoder, options=options) as parted:
                    yield search_row(card, whole, parted, shards)


def search_row(card: str, whole: Gallery, parted: Gallery, shards: int) -> Row:
    """Time the exact top ten on the GPU against that on the processors, through the same actors."""
    before = gpu_megabytes()
    on = {name: Searcher(parted, settings=SearchSettings(device=name)) for name in ("cuda", "cpu")}
    here = Searcher(whole)
    texts = [f"a thing number {number}" for number in range(QUERIES)]

    def search(searcher: Searcher, text: str = texts[0]) -> Results:
        return searcher.search(Query(text=text))

    first = seconds(lambda: search(on["cuda"]))
    for text in texts:
        expected = [(hit.id, hit.score) for hit in search(here, text)]
        for searcher in on.values():
            assert [(hit.id, hit.score) for hit in search(searcher, text)] == expected
    times = in_turn(
        {
            "cuda": lambda: search(on["cuda"]),
            "cpu": lambda: search(on["cpu"]),
            "one_process": lambda: search(here),
        },
        ROUNDS,
    )
    raw = {f"{name}_ms": 1e3 * statistics.median(each) for name, each in times.items()}
    return Row(
        f"search in {shards} shards: on the GPU / on the processors",
        ratio(times["cuda"], times["cpu"]),
        raw={
            **raw,
            "first_query_s": first,
            "gpu_mb": gpu_megabytes() - before,
            "equal_queries": QUERIES,
        },
        sizes={"sets": len(whole), "views": VIEWS, "dim": DIM, "device": card},
    )


def encoding(card: str, count: int) -> Iterator[Row]:
    """Index with one encoder actor on the GPU, with two that share it, and on one machine."""
    with tempfile.TemporaryDirectory() as scratch:
        name = f"transformers:{make_clip(Path(scratch) / 'clip')}"
        images = make_images(Path(scratch) / "photos", count)
        encoder = load_encoder(name, device="cuda")
        here = seconds(lambda: index_folder(images, Path(scratch) / "gallery", encoder=encoder))
        export_gallery(Path(scratch) / "gallery", f"{scratch}/here.lance")
        expected = vectors(f"{scratch}/here.lance")
        ways: dict[str, dict[str, Any]] = {
            "one encoder actor": {},
            "two encoder actors": {"workers": 2, "num_gpus": 0.5},
        }
        for way, options in ways.items():
            uri = f"{scratch}/{len(options)}.lance"
            there, rate = on_cluster(images, uri, name, **options)
            made = vectors(uri)
            raw = {
                "seconds": there,
                "index_folder_seconds": here,
                "images_per_second_after_the_first_unit": rate,
                "index_folder_images_per_second": count / here,
                "equal_rows": sum(made[id] == expected[id] for id in expected),
            }
            assert made.keys() == expected.keys()
            yield Row(
                f"indexing with ViT-B/32 fp32 on the GPU: {way} / index_folder",
                there / here,
                raw=raw,
                sizes={"images": count, "views": 10, "unit": UNIT, "device": card},
            )


def on_cluster(images: Path, uri: str, encoder: str, **options: Any) -> tuple[float, float]:
    """Index on a Ray that runs; return the seconds, and the rate once a unit is done.

    The seconds include the start of the encoders, which import torch and load the model.
    """
    import ray

    events: list[tuple[float, int]] = []

    def note(event: ProgressEvent) -> None:
        if event.stage == "indexing":
            events.append((time.perf_counter(), event.done))

    ray.init(
        "local",
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        namespace="stitch",
    )
    try:
        taken = seconds(
            lambda: index_on_cluster(
                images, uri, encoder=encoder, device="cuda", unit=UNIT, progress=note, **options
            )
        )
    finally:
        ray.shutdown()
    (began, first), (ended, last) = events[0], events[-1]
    return taken, (last - first) / (ended - began)


def vectors(uri: str) -> dict[str, bytes]:
    """Return the bytes of each image's vectors, by id."""
    rows = SharedDataset.open(uri).rows()
    return {row["id"]: bytes(row["vectors"]) for row in rows if row["vectors"] is not None}


def gpu_megabytes() -> float:
    """Return how much of the first GPU's memory is taken, by whomever."""
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[0])


if __name__ == "__main__":
    for row in run():
        print(row.show(), flush=True)

"""Two shard actors against one process on the same processors, the fan-out alone, a shard's memory.

Synthetic vectors (``bench.vectors``) of 40,000 × 10 × 384. It needs the extra ``cluster``; Ray is
started on this machine and ends with the measurement.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.rows import Row
from bench.timing import in_turn, seconds
from bench.vectors import BLOCK, World
from stitch_cir.cluster import (
    ClusterGallery,
    ClusterOptions,
    RayFleet,
    export_gallery,
    open_cluster,
)
from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import Gallery, index_folder
from stitch_cir.gallery.store import ContentRecord, IdRecord, Store, put_records, row_digest
from stitch_cir.searcher import Query, Searcher
from stitch_cir.views import ViewBox

SETS, VIEWS, DIM = 40_000, 10, 384
ROUNDS, QUERIES, CALLS, SEARCHES = 5, 5, 300, 40
_BOX = "[0.0, 0.0, 1.0, 1.0, 0]"


class SyntheticTexts(HashEncoder):
    """Makes the captions of a world out of texts, the same of the same."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.dim = world.dim

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        seeds = [
            int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") for text in texts
        ]
        rows = [self._world.query(seed, 1).vectors[0] for seed in seeds]
        return np.stack(rows) if rows else np.empty((0, self.dim), np.float32)

    def encode_views(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> NDArray[np.float32]:
        return self._world.views(1 << 20, len(images), len(boxes[0]))


def run() -> Iterator[Row]:
    """Measure all three on one gallery."""
    world = World.make(DIM)
    encoder = SyntheticTexts(world)
    with tempfile.TemporaryDirectory() as scratch:
        folder, uri = Path(scratch) / "images", str(Path(scratch) / "sets.lance")
        write_gallery(world, folder, encoder)
        export_gallery(folder, uri)
        options = ClusterOptions(shards=2, folder=Path(scratch) / "shards")
        with (
            Gallery.open(folder, encoder=encoder) as whole,
            open_cluster("local", uri, encoder=encoder, options=options) as parted,
        ):
            assert isinstance(parted, ClusterGallery)
            yield against_one_process(whole, parted)
            yield fan_out(parted)
            yield memory(parted)


def write_gallery(
    world: World, folder: Path, encoder: HashEncoder, count: int = SETS, views: int = VIEWS
) -> None:
    """Write a gallery whose sets are made, not encoded; its only file is one image."""
    folder.mkdir()
    Image.new("RGB", (32, 32)).save(folder / "image.png")
    index_folder(folder, encoder=encoder)
    with closing(Store(Gallery.open(folder, encoder=encoder).directory, write=True)) as store:
        for start in range(0, count, BLOCK):
            sets = world.views(start // BLOCK, min(BLOCK, count - start), views)
            with store.transaction():
                put_records(store, [record(start + n, each) for n, each in enumerate(sets)])


def record(number: int, views: NDArray[np.float32]) -> IdRecord:
    """Return an item with a view set (M, d)."""
    id = f"{number:07}.png"
    hash = hashlib.sha256(id.encode()).hexdigest()
    boxes = f"[{', '.join([_BOX] * len(views))}]"
    content = (32, 32, boxes, views.astype("<f4").tobytes())
    columns = {"path": id.encode(), "size": 1, "mtime_ns": 1, "hash": hash}
    digest = row_digest(hash, *content)
    return IdRecord(id, "items", columns, ContentRecord(*content, digest))


def against_one_process(whole: Gallery, parted: ClusterGallery) -> Row:
    """The exact best ten of two shards, against one process that has all processors."""
    texts = [f"a thing number {number}" for number in range(QUERIES)]
    single, double = Searcher(whole), Searcher(parted)
    for text in texts:
        first, second = (searcher.search(Query(text=text)) for searcher in (single, double))
        assert [(hit.id, hit.score) for hit in first] == [(hit.id, hit.score) for hit in second]

    def search(searcher: Searcher) -> None:
        for text in texts:
            searcher.search(Query(text=text))

    times = in_turn({"one": lambda: search(single), "two": lambda: search(double)}, ROUNDS)
    best = {name: min(each) / QUERIES for name, each in times.items()}
    ratios = [b / a for a, b in zip(times["one"], times["two"], strict=True)]
    raw = {f"{name}_ms": 1e3 * value for name, value in best.items()}
    sizes = {"sets": SETS, "views": VIEWS, "dim": DIM}
    name = "search: two shard actors / one process"
    return Row(name, statistics.median(ratios), 1.5, raw=raw, sizes=sizes)


def fan_out(parted: ClusterGallery) -> Row:
    """Milliseconds of asking both shards something that takes them no time."""
    snapshot = parted.snapshot()
    times = [1e3 * seconds(lambda: snapshot.ask("holds", ["x"])) for _ in range(CALLS)]
    raw = {"least_ms": min(times), "worst_ms": max(times)}
    return Row("fan-out to two shards, median ms", statistics.median(times), 5.0, raw=raw)


def memory(parted: ClusterGallery) -> Row:
    """Anonymous megabytes of the larger shard: what is not a file that is mapped."""
    searcher = Searcher(parted)
    for number in range(SEARCHES):
        searcher.search(Query(text=f"another thing number {number}"))
    fleet = parted.fleet
    assert isinstance(fleet, RayFleet)
    sizes = [anonymous_mb(int(row["pid"])) for row in fleet.status()]
    raw = {"actor_alone_mb": actor_alone_mb()}
    name = "memory of a shard beside its mapped files, MB"
    return Row(name, max(sizes), 120.0, raw=raw, sizes={"sets": SETS, "searches": SEARCHES})


class Actor:
    """An actor that does nothing."""

    def pid(self) -> int:
        return os.getpid()


def actor_alone_mb() -> float:
    """Return the anonymous megabytes of a Ray actor that imports nothing."""
    import ray

    actor = ray.remote(Actor).options(num_cpus=1).remote()
    alone = anonymous_mb(int(ray.get(actor.pid.remote())))
    ray.kill(actor)
    return alone


def anonymous_mb(pid: int) -> float:
    """Return the megabytes of a process that no file backs."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    line = next(line for line in lines if line.startswith("Anonymous:"))
    return int(line.split()[1]) / 1000


if __name__ == "__main__":
    for row in run():
        print(row.show())

"""How much of the exact top 10 a shortlist by Qdrant holds; needs ``pip install qdrant-edge-py``.

    python -m bench.candidates

Qdrant's own engine, in this process: one mean vector an image by its approximate index, or with
every vector, on 20,000 synthetic sets of 10 × 512 and on the stamps of ``make demo`` where they are;
on the stamps also all vectors of an image, compared by MaxSim.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.scan import STAMPS, exact
from bench.vectors import Captions, World, write_matrix
from stitch_cir.gallery import ViewMatrix

SETS, QUERIES, K = 20_000, 20, 10
SIZES = (16, 64, 256, 1024)
BLOCK = 512
TEXTS = (
    "a red car", "a bird in a tree", "fruit", "a boat on the sea", "a clock", "a yellow flower",
    "a dog that runs", "something to eat", "a house", "a blue fish", "a person", "a musical instrument",
    "a cat", "tools", "an insect", "a hat", "a plane in the sky", "a green leaf", "a ball", "a horse",
)  # fmt: skip


def fill(folder: Path, matrix: ViewMatrix, *, multiple: bool) -> Any:
    """Return a shard of Qdrant Edge with every image of a gallery: a point's number is its row."""
    import qdrant_edge as qdrant

    several = qdrant.MultiVectorConfig(comparator=qdrant.MultiVectorComparator.MaxSim)
    field = qdrant.EdgeVectorParams(
        size=matrix.vectors.shape[1],
        distance=qdrant.Distance.Cosine,
        multivector_config=several if multiple else None,
    )
    shard = qdrant.EdgeShard.create(str(folder), qdrant.EdgeConfig(vectors=field))
    for start in range(0, len(matrix.ids), BLOCK):
        rows = range(start, min(start + BLOCK, len(matrix.ids)))
        points = []
        for row in rows:
            first, end = matrix.offsets[row : row + 2]
            vector = matrix.vectors[first:end] if multiple else matrix.means[row]
            points.append(qdrant.Point(row, np.asarray(vector).tolist(), {}))
        shard.update(qdrant.UpdateOperation.upsert_points(points))
    shard.optimize()
    return shard


def nearest(shard: Any, query: Captions, count: int, *, multiple: bool, every: bool) -> list[int]:
    """Return the rows that a shard finds nearest, as ``QdrantSource`` requests them."""
    import qdrant_edge as qdrant

    vector = query.vectors if multiple else query.weights @ query.vectors
    request = qdrant.QueryRequest(
        limit=count,
        query=qdrant.Query.Nearest(vector.tolist()),
        params=qdrant.SearchParams(exact=every),
    )
    return [int(point.id) for point in shard.query(request)]


def report(
    name: str, matrix: ViewMatrix, queries: Sequence[Captions], kinds: Sequence[bool]
) -> None:
    """Print the mean share of the exact top 10 for every kind of index and size of a shortlist."""
    best_rows = [set(exact(matrix, query).rows.tolist()) for query in queries]
    for multiple in kinds:
        with tempfile.TemporaryDirectory() as scratch:
            shard = fill(Path(scratch) / "shard", matrix, multiple=multiple)
            for every in (False, True):
                shares = []
                for size in SIZES:
                    lists = [
                        nearest(shard, query, size, multiple=multiple, every=every)
                        for query in queries
                    ]
                    pairs = zip(best_rows, lists, strict=True)
                    shares.append(np.mean([len(best & set(rows)) / K for best, rows in pairs]))
                kind = "all vectors, MaxSim" if multiple else "one mean vector"
                index = "every vector" if every else "its index"
                values = " | ".join(f"{share:.3f}" for share in shares)
                print(f"| {name} | {kind} | {index} | {values} |", flush=True)
            shard.close()


def report_stamps(folder: Path) -> None:
    """Report the demo's images, indexed in ``folder``, for twenty queries in words."""
    from stitch_cir import Gallery, Searcher, index_folder, load_encoder
    from stitch_cir.searcher import ComposedQuery, Query

    encoder = load_encoder("mini")
    index_folder(STAMPS, folder, encoder=encoder)
    with Gallery.open(folder, encoder=encoder) as gallery:
        searcher = Searcher(gallery)
        composed = [ComposedQuery((), text, searcher.compose(Query(text=text))) for text in TEXTS]
        encoded = [
            each.refine(searcher.settings.transition) for each in searcher.encode_many(composed)
        ]
        queries = [Captions(each.vectors, each.weights) for each in encoded]
        report(f"stamps, {len(gallery.matrix().ids)}", gallery.matrix(), queries, (False, True))


def main() -> None:
    print(f"| gallery | index of Qdrant | compares with | {' | '.join(map(str, SIZES))} |")
    print("|---" * (3 + len(SIZES)) + "|")
    with tempfile.TemporaryDirectory() as scratch:
        if STAMPS.is_dir():
            report_stamps(Path(scratch) / "stamps")
        world = World.make(512)
        matrix = write_matrix(world, Path(scratch) / "synthetic", SETS, 10)
        report(
            f"synthetic, {SETS:,}", matrix, [world.query(seed) for seed in range(QUERIES)], (False,)
        )


if __name__ == "__main__":
    main()

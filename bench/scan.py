"""Exact search by bounds, against a matrix product, formulas, POT and faiss; growth, memory, batches.

Synthetic vectors (``bench.vectors``) and the stamps of ``make demo``. It writes 5 GB beside the
system's other temporary files, one gallery after the other, and takes a few minutes.
``python -m bench.scan --large`` instead measures a million sets of 10 × 512 (25 GB).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench import rivals, scan_plot
from bench.rows import Row
from bench.timing import in_turn, ratio, seconds
from bench.vectors import Captions, World, first, write_matrix
from stitch_cir.gallery import ViewMatrix
from stitch_cir.ranking import Bounded, Exhaustive, Ranking, RankingProblem
from stitch_cir.transport import ConditionalTransport, Scorer, Sinkhorn

CIRCO, SETS, VIEWS, DIM, K = 123_403, 100_000, 10, 512, 10
QUERIES = 800
ROUNDS = 7
STAMPS = Path("demo/stamps")
DEFAULT = Bounded()
TIGHT = Bounded(0, first=K)
"""Bounds a gallery of any size and looks at few sets first: it shows how tight the bounds are."""


def run() -> Iterator[Row]:
    yield from stamps()
    with tempfile.TemporaryDirectory() as scratch:
        world = World.make(DIM)
        folder = Path(scratch) / "g"
        matrix = write_matrix(world, folder, CIRCO, VIEWS)
        yield from against_others(first(matrix, SETS), world)
        yield from against_pot(first(matrix, 1000), world)
        yield memory(folder)
        yield from in_batches(folder, matrix, world)
        scan_plot.curves(matrix, world, exact)
    yield growth(5, 256)


def problem(matrix: ViewMatrix, query: Captions, scorer: Scorer | None = None) -> RankingProblem:
    """The problem of ranking the whole gallery."""
    everything = np.arange(len(matrix.ids))
    scorer = scorer or ConditionalTransport()
    return RankingProblem(matrix, everything, query.vectors, query.weights, scorer)


def exact(
    matrix: ViewMatrix, query: Captions, scorer: Scorer | None = None, *, solver: Bounded = DEFAULT
) -> Ranking:
    """The exact best ten of the whole gallery, as ``search`` finds them."""
    return solver.solve(problem(matrix, query, scorer), K)


def stamps() -> list[Row]:
    """The real gallery: by bounds against scoring everything."""
    if not STAMPS.is_dir():
        print("skipped the stamps: run make demo first, it fetches them")
        return []
    from stitch_cir import Gallery, Searcher, index_folder, load_encoder
    from stitch_cir.searcher import ComposedQuery, Query

    encoder = load_encoder("mini")
    with tempfile.TemporaryDirectory() as folder:
        index_folder(STAMPS, Path(folder), encoder=encoder)
        gallery = Gallery.open(folder, encoder=encoder)
        searcher, matrix = Searcher(gallery), gallery.matrix()
        transition = searcher.settings.transition
        scored = []
        for text in ("a red car", "a bird in a tree", "fruit", "a boat on the sea", "a clock"):
            composed = ComposedQuery((), text, searcher.compose(Query(text=text)))
            (features,) = searcher.encode_many([composed])
            encoded = features.refine(transition)
            query = Captions(encoded.vectors, encoded.weights)
            ranking, everything = exact(matrix, query, solver=TIGHT), rank_all(matrix, query)
            assert ranking.rows.tolist() == everything.rows.tolist()
            assert ranking.scores.tolist() == everything.scores.tolist()
            scored.append(ranking.scored)
    return [
        Row(
            "the stamps: share of the sets scored for the exact top 10",
            statistics.mean(scored) / len(matrix.ids),
            None,
            raw={"scored": scored},
            sizes={"images": len(matrix.ids), "dim": matrix.vectors.shape[1]},
        )
    ]


def rank_all(matrix: ViewMatrix, query: Captions) -> Ranking:
    return Exhaustive().solve(problem(matrix, query), K)


def against_others(matrix: ViewMatrix, world: World) -> list[Row]:
    query = world.query(0)
    calls: dict[str, Any] = {
        "exact": lambda: exact(matrix, query),
        "product": lambda: rivals.product(matrix, query),
        "numpy": lambda: rivals.textbook(matrix, query),
    }
    if rivals.is_installed("torch"):
        in_torch = rivals.textbook_torch(matrix)
        calls["torch"] = lambda: in_torch(query)
    if rivals.is_installed("faiss"):
        flat = rivals.faiss_flat(matrix)
        calls["faiss"] = lambda: flat(query)
    times = in_turn(calls, ROUNDS)
    raw = {f"{name}_s": statistics.median(each) for name, each in times.items()}
    sizes = {"sets": len(matrix.ids), "views": VIEWS, "dim": DIM, "captions": 5}
    rankings = [exact(matrix, world.query(seed)) for seed in range(20)]
    raw["scored"] = statistics.mean(ranking.scored for ranking in rankings)
    assert rankings[0].rows.tolist() == rank_all(matrix, query).rows.tolist()
    value = ratio(times["exact"], times["product"])
    name = "exact top 10 / float32 matrix product alone, 100,000 × 10 × 512"
    rows = [Row(name, value, 0.3, raw=raw, sizes=sizes)]
    for other in [name for name in ("numpy", "torch") if name in times]:
        value = ratio(times[other], times["exact"])
        name = f"textbook formula in {other} / exact top 10"
        rows.append(Row(name, value, 4.0, at_least=True, raw=raw, sizes=sizes))
    if "faiss" in times:
        shares = [np.isin(o.rows, flat(world.query(s))).mean() for s, o in enumerate(rankings)]
        value = ratio(times["exact"], times["faiss"])
        name = "exact top 10 / faiss flat on one mean vector an image"
        row = {**raw, "recall_of_faiss": float(np.mean(shares))}
        rows.append(Row(name, value, 4.0, raw=row, sizes=sizes))
    return rows


def against_pot(matrix: ViewMatrix, world: World) -> list[Row]:
    query = world.query(0)
    calls: dict[str, Any] = {
        "exact": lambda: exact(matrix, query),
        "sinkhorn": lambda: exact(matrix, query, Sinkhorn()),
        "batch": lambda: rivals.pot_batch(matrix, query),
    }
    times = in_turn(calls, 3 * ROUNDS)
    # slow, so seldom: against the median of the others
    times["loop"] = [seconds(lambda: rivals.pot_loop(matrix, query)) for _ in range(2)]
    middle = {name: statistics.median(each) for name, each in times.items()}
    raw = {f"{name}_s": value for name, value in middle.items()}
    return [
        Row(
            f"POT {what} / exact top 10, 1,000 sets",
            middle[name] / middle["exact"],
            bar,
            at_least=True,
            raw={**raw, "to_our_sinkhorn": middle[name] / middle["sinkhorn"]},
            sizes={"sets": len(matrix.ids), "views": VIEWS, "captions": 5},
        )
        for name, what, bar in (
            ("batch", "batch Sinkhorn", 20.0),
            ("loop", "Sinkhorn one by one", 500.0),
        )
    ]


def in_batches(folder: Path, matrix: ViewMatrix, world: World) -> list[Row]:
    """800 queries at CIRCO's size, in a process of its own so that its memory is its own."""
    row = in_child("batch", folder)
    alone = [seconds(partial(exact, matrix, world.query(seed))) for seed in range(20)]
    stacked = np.concatenate([world.query(seed).vectors for seed in range(QUERIES)])
    # a quarter of the blocks: the product of all takes as long again for every other quarter
    blocks = range(0, len(matrix.vectors), 4 * 8192)
    product = seconds(lambda: [matrix.vectors[b : b + 8192] @ stacked.T for b in blocks])
    product *= len(matrix.vectors) / sum(len(matrix.vectors[b : b + 8192]) for b in blocks)
    sizes = {"sets": CIRCO, "views": VIEWS, "dim": DIM, "captions": 5, "queries": QUERIES}
    raw = {"batch_s": row["seconds"], "product_s": product, "one_s": statistics.median(alone)}
    return [
        Row(
            "800 queries one by one / in a batch, a query",
            raw["one_s"] * QUERIES / raw["batch_s"],
            3.0,
            at_least=True,
            raw=raw,
            sizes=sizes,
        ),
        Row(
            "800 queries, 123,403 × 10 × 512: exact top 50 / float32 matrix products alone",
            raw["batch_s"] / product,
            1.5,
            raw={**raw, "scored": row["scored"]},
            sizes=sizes,
        ),
        Row(
            "the same: peak memory with all mapped pages, of 6 GB",
            row["peak_mb"] / 6144,
            1.0,
            raw=row,
            sizes=sizes,
        ),
    ]


def memory(folder: Path) -> Row:
    row = in_child("query", folder)
    return Row(
        "memory above the map during a query, of 200 MB",
        row["above_mb"] / 200,
        1.0,
        raw=row,
        sizes={"sets": CIRCO, "views": VIEWS, "dim": DIM},
    )


def growth(views: int, dim: int, sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000)) -> Row:
    """Time at the largest against the smallest, as a share of linear growth."""
    world = World.make(dim)
    with tempfile.TemporaryDirectory() as folder:
        matrix = write_matrix(world, Path(folder) / "g", sizes[-1], views)
        parts = {str(size): first(matrix, size) for size in sizes}
        query = world.query(0)
        times = in_turn(
            {name: partial(exact, part, query) for name, part in parts.items()},
            5,
        )
    raw = {f"{name}_s": statistics.median(each) for name, each in times.items()}
    small, large = str(sizes[0]), str(sizes[-1])
    return Row(
        f"growth from {sizes[0]:,} to {sizes[-1]:,} sets / linear",
        ratio(times[large], times[small]) / (sizes[-1] / sizes[0]),
        1.0,
        raw=raw,
        sizes={"views": views, "dim": dim, "captions": 5},
    )


def in_child(task: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.scan", "--child", task, "--folder", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def child(task: str, folder: Path) -> dict[str, Any]:
    """Measure memory where nothing else was done before."""
    from bench.memory import Watch
    from bench.vectors import open_matrix

    world, matrix = World.make(DIM), open_matrix(folder, CIRCO, VIEWS, DIM)
    if task == "query":
        exact(first(matrix, 2000), world.query(1))  # start the inference engine
        with Watch() as watch:
            exact(matrix, world.query(0))
        return {"above_mb": watch.anonymous_mb, "peak_mb": watch.peak_mb}
    queries = [world.query(seed) for seed in range(QUERIES)]
    rankings: list[Ranking] = []

    def ask() -> None:
        everything = problem(matrix, queries[0])
        problems = [replace(everything, vectors=v, weights=w) for v, w in queries]
        rankings.extend(DEFAULT.solve_many(problems, 50))

    with Watch() as watch:
        taken = seconds(ask)
    scored = statistics.mean(ranking.scored for ranking in rankings)
    return {
        "seconds": taken,
        "scored": scored,
        "peak_mb": watch.peak_mb,
        "above_mb": watch.anonymous_mb,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="a million sets of 10 × 512")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(child(arguments.child, arguments.folder)))
    elif arguments.large:
        print(growth(VIEWS, DIM).show())
    else:
        for row in run():
            print(row.show(), flush=True)

"""Filters, counts, groups and updates of attributes on 100,000 sets of 10 × 512, as ratios in one run.

``python -m bench.catalogue`` writes 3 GB beside the system's other temporary files.
"""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.rows import Row
from bench.timing import in_turn, ratio, seconds
from bench.vectors import World, write_matrix
from stitch_cir.gallery import Attributes
from stitch_cir.gallery.attributes import AttributeRecord, AttributeTable
from stitch_cir.gallery.attributes._columns import AttributeCache
from stitch_cir.gallery.attributes._write import write_table
from stitch_cir.gallery.store import Item, Store
from stitch_cir.ranking import Bounded, RankingProblem
from stitch_cir.transport import ConditionalTransport

SETS, VIEWS, DIM, K, ROUNDS = 100_000, 10, 512, 10, 7
CHANGED = 10_000
FACETS = (
    "brand", "colour", "size", "category", "tags", "sold", "price:0,10,20,50,100", "stock",
    "rating", "taken:year",
)  # fmt: skip
SOLVER = Bounded()


def run() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        world = World.make(DIM)
        matrix = write_matrix(world, Path(folder) / "vectors", SETS, VIEWS)
        store = Store(Path(folder), write=True)
        with store.transaction():
            for id in matrix.ids:
                store.put_item(Item(id))
        values = draw(matrix.ids)
        first = seconds(lambda: write_table(store, values))
        attributes = fresh(store, matrix.ids, AttributeCache())
        query = world.query(0)
        problem = RankingProblem(
            matrix, np.arange(SETS), query.vectors, query.weights, ConditionalTransport()
        )
        yield from filters(attributes, problem)
        yield counts(attributes, problem)
        yield groups(attributes, problem)
        yield update(store, matrix.ids, values, problem, first)
        yield memory(store, matrix.ids, values)
        store.close()


def draw(ids: Sequence[str]) -> AttributeTable:
    """Ten attributes of a shop, of all five kinds."""
    random = np.random.default_rng(16)
    names = np.array([f"brand {number:03}" for number in range(500)])
    columns = {
        "brand": names[random.integers(0, 500, len(ids))].tolist(),
        "colour": random.choice(["red", "green", "blue", "black", "white"], len(ids)).tolist(),
        "size": random.choice(["S", "M", "L", "XL"], len(ids)).tolist(),
        "category": random.choice(["shoes", "dress", "shirt", "coat"], len(ids)).tolist(),
        "tags": [[f"tag {number}"] for number in random.integers(0, 50, len(ids))],
        "sold": (random.random(len(ids)) < 0.2).tolist(),
        "price": random.uniform(0, 100, len(ids)).round(2).tolist(),
        "stock": random.integers(0, 100, len(ids)).tolist(),
        "rating": random.integers(1, 6, len(ids)).tolist(),
        "taken": [f"20{year}-06-01" for year in random.integers(10, 25, len(ids))],
        "item_group_id": [f"product {number // 10}" for number in random.permutation(len(ids))],
    }
    return AttributeTable(
        [
            AttributeRecord(id, id, {name: column[row] for name, column in columns.items()})
            for row, id in enumerate(ids)
        ]
    )


def fresh(store: Store, ids: Sequence[str], cache: AttributeCache) -> Attributes:
    """The attributes as a new snapshot sees them."""
    return Attributes(store, lambda: ids, (1, "commit"), cache)


def filters(attributes: Attributes, problem: RankingProblem) -> Iterator[Row]:
    def filtered(where: str) -> None:
        SOLVER.solve(replace(problem, rows=attributes.rows(where)), K)

    few, half = "price < 1", "price < 50 and brand != 'brand 000'"
    times = in_turn(
        {
            "all": lambda: SOLVER.solve(problem, K),
            "few": lambda: filtered(few),
            "half": lambda: filtered(half),
        },
        ROUNDS,
    )
    for name, where, bar in (("few", few, 0.2), ("half", half, 1.0)):
        kept = len(attributes.rows(where))
        yield Row(
            f"a query with a filter that keeps {kept / SETS:.0%}, over one without",
            ratio(times[name], times["all"]),
            bar,
            raw={"ms": 1000 * median(times[name]), "ms without": 1000 * median(times["all"])},
            sizes={"sets": SETS, "views": VIEWS, "dim": DIM},
        )


def counts(attributes: Attributes, problem: RankingProblem) -> Row:
    rows = attributes.rows("price < 50")
    times = in_turn(
        {
            "facets": lambda: attributes.facets(FACETS, rows),
            "query": lambda: SOLVER.solve(problem, K),
        },
        ROUNDS,
    )
    return Row(
        "counts of 10 attributes over half of the gallery, in units of 30 ms",
        median(times["facets"]) / 0.030,
        1.0,
        raw={
            "ms": 1000 * median(times["facets"]),
            "of a query": ratio(times["facets"], times["query"]),
        },
        sizes={"items": SETS},
    )


def groups(attributes: Attributes, problem: RankingProblem) -> Row:
    attributes.groups("item_group_id")

    def grouped() -> None:
        labels, _ = attributes.groups("item_group_id")
        SOLVER.solve(replace(problem, groups=labels), K)

    times = in_turn({"grouped": grouped, "plain": lambda: SOLVER.solve(problem, K)}, ROUNDS)
    return Row(
        "a query by groups of ten, over one without groups",
        ratio(times["grouped"], times["plain"]),
        1.1,
        raw={"ms": 1000 * median(times["grouped"]), "ms without": 1000 * median(times["plain"])},
        sizes={"sets": SETS, "groups": SETS // 10},
    )


def update(
    store: Store,
    ids: Sequence[str],
    values: AttributeTable,
    problem: RankingProblem,
    first: float,
) -> Row:
    changed = [
        AttributeRecord(id, id, {"price": float(number), "stock": number})
        for number, id in enumerate(ids[:CHANGED])
    ]
    times = [seconds(lambda: write_table(store, AttributeTable(changed))) for _ in range(3)]
    query = seconds(lambda: SOLVER.solve(problem, K))
    return Row(
        "price and stock of 10,000 items set anew, in seconds",
        median(times),
        1.0,
        raw={"in queries": median(times) / query, "all ten, 100,000 items, s": first},
        sizes={"items": CHANGED, "values": 2 * CHANGED},
    )


def memory(store: Store, ids: Sequence[str], values: AttributeTable) -> Row:
    cache = AttributeCache()
    tracemalloc.start()
    started = time.perf_counter()
    attributes = fresh(store, ids, cache)
    attributes.facets([*FACETS, "item_group_id"])
    spent = time.perf_counter() - started
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    number = store.count("attribute_values")
    pages = int(store.value("PRAGMA page_count")) * int(store.value("PRAGMA page_size"))
    return Row(
        "bytes that an open gallery keeps of an attribute's value",
        kept / number,
        150,
        raw={
            "at the peak of reading": peak / number,
            "on disk, items included": pages / number,
            "s to read under tracemalloc": spent,
        },
        sizes={"values": number},
    )


def median(times: list[float]) -> float:
    return float(np.median(times))


if __name__ == "__main__":
    for row in run():
        print(row.show(), flush=True)

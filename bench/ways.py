"""A benchmark's ways of searching, all at once against one after the other, as a ratio in one run.

``python -m bench ways``: 2,300 sets of four vectors of 384 numbers, about what the caption sets of
CIRR's val split are, and 48 queries in twelve ways. The rankings must be the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.rows import Row
from bench.timing import in_turn, ratio
from bench.vectors import World, write_matrix
from stitch_cir.ranking import Bounded, HubnessCache, PackedSets, Ranking, RankingProblem
from stitch_cir.transition import Linear
from stitch_cir.transport import (
    Chamfer,
    ConditionalTransport,
    MeanPooling,
    PointToPoint,
    Scorer,
    Sinkhorn,
)

SETS, VIEWS, DIM, QUERIES, CAPTIONS, DEPTH, ROUNDS = 2300, 4, 384, 48, 4, 50, 3
ALL_QUERIES, ALL_WAYS, HUBNESS_SETS = 4181, 32, 600
WAYS: tuple[tuple[float, Scorer], ...] = (
    (0.4, ConditionalTransport(0.05)), (0.4, PointToPoint()), (0.4, MeanPooling()),
    (0.4, Chamfer()), (0.4, ConditionalTransport(0.001)), (0.4, ConditionalTransport(1.0)),
    *((alpha, ConditionalTransport(0.05)) for alpha in (0.0, 0.2, 0.5, 0.6, 0.8, 1.0)),
)  # fmt: skip
"""α and scorer of each way."""


def run() -> Iterator[Row]:
    """Yield the rows."""
    with tempfile.TemporaryDirectory() as scratch:
        world = World.make(DIM)
        yield hubness_row(write_matrix(world, Path(scratch) / "few", HUBNESS_SETS, VIEWS))
        matrix = write_matrix(world, Path(scratch) / "vectors", SETS, VIEWS)
        yield sinkhorn_row(world, matrix)
        problems = list(queries_of(world, matrix))
        times = together_and_alone(problems)
        each = float(np.median(times["together"])) / len(problems)
        yield Row(
            "twelve ways of a benchmark at once, over one after the other",
            ratio(times["together"], times["alone"]),
            0.35,
            raw={
                "ms a query and way": 1000 * each,
                "minutes for CIRR's captions in 31 ways": each * ALL_QUERIES * ALL_WAYS / 60,
            },
            sizes={"sets": SETS, "views": VIEWS, "dim": DIM, "queries": QUERIES, "ways": len(WAYS)},
        )


def together_and_alone(problems: Sequence[RankingProblem]) -> dict[str, list[float]]:
    """Return the seconds of ranking all problems at once and one by one, which must agree."""
    solver = Bounded()

    def alone() -> list[Ranking]:
        return [solver.solve(problem, DEPTH) for problem in problems]

    def together() -> list[Ranking]:
        return solver.solve_many(problems, DEPTH)

    for single, shared in zip(alone(), together(), strict=True):
        assert single.rows.tolist() == shared.rows.tolist()
        assert single.scores.tolist() == shared.scores.tolist()
    return in_turn({"together": together, "alone": alone}, ROUNDS)


def sinkhorn_row(world: World, sets: PackedSets) -> Row:
    """Return what a benchmark's queries by Sinkhorn cost at once, over one after the other."""
    ways = ((0.4, Sinkhorn()),)
    times = together_and_alone(list(queries_of(world, sets, ways)))
    return Row(
        "a benchmark's queries by Sinkhorn at once, over one after the other",
        ratio(times["together"], times["alone"]),
        0.6,
        raw={"ms a query": 1000 * float(np.median(times["together"])) / QUERIES},
        sizes={"sets": SETS, "views": VIEWS, "dim": DIM, "queries": QUERIES},
    )


def hubness_row(sets: PackedSets) -> Row:
    """Return what the hubness of a grid's fourteen scorers costs together, over one by one."""
    scorers: list[Scorer] = [
        PointToPoint(),
        MeanPooling(),
        Chamfer(),
        *(ConditionalTransport(0.001 * 2.0**step) for step in range(11)),
    ]

    def together() -> None:
        HubnessCache().measure(sets, scorers)

    def alone() -> None:
        for scorer in scorers:
            HubnessCache().measure(sets, [scorer])

    times = in_turn({"together": together, "alone": alone}, ROUNDS)
    return Row(
        "hubness of a benchmark's scorers at once, over one after the other",
        ratio(times["together"], times["alone"]),
        0.8,
        raw={"seconds": float(np.median(times["together"]))},
        sizes={"sets": HUBNESS_SETS, "views": VIEWS, "dim": DIM, "scorers": len(scorers)},
    )


def queries_of(
    world: World, sets: PackedSets, ways: Sequence[tuple[float, Scorer]] = WAYS
) -> Iterator[RankingProblem]:
    """Yield every query in every way; the ways of one query have the same span."""
    rows = np.arange(SETS)
    for number in range(QUERIES):
        captions = world.query(number, CAPTIONS)
        modification = world.query(number + QUERIES, 1).vectors[0]
        span = np.vstack([captions.vectors, modification])
        moved = {
            alpha: Linear(alpha).refine(captions.vectors, modification)
            for alpha in dict.fromkeys(alpha for alpha, _ in ways)
        }
        for alpha, scorer in ways:
            yield RankingProblem(sets, rows, moved[alpha], captions.weights, scorer, span=span)


if __name__ == "__main__":
    for row in run():
        print(row.show(), flush=True)

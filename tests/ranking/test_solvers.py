"""Ranking problems, scoring everything, and what takes points off every score."""

from __future__ import annotations

import gc
from dataclasses import replace

import numpy as np
import pytest

from stitch_cir.ranking import (
    Bounded,
    Exhaustive,
    HubnessCache,
    Ranking,
    Solver,
    count_neighbours,
    hubness,
)
from stitch_cir.transition import SemanticIncrement
from stitch_cir.transport import Chamfer, ConditionalTransport
from tests.ranking.galleries import captions, draw, pack, random_problem

SOLVERS: tuple[Solver, ...] = (Exhaustive(), Exhaustive(block_bytes=1), Bounded(0, 0, first=4))


@pytest.mark.parametrize("seed", range(8))
def test_the_rank_of_a_row_is_where_the_ranking_has_it(seed: int) -> None:
    rng = np.random.default_rng((seed, 10))
    problem = random_problem(rng, ("smooth", "ties", "duplicates")[seed % 3], None, ragged=True)
    problem = replace(problem, transition=SemanticIncrement(), excluded=np.array([0]))
    if not len(problem.candidates):
        return
    whole = Exhaustive().solve(problem, len(problem.rows))
    assert len(whole.rows) == len(problem.rows) - 1
    for index, (row, score) in enumerate(zip(whole.rows, whole.scores, strict=True), 1):
        assert Exhaustive().rank_of(problem, int(row)) == (index, score)


def test_ties_fall_to_the_smaller_row_in_any_block() -> None:
    matrix = pack(draw(np.random.default_rng(0), "smooth", 24, 8), np.full(8, 3))
    problem = captions(matrix, np.zeros((2, 8), np.float32), ConditionalTransport())
    for solver in SOLVERS:
        ranking = solver.solve(problem, 5)
        assert ranking.rows.tolist() == [0, 1, 2, 3, 4]
        assert set(ranking.scores.tolist()) == {0.0}


def test_every_solver_gives_an_empty_ranking_where_nothing_is_left() -> None:
    rng = np.random.default_rng(1)
    matrix = pack(draw(rng, "smooth", 24, 8), np.full(8, 3))
    full = captions(matrix, draw(rng, "smooth", 2, 8))
    empty = [
        (replace(full, excluded=full.rows), 3),
        (replace(full, rows=full.rows[:0]), 3),
        (full, 0),
    ]
    for solver in SOLVERS:
        assert solver.device == "cpu"
        for problem, k in empty:
            ranking = solver.solve(problem, k)
            assert (ranking.rows.tolist(), ranking.scores.tolist(), ranking.scored) == ([], [], 0)


def test_many_are_solved_in_order_with_progress() -> None:
    rng = np.random.default_rng(2)
    matrix = pack(draw(rng, "smooth", 24, 8), np.full(8, 3))
    problems = [captions(matrix, draw(rng, "smooth", 2, 8)) for _ in range(3)]
    calls: list[tuple[int, int]] = []
    rankings = Exhaustive().solve_many(problems, 2, progress=lambda *done: calls.append(done))
    assert calls == [(1, 3), (2, 3), (3, 3)]
    assert [each.rows.tolist() for each in rankings] == [
        Exhaustive().solve(problem, 2).rows.tolist() for problem in problems
    ]
    quiet: list[Ranking] = Bounded(0, 0).solve_many(problems, 2)
    assert [each.rows.tolist() for each in quiet] == [each.rows.tolist() for each in rankings]


def test_a_shortlist_holds_the_nearest_means() -> None:
    rng = np.random.default_rng(3)
    matrix = pack(draw(rng, "smooth", 24, 8), np.full(8, 3))
    problem = captions(matrix, draw(rng, "smooth", 2, 8), excluded=np.array([4]))
    short = problem.shortlisted(3)
    nearness = matrix.means @ (problem.weights @ problem.vectors)
    nearness[4] = -np.inf
    assert short.candidates.tolist() == sorted(np.argsort(-nearness)[:3].tolist())
    assert problem.shortlisted(7).candidates.tolist() == [0, 1, 2, 3, 5, 6, 7]


def test_neighbours_never_exceed_a_few_per_cent_of_a_gallery() -> None:
    rng = np.random.default_rng(4)
    matrix = pack(draw(rng, "smooth", 2390, 8), np.full(239, 10))  # three views an image: 717
    assert count_neighbours(matrix, 200) == 21
    assert [count_neighbours(matrix, each) for each in (1, 21, 22)] == [1, 21, 21]
    scorer = Chamfer()
    np.testing.assert_array_equal(hubness(matrix, scorer, 200), hubness(matrix, scorer, 21))
    assert (hubness(matrix, scorer, 20) > hubness(matrix, scorer, 21)).all()
    # a handful is a mean however small the gallery; the bank limits them, not all views
    assert count_neighbours(pack(draw(rng, "smooth", 9, 8), np.full(3, 3)), 200) == 5
    assert count_neighbours(pack(draw(rng, "smooth", 9000, 8), np.full(9000, 1)), 1000) == 270
    assert count_neighbours(matrix, 200, bank=300) == 9


def test_hubness_is_kept_for_one_gallery_and_keeps_no_gallery_alive() -> None:
    rng = np.random.default_rng(4)
    cache, scorer = HubnessCache(), Chamfer()
    matrix = pack(draw(rng, "smooth", 24, 8), np.full(8, 3))
    assert cache.hubness_penalty(matrix, scorer, 0.0) is None
    first = cache.hubness_penalty(matrix, scorer, 0.5, 3)
    assert first is not None
    np.testing.assert_array_equal(first, 0.5 * hubness(matrix, scorer, 3))
    kept = cache._hubness
    twice = cache.hubness_penalty(matrix, scorer, 1.0, 3)
    np.testing.assert_array_equal(twice, 2 * first)
    assert cache._hubness is kept  # another weight is another multiple of the same
    cache.hubness_penalty(matrix, scorer, 1.0, 2)
    assert cache._hubness is not kept
    vectors = cache._vectors
    assert vectors is not None
    assert vectors() is matrix.vectors
    del matrix
    gc.collect()
    assert vectors() is None
    other = pack(draw(rng, "smooth", 12, 8), np.full(4, 3))
    penalty = cache.hubness_penalty(other, scorer, 1.0, 2)
    np.testing.assert_array_equal(penalty, hubness(other, scorer, 2))


def test_the_bank_of_a_large_gallery_is_spread_over_it() -> None:
    rng = np.random.default_rng(5)
    matrix = pack(draw(rng, "smooth", 90, 8), np.full(30, 3))
    penalty = hubness(matrix, Chamfer(), 2, bank=9)
    bank = np.concatenate([matrix.vectors[3 * image : 3 * image + 3] for image in (0, 14, 29)])
    similarities = (bank @ matrix.vectors.T).reshape(9, 30, 3)
    scores = similarities.max(axis=2) + similarities.mean(axis=2)
    for number, image in enumerate((0, 14, 29)):
        scores[3 * number : 3 * number + 3, image] = -np.inf
    np.testing.assert_allclose(penalty, np.sort(scores, axis=0)[-2:].mean(axis=0), atol=1e-5)
    alone = pack(draw(rng, "smooth", 3, 8), np.full(1, 3))
    assert hubness(alone, Chamfer()).tolist() == [0.0]

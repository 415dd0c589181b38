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
    ScoreTerm,
    ScoreTerms,
    Solver,
    _shared_products,
    count_neighbours,
    hubness,
    variety_order,
)
from stitch_cir.transition import SemanticIncrement
from stitch_cir.transport import (
    Chamfer,
    ConditionalTransport,
    ExactTransport,
    MeanPooling,
    Scorer,
    Sinkhorn,
)
from tests.ranking.galleries import captions, draw, pack, random_problem, unit

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


@pytest.mark.parametrize("seed", range(6))
def test_queries_that_share_products_are_ranked_as_alone(seed: int) -> None:
    rng = np.random.default_rng((seed, 17))
    kind = ("smooth", "ties", "duplicates", "against", "close", "axes")[seed]
    sizes = rng.integers(1, 6, 60) if seed % 2 else np.full(60, 3)
    matrix = pack(draw(rng, kind, int(sizes.sum()), 24), sizes)
    rows = np.sort(rng.permutation(60)[:50])
    scorers = (ConditionalTransport(0.05), Chamfer(0.3), MeanPooling(), Sinkhorn())
    problems = []
    for number in range(5):
        span = draw(rng, kind, 5, 24)
        for share in (0.0, 0.4, 1.0):
            mixed = unit((1 - share) * span[:3] + share * span[3] - 0.08 * span[4])
            # one that is no combination of the span
            moved = mixed if number else np.concatenate([mixed[:2], draw(rng, "smooth", 1, 24)])
            problems += [
                captions(
                    matrix, moved, scorer, rows=rows, span=span, weights=np.array([1.0, 2.0, 2.0]),
                    penalty=rng.normal(0, 0.1, 60), excluded=rows[number : number + 1],
                    watched=rng.permutation(60)[:4],
                )
                for scorer in scorers
            ]  # fmt: skip
    for solver in (Exhaustive(), Bounded()):
        together = solver.solve_many(problems, 7)
        for problem, shared in zip(problems, together, strict=True):
            alone = Exhaustive().solve(problem, 7)
            assert shared.rows.tolist() == alone.rows.tolist()
            assert shared.scores.tolist() == alone.scores.tolist()
            assert shared.watched.tolist() == alone.watched.tolist()
            assert shared.scored == 49


def test_products_that_do_not_fit_into_memory_together_are_made_in_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(24)
    matrix = pack(draw(rng, "smooth", 120, 16), np.full(40, 3))
    rows = np.arange(40)
    problems = [captions(matrix, draw(rng, "smooth", 3, 16), rows=rows) for _ in range(7)]
    expected = Exhaustive().solve_many(problems, 5)
    shapes = []

    def product(captions: np.ndarray, views: np.ndarray) -> np.ndarray:
        shapes.append(captions.shape)
        return np.asarray(captions @ views.T)

    monkeypatch.setattr(_shared_products, "float_product", product)
    monkeypatch.setattr(_shared_products, "usable_cores", lambda: 1)
    # the products of two of the seven problems, of three captions each
    monkeypatch.setattr(_shared_products, "PRODUCTS_BYTES", 4 * 6 * 120)
    for ranking, whole in zip(Exhaustive().solve_many(problems, 5), expected, strict=True):
        assert ranking.rows.tolist() == whole.rows.tolist()
        assert ranking.scores.tolist() == whole.scores.tolist()
    assert shapes == [(6, 16), (6, 16), (6, 16), (3, 16)]


@pytest.mark.parametrize("scorer", [Chamfer(), Sinkhorn()], ids=lambda each: each.name)
def test_a_query_of_many_may_have_no_candidate_or_all_of_them(scorer: Scorer) -> None:
    rng = np.random.default_rng(25)
    matrix = pack(draw(rng, "smooth", 60, 16), np.full(20, 3))
    rows = np.arange(20)
    problems = [
        captions(matrix, draw(rng, "smooth", 3, 16), scorer, rows=rows, excluded=excluded)
        for excluded in (rows, rows[:0], rows[:18])
    ]
    for solver in (Exhaustive(), Bounded(0, 0, first=4)):
        none, every, two = solver.solve_many(problems, 5)
        assert none.rows.tolist() == []
        assert every.rows.tolist() == Exhaustive().solve(problems[1], 5).rows.tolist()
        assert two.rows.tolist() == Exhaustive().solve(problems[2], 5).rows.tolist()
        assert sorted(two.rows.tolist()) == [18, 19]


@pytest.mark.parametrize("kind", ["smooth", "ties", "duplicates"])
def test_scorers_that_iterate_score_few_sets_of_many_queries_together(kind: str) -> None:
    rng = np.random.default_rng((23, len(kind)))
    sizes = rng.integers(1, 6, 90)
    matrix = pack(draw(rng, kind, int(sizes.sum()), 24), sizes)
    rows, scorers = np.arange(90), (Sinkhorn(), ExactTransport(), ConditionalTransport())
    penalty = rng.normal(0, 0.1, 90)
    problems = []
    for number in range(8):
        span = draw(rng, kind, 4, 24)
        fields = {"span": span, "excluded": np.array([number]), "watched": rng.permutation(90)[:3]}
        problems += [
            captions(matrix, moved, scorer, rows=rows, penalty=penalty, **fields)
            for moved in (span[:3], unit(span[:3] + 0.3 * span[3]))
            for scorer in scorers
        ]
    calls: list[tuple[int, int]] = []
    solver = Bounded(0, 0, first=4)
    together = solver.solve_many(problems, 3, progress=lambda *done: calls.append(done))
    for problem, ranking in zip(problems, together, strict=True):
        alone = Exhaustive().solve(problem, 3)
        assert ranking.rows.tolist() == alone.rows.tolist()
        assert ranking.scores.tolist() == alone.scores.tolist()
        assert ranking.watched.tolist() == alone.watched.tolist()
        assert (ranking.bounded, alone.scored) == (89, 89)
    scored = [ranking.scored for ranking in together]
    # four sets for each of the three at first; some queries need more, and no query all
    assert min(scored) == 12 < max(scored) < 89
    assert calls == sorted(calls)
    assert calls[-1] == (len(problems), len(problems))


@pytest.mark.parametrize("solver", SOLVERS)
def test_watched_rows_come_with_their_scores_and_take_no_part(solver: Solver) -> None:
    rng = np.random.default_rng(6)
    matrix = pack(draw(rng, "smooth", 60, 8), np.full(20, 3))
    problem = captions(matrix, draw(rng, "smooth", 2, 8))
    whole = Exhaustive().solve(problem, 20)
    best, worst = int(whole.rows[0]), int(whole.rows[-1])
    watching = replace(problem, watched=np.array([worst, best]), excluded=np.array([best]))
    ranking = solver.solve(watching, 3)
    assert ranking.rows.tolist() == whole.rows[1:4].tolist()
    assert ranking.watched.tolist() == [whole.scores[-1], whole.scores[0]]
    assert solver.solve(watching, 0).watched.tolist() == ranking.watched.tolist()


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


def test_hubness_measured_for_several_scorers_together_is_that_of_each_alone() -> None:
    rng = np.random.default_rng(18)
    sizes = rng.integers(1, 6, 80)
    matrix = pack(draw(rng, "smooth", int(sizes.sum()), 16), sizes)
    scorers = (ConditionalTransport(0.05), Chamfer(0.3), MeanPooling(), Sinkhorn())
    together = HubnessCache()
    together.measure(matrix, scorers, 5)
    for scorer in scorers:
        measured = together.hubness_penalty(matrix, scorer, 1.0, 5)
        assert measured is not None
        assert measured.tolist() == hubness(matrix, scorer, 5).tolist()


def test_ways_that_share_captions_are_ranked_as_alone_whatever_their_weights() -> None:
    """Captions without weights and with different ones, and further terms, in one batch."""
    rng = np.random.default_rng(19)
    sizes = rng.integers(1, 5, 50)
    matrix = pack(draw(rng, "smooth", int(sizes.sum()), 16), sizes)
    rows = np.arange(50)
    scorers = (ConditionalTransport(0.05), Sinkhorn(), Chamfer())
    problems = []
    for number in range(6):
        shared, avoided = draw(rng, "smooth", 3, 16), draw(rng, "smooth", 2, 16)
        weights = None if number % 2 else rng.uniform(0.1, 1, 3)
        phrase = ScoreTerm("forbidden", avoided, None, scorers[0], -0.5)
        terms = ScoreTerms((phrase,)) if number % 3 == 0 else ScoreTerms()
        for scorer in scorers:
            fields = {"rows": rows, "weights": weights, "span": shared, "terms": terms}
            problems.append(captions(matrix, shared, scorer, **fields))
    for problem, together in zip(problems, Exhaustive().solve_many(problems, 6), strict=True):
        alone = Exhaustive().solve(problem, 6)
        assert together.rows.tolist() == alone.rows.tolist()
        assert together.scores.tolist() == alone.scores.tolist()


def test_hubness_is_kept_for_one_gallery_and_keeps_no_gallery_alive() -> None:
    rng = np.random.default_rng(4)
    cache, scorer = HubnessCache(), Chamfer()
    matrix = pack(draw(rng, "smooth", 24, 8), np.full(8, 3))
    assert cache.hubness_penalty(matrix, scorer, 0.0) is None
    first = cache.hubness_penalty(matrix, scorer, 0.5, 3)
    assert first is not None
    np.testing.assert_array_equal(first, 0.5 * hubness(matrix, scorer, 3))
    twice = cache.hubness_penalty(matrix, scorer, 1.0, 3)
    np.testing.assert_array_equal(twice, 2 * first)
    for neighbours in (2, 3):
        kept = cache.hubness_penalty(matrix, scorer, 1.0, neighbours)
        np.testing.assert_array_equal(kept, hubness(matrix, scorer, neighbours))
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


def test_variety_puts_off_hits_that_resemble_better_ones() -> None:
    scores = np.array([0.9, 0.89, 0.5, 0.4])
    # the second is nearly the first, the third is like nothing before it
    means = unit(np.array([[1.0, 0.0, 0.0], [1.0, 0.1, 0.0], [0.0, 1.0, 0.0], [0.0, 0.9, 0.5]]))
    assert variety_order(scores, means, 0.6) == [0, 2, 1, 3]
    # without a weight, and between two, there is nothing to trade
    assert variety_order(scores, means, 0.0) == [0, 1, 2, 3]
    assert variety_order(scores[:2], means[:2], 1.0) == [0, 1]

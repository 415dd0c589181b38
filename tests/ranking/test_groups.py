"""The best k groups are those of ranking everything and taking away what stands behind its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stitch_cir.ranking import Bounded, Exhaustive, Ranking, RankingProblem, Solver, best_members
from stitch_cir.transition import NoTransition, SemanticIncrement
from tests.ranking.galleries import KINDS, captions, draw, pack, random_problem
from tests.ranking.test_bounds import COUPLINGS, SCORERS, small


def textbook(problem: RankingProblem, k: int, size: int) -> list[list[tuple[int, float]]]:
    """The best ``size`` of each of the best k groups, from the ranking of everything."""
    assert problem.groups is not None
    whole = Exhaustive().solve(replace(problem, groups=None), len(problem.rows))
    groups: dict[int, list[tuple[int, float]]] = {}
    for row, score in zip(whole.rows.tolist(), whole.scores.tolist(), strict=True):
        groups.setdefault(int(problem.groups[row]), []).append((row, score))
    return [members[:size] for members in list(groups.values())[:k]]


def pairs(ranking: Ranking) -> list[tuple[int, float]]:
    return list(zip(ranking.rows.tolist(), ranking.scores.tolist(), strict=True))


def grouped(rng: np.random.Generator, problem: RankingProblem) -> RankingProblem:
    """One group for all, a few, pairs, or one for each; some rows left out."""
    count = len(problem.rows)
    number = int(rng.choice([1, 3, max(1, count // 2), 4 * count]))
    excluded = rng.choice(count, count // 4, replace=False) if rng.random() < 0.5 else None
    rows = problem.rows if rng.random() < 0.7 else problem.rows[rng.random(count) < 0.6]
    labels = rng.integers(0, number, count)
    return replace(problem, groups=labels, excluded=excluded, rows=rows)


@pytest.mark.parametrize("seed", range(60))
def test_every_solver_finds_the_best_groups(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng((seed, 16))
    kind = KINDS[seed % len(KINDS)]
    problem = random_problem(rng, kind, tmp_path if seed % 3 else None, ragged=seed % 2 == 0)
    transition = SemanticIncrement() if seed % 4 == 0 else NoTransition()
    problem = grouped(rng, replace(problem, transition=transition))
    k, size = int(rng.integers(1, 8)), int(rng.integers(1, 4))
    solvers: tuple[Solver, ...] = (Exhaustive(), small())
    if seed % 3 == 0:  # set by set takes its time
        solvers = (*solvers, Exhaustive(block_bytes=1))
    for scorer in SCORERS if seed % 10 else (*SCORERS, *COUPLINGS):
        scored = replace(problem, scorer=scorer)
        expected = textbook(scored, k, size)
        for solver in solvers:
            ranking = solver.solve(scored, k)
            assert pairs(ranking) == [members[0] for members in expected]
            members = best_members(solver, scored, ranking.rows.tolist(), size)
            assert [pairs(each) for each in members] == expected


@pytest.mark.parametrize("seed", range(8))
def test_many_grouped_problems_are_solved_together(seed: int) -> None:
    rng = np.random.default_rng((seed, 17))
    matrix = pack(draw(rng, "ties" if seed % 2 else "smooth", 240, 8), np.full(80, 3))
    labels = rng.integers(0, 9, 80)
    problems = [captions(matrix, draw(rng, "smooth", 3, 8), groups=labels) for _ in range(5)]
    shared = problems[0].rows
    problems = [replace(problem, rows=shared) for problem in problems]
    for problem, rankings in zip(problems, small().solve_many(problems, 4), strict=True):
        assert pairs(rankings) == [members[0] for members in textbook(problem, 4, 1)]


def test_few_sets_are_scored_where_groups_are_small(tmp_path: Path) -> None:
    rng = np.random.default_rng(18)
    matrix = pack(draw(rng, "smooth", 12_000, 16), np.full(4000, 3), tmp_path)
    problem = captions(
        matrix, matrix.vectors[30:32] + np.float32(0.01), groups=np.arange(4000) // 4
    )
    ranking = Bounded(0, 0).solve(problem, 5)
    assert pairs(ranking) == [members[0] for members in textbook(problem, 5, 1)]
    assert ranking.scored < 1000


@pytest.mark.parametrize("seed", range(20))
def test_what_lies_above_a_score_is_all_that_does(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng((seed, 19))
    kind = KINDS[seed % len(KINDS)]
    problem = random_problem(rng, kind, tmp_path if seed % 3 else None, ragged=seed % 2 == 0)
    problem = replace(problem, excluded=np.array([0]) if seed % 2 else None)
    for scorer in SCORERS:
        scored = replace(problem, scorer=scorer)
        whole = Exhaustive().solve(scored, len(problem.rows))
        cuts = [*whole.scores[:: max(1, len(whole.scores) // 4)].tolist(), -9.0, 9.0]
        for cut in cuts:
            expected = sorted(whole.rows[whole.scores >= cut].tolist())
            for solver in (Exhaustive(), small()):
                assert solver.above(scored, cut).tolist() == expected


def test_members_need_groups() -> None:
    rng = np.random.default_rng(20)
    problem = captions(pack(draw(rng, "smooth", 6, 4), np.full(2, 3)), draw(rng, "smooth", 1, 4))
    with pytest.raises(ValueError, match="no groups"):
        best_members(Exhaustive(), problem, [0], 2)

"""Roles in a ranking: bounds bound, every solver agrees, and the score is that of the formula."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stitch_cir.ranking import (
    Bounded,
    Exhaustive,
    Ranking,
    RankingProblem,
    Scanner,
    ScoreTerm,
    ScoreTerms,
    chance_scores,
    score_captions,
)
from stitch_cir.transition import SemanticIncrement
from stitch_cir.transport import (
    Chamfer,
    ConditionalTransport,
    MeanPooling,
    PointSets,
    PointToPoint,
    RoleScorer,
    Scorer,
    Sinkhorn,
    forward_look,
)
from tests.ranking.galleries import KINDS, draw, random_problem, unit

GLOBAL: tuple[Scorer, ...] = (
    RoleScorer(),
    RoleScorer(global_term="transport"),
    ConditionalTransport(0.03),
    Chamfer(),
    MeanPooling(),
)
WAYS = ("float32", "eight bits")


def with_roles(
    rng: np.random.Generator, problem: RankingProblem, kind: str, tau: float
) -> RankingProblem:
    """Return a problem with one to four further sets of one to four phrases, some of which lower it."""
    dim = problem.vectors.shape[1]
    terms = []
    for number in range(int(rng.integers(1, 5))):
        vectors = draw(rng, kind, int(rng.integers(1, 5)), dim)
        weights = rng.random(len(vectors)).astype(np.float32) + np.float32(0.1)
        factor = float(rng.choice([-3.0, -0.5, 0.2, 1.0]))
        shares = weights / weights.sum() if rng.random() < 0.5 else None
        terms.append(ScoreTerm(str(number), vectors, shares, forward_look(tau), factor))
    return replace(problem, terms=ScoreTerms(tuple(terms), float(rng.choice([0.4, 1.0]))))


def by_hand(problem: RankingProblem, tau: float) -> np.ndarray:
    """Score every candidate by the formula, view by view, in float64."""
    scores = []
    for row in problem.candidates:
        start, end = problem.sets.offsets[row : row + 2]
        views = problem.sets.vectors[start:end].astype(np.float64)
        s = problem.vectors.astype(np.float64) @ views.T
        score = problem.terms.share * float(
            problem.scorer.score_similarities(s, problem.weights.astype(np.float64))
        )
        for term in problem.terms.terms:
            s = term.vectors.astype(np.float64) @ views.T
            pull = np.exp((s - s.max(axis=1, keepdims=True)) / tau)
            look = (pull * s).sum(axis=1) / pull.sum(axis=1)
            weights = np.ones(len(s)) if term.weights is None else term.weights.astype(np.float64)
            score += term.factor * 2 * float(weights @ look / weights.sum())
        penalty = 0.0 if problem.penalty is None else problem.penalty[row]
        scores.append(score - penalty)
    return np.array(scores)


def assert_same(first: Ranking, other: Ranking) -> None:
    assert first.rows.tolist() == other.rows.tolist()
    assert first.scores.tolist() == other.scores.tolist()


@pytest.mark.parametrize("tau", [0.0005, 0.02, 0.3])
@pytest.mark.parametrize("views", [1, 2, 10])
def test_a_forward_look_lies_between_its_bounds(views: int, tau: float) -> None:
    rng = np.random.default_rng((views, 3))
    s = np.einsum(
        "kd,nmd->nkm", unit(rng.normal(size=(1, 8))), unit(rng.normal(size=(40, views, 8)))
    )
    look = forward_look(tau).score_similarities(s.astype(np.float64)) / 2
    most, mean = s.max(axis=(1, 2)), s.mean(axis=(1, 2))
    assert (look <= most + 1e-12).all()
    assert (look >= np.maximum(mean, most - tau * np.log(views)) - 1e-12).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("tau", [0.001, 0.02, 0.2])
def test_the_bound_from_below_is_the_larger_of_mean_and_maximum(
    tau: float, way: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(4)
    problem = random_problem(rng, "smooth", None if way == "float32" else tmp_path, ragged=True)
    sets, rows = problem.sets, problem.rows
    phrase = draw(rng, "smooth", 1, problem.vectors.shape[1])
    bound = forward_look(tau).set_bound()
    scanned = Scanner().scan(sets, rows, [(phrase, None)], bound, lower=True)[0]
    for row, lower in zip(rows, scanned, strict=True):
        s = (sets.vectors[sets.offsets[row] : sets.offsets[row + 1]] @ phrase[0]).astype(float)
        floor = s.max() - tau * np.log(len(s))
        if bound.curvature is not None:
            floor = max(floor, s.mean())
        # below it by what eight bits and rounding can change, and no more
        assert 2 * floor - 0.1 <= lower <= 2 * floor + 1e-6


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_ranking_with_roles_is_that_of_the_formula(kind: str, way: str, tmp_path: Path) -> None:
    scratch = None if way == "float32" else tmp_path
    for seed in range(6):
        rng = np.random.default_rng((seed, 21))
        tau = float(rng.choice([0.001, 0.02, 0.5]))
        problem = random_problem(rng, kind, scratch, ragged=seed % 2 == 1)
        problem = with_roles(rng, problem, kind, tau)
        if seed % 3 == 0 and len(problem.rows) > 2:
            problem = replace(problem, excluded=problem.rows[:2])
        k = int(rng.choice([1, 3, 10, len(problem.rows)]))
        for scorer in GLOBAL:
            variant = replace(problem, scorer=scorer)
            expected = Exhaustive().solve(variant, k)
            scores = by_hand(variant, tau)
            assert expected.scores == pytest.approx(np.sort(scores)[::-1][:k], abs=1e-7)
            bounded = Bounded(0, 0, first=4)
            assert_same(bounded.solve(variant, k), expected)
            assert_same(bounded.solve_many([variant, variant], k)[1], expected)
            assert_same(Exhaustive().solve_many([variant, variant], k)[1], expected)
            least = float(np.median(scores))
            above = Exhaustive().above(variant, least).tolist()
            assert bounded.above(variant, least).tolist() == above
            moved = replace(variant, transition=SemanticIncrement())
            assert_same(bounded.solve(moved, k), Exhaustive().solve(moved, k))


def test_bounds_leave_out_what_roles_make_hopeless() -> None:
    rng = np.random.default_rng(5)
    problem = random_problem(rng, "smooth", None, ragged=False)
    while len(problem.rows) < 60:
        problem = random_problem(rng, "smooth", None, ragged=False)
    problem = replace(problem, penalty=None, scorer=PointToPoint())
    best = problem.sets.vectors[problem.sets.offsets[7]][None]
    desired = ScoreTerm("desired", best, None, forward_look(0.02), 5.0)
    ranking = Bounded(0, 0, first=4).solve(replace(problem, terms=ScoreTerms((desired,))), 1)
    assert ranking.rows.tolist() == [7]
    assert 0 < ranking.scored < ranking.bounded == len(problem.rows)


@pytest.mark.parametrize("scorer", [Sinkhorn(0.05), Chamfer()], ids=lambda each: each.name)
def test_a_product_of_roles_is_ranked_by_scoring_everything(scorer: Scorer) -> None:
    rng = np.random.default_rng(6)
    problem = replace(random_problem(rng, "smooth", None, ragged=True), scorer=scorer, penalty=None)
    dim = problem.vectors.shape[1]
    desired, forbidden = (draw(rng, "smooth", 2, dim) for _ in range(2))
    look = forward_look(0.02)
    plain = ScoreTerms()
    terms = ScoreTerms(
        (
            ScoreTerm("desired", desired, None, look, 0.5),
            ScoreTerm("forbidden", forbidden, None, look, -0.5),
        ),
        rule="product",
    )
    ranking = Bounded(0, 0).solve(replace(problem, terms=terms), len(problem.rows))
    assert ranking.bounded == 0
    scores = {}
    for name, vectors in (("s", problem.vectors), ("r", desired), ("p", forbidden)):
        weights = problem.weights if name == "s" else np.full(2, 0.5, np.float32)
        alone = replace(
            problem,
            vectors=vectors,
            weights=weights,
            scorer=scorer if name == "s" else look,
            terms=plain,
        )
        solved = Exhaustive().solve(alone, len(problem.rows))
        scores[name] = solved.scores[np.argsort(solved.rows)]
    expected = scores["s"] * (1 + scores["r"] / 2 - scores["p"] / 2) / 2
    assert ranking.scores[np.argsort(ranking.rows)] == pytest.approx(expected, abs=1e-7)


def test_shares_of_a_score_sum_to_it() -> None:
    look = forward_look(0.02)
    vectors = unit(np.ones((1, 4)))
    terms = (
        ScoreTerm("desired", vectors, None, look, 0.5),
        ScoreTerm("preserve", vectors, None, look, 0.2),
        ScoreTerm("forbidden", vectors, None, look, -0.5),
    )
    others = [0.6, 0.4, 0.9]
    for rule in ("sum", "product"):
        mixed = ScoreTerms(terms, 0.7, rule)
        total = mixed.combine(np.array([1.1]), [np.array([each]) for each in others])
        assert sum(mixed.shares(1.1, others)) == pytest.approx(float(total[0]))


def test_random_requests_turn_what_is_requested_and_nothing_else() -> None:
    rng = np.random.default_rng(9)
    problem = replace(
        random_problem(rng, "smooth", None, ragged=True), transition=SemanticIncrement()
    )
    dim = problem.vectors.shape[1]
    requests, directions = draw(rng, "smooth", 3, dim)[:, None], draw(rng, "smooth", 3, dim)
    look, phrase = forward_look(0.02), draw(rng, "smooth", 1, dim)
    avoided = ScoreTerm("forbidden", phrase, None, look, -0.5)
    desired = ScoreTerm("desired", phrase, None, look, 0.5, requested=True)
    rows = problem.rows
    plain = chance_scores(problem, PointSets(requests), rows)
    for term, vectors in ((avoided, phrase[[0, 0, 0]]), (desired, directions)):
        mixed = replace(problem, terms=ScoreTerms((term,)))
        expected = plain + term.factor * np.stack(
            [score_captions(problem.sets, rows, (vector[None], None), look) for vector in vectors]
        )
        scored = chance_scores(mixed, PointSets(requests), rows, directions)
        assert scored == pytest.approx(expected, abs=1e-5)

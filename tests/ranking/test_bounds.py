"""Bounds bound, and the ranking by bounds is the ranking of everything."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stitch_cir.errors import VectorError
from stitch_cir.ranking import (
    Bounded,
    Exhaustive,
    PackedCodes,
    Ranking,
    RankingProblem,
    Scanner,
    ScoreTerm,
    ScoreTerms,
    score_captions,
)
from stitch_cir.transition import NoTransition, SemanticIncrement
from stitch_cir.transport import (
    BoundedScorer,
    Chamfer,
    ConditionalTransport,
    ExactTransport,
    MeanPooling,
    PointToPoint,
    Sinkhorn,
)
from tests.ranking.galleries import KINDS, captions, draw, pack, random_problem, unit

SCORERS = (
    ConditionalTransport(),
    ConditionalTransport(0.03),
    ConditionalTransport(0.3),
    ConditionalTransport(30.0),
    ConditionalTransport(0.001, rho=0.3 / 1.3),
    ConditionalTransport(0.3, rho=0.9),
    Chamfer(),
    Chamfer(rho=0.0),
    MeanPooling(),
    PointToPoint(),
)
COUPLINGS = (Sinkhorn(0.05, max_iterations=40), ExactTransport())
WAYS = ("float32", "eight bits")


def small(scanner: Scanner | None = None) -> Bounded:
    """A solver that bounds small galleries too, a few sets at a time."""
    scanner = scanner or Scanner(views_per_block=64)
    return Bounded(0, 0, first=4, scanner=scanner)


@pytest.fixture
def scanner() -> Scanner:
    return Scanner(views_per_block=64)


@pytest.fixture
def scratch(way: str, tmp_path: Path) -> Path | None:
    """Where a gallery's codes go, or none."""
    return None if way == "float32" else tmp_path


def assert_same(first: Ranking, other: Ranking) -> None:
    assert first.rows.tolist() == other.rows.tolist()
    assert first.scores.tolist() == other.scores.tolist()


def some_k(rng: np.random.Generator, count: int) -> int:
    return int(rng.choice([1, min(3, count), min(10, count), count]))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_bounds_hold_from_above_and_below(
    kind: str, way: str, scanner: Scanner, scratch: Path | None
) -> None:
    for seed in range(6):
        rng = np.random.default_rng((seed, 7))
        problem = random_problem(rng, kind, scratch, ragged=seed % 2 == 1)
        sets, rows, query = problem.sets, problem.rows, problem.caption_sets()[0]
        many = [query, *[(query[0][::-1].copy(), query[1])] * 8]
        for scorer in (*SCORERS, *COUPLINGS):
            true = score_captions(sets, rows, query, scorer, exact=True)
            bound = scorer.set_bound()
            # nine queries go the other way through the code than one
            for queries in ([query], many):
                assert (scanner.scan(sets, rows, queries, bound)[0] >= true).all()
                if bound.two_sided:
                    assert (scanner.scan(sets, rows, queries, bound, lower=True)[0] <= true).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_ranking_is_that_of_everything(
    kind: str, way: str, scanner: Scanner, scratch: Path | None
) -> None:
    for seed in range(6):
        rng = np.random.default_rng((seed, 8))
        problem = random_problem(rng, kind, scratch, ragged=seed % 2 == 1)
        count = len(problem.rows)
        rows = np.flatnonzero(rng.random(count) < rng.choice([0.3, 0.9, 1.0]))
        rows = rows if len(rows) else np.arange(count)
        for scorer in SCORERS if seed % 5 else (*SCORERS, *COUPLINGS):
            k = some_k(rng, len(rows))
            for transition in (NoTransition(), SemanticIncrement()):
                variant = replace(problem, rows=rows, scorer=scorer, transition=transition)
                ranking = small(scanner).solve(variant, k)
                assert_same(ranking, Exhaustive().solve(variant, k))
                two_sided = scorer.set_bound().two_sided or transition.name == "none"
                assert ranking.bounded == (len(rows) if two_sided else 0)
                assert k <= ranking.scored <= len(rows)


@pytest.mark.parametrize("kind", KINDS)
def test_many_queries_are_ranked_as_each_alone(kind: str, tmp_path: Path) -> None:
    for seed in range(8):
        rng = np.random.default_rng((seed, 9))
        scorer = (*SCORERS, *COUPLINGS)[seed]
        transition = SemanticIncrement() if seed % 2 else NoTransition()
        first = random_problem(rng, kind, tmp_path, ragged=seed % 2 == 1)
        first = replace(first, scorer=scorer, transition=transition)
        count, dim = len(first.rows), first.vectors.shape[1]
        problems = [replace(first, excluded=np.arange(count))]
        for number in range(30):
            vectors = draw(rng, kind, int(rng.integers(1, 4)), dim)
            other = captions(
                first.sets,  # type: ignore[arg-type]
                vectors,
                scorer,
                rows=first.rows,
                transition=transition if number % 3 else SemanticIncrement(gain=0.5),
                reference_vectors=draw(rng, kind, 2, dim) if number % 2 else None,
                excluded=rng.integers(0, count, int(rng.integers(0, 3))),
            )
            problems.append(other)
        k = some_k(rng, count)
        calls: list[tuple[int, int]] = []
        rankings = small().solve_many(problems, k, progress=lambda *done: calls.append(done))  # noqa: B023
        assert calls == [(number, 31) for number in range(1, 32)]
        assert len(rankings[0].rows) == 0
        for ranking, problem in zip(rankings[1:], problems[1:], strict=True):
            assert_same(ranking, Exhaustive().solve(problem, k))
            assert not np.isin(ranking.rows, problem.excluded).any()  # type: ignore[arg-type]


def test_few_sets_are_scored_where_the_bounds_are_tight(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    matrix = pack(draw(rng, "smooth", 6000, 24), np.full(2000, 3), tmp_path)
    vectors = draw(rng, "smooth", 4, 24)
    for scorer in SCORERS:
        problem = captions(matrix, vectors, scorer)
        ranking = small().solve(problem, 5)
        assert_same(ranking, Exhaustive().solve(problem, 5))
        assert ranking.scored < 2000 * (0.6 if scorer == ConditionalTransport(0.3) else 0.1)


class CountingChamfer(Chamfer):
    """Chamfer that notes how many sets it scores at a time."""

    __slots__ = ("batches",)

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "batches", [])

    def score_similarities(self, similarities: Any, p: Any = None, q: Any = None) -> Any:
        self.batches.append(len(similarities))  # type: ignore[attr-defined]
        return super().score_similarities(similarities, p, q)


def test_bounds_that_say_nothing_end_in_scoring_everything(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    matrix = pack(draw(rng, "close", 900, 16), np.full(300, 3), tmp_path)
    scorer = CountingChamfer()
    problem = captions(matrix, draw(rng, "close", 3, 16), scorer)
    ranking = small().solve(problem, 2)
    batches = list(scorer.batches)  # type: ignore[attr-defined]
    assert_same(ranking, Exhaustive().solve(problem, 2))
    assert (ranking.bounded, ranking.scored) == (300, 300)
    everything = batches.index(300)
    assert sum(batches[:everything]) < 60  # it gave up after a few, then scored all in one go


class Foreign:
    """A scorer that says nothing of bounds."""

    name = "foreign"

    def score_similarities(self, s: Any, p: Any = None, q: Any = None) -> np.ndarray:
        return np.asarray(s).min(axis=(-1, -2))


def test_what_cannot_be_bounded_is_scored(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    matrix = pack(draw(rng, "smooth", 60, 8), np.full(20, 3), tmp_path)
    foreign: Any = Foreign()
    assert not isinstance(foreign, BoundedScorer)
    no_lengths = replace(matrix, lengths=None)
    vectors = draw(rng, "smooth", 2, 8)
    term = ScoreTerms((ScoreTerm("desired", draw(rng, "smooth", 1, 8), None, foreign, 0.5),))
    for problem in (
        captions(matrix, vectors, foreign),
        captions(matrix, vectors, terms=term),
        captions(no_lengths, vectors, MeanPooling()),
    ):
        ranking = small().solve(problem, 3)
        assert_same(ranking, Exhaustive().solve(problem, 3))
        assert (ranking.bounded, ranking.scored) == (0, 20)
    assert small().solve(captions(matrix, vectors), 0).rows.tolist() == []


@pytest.mark.parametrize("transition", [NoTransition(), SemanticIncrement()])
def test_vectors_that_are_not_finite_are_never_passed_over(tmp_path: Path, transition: Any) -> None:
    rng = np.random.default_rng(3)
    vectors = draw(rng, "smooth", 300, 8)
    vectors[150, 3] = np.nan
    for scratch in (tmp_path, None):
        problem = captions(
            pack(vectors, np.full(100, 3), scratch),
            draw(rng, "smooth", 2, 8),
            transition=transition,
            reference_vectors=draw(rng, "smooth", 2, 8),
        )
        with pytest.raises(VectorError, match="NaN"):
            small().solve(problem, 2)


@pytest.mark.parametrize("way", WAYS)
def test_a_scan_on_one_core_is_that_on_many_without_a_thread(
    way: str, scanner: Scanner, scratch: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(6)
    matrix = pack(draw(rng, "smooth", 900, 8), np.full(300, 3), scratch)
    problem = captions(matrix, draw(rng, "smooth", 2, 8), ConditionalTransport())
    bound = ConditionalTransport().set_bound()
    ways: list[np.ndarray] = []
    for cores in (3, 1):
        some = set(range(cores))
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, some=some: some, raising=False)
        if cores == 1:
            monkeypatch.setattr(threading.Thread, "start", None)
        ways.append(scanner.scan(matrix, problem.rows, problem.caption_sets(), bound))
        assert_same(small(scanner).solve(problem, 5), Exhaustive().solve(problem, 5))
    np.testing.assert_allclose(ways[0], ways[1], atol=1e-6)


@pytest.mark.parametrize("way", WAYS)
def test_the_largest_sums_do_not_wrap(way: str, scanner: Scanner, scratch: Path | None) -> None:
    """All codes and all captions at their extremes, where 16 or 32 bits would overflow first."""
    for dim in (2, 512, 4096):
        vectors = unit(np.ones((6, dim)) * np.array([1, -1, 1, -1, 1, -1])[:, None])
        matrix = pack(vectors, np.full(3, 2), scratch)
        for scorer in (Chamfer(), ConditionalTransport()):
            problem = captions(matrix, vectors[:2], scorer)
            assert_same(small(scanner).solve(problem, 3), Exhaustive().solve(problem, 3))
            bounds = scanner.scan(matrix, problem.rows, problem.caption_sets(), scorer.set_bound())
            assert np.abs(bounds - 2.0).max() < 0.05


class Interrupted:
    """Codes whose third block is interrupted."""

    def __init__(self, codes: PackedCodes) -> None:
        self.codes, self.scales, self.centre = codes.codes, codes.scales, codes.centre
        self._errors, self._reads = codes.errors, 0

    @property
    def errors(self) -> np.ndarray:
        self._reads += 1
        if self._reads == 3:
            raise KeyboardInterrupt
        return self._errors


def test_an_interrupt_leaves_no_thread_behind(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    matrix = pack(draw(rng, "smooth", 3000, 8), np.full(1000, 3), tmp_path)
    codes: Any = Interrupted(matrix.codes)  # type: ignore[arg-type]
    problem: RankingProblem = captions(replace(matrix, codes=codes), draw(rng, "smooth", 2, 8))
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        small().solve(problem, 5)
    assert not [t for t in threading.enumerate() if t.name.startswith("scan")]
    assert sorted(path.name for path in tmp_path.iterdir()) == before

"""Bounds bound, and the ranking by bounds is the ranking of everything."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stitch_cir.errors import VectorError
from stitch_cir.search import Ranking, rank_many
from stitch_cir.search import _bounded as bounded
from stitch_cir.search import _fused as fused
from stitch_cir.search import _scan as scanning
from stitch_cir.search._bounded import rank_by_bounds
from stitch_cir.search._rank import _score_set, rank
from stitch_cir.search._scan import scan
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
from tests.search.galleries import KINDS, ask, draw, pack, problem, unit

SCORERS = (
    ConditionalTransport(),
    ConditionalTransport(0.03),
    ConditionalTransport(0.3),
    ConditionalTransport(30.0),
    Chamfer(),
    MeanPooling(),
    PointToPoint(),
)
COUPLINGS = (Sinkhorn(0.05, max_iterations=40), ExactTransport())


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small galleries are bounded too, a few sets at a time."""
    monkeypatch.setattr(bounded, "WORTH_BOUNDING", 0)
    monkeypatch.setattr(bounded, "FIRST", 4)
    monkeypatch.setattr(bounded, "WORTH_IF_COSTLY", 0)
    monkeypatch.setattr(scanning, "VIEWS", 64)
    monkeypatch.setattr(fused, "PATIENCE", 1 << 60)


WAYS = ("float32", "eight bits", "compiled")


@pytest.fixture
def scratch(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path | None:
    """Where a gallery's codes go, or none; the way decides how the gallery is scanned."""
    if way == "compiled":
        pytest.importorskip("numba", reason="the extra fast is not installed")
        monkeypatch.setattr(fused, "PATIENCE", 0)
    return None if way == "float32" else tmp_path


def same(one: Ranking, rows: np.ndarray, scores: np.ndarray) -> None:
    assert one.rows.tolist() == rows.tolist()
    assert one.scores.tolist() == scores.tolist()


def some_k(rng: np.random.Generator, count: int) -> int:
    return int(rng.choice([1, min(3, count), min(10, count), count]))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_bounds_hold_from_above_and_below(kind: str, scratch: Path | None) -> None:
    for seed in range(12):
        rng = np.random.default_rng((seed, 7))
        matrix, query = problem(rng, kind, scratch, ragged=seed % 2 == 1)
        rows = np.arange(len(matrix.ids))
        many = [query, *[replace(query, vectors=query.vectors[::-1].copy())] * 8]
        for scorer in (*SCORERS, *COUPLINGS):
            true = _score_set(matrix, rows, query.vectors, query.weights, scorer, np.float64)
            bound = scorer.set_bound()
            # nine queries go the other way through the code than one
            for asked in ([query], many):
                assert (scan(matrix, rows, asked, bound)[0] >= true).all()
                if bound.two_sided:
                    assert (scan(matrix, rows, asked, bound, lower=True)[0] <= true).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_ranking_is_that_of_everything(kind: str, scratch: Path | None) -> None:
    for seed in range(12):
        rng = np.random.default_rng((seed, 8))
        matrix, query = problem(rng, kind, scratch, ragged=seed % 2 == 1)
        count = len(matrix.ids)
        rows = np.flatnonzero(rng.random(count) < rng.choice([0.3, 0.9, 1.0]))
        rows = rows if len(rows) else np.arange(count)
        for scorer in SCORERS if seed % 5 else (*SCORERS, *COUPLINGS):
            k = some_k(rng, len(rows))
            for transition in (NoTransition(), SemanticIncrement()):
                expected = rank(matrix, rows, query, scorer, transition, k)
                found = rank_by_bounds(matrix, rows, query, scorer, transition, k)
                same(found, *expected)
                two_sided = scorer.set_bound().two_sided or transition.name == "none"
                assert found.bounded == (len(rows) if two_sided else 0)
                assert k <= found.scored <= len(rows)


@pytest.mark.parametrize("kind", KINDS)
def test_many_queries_are_ranked_as_each_alone(kind: str, tmp_path: Path) -> None:
    for seed in range(8):
        rng = np.random.default_rng((seed, 9))
        matrix, query = problem(rng, kind, tmp_path, ragged=seed % 2 == 1)
        count, dim = len(matrix.ids), matrix.vectors.shape[1]
        queries = [query] + [ask(draw(rng, kind, int(rng.integers(1, 4)), dim)) for _ in range(30)]
        left_out = [rng.integers(0, count, int(rng.integers(0, 3))) for _ in queries]
        left_out[0] = np.arange(count)
        scorer = (*SCORERS, *COUPLINGS)[seed]
        k = some_k(rng, count)
        told: list[tuple[int, int]] = []
        found = rank_many(
            matrix,
            queries,
            scorer,
            SemanticIncrement() if seed % 2 else NoTransition(),
            k,
            exclude=left_out,
            progress=lambda done, total, told=told: told.append((done, total)),  # type: ignore[misc]
        )
        assert told == [(number, 31) for number in range(1, 32)]
        assert len(found[0].rows) == 0
        for one, asked, out in zip(found[1:], queries[1:], left_out[1:], strict=True):
            rows = np.setdiff1d(np.arange(count), out)
            if len(rows):
                same(one, *rank(matrix, rows, asked, scorer, NoTransition(), k))


def test_few_sets_are_scored_where_the_bounds_are_tight(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    matrix = pack(draw(rng, "smooth", 6000, 24), np.full(2000, 3), tmp_path)
    query = ask(draw(rng, "smooth", 4, 24))
    rows = np.arange(2000)
    for scorer in SCORERS:
        found = rank_by_bounds(matrix, rows, query, scorer, NoTransition(), 5)
        same(found, *rank(matrix, rows, query, scorer, NoTransition(), 5))
        assert found.scored < 2000 * (0.6 if scorer == ConditionalTransport(0.3) else 0.1)


def test_bounds_that_say_nothing_end_in_scoring_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    matrix = pack(draw(rng, "close", 900, 16), np.full(300, 3), tmp_path)
    query = ask(draw(rng, "close", 3, 16))
    rows = np.arange(300)
    asked: list[int] = []
    original = bounded.score_rows

    def count(matrix: Any, rows: np.ndarray, *rest: Any) -> np.ndarray:
        asked.append(len(rows))
        return original(matrix, rows, *rest)

    monkeypatch.setattr(bounded, "score_rows", count)
    found = rank_by_bounds(matrix, rows, query, Chamfer(), NoTransition(), 2)
    same(found, *rank(matrix, rows, query, Chamfer(), NoTransition(), 2))
    assert (found.bounded, found.scored) == (300, 300)
    assert sum(asked) < 60  # it gave up after a few, then scored all in one go


def test_a_scorer_that_says_nothing_of_bounds_is_computed_for_all(tmp_path: Path) -> None:
    class Foreign:
        name = "foreign"

        def score_similarities(self, s: Any, p: Any = None, q: Any = None) -> np.ndarray:
            return np.asarray(s).min(axis=(-1, -2))

    rng = np.random.default_rng(2)
    matrix = pack(draw(rng, "smooth", 60, 8), np.full(20, 3), tmp_path)
    query, rows = ask(draw(rng, "smooth", 2, 8)), np.arange(20)
    foreign: Any = Foreign()
    assert not isinstance(foreign, BoundedScorer)
    found = rank_by_bounds(matrix, rows, query, foreign, NoTransition(), 3)
    same(found, *rank(matrix, rows, query, foreign, NoTransition(), 3))
    assert (found.bounded, found.scored) == (0, 20)


@pytest.mark.parametrize("transition", [NoTransition(), SemanticIncrement()])
def test_vectors_that_are_no_numbers_are_never_passed_over(tmp_path: Path, transition: Any) -> None:
    rng = np.random.default_rng(3)
    vectors = draw(rng, "smooth", 300, 8)
    vectors[150, 3] = np.nan
    for scratch in (tmp_path, None):
        matrix = pack(vectors, np.full(100, 3), scratch)
        query = ask(draw(rng, "smooth", 2, 8), before=draw(rng, "smooth", 2, 8))
        with pytest.raises(VectorError, match="NaN"):
            rank_by_bounds(matrix, np.arange(100), query, Chamfer(), transition, 2)


@pytest.mark.parametrize("way", WAYS)
def test_the_largest_sums_do_not_wrap(scratch: Path | None) -> None:
    """All codes and all captions at their extremes, where 16 or 32 bits would overflow first."""
    for dim in (2, 512, 4096):
        vectors = unit(np.ones((6, dim)) * np.array([1, -1, 1, -1, 1, -1])[:, None])
        matrix = pack(vectors, np.full(3, 2), scratch)
        query = ask(vectors[:2])
        for scorer in (Chamfer(), ConditionalTransport()):
            found = rank_by_bounds(matrix, np.arange(3), query, scorer, NoTransition(), 3)
            same(found, *rank(matrix, np.arange(3), query, scorer, NoTransition(), 3))
            bounds = scan(matrix, np.arange(3), [query], scorer.set_bound())
            assert np.abs(bounds - 2.0).max() < 0.05


def test_compiling_waits_until_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "PATIENCE", 3)
    monkeypatch.setattr(fused, "_scans", itertools.count())
    monkeypatch.setattr(fused, "_compiled", lambda: "compiled")
    assert [fused.fused_loop() for _ in range(5)] == [None, None, None, "compiled", "compiled"]


def test_without_the_compiler_the_scan_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    fused._compiled.cache_clear()
    assert fused._compiled() is None
    fused._compiled.cache_clear()


def test_an_interrupt_leaves_no_thread_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(4)
    matrix = pack(draw(rng, "smooth", 3000, 8), np.full(1000, 3), tmp_path)
    original: Callable[..., np.ndarray] = scanning.member_bounds
    calls: list[int] = []

    def interrupt(*args: Any) -> np.ndarray:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*args)

    before = sorted(path.name for path in tmp_path.iterdir())
    monkeypatch.setattr(scanning, "member_bounds", interrupt)
    with pytest.raises(KeyboardInterrupt):
        rank_by_bounds(
            matrix, np.arange(1000), ask(draw(rng, "smooth", 2, 8)), Chamfer(), NoTransition(), 5
        )
    assert not [t for t in threading.enumerate() if t.name.startswith("scan")]
    assert sorted(path.name for path in tmp_path.iterdir()) == before

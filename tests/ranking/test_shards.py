"""Shards that are ranked one by one and merged rank as the whole does, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from stitch_cir.gallery import ViewMatrix
from stitch_cir.ranking import (
    Exhaustive,
    HubnessBank,
    RankingProblem,
    ShardRanking,
    Solver,
    bank_images,
    count_all,
    count_before,
    count_in_shard,
    find_short,
    hubness,
    hubness_against,
    keep_keys,
    merge,
    nearest_in_shard,
    rank_shard,
)
from stitch_cir.transition import NoTransition, SemanticIncrement
from stitch_cir.transport import Scorer
from tests.ranking.galleries import KINDS, captions, draw, pack, random_problem
from tests.ranking.test_bounds import COUPLINGS, SCORERS, small
from tests.ranking.test_terms import with_roles

SOLVERS: tuple[Solver, ...] = (Exhaustive(), small())


@dataclass(frozen=True)
class Shard:
    """Some sets of a gallery: the same problem about them, and what they are called."""

    problem: RankingProblem
    keys: list[int]
    """Their row numbers in the whole."""


def take(matrix: ViewMatrix, rows: np.ndarray, scratch: Path | None) -> ViewMatrix:
    """The gallery of some sets; its codes are made anew, around a centre of its own."""
    sizes = matrix.offsets[rows + 1] - matrix.offsets[rows]
    views = np.concatenate([np.arange(*matrix.offsets[row : row + 2]) for row in rows])
    part = pack(np.ascontiguousarray(matrix.vectors[views]), sizes, scratch)
    return replace(part, means=matrix.means[rows])


def split(rng: np.random.Generator, problem: RankingProblem, scratch: Path | None) -> list[Shard]:
    """Deal the sets out to one to five shards at random."""
    assert isinstance(problem.sets, ViewMatrix)
    count = len(problem.sets.ids)
    deal = rng.integers(0, rng.integers(1, 6), count)
    shards = []
    for number in np.unique(deal):
        rows = np.flatnonzero(deal == number)
        folder = None if scratch is None else scratch / f"shard-{number}"
        if folder is not None:
            folder.mkdir()
        part = replace(
            problem,
            sets=take(problem.sets, rows, folder),
            rows=np.flatnonzero(np.isin(rows, problem.rows)),
            penalty=None if problem.penalty is None else problem.penalty[rows],
            groups=None if problem.groups is None else problem.groups[rows],
            excluded=None
            if problem.excluded is None
            else np.flatnonzero(np.isin(rows, problem.excluded)),
        )
        shards.append(Shard(part, rows.tolist()))
    return shards


def whole_problem(
    rng: np.random.Generator, seed: int, tmp_path: Path
) -> tuple[RankingProblem, Path | None]:
    """A random gallery, half of the time with filters, exclusions or groups, often with copies."""
    scratch = tmp_path if seed % 3 else None
    problem = random_problem(rng, KINDS[seed % len(KINDS)], scratch, ragged=seed % 2 == 0)
    count = len(problem.rows)
    if seed % 5 == 0:
        problem = with_roles(rng, problem, KINDS[seed % len(KINDS)], 0.03)
    return replace(
        problem,
        transition=SemanticIncrement() if seed % 4 == 0 else NoTransition(),
        rows=problem.rows if rng.random() < 0.5 else np.flatnonzero(rng.random(count) < 0.6),
        excluded=rng.choice(count, count // 4, replace=False) if rng.random() < 0.5 else None,
        groups=rng.integers(0, max(1, count // 3), count) if rng.random() < 0.4 else None,
    ), scratch


@pytest.mark.parametrize("seed", range(60))
def test_split_and_merged_is_the_whole(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng((seed, 30))
    problem, scratch = whole_problem(rng, seed, tmp_path)
    shards = split(rng, problem, scratch)
    k = int(rng.choice([0, 1, 3, 10, 100]))
    scorers = (*SCORERS, *COUPLINGS) if seed % 10 == 0 else (SCORERS[seed % len(SCORERS)],)
    for scorer in scorers:
        expected = Exhaustive().solve(replace(problem, scorer=scorer), k)
        for solver in SOLVERS:
            parts = [
                rank_shard(replace(shard.problem, scorer=scorer), k, shard.keys, solver=solver)
                for shard in shards
            ]
            merged = merge(parts, k)
            assert list(merged.keys) == expected.rows.tolist()
            assert list(merged.scores) == expected.scores.tolist()
    units = count_all([count_in_shard(shard.problem) for shard in shards])
    assert len(merged.keys) == min(k, units)
    assert merged.complete == (k >= units)


@pytest.mark.parametrize("seed", range(20))
def test_shards_that_return_few_are_ranked_deeper_only_where_it_matters(
    seed: int, tmp_path: Path
) -> None:
    rng = np.random.default_rng((seed, 31))
    problem, scratch = whole_problem(rng, seed, tmp_path)
    shards, k = split(rng, problem, scratch), int(rng.integers(1, 12))
    parts = [rank_shard(shard.problem, 1, shard.keys) for shard in shards]
    rounds = 0
    while short := find_short(parts, k):
        with pytest.raises(ValueError, match="too few"):
            merge(parts, k)
        for number in short:
            deeper = len(parts[number].keys) + 1
            parts[number] = rank_shard(shards[number].problem, deeper, shards[number].keys)
        rounds += 1
    expected = Exhaustive().solve(problem, k)
    assert list(merge(parts, k).keys) == expected.rows.tolist()
    assert rounds <= k


def test_identical_sets_on_both_sides_of_the_cut_are_in_the_order_of_their_keys() -> None:
    same = random_problem(np.random.default_rng(3), "one", None, ragged=False)
    shards = [
        rank_shard(replace(same, rows=same.rows[:2], penalty=None), 2, list(keys))
        for keys in (range(1, 200, 2), range(0, 200, 2))
    ]
    assert merge(shards, 3).keys == (0, 1, 2)
    assert merge(shards[::-1], 3) == merge(shards, 3)


def test_groups_have_names_in_every_shard_and_sets_without_stand_for_themselves() -> None:
    parts = [
        ShardRanking((1, 4, 7), (0.9, 0.5, 0.5), ("red", None, "blue")),
        ShardRanking((2, 3, 5), (0.9, 0.7, 0.5), ("red", "blue", None)),
    ]
    merged = merge(parts, 10)
    assert merged.keys == (1, 3, 4, 5)
    assert merged.groups == ("red", "blue", None, None)
    assert merge([merged], 2).keys == (1, 3)
    assert not merge([merged], 2).complete


def test_labels_of_a_shard_are_turned_into_the_names_of_its_groups() -> None:
    problem = random_problem(np.random.default_rng(5), "smooth", None, ragged=True)
    labels = np.minimum(np.arange(len(problem.rows)), 3)
    names = ("red", None, "blue", "red")
    problem = replace(problem, groups=labels)
    part = rank_shard(problem, len(labels), problem.rows.tolist(), group_keys=names)
    assert part.groups == tuple(names[labels[key]] for key in part.keys)
    units = count_in_shard(problem, group_keys=names)
    assert units.count == 1
    assert units.groups == frozenset({"red", "blue"})
    assert count_all([units, units]) == 4


@pytest.mark.parametrize("seed", range(20))
def test_a_shortlist_and_a_place_take_two_rounds(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng((seed, 32))
    problem, scratch = whole_problem(rng, seed, tmp_path)
    problem = replace(problem, groups=None)
    shards = split(rng, problem, scratch)
    short = int(rng.integers(1, 20))
    nearest = merge([nearest_in_shard(s.problem, short, s.keys) for s in shards], short)
    assert sorted(nearest.keys) == problem.shortlisted(short).candidates.tolist()
    parts = [
        rank_shard(keep_keys(s.problem, s.keys, nearest.keys), 5, s.keys, solver=small())
        for s in shards
    ]
    expected = Exhaustive().solve(problem.shortlisted(short), 5)
    assert list(merge(parts, 5).keys) == expected.rows.tolist()
    everything = Exhaustive().solve(problem, len(problem.rows))
    pairs = zip(everything.rows.tolist(), everything.scores.tolist(), strict=True)
    for before, (row, score) in enumerate(pairs):
        assert sum(count_before(s.problem, score, row, s.keys) for s in shards) == before


@pytest.mark.parametrize("scorer", [*SCORERS, *COUPLINGS], ids=str)
def test_hubness_of_shards_is_that_of_the_whole(scorer: Scorer) -> None:
    rng = np.random.default_rng(33)
    sizes = rng.integers(1, 5, 90)
    matrix = pack(draw(rng, "smooth", int(sizes.sum()), 64), sizes, None)
    images = bank_images(sizes, bank=40)
    shards = split(rng, captions(matrix, draw(rng, "smooth", 1, 64)), None)
    assert min(len(shard.keys) for shard in shards) > 1 < len(shards)
    banks = []
    for shard in shards:
        rows = np.flatnonzero(np.isin(shard.keys, images))
        banks.append(HubnessBank.of(shard.problem.sets, rows, np.asarray(shard.keys)[rows]))
    bank = HubnessBank.joined(banks)
    expected = hubness(matrix, scorer, 20, bank=40)
    for shard in shards:
        numbers = np.asarray(shard.keys)
        part = hubness_against(bank, shard.problem.sets, numbers, scorer, 20)
        np.testing.assert_array_equal(part, expected[numbers])

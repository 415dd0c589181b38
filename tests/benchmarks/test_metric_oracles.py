"""Metrics against ir-measures (trec_eval's own code), wherever the definitions agree.

trec_eval divides average precision at K by |G|, CIRCO by min(|G|, K): they are equal for |G| ≤ K and
differ by that factor beyond. R@K and Rs@K of one target are trec_eval's success at K.
"""

from __future__ import annotations

import ir_measures
import numpy as np
import pytest
from ir_measures import AP, Success

from stitch_cir.datasets import average_precision, recall, subset_recall

DEPTHS = (1, 5, 10, 25, 50)
QUERIES = 60


def rankings(seed: int) -> dict[str, list[str]]:
    """Random rankings of different lengths, 3 to 80 of 100 images."""
    random = np.random.default_rng(seed)
    return {
        str(query): [f"d{n:03d}" for n in random.permutation(100)[: random.integers(3, 81)]]
        for query in range(QUERIES)
    }


def truths(seed: int, most: int) -> dict[str, set[str]]:
    random = np.random.default_rng(seed)
    return {
        str(query): {f"d{n:03d}" for n in random.permutation(100)[: random.integers(1, most + 1)]}
        for query in range(QUERIES)
    }


def oracle(measure, truth: dict[str, set[str]], ranked: dict[str, list[str]]) -> dict[str, float]:  # type: ignore[no-untyped-def]
    qrels = {query: dict.fromkeys(answers, 1) for query, answers in truth.items()}
    run = {
        query: {id: float(len(ids) - rank) for rank, id in enumerate(ids)}
        for query, ids in ranked.items()
    }
    values = {
        measured.query_id: measured.value
        for measured in ir_measures.iter_calc([measure], qrels, run)
    }
    assert set(values) == set(truth)
    return values


@pytest.mark.parametrize("k", DEPTHS)
def test_average_precision_equals_trec_eval_up_to_the_divisor(k: int) -> None:
    ranked, truth = rankings(1), truths(2, most=30)
    expected = oracle(AP @ k, truth, ranked)
    for query, answers in truth.items():
        factor = len(answers) / min(len(answers), k)
        value = average_precision(ranked[query], answers, k)
        assert value == pytest.approx(expected[query] * factor, abs=1e-6)
    assert any(expected.values())
    assert any(len(answers) > k for answers in truth.values()) == (k < 30)


@pytest.mark.parametrize("k", DEPTHS)
def test_recall_is_success_with_one_right_answer(k: int) -> None:
    ranked, truth = rankings(3), truths(4, most=1)
    expected = oracle(Success @ k, truth, ranked)
    values = {
        query: recall(ranked[query], next(iter(answers)), k) for query, answers in truth.items()
    }
    assert values == expected


@pytest.mark.parametrize("k", [1, 2, 3])
def test_subset_recall_is_success_within_the_subset(k: int) -> None:
    ranked, truth = rankings(5), truths(6, most=1)
    random = np.random.default_rng(7)
    groups = {
        query: {*target, *(f"d{n:03d}" for n in random.permutation(100)[:5])}
        for query, target in truth.items()
    }
    struck = {
        query: [id for id in ids if id in groups[query]] or ["none"]
        for query, ids in ranked.items()
    }
    expected = oracle(Success @ k, truth, struck)
    values = {
        query: subset_recall(ranked[query], next(iter(answers)), groups[query], k)
        for query, answers in truth.items()
    }
    assert values == expected
    assert 0 < sum(values.values()) < QUERIES

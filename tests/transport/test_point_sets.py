"""Sets of vectors, and the front door that scores them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stitch_cir.errors import SettingError, VectorError
from stitch_cir.transport import (
    Chamfer,
    ConditionalTransport,
    PointSets,
    Scorer,
    score_sets,
    transport_plan,
)
from tests.transport.transport_problems import LAW, SCORERS, SEEDS, unit_rows

EVERY = pytest.mark.parametrize("scorer", SCORERS, ids=lambda scorer: repr(scorer)[:32])


def marginals(sets: PointSets) -> np.ndarray:
    weights = sets.marginals()
    assert weights is not None
    return weights


def ragged(rng: np.random.Generator, count: int, dim: int = 8) -> list[np.ndarray]:
    return [unit_rows(rng, int(rng.integers(1, 6)), dim) for _ in range(count)]


@given(seed=SEEDS, block=st.sampled_from([None, 1, 2, 100]), weighted=st.booleans())
@LAW
def test_scores_of_sets_equal_a_loop(seed: int, block: int | None, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    query_sets, view_sets = ragged(rng, 3), ragged(rng, 5)
    weights = [rng.uniform(0.1, 1, len(views)) for views in view_sets] if weighted else None
    queries, gallery = PointSets.pack(query_sets), PointSets.pack(view_sets, weights)
    for scorer in (ConditionalTransport(0.05), Chamfer()):
        scores = score_sets(queries, gallery, scorer, block=block)
        assert scores.dtype == np.float32
        assert scores.shape == (3, 5)
        for i, query in enumerate(query_sets):
            for j, views in enumerate(view_sets):
                alone = scorer.score_similarities(query @ views.T, None, weights and weights[j])
                assert scores[i, j] == pytest.approx(float(alone), abs=1e-5)


@EVERY
def test_every_scorer_goes_through_the_front_door(scorer: Scorer) -> None:
    rng = np.random.default_rng(0)
    queries, gallery = PointSets.pack(ragged(rng, 4)), PointSets.pack(ragged(rng, 4))
    scores = score_sets(queries, gallery, scorer)
    plan = transport_plan(queries, gallery, scorer)
    np.testing.assert_allclose(plan.score, np.diag(scores), atol=1e-4)
    single = transport_plan(queries.part(2, 3), gallery, scorer)
    np.testing.assert_allclose(single.score, scores[2], atol=1e-4)
    pair = transport_plan(queries.part(2, 3), gallery.part(1, 2), scorer)
    assert pair.score.shape == ()
    assert pair.score == pytest.approx(scores[2, 1], abs=1e-4)


def test_many_queries_share_passes_over_the_gallery() -> None:
    rng = np.random.default_rng(1)
    queries = PointSets(unit_rows(rng, 300, 3, 4), rng.uniform(0.1, 1, (300, 3)))  # type: ignore[arg-type]
    gallery = PointSets(unit_rows(rng, 7, 2, 4))
    scores = score_sets(queries, gallery)
    single = np.stack([score_sets(queries.part(i, i + 1), gallery)[0] for i in range(300)])
    np.testing.assert_allclose(scores, single, atol=1e-5)


def test_packing_pads_and_masks() -> None:
    rng = np.random.default_rng(2)
    sets = PointSets.pack([unit_rows(rng, 1, 4), unit_rows(rng, 3, 4)])
    assert (len(sets), sets.size, sets.dim) == (2, 3, 4)
    assert sets.mask is not None
    assert sets.mask.tolist() == [[True, False, False], [True, True, True]]
    assert np.array_equal(marginals(sets), [[1, 0, 0], [1, 1, 1]])
    assert PointSets.pack([unit_rows(rng, 2, 4)]).marginals() is None


def test_weights_are_normalised_and_zero_is_absent() -> None:
    rng = np.random.default_rng(3)
    vectors = unit_rows(rng, 2, 3, 4)
    vectors[0, 1] = 0  # no unit vector, but absent
    sets = PointSets(vectors, np.array([[3.0, 0.0, 1.0], [1e300, 1e300, 0.0]]))
    np.testing.assert_allclose(marginals(sets), [[0.75, 0, 0.25], [0.5, 0.5, 0]])
    assert sets.mask is not None
    assert sets.mask.tolist() == [[True, False, True], [True, True, False]]


def test_packing_keeps_weights_beside_even_sets() -> None:
    rng = np.random.default_rng(4)
    sets = PointSets.pack([unit_rows(rng, 2, 4), unit_rows(rng, 1, 4)], [[1.0, 3.0], None])
    np.testing.assert_allclose(marginals(sets), [[0.25, 0.75], [1, 0]])  # type: ignore[arg-type]


def test_trusted_sets_are_not_read() -> None:
    vectors = np.full((2, 3, 4), np.nan, dtype=np.float32)
    mask = np.array([[True, True, False]] * 2)
    sets = PointSets.trusted(vectors, np.full((2, 3), 0.5, np.float32), mask)
    assert sets.vectors is vectors
    assert np.array_equal(marginals(sets), [[0.5, 0.5, 0.0]] * 2)
    with pytest.raises(VectorError, match="NaN or infinity"), np.errstate(invalid="ignore"):
        score_sets(sets, sets)


UNIT = unit_rows(np.random.default_rng(5), 2, 3, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PointSets(UNIT[0]), "shape"),
        (lambda: PointSets(UNIT[:, :0]), "shape"),
        (lambda: PointSets(np.array([[["a"]]])), "type"),
        (lambda: PointSets(UNIT * 1.01), "has length 1.01"),  # type: ignore[arg-type]
        (lambda: PointSets(UNIT * np.nan), "Vector 0 of set 0 holds NaN"),  # type: ignore[arg-type]
        (lambda: PointSets(UNIT, mask=np.zeros((2, 3), bool)), "no present member"),
        (lambda: PointSets(UNIT, mask=np.ones((2, 3))), "mask"),  # type: ignore[arg-type]
        (lambda: PointSets(UNIT, mask=np.ones((3, 2), bool)), "mask"),
        (lambda: PointSets(UNIT, np.ones((3, 2))), "Weights have shape"),  # type: ignore[arg-type]
        (lambda: PointSets(UNIT, np.array([[1, 1, 1], [1, -1, 1]])), "member 1 of set 1 is -1"),
        (lambda: PointSets(UNIT, np.full((2, 3), np.nan)), "is nan"),
        (lambda: PointSets(UNIT, np.array([[1, 1, 1], [0, 0, 0]])), "Set 1 has no present"),
        (lambda: PointSets.pack([]), "pack"),
        (lambda: PointSets.pack([UNIT[0], UNIT[0, :0]]), "pack"),
        (lambda: PointSets.pack([UNIT[0], np.ones((1, 1))]), "dimensions"),
        (lambda: PointSets.pack([UNIT[0]], [None, None]), "2 arrays of weights"),
        (lambda: PointSets.pack([UNIT[0]], [[1.0]]), "3 members"),
        (lambda: score_sets(PointSets(UNIT), PointSets(np.ones((1, 1, 1)))), "dimensions"),  # type: ignore[arg-type]
        (lambda: transport_plan(PointSets(UNIT), PointSets(UNIT[[0, 0, 1]])), "paired"),
    ],
)
def test_unusable_sets_are_refused(make: object, message: str) -> None:
    with pytest.raises(VectorError, match=message):
        make()  # type: ignore[operator]


def test_a_bad_block_is_refused_by_name() -> None:
    with pytest.raises(SettingError, match="block is 0"):
        score_sets(PointSets(UNIT), PointSets(UNIT), block=0)

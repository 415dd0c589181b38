"""Laws that hold for all scorers, or tie one to another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stitch_cir.transport import (
    Chamfer,
    ConditionalTransport,
    MeanPooling,
    PointToPoint,
    Scorer,
)
from tests.transport.transport_problems import (
    KEEPING_MARGINALS,
    KINDS,
    LAW,
    RHOS,
    SCORERS,
    SEEDS,
    Problem,
    batches,
    problems,
    similarities,
    weights,
)

EVERY = pytest.mark.parametrize("scorer", SCORERS, ids=lambda scorer: repr(scorer)[:32])
COSINES = st.floats(-1, 1, allow_nan=False)


@given(cosine=COSINES)
@LAW
def test_one_against_one_is_twice_the_cosine(cosine: float) -> None:
    for scorer in SCORERS:
        score = scorer.score_similarities(np.array([[cosine]]), [3.0], [0.5])
        assert score == pytest.approx(2 * cosine, abs=1e-12)


@given(problem=problems())
@LAW
def test_scores_stay_in_range(problem: Problem) -> None:
    for scorer in SCORERS:
        assert -2 - 1e-9 <= problem.score(scorer) <= 2 + 1e-9


@given(problem=problems(), exponent=st.floats(-9, 3), rho=RHOS)
@LAW
def test_conditional_transport_closes_in_on_chamfer(
    problem: Problem, exponent: float, rho: float
) -> None:
    # a softmax weighted by w falls short of the maximum by at most τ log(1 / w of the maximum)
    tau = 10.0**exponent
    p, q = problem.full_p, problem.full_q
    room = 2 * (1 - rho) * np.log(1 / q[q > 0].min()) + 2 * rho * np.log(1 / p[p > 0].min())
    gap = problem.score(Chamfer(rho)) - problem.score(ConditionalTransport(tau, rho))
    assert 0 <= gap <= tau * room + 1e-12


@given(problem=problems(), rho=RHOS)
@LAW
def test_small_tau_is_chamfer_and_large_tau_is_mean_pooling(problem: Problem, rho: float) -> None:
    sharp, soft = ConditionalTransport(1e-8, rho), ConditionalTransport(1e8, rho)
    assert problem.score(sharp) == pytest.approx(problem.score(Chamfer(rho)), abs=1e-6)
    assert problem.score(soft) == pytest.approx(problem.score(MeanPooling()), abs=1e-6)


@given(problem=problems(), seed=SEEDS)
@LAW
def test_order_of_members_does_not_matter(problem: Problem, seed: int) -> None:
    rng = np.random.default_rng(seed)
    full = problem.weighted()
    rows, columns = (rng.permutation(size) for size in full.s.shape)
    for scorer in SCORERS:
        if isinstance(scorer, PointToPoint):  # its view 0 is the original, by definition
            columns = np.concatenate([[0], 1 + rng.permutation(full.s.shape[1] - 1)])
        shuffled = Problem(full.s[rows][:, columns], full.full_p[rows], full.full_q[columns])
        assert shuffled.score(scorer) == pytest.approx(full.score(scorer), abs=1e-5)


@given(problem=problems(), data=st.data())
@LAW
def test_splitting_a_member_in_two_halves_changes_nothing(
    problem: Problem, data: st.DataObject
) -> None:
    full = problem.weighted()
    k = data.draw(st.integers(0, full.s.shape[0] - 1))
    m = data.draw(st.integers(0, full.s.shape[1] - 1))
    p, q = full.full_p, full.full_q
    p, q = np.append(p, p[k] / 2), np.append(q, q[m] / 2)
    p[k] /= 2
    q[m] /= 2
    s = np.vstack([full.s, full.s[k]])
    twice = Problem(np.hstack([s, s[:, [m]]]), p, q)
    for scorer in SCORERS:
        assert twice.score(scorer) == pytest.approx(full.score(scorer), abs=1e-5)


@given(problem=problems(), garbage=st.sampled_from([0.0, 1.0, 9.0, np.nan, np.inf, -np.inf]))
@LAW
def test_absent_members_change_nothing(problem: Problem, garbage: float) -> None:
    full = problem.weighted()
    rows, columns = full.s.shape
    s = np.full((rows + 1, columns + 2), garbage)
    s[:rows, :columns] = full.s
    padded = Problem(s, np.append(full.full_p, 0.0), np.append(full.full_q, [0.0, 0.0]))
    for scorer in SCORERS:
        assert padded.score(scorer) == pytest.approx(full.score(scorer), abs=1e-9)
        plan, padded_plan = scorer.plan(full.s, full.p, full.q), scorer.plan(s, padded.p, padded.q)
        assert np.isfinite(padded_plan.joint).all()
        assert padded_plan.score == pytest.approx(float(plan.score), abs=1e-9)
        assert not padded_plan.joint[rows:].any()
        assert not padded_plan.joint[:, columns:].any()
        assert padded_plan.best_view() < columns


@given(seed=SEEDS)
@LAW
def test_a_mask_hides_members_even_if_all_others_are_negative(seed: int) -> None:
    # a masked similarity of 0 beats every true one unless the mask comes before the maximum
    s = np.random.default_rng(seed).uniform(-1, -0.1, (3, 4)).astype(np.float32)
    for scorer in SCORERS:
        expected = scorer.score_similarities(s[:2, :3])
        for hidden in (0.0, 0.9):
            padded = s.copy()
            padded[2:], padded[:, 3:] = hidden, hidden
            masked = scorer.score_similarities(padded, np.arange(3) < 2, np.arange(4) < 3)
            assert masked == pytest.approx(float(expected), abs=1e-6)
            assert masked < 0


@given(batch=batches())
@LAW
def test_a_batch_equals_a_loop_of_singles(batch: Problem) -> None:
    for scorer in SCORERS:
        scores = scorer.score_similarities(batch.s, batch.p, batch.q)
        plan = scorer.plan(batch.s, batch.p, batch.q)
        assert scores.shape == batch.s.shape[:1]
        for i, s in enumerate(batch.s):
            p = None if batch.p is None else batch.p[i]
            q = None if batch.q is None else batch.q[i]
            alone = scorer.plan(s, p, q)
            assert scores[i] == pytest.approx(float(scorer.score_similarities(s, p, q)), abs=1e-9)
            np.testing.assert_allclose(plan.forward[i], alone.forward, atol=1e-9)
            np.testing.assert_allclose(plan.pair(i).backward, alone.backward, atol=1e-9)


@given(problem=problems())
@LAW
def test_no_scorer_exceeds_its_bound_and_most_share_chamfer(problem: Problem) -> None:
    for scorer in SCORERS:
        bound = scorer.upper_bound(problem.s, problem.p, problem.q)  # type: ignore[attr-defined]
        assert problem.score(scorer) <= bound + 1e-9
    for scorer in KEEPING_MARGINALS:
        bound = scorer.set_bound()  # type: ignore[attr-defined]
        chamfer = problem.score(Chamfer(bound.rho))
        assert scorer.upper_bound(problem.s, problem.p, problem.q) == chamfer  # type: ignore[attr-defined]


@given(batch=batches(), exponent=st.floats(-6, 6), rho=st.floats(0, 1))
@LAW
def test_the_bound_of_conditional_transport_holds_after_rounding(
    batch: Problem, exponent: float, rho: float
) -> None:
    scorer = ConditionalTransport(10.0**exponent, rho)
    for dtype in (np.float32, np.float64):
        s = batch.s.astype(dtype)
        scores = scorer.score_similarities(s, batch.p, batch.q)
        assert scores.dtype == dtype
        assert (scores <= scorer.upper_bound(s, batch.p, batch.q)).all()


@given(batch=batches(), tau=st.sampled_from([0.001, 0.05, 1.0]), rho=st.floats(0, 1))
@LAW
def test_a_score_is_the_weighted_mean_of_its_two_directions(
    batch: Problem, tau: float, rho: float
) -> None:
    for make in (lambda rho: ConditionalTransport(tau, rho), Chamfer):
        captions, views, both = (
            make(each).score_similarities(batch.s, batch.p, batch.q) for each in (0.0, 1.0, rho)
        )
        np.testing.assert_allclose(both, (1 - rho) * captions + rho * views, atol=1e-12)


@given(batch=batches())
@LAW
def test_the_even_weight_changes_no_bit(batch: Problem) -> None:
    # ρ = ½ multiplies by exactly 1: the scores are those of the paper's sum of both directions
    for dtype in (np.float32, np.float64):
        s = batch.s.astype(dtype)
        # 2 p Σ and 2 q Σ, each rounded once and then halved, which is exact
        captions, views = (
            Chamfer(rho).score_similarities(s, batch.p, batch.q) / dtype(2) for rho in (0.0, 1.0)
        )
        assert (Chamfer().score_similarities(s, batch.p, batch.q) == captions + views).all()


def test_point_to_point_may_exceed_chamfer() -> None:
    s = np.array([[1.0, -1.0]])
    assert PointToPoint().score_similarities(s) == 2.0
    assert Chamfer().score_similarities(s) == 1.0


@EVERY
def test_float32_agrees_with_float64(scorer: Scorer) -> None:
    rng = np.random.default_rng(0)
    s = similarities(rng, "close", (200, 5, 10)).astype(np.float32)
    q = weights(rng, "zeros", (200, 10))
    single = scorer.score_similarities(s, None, q)
    assert single.dtype == np.float32
    double = scorer.score_similarities(s.astype(np.float64), None, q)
    assert double.dtype == np.float64
    np.testing.assert_allclose(single, double, atol=1e-5)


@EVERY
def test_long_batches_cross_block_borders(scorer: Scorer) -> None:
    rng = np.random.default_rng(1)
    s = similarities(rng, "close", (4500, 4, 10))
    p, q = weights(rng, "smooth", (4,)), weights(rng, "zeros", (4500, 10))
    scores = scorer.score_similarities(s, p, q)
    for i in (0, 3275, 3276, 3277, 4499):
        alone = scorer.score_similarities(s[i], p, q[i])  # type: ignore[index]
        assert scores[i] == pytest.approx(float(alone), abs=1e-9)


@EVERY
def test_batch_axes_broadcast(scorer: Scorer) -> None:
    rng = np.random.default_rng(2)
    s = similarities(rng, "smooth", (3, 1, 2, 4))
    p, q = weights(rng, "smooth", (5, 2)), weights(rng, "zeros", (3, 1, 4))
    scores = scorer.score_similarities(s, p, q)
    assert scores.shape == (3, 5)
    alone = scorer.score_similarities(s[2, 0], p[4], q[2, 0])  # type: ignore[index]
    assert scores[2, 4] == pytest.approx(float(alone), abs=1e-9)
    assert scorer.plan(s, p, q).pair(2, 4).score == pytest.approx(float(alone), abs=1e-9)


@given(kind=KINDS, seed=SEEDS)
@LAW
def test_memory_layout_does_not_matter(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    s = similarities(rng, kind, (6, 4, 3)).astype(np.float32)
    for scorer in (ConditionalTransport(), Chamfer()):
        straight = scorer.score_similarities(np.ascontiguousarray(s.swapaxes(1, 2)))
        np.testing.assert_array_equal(scorer.score_similarities(s.swapaxes(1, 2)), straight)


@EVERY
def test_an_empty_batch_has_no_scores(scorer: Scorer) -> None:
    assert scorer.score_similarities(np.empty((0, 2, 3)), None, np.empty((0, 3))).shape == (0,)

"""Plans add up, and say the same as the scores."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given

from stitch_cir.errors import VectorError
from stitch_cir.transport import (
    Chamfer,
    ConditionalTransport,
    ExactTransport,
    MeanPooling,
    PointToPoint,
    Scorer,
)
from tests.transport.transport_problems import (
    KEEPING_MARGINALS,
    LAW,
    SCORERS,
    Problem,
    problems,
    similarities,
)

EVERY = pytest.mark.parametrize("scorer", SCORERS, ids=lambda scorer: repr(scorer)[:32])


@given(problem=problems())
@LAW
def test_attention_over_present_members_sums_to_one(problem: Problem) -> None:
    for scorer in KEEPING_MARGINALS:
        plan = scorer.plan(problem.s, problem.p, problem.q)
        np.testing.assert_allclose(plan.forward.sum(axis=1), problem.full_p > 0, atol=1e-9)
        np.testing.assert_allclose(plan.backward.sum(axis=0), problem.full_q > 0, atol=1e-9)
        assert (plan.forward >= 0).all()
        assert (plan.backward >= 0).all()
        np.testing.assert_allclose(plan.p, problem.full_p, atol=1e-12)
        np.testing.assert_allclose(plan.q, problem.full_q, atol=1e-12)


@given(problem=problems())
@LAW
def test_contributions_and_mass_add_up(problem: Problem) -> None:
    for scorer in SCORERS:
        plan = scorer.plan(problem.s, problem.p, problem.q)
        captions, views = plan.contribution_of_captions(), plan.contribution_of_views()
        assert captions.shape + views.shape == problem.s.shape
        assert captions.sum() + views.sum() == pytest.approx(float(plan.score), abs=1e-12)
        by_caption = plan.contribution_of_views_by_caption()
        assert by_caption.sum() == pytest.approx(float(views.sum()), abs=1e-12)
        assert plan.score == pytest.approx(problem.score(scorer), abs=1e-9)
        assert plan.joint.sum() == pytest.approx(1, abs=1e-9)
        assert plan.q[plan.best_view()] > 0


@given(problem=problems())
@LAW
def test_a_coupling_is_its_own_joint_and_shares_the_score_evenly(problem: Problem) -> None:
    plan = ExactTransport().plan(problem.s, problem.p, problem.q)
    np.testing.assert_allclose(plan.p[:, None] * plan.forward, plan.joint, atol=1e-9)
    np.testing.assert_allclose(plan.q * plan.backward, plan.joint, atol=1e-9)
    assert plan.contribution_of_captions().sum() == pytest.approx(float(plan.score) / 2, abs=1e-9)


def test_rho_weighs_contributions_and_mass() -> None:
    s = np.array([[0.9, 0.1], [0.2, 0.3]])
    even, mostly = Chamfer().plan(s), Chamfer(rho=0.2).plan(s)
    np.testing.assert_array_equal(even.forward, mostly.forward)
    assert (even.rho, mostly.rho, mostly.to_dict()["rho"]) == (0.5, 0.2, 0.2)
    np.testing.assert_allclose(mostly.contribution_of_captions(), [0.72, 0.24])
    np.testing.assert_allclose(mostly.contribution_of_views(), [0.18, 0.06])
    np.testing.assert_allclose(mostly.contribution_of_views_by_caption(), [0.18, 0.06])
    np.testing.assert_allclose(mostly.joint, [[0.5, 0.0], [0.0, 0.5]])
    assert mostly.score == pytest.approx(1.2)
    # a view that no caption looks at holds mass only as far as views look back
    lonely = [[0.9, 0.5, 0.4]]
    np.testing.assert_allclose(Chamfer(rho=0.3).plan(lonely).joint, [[0.8, 0.1, 0.1]])
    np.testing.assert_allclose(Chamfer(rho=0).plan(lonely).joint, [[1.0, 0.0, 0.0]])


def test_chamfer_attends_to_the_best_and_splits_ties_by_weight() -> None:
    plan = Chamfer().plan([[0.5, 0.5, 0.1]], None, [1.0, 3.0, 1.0])
    np.testing.assert_allclose(plan.forward, [[0.25, 0.75, 0.0]])
    np.testing.assert_allclose(plan.backward, [[1.0, 1.0, 1.0]])


def test_chamfer_ignores_an_absent_tie_at_zero() -> None:
    plan = Chamfer().plan([[0.0, 7.0]], None, [True, False])
    np.testing.assert_allclose(plan.forward, [[1.0, 0.0]])


def test_mean_pooling_attends_to_every_view() -> None:
    plan = MeanPooling().plan(np.eye(2), [1.0, 3.0])
    np.testing.assert_allclose(plan.forward, np.full((2, 2), 0.5))
    np.testing.assert_allclose(plan.backward, [[0.25, 0.25], [0.75, 0.75]])


def test_point_to_point_moves_all_mass_to_the_original() -> None:
    plan = PointToPoint().plan([[0.1, 0.9], [0.3, 0.9]], None, [1.0, 5.0])
    np.testing.assert_allclose(plan.joint, [[0.5, 0.0], [0.5, 0.0]])
    np.testing.assert_allclose(plan.q, [1.0, 0.0])
    assert plan.score == pytest.approx(0.4)
    assert plan.best_view() == 0


def test_point_to_point_needs_the_original() -> None:
    for use in (PointToPoint().score_similarities, PointToPoint().plan):
        with pytest.raises(VectorError, match="view 0"):
            use(np.ones((3, 2, 2)), None, [False, True])


def test_the_best_view_has_the_most_attention() -> None:
    s = np.array([[0.20, 0.31, 0.22], [0.21, 0.30, 0.22]])
    for scorer in KEEPING_MARGINALS:
        assert scorer.plan(s).best_view() == 1


@EVERY
def test_plans_are_json_ready(scorer: Scorer) -> None:
    s = similarities(np.random.default_rng(0), "close", (2, 3, 4)).astype(np.float32)
    plan = scorer.plan(s, None, [1, 1, 0, 2])
    data = json.loads(json.dumps(plan.to_dict(), allow_nan=False))
    assert data["scorer"] == scorer.name == plan.scorer
    assert data["settings"] == scorer.settings()
    assert np.shape(data["forward"]) == (2, 3, 4)
    single = json.loads(json.dumps(plan.pair(1).to_dict(), allow_nan=False))
    assert single["score"] == data["score"][1]
    assert single["best_view"] == data["best_view"][1]


def test_a_pair_must_exist() -> None:
    plan = ConditionalTransport().plan(np.ones((2, 1, 1)))
    for index in ((2,), (), (0, 0), (-3,)):
        with pytest.raises(VectorError, match="names no pair"):
            plan.pair(*index)


def test_closed_forms_report_no_iterations() -> None:
    plan = ConditionalTransport().plan([[0.5]])
    assert (plan.converged, plan.iterations, plan.marginal_error) == (True, 0, 0.0)
    assert f"{plan.score:.2f}" == "1.00"

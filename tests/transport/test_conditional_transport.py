"""Conditional transport against the textbook formula, and at extreme temperatures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp

from stitch_cir.errors import SettingError
from stitch_cir.transport import Chamfer, ConditionalTransport
from tests.transport.transport_problems import LAW, RHOS, Problem, batches, problems


def textbook(problem: Problem, tau: float, rho: float) -> tuple[float, np.ndarray, np.ndarray]:
    """Score, forward and backward plan, member by member in float64, as the formula is written."""
    s, p, q = problem.s, problem.full_p, problem.full_q
    forward, backward = np.zeros_like(s), np.zeros_like(s)
    score = 0.0
    with np.errstate(divide="ignore"):
        log_p, log_q = np.log(p), np.log(q)
    for k in range(len(p)):
        logits = s[k] / tau + log_q
        forward[k] = np.exp(logits - logsumexp(logits))
        score += 2 * (1 - rho) * p[k] * sum(forward[k, m] * s[k, m] for m in range(len(q)))
    for m in range(len(q)):
        logits = s[:, m] / tau + log_p
        backward[:, m] = np.exp(logits - logsumexp(logits))
        score += 2 * rho * q[m] * sum(backward[k, m] * s[k, m] for k in range(len(p)))
    return score, forward, backward


@given(problem=problems(), tau=st.sampled_from([0.001, 0.01, 0.1, 1.0, 100.0]), rho=RHOS)
@LAW
def test_equals_the_textbook_formula(problem: Problem, tau: float, rho: float) -> None:
    scorer = ConditionalTransport(tau, rho)
    score, forward, backward = textbook(problem, tau, rho)
    assert problem.score(scorer) == pytest.approx(score, abs=1e-11)
    plan = scorer.plan(problem.s, problem.p, problem.q)
    present = np.outer(problem.full_p > 0, problem.full_q > 0)
    np.testing.assert_allclose(plan.forward, np.where(present, forward, 0), atol=1e-10)
    np.testing.assert_allclose(plan.backward, np.where(present, backward, 0), atol=1e-10)


@given(batch=batches(), exponent=st.floats(-300, 300), tiny=st.booleans())
@LAW
def test_extreme_temperatures_stay_finite(batch: Problem, exponent: float, tiny: bool) -> None:
    scorer = ConditionalTransport(10.0**exponent)
    for dtype in (np.float32, np.float64):
        s = (batch.s * (1e-30 if tiny else 1.0)).astype(dtype)
        with np.errstate(all="raise", under="ignore"):
            scores = scorer.score_similarities(s, batch.p, batch.q)
            plan = scorer.plan(s, batch.p, batch.q)
        assert (np.abs(scores) <= 2.00001).all()
        assert np.isfinite(plan.joint).all()


@pytest.mark.parametrize("tau", [5e-324, 0.001, 1e6, 1.7e308])
def test_the_ends_of_the_range_are_right(tau: float) -> None:
    s = np.array([[0.3, 0.2], [0.1, 0.25]], dtype=np.float32)
    chamfer, mean = (0.3 + 0.25) / 2 + (0.3 + 0.25) / 2, 2 * 0.2125
    expected = chamfer if tau < 1 else mean
    assert ConditionalTransport(tau).score_similarities(s) == pytest.approx(expected, abs=1e-6)


def test_the_defaults_are_the_published_ones() -> None:
    published = {"scorer": "conditional", "tau": 0.001, "rho": 0.5}
    assert ConditionalTransport().settings() == published
    assert Chamfer().settings() == {"scorer": "chamfer", "rho": 0.5}


def test_forward_and_a_part_of_backward_is_a_rho() -> None:
    # forward + b · backward = (1 + b) / 2 · score at ρ = b / (1 + b)
    s = np.random.default_rng(0).uniform(-1, 1, (50, 5, 10))
    forward, backward = (ConditionalTransport(rho=rho).score_similarities(s) / 2 for rho in (0, 1))
    for b in (0.0, 0.3, 1.0, 4.0):
        score = ConditionalTransport(rho=b / (1 + b)).score_similarities(s)
        np.testing.assert_allclose((1 + b) / 2 * score, forward + b * backward, atol=1e-12)


@pytest.mark.parametrize("rho", [-1e-9, 1.0000001, float("nan"), float("inf"), True, "half", None])
def test_a_bad_weight_of_directions_is_refused_by_name(rho: Any) -> None:
    for make in (lambda value: ConditionalTransport(rho=value), Chamfer):
        with pytest.raises(SettingError, match=r"rho is .*between 0 and 1"):
            make(rho)


@pytest.mark.parametrize("tau", [0, -1.0, float("nan"), float("inf"), True, "hot", None])
def test_a_bad_temperature_is_refused_by_name(tau: object) -> None:
    with pytest.raises(SettingError, match=r"tau is .*above 0"):
        ConditionalTransport(tau)  # type: ignore[arg-type]

"""Exact and entropic optimal transport against POT and SciPy."""

from __future__ import annotations

import numpy as np
import ot
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment, linprog

from stitch_cir.errors import SettingError
from stitch_cir.transport import ExactTransport, MeanPooling, Sinkhorn
from tests.transport.transport_problems import (
    LAW,
    SINKHORN,
    Problem,
    problems,
    similarities,
    weights,
)

EXACT = ExactTransport()


def by_linprog(problem: Problem) -> float:
    """2 − 2·EMD as a linear program."""
    rows, columns = problem.s.shape
    sums = np.zeros((rows + columns, rows, columns))
    for k in range(rows):
        sums[k, k] = 1
    for m in range(columns):
        sums[rows + m, :, m] = 1
    marginals = np.concatenate([problem.full_p, problem.full_q])
    # the last equation follows from the others, and rounding could make it contradict them
    solution = linprog((1 - problem.s).ravel(), A_eq=sums.reshape(len(sums), -1)[:-1],
                    b_eq=marginals[:-1])  # fmt: skip
    assert solution.status == 0
    return 2 - 2 * solution.fun


@given(problem=problems())
@LAW
def test_exact_transport_equals_pot(problem: Problem) -> None:
    expected = 2 - 2 * ot.emd2(problem.full_p, problem.full_q, 1 - problem.s)
    assert problem.score(EXACT) == pytest.approx(expected, abs=1e-9)


@given(problem=problems(largest=5))
@LAW
def test_exact_transport_equals_linprog(problem: Problem) -> None:
    assert problem.score(EXACT) == pytest.approx(by_linprog(problem), abs=1e-6)


@given(problem=problems())
@LAW
def test_exact_plans_are_couplings_and_proven_optimal(problem: Problem) -> None:
    plan = EXACT.plan(problem.s, problem.p, problem.q)
    np.testing.assert_allclose(plan.joint.sum(axis=1), problem.full_p, atol=1e-12)
    np.testing.assert_allclose(plan.joint.sum(axis=0), problem.full_q, atol=1e-12)
    assert plan.converged
    assert plan.marginal_error == 0.0


@pytest.mark.parametrize("kind", ["smooth", "ties", "flat", "close"])
@pytest.mark.parametrize("weighing", ["none", "whole", "zeros"])
@pytest.mark.parametrize("shape", [(5, 11), (1, 40), (30, 1), (40, 30)])
def test_larger_sets(kind: str, weighing: str, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    problem = Problem(
        similarities(rng, kind, shape),
        weights(rng, weighing, shape[:1]),
        weights(rng, weighing, shape[1:]),
    )
    expected = 2 - 2 * ot.emd2(problem.full_p, problem.full_q, 1 - problem.s)
    assert problem.score(EXACT) == pytest.approx(expected, abs=1e-9)


def test_even_sets_of_one_size_are_an_assignment() -> None:
    s = np.random.default_rng(4).uniform(-1, 1, (50, 6, 6))
    for matrix, score in zip(s, EXACT.score_similarities(s), strict=True):
        rows, columns = linear_sum_assignment(matrix, maximize=True)
        assert score == pytest.approx(2 * matrix[rows, columns].mean(), abs=1e-9)


def test_vanishing_weights_do_no_harm() -> None:
    s = np.random.default_rng(5).uniform(-1, 1, (3, 4))
    p, q = np.array([1.0, 1e-18, 1e-300]), np.array([1e-16, 1.0, 1.0, 1e-40])
    problem = Problem(s, p, q)
    expected = 2 - 2 * ot.emd2(problem.full_p, problem.full_q, 1 - s)
    assert problem.score(EXACT) == pytest.approx(expected, abs=1e-9)
    plan = EXACT.plan(s, p, q)
    np.testing.assert_allclose(plan.forward.sum(axis=1), 1, atol=1e-9)
    np.testing.assert_allclose(plan.backward.sum(axis=0), 1, atol=1e-9)


def test_the_solver_reports_its_work() -> None:
    for similarities_of_pair in np.random.default_rng(6).uniform(-1, 1, (50, 5, 10)):
        plan = EXACT.plan(similarities_of_pair)
        assert plan.converged
        assert 0 < plan.iterations < 60
        # a basic solution has at most K + M − 1 cells
        assert (plan.forward > 0).sum() <= 14


@given(problem=problems(), epsilon=st.sampled_from([0.005, 0.02, 0.1, 1.0]))
@LAW
def test_sinkhorn_is_a_coupling_between_exact_transport_and_its_bound(
    problem: Problem, epsilon: float
) -> None:
    scorer = Sinkhorn(epsilon, max_iterations=60)
    plan = scorer.plan(problem.s, problem.p, problem.q)
    np.testing.assert_allclose(plan.joint.sum(axis=1), problem.full_p, atol=1e-9)
    np.testing.assert_allclose(plan.joint.sum(axis=0), problem.full_q, atol=1e-9)
    assert (plan.joint >= 0).all()
    assert plan.converged == (plan.marginal_error <= scorer.tolerance)
    # cost ≥ EMD; and the entropy of a K × M plan is at most log KM, so that ε log KM bounds the
    # loss, plus the mass that rounding onto the marginals moved at a cost of at most 2
    loss = problem.score(EXACT) - float(plan.score)
    room = epsilon * np.log(problem.s.size) + 6 * plan.marginal_error
    assert -1e-9 <= loss <= 2 * room + 1e-9


@given(problem=problems(largest=4))
@LAW
def test_sinkhorn_keeps_marginals_before_rounding_when_it_converged(problem: Problem) -> None:
    plan = Sinkhorn(epsilon=0.3, max_iterations=3000, tolerance=1e-6).plan(
        problem.s, problem.p, problem.q
    )
    assert plan.converged
    assert plan.marginal_error <= 1e-5
    assert plan.iterations >= 1


@pytest.mark.parametrize("epsilon", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_sinkhorn_equals_pot(epsilon: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    s = similarities(rng, "close" if seed % 2 else "smooth", (4, 6))
    p, q = rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(6))
    expected = ot.bregman.sinkhorn_log(p, q, 1 - s, epsilon, numItermax=3000, stopThr=1e-10,
                                     warn=False)  # fmt: skip
    plan = Sinkhorn(epsilon, max_iterations=3000, tolerance=1e-10).plan(s, p, q)
    np.testing.assert_allclose(plan.joint, expected, atol=1e-7)


def test_sinkhorn_goes_to_exact_transport_as_epsilon_vanishes() -> None:
    rng = np.random.default_rng(7)
    s = similarities(rng, "close", (20, 5, 10))
    q = weights(rng, "smooth", (20, 10))
    exact = EXACT.score_similarities(s, None, q)
    gaps = []
    for epsilon in (0.1, 0.03, 0.01, 0.003, 0.001):
        entropic = Sinkhorn(epsilon, max_iterations=2000).score_similarities(s, None, q)
        gaps.append(float((exact - entropic).max()))
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 1e-3


def test_sinkhorn_goes_to_mean_pooling_as_epsilon_grows() -> None:
    s = np.random.default_rng(8).uniform(-1, 1, (9, 3, 4))
    for epsilon in (1e6, 1e300):
        np.testing.assert_allclose(
            Sinkhorn(epsilon).score_similarities(s), MeanPooling().score_similarities(s), atol=1e-5
        )


@pytest.mark.parametrize("epsilon", [1e-6, 1e-4])
def test_tiny_epsilon_stays_finite_and_feasible(epsilon: float) -> None:
    s = np.random.default_rng(9).uniform(-1, 1, (9, 3, 4))
    with np.errstate(all="raise", under="ignore"):
        plan = Sinkhorn(epsilon, max_iterations=50).plan(s, [1, 0, 2], [1, 1, 0, 1])
    np.testing.assert_allclose(plan.joint.sum(axis=(1, 2)), 1, atol=1e-9)
    assert (plan.score <= EXACT.score_similarities(s, [1, 0, 2], [1, 1, 0, 1]) + 1e-9).all()


def test_not_converging_is_data_and_not_a_warning() -> None:
    s = np.random.default_rng(10).uniform(-1, 1, (5, 8))
    plan = Sinkhorn(1e-3, max_iterations=2).plan(s)
    assert (plan.converged, plan.iterations) == (False, 2)
    assert plan.marginal_error > 1e-6


@pytest.mark.parametrize("epsilon", [0, -0.1, float("nan"), float("inf"), 1e-7, "x"])
def test_a_bad_epsilon_is_refused_by_name(epsilon: object) -> None:
    with pytest.raises(SettingError, match=r"epsilon is .*must be a finite number"):
        Sinkhorn(epsilon)  # type: ignore[arg-type]


@pytest.mark.parametrize("changes", [{"max_iterations": 0}, {"max_iterations": 1.5},
                                     {"tolerance": 0.0}])  # fmt: skip
def test_other_bad_settings_are_refused_by_name(changes: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=next(iter(changes))):
        Sinkhorn(0.1, **changes)  # type: ignore[arg-type]


def test_sinkhorn_settings_are_recorded() -> None:
    assert SINKHORN.settings() == {
        "scorer": "sinkhorn",
        "epsilon": 0.1,
        "max_iterations": 60,
        "tolerance": 1e-6,
    }


@pytest.mark.parametrize("seed", range(3))
def test_sinkhorn_scores_alike_on_either_side_of_the_log_domain(seed: int) -> None:
    rng = np.random.default_rng(seed)
    s = rng.uniform(-1, 1, (40, 4, 3))
    s[0], s[1] = rng.choice([-1.0, 1.0], s[0].shape), 1.0
    p = np.array([1e-30, 1, 2, 0])
    least = 0.008
    with np.errstate(all="raise", under="ignore"):
        scaled = Sinkhorn(least, max_iterations=300).plan(s, p)
        logs = Sinkhorn(float(np.nextafter(least, 0)), max_iterations=300).plan(s, p)
    np.testing.assert_allclose(scaled.joint, logs.joint, atol=1e-9)
    np.testing.assert_allclose(scaled.score, logs.score, atol=1e-9)
    assert (scaled.converged, scaled.iterations) == (logs.converged, logs.iterations)


def test_sinkhorn_scores_a_pair_alike_whatever_is_scored_with_it() -> None:
    rng = np.random.default_rng(11)
    s = np.concatenate([rng.uniform(0.2, 0.4, (30, 5, 9)), rng.uniform(-1, 1, (30, 5, 9))])
    together = Sinkhorn().score_similarities(s)
    alone = [float(Sinkhorn().score_similarities(each)) for each in s]
    np.testing.assert_allclose(together, alone, atol=1e-12)

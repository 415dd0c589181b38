"""Transitions that move scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stitch_cir.errors import SettingError, VectorError
from stitch_cir.transition import TRANSITION_NAMES, SemanticIncrement, transition_by_name
from tests.transition.transition_vectors import LAW

SCORES = st.lists(
    st.tuples(st.floats(-2, 2, width=32), st.floats(-2, 2, width=32)), min_size=1, max_size=8
)
FACTORS = st.floats(0, 5)


@given(pairs=SCORES, gain=FACTORS, loss=FACTORS)
@LAW
def test_the_increment_is_the_formula_image_by_image(
    pairs: list[tuple[float, float]], gain: float, loss: float
) -> None:
    after, before = np.array(pairs).T
    combined = SemanticIncrement(gain, loss).combine(after, before)
    for (now, then), score in zip(pairs, combined, strict=True):
        risen = now - then
        expected = now + (loss if risen < 0 else gain) * risen
        assert score == pytest.approx(expected, abs=1e-12)


@given(pairs=SCORES, gain=FACTORS, loss=FACTORS, factor=st.floats(0.1, 10))
@LAW
def test_the_increment_is_homogeneous(
    pairs: list[tuple[float, float]], gain: float, loss: float, factor: float
) -> None:
    after, before = np.array(pairs).T
    transition = SemanticIncrement(gain, loss)
    np.testing.assert_allclose(
        transition.combine(factor * after, factor * before),
        factor * transition.combine(after, before),
        atol=1e-9,
    )


@pytest.mark.parametrize("name", TRANSITION_NAMES)
def test_scores_keep_type_and_stay_without_before(name: str) -> None:
    transition = transition_by_name(name)
    for dtype in (np.float32, np.float64):
        after: np.ndarray = np.array([0.5, -0.5], dtype=dtype)
        np.testing.assert_array_equal(transition.combine(after, None), after)
        assert transition.combine(after, after[::-1]).dtype == dtype
        if name != "semantic-increment":
            np.testing.assert_array_equal(transition.combine(after, after[::-1]), after)


def test_gain_rewards_and_loss_punishes() -> None:
    after, before = np.array([0.5, 0.5]), np.array([0.3, 0.7])
    np.testing.assert_allclose(SemanticIncrement(1.0, 2.0).combine(after, before), [0.7, 0.1])
    np.testing.assert_allclose(SemanticIncrement(0.0, 0.0).combine(after, before), after)


@pytest.mark.parametrize("factor", [-0.1, float("nan"), float("inf"), 1e136, "x"])
def test_bad_factors_are_refused_by_name(factor: object) -> None:
    with pytest.raises(SettingError, match=r"gain is .*between 0 and 1000"):
        SemanticIncrement(gain=factor)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match=r"loss is .*between 0 and 1000"):
        SemanticIncrement(loss=factor)  # type: ignore[arg-type]


def test_scores_of_other_images_are_refused() -> None:
    with pytest.raises(VectorError, match=r"\(2,\) after and \(3,\) before"):
        SemanticIncrement().combine(np.zeros(2), np.zeros(3))

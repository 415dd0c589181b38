"""Transitions that move vectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stitch_cir.errors import SettingError, VectorError
from stitch_cir.transition import (
    PDV,
    TRANSITION_NAMES,
    Linear,
    NoTransition,
    SemanticIncrement,
    TextOnly,
    Transition,
    transition_by_name,
)
from tests.transition.transition_vectors import LAW, Ask, asks

ALPHAS = st.floats(0, 1)
ALL = [transition_by_name(name) for name in TRANSITION_NAMES]
EVERY = pytest.mark.parametrize("transition", ALL, ids=TRANSITION_NAMES)
CAPTIONS = np.eye(2, 3, dtype=np.float32)
MODIFICATION = np.eye(3, dtype=np.float32)[2]


def normalise(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


@given(ask=asks(), alpha=ALPHAS)
@LAW
def test_linear_is_the_formula_caption_by_caption(ask: Ask, alpha: float) -> None:
    refined = Linear(alpha).refine(ask.captions, ask.modification)
    for caption, row in zip(ask.captions, refined, strict=True):
        mixed = (1 - alpha) * caption.astype(float) + alpha * ask.modification.astype(float)
        np.testing.assert_allclose(row, normalise(mixed), atol=1e-6)


@given(ask=asks(), alpha=ALPHAS)
@LAW
def test_refined_rows_are_unit_float32(ask: Ask, alpha: float) -> None:
    for transition in (*ALL, Linear(alpha), PDV(1.4, alpha)):
        refined = transition.refine(
            ask.captions, ask.modification, reference_captions=ask.before, reference_image=ask.image
        )
        assert refined.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(refined, axis=1), 1, atol=1e-5)


@given(ask=asks(), low=ALPHAS, high=ALPHAS)
@LAW
def test_more_alpha_is_nearer_to_the_modification(ask: Ask, low: float, high: float) -> None:
    low, high = sorted((low, high))
    near = Linear(low).refine(ask.captions, ask.modification) @ ask.modification
    nearer = Linear(high).refine(ask.captions, ask.modification) @ ask.modification
    assert (nearer >= near - 1e-5).all()


@given(ask=asks())
@LAW
def test_the_ends_of_alpha_are_the_controls(ask: Ask) -> None:
    none = Linear(0.0).refine(ask.captions, ask.modification)
    np.testing.assert_allclose(
        none, NoTransition().refine(ask.captions, ask.modification), atol=1e-6
    )
    only = TextOnly().refine(ask.captions, ask.modification)
    assert only.shape == (1, ask.captions.shape[1])
    full = Linear(1.0).refine(ask.captions, ask.modification)
    np.testing.assert_allclose(full, np.broadcast_to(only, full.shape), atol=1e-6)


@given(ask=asks(), scale=st.floats(-0.5, 3), weight=st.floats(0, 1))
@LAW
def test_pdv_is_the_formula(ask: Ask, scale: float, weight: float) -> None:
    refined = PDV(scale, weight).refine(
        ask.captions, ask.modification, reference_captions=ask.before, reference_image=ask.image
    )
    reference = normalise(ask.before.astype(float).mean(axis=0))
    step = scale * (ask.captions.astype(float) - reference)
    text, image = reference + step, normalise(ask.image.astype(float)) + step
    np.testing.assert_allclose(refined, normalise((1 - weight) * text + weight * image), atol=1e-4)


@given(ask=asks())
@LAW
def test_pdv_at_scale_one_is_the_composition_and_at_zero_the_reference(ask: Ask) -> None:
    inputs = {"reference_captions": ask.before, "reference_image": ask.image}
    same = PDV(1.0, 0.0).refine(ask.captions, None, **inputs)
    np.testing.assert_allclose(same, ask.captions, atol=1e-5)
    back = PDV(0.0, 0.0).refine(ask.captions, None, **inputs)
    reference = normalise(ask.before.astype(float).mean(axis=0))
    np.testing.assert_allclose(back, np.broadcast_to(reference, back.shape), atol=1e-5)


@given(ask=asks(), weight=st.floats(0, 1))
@LAW
def test_pdv_without_an_image_is_text_alone(ask: Ask, weight: float) -> None:
    np.testing.assert_array_equal(
        PDV(1.3, weight).refine(ask.captions, None, reference_captions=ask.before),
        PDV(1.3, 0.0).refine(
            ask.captions, None, reference_captions=ask.before, reference_image=ask.image
        ),
    )


@EVERY
def test_without_modification_and_reference_captions_stay(transition: Transition) -> None:
    np.testing.assert_array_equal(transition.refine(CAPTIONS, None), CAPTIONS)


@EVERY
def test_names_protocol_and_settings(transition: Transition) -> None:
    assert isinstance(transition, Transition)
    assert transition.settings()["transition"] == transition.name
    assert transition.needs_reference_captions == (
        transition.name
        in ("away", "image-text", "parts", "pdv", "projected-parts", "semantic-increment")
    )


def test_names_pass_their_settings_on() -> None:
    assert transition_by_name("linear", alpha=0.5) == Linear(0.5)
    assert transition_by_name("pdv", scale=2, image_weight=0.3) == PDV(2.0, 0.3)
    assert transition_by_name("semantic-increment", gain=1, loss=2) == SemanticIncrement(1.0, 2.0)
    assert transition_by_name("pdv") == PDV() == PDV(1.4, 0.25)
    assert Linear().settings() == {"transition": "linear", "alpha": 0.45}


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(SettingError, match=r"'slerp'.*linear, none, text-only, pdv"):
        transition_by_name("slerp")


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan"), float("inf"), True, "half", None])
def test_a_bad_alpha_is_refused_by_name(alpha: object) -> None:
    with pytest.raises(SettingError, match=r"alpha is .*between 0 and 1"):
        Linear(alpha)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="alpha"):
        transition_by_name("none", alpha=alpha)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PDV(float("nan")), "scale is nan"),
        (lambda: PDV(1.0, 1.5), "image_weight is 1.5"),
    ],
)
def test_other_bad_settings_are_refused_by_name(make: object, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        make()  # type: ignore[operator]


def test_a_sum_that_cancels_is_an_error_and_not_nan() -> None:
    with pytest.raises(VectorError, match=r"mixture \(row 1\) cancels"):
        Linear(0.5).refine(CAPTIONS, -CAPTIONS[1])
    with pytest.raises(VectorError, match="mean caption of the reference"):
        PDV().refine(CAPTIONS, None, reference_captions=np.stack([CAPTIONS[0], -CAPTIONS[0]]))
    with pytest.raises(VectorError, match="fusion"):
        PDV(1.0, 0.5).refine(
            CAPTIONS[:1], None, reference_captions=CAPTIONS[:1], reference_image=-CAPTIONS[0]
        )


@EVERY
@pytest.mark.parametrize("captions", [CAPTIONS[0], CAPTIONS[:0], CAPTIONS * np.nan, [["a"]]])
def test_unusable_captions_are_refused(transition: Transition, captions: np.ndarray) -> None:
    with pytest.raises(VectorError, match="captions"):
        transition.refine(captions, MODIFICATION)


@pytest.mark.parametrize("modification", [MODIFICATION[:2], CAPTIONS, np.full(3, np.inf)])
def test_unusable_modifications_are_refused(modification: np.ndarray) -> None:
    for transition in (Linear(), TextOnly()):
        with pytest.raises(VectorError, match="modification"):
            transition.refine(CAPTIONS, modification)


def test_unusable_references_are_refused() -> None:
    with pytest.raises(VectorError, match="captions of the reference"):
        PDV().refine(CAPTIONS, None, reference_captions=np.ones((1, 2)))  # type: ignore[arg-type]
    with pytest.raises(VectorError, match="reference image"):
        PDV(1.0, 0.5).refine(
            CAPTIONS,
            None,
            reference_captions=CAPTIONS,
            reference_image=np.ones(2),  # type: ignore[arg-type]
        )

"""Scorers by name, their protocol, and what they refuse."""

from __future__ import annotations

import json

import numpy as np
import pytest

from stitch_cir.errors import SettingError, VectorError
from stitch_cir.transport import SCORER_NAMES, Chamfer, Scorer, scorer_by_name
from tests.transport.transport_problems import SCORERS

EVERY = pytest.mark.parametrize("scorer", SCORERS, ids=lambda scorer: repr(scorer)[:32])


@pytest.mark.parametrize("name", SCORER_NAMES)
def test_names_build_scorers(name: str) -> None:
    scorer = scorer_by_name(name, tau=0.5, epsilon=0.25)
    assert isinstance(scorer, Scorer)
    assert scorer.name == name
    settings = json.loads(json.dumps(scorer.settings()))
    assert settings["scorer"] == name
    assert settings.get("tau", 0.5) == 0.5
    assert settings.get("epsilon", 0.25) == 0.25


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(SettingError, match=r"'cosine'.*conditional, sinkhorn, exact, chamfer"):
        scorer_by_name("cosine")


def test_an_unused_bad_value_does_not_hide() -> None:
    with pytest.raises(SettingError, match="tau"):
        scorer_by_name("chamfer", tau=-1)


@EVERY
@pytest.mark.parametrize(
    ("s", "p", "q", "message"),
    [
        (np.ones(3), None, None, "shape"),
        (np.ones((2, 0)), None, None, "shape"),
        (np.array([["a"]]), None, None, "type"),
        (np.ones((2, 3)), np.ones(3), None, "marginal p"),
        (np.ones((2, 3)), None, np.ones(2), "marginal q"),
        (np.ones((2, 3)), None, 1.0, "marginal q"),
        (np.ones((2, 3)), None, ["x", "y", "z"], "type"),
        (np.ones((2, 3)), [1, -1], None, "smallest weight is -1"),
        (np.ones((2, 3)), [1, np.nan], None, "NaN"),
        (np.ones((2, 3)), None, [0, 0, 0], "no member"),
        (np.ones((2, 2, 3)), None, [[1, 1, 1], [0, 0, 0]], "set 1 has no member"),
        (np.ones((2, 2, 3)), np.ones((3, 2)), None, "Batch shapes"),
        (np.array([[np.nan, 0.5]]), None, None, "NaN or infinity"),
        (np.array([[np.inf, 0.5]]), None, None, "NaN or infinity"),
    ],
)
def test_unusable_input_is_refused(
    scorer: Scorer, s: np.ndarray, p: object, q: object, message: str
) -> None:
    for use in (scorer.score_similarities, scorer.plan):
        with pytest.raises(VectorError, match=message):
            use(s, p, q)  # type: ignore[arg-type]


def test_whole_numbers_are_similarities_too() -> None:
    score = Chamfer().score_similarities(np.eye(2, dtype=int))
    assert score == 2.0
    assert score.dtype == np.float64


def test_half_precision_is_computed_in_single() -> None:
    for scorer in SCORERS:
        score = scorer.score_similarities(np.full((2, 2), 0.5, dtype=np.float16))
        assert score.dtype == np.float32
        assert score == pytest.approx(1.0, abs=1e-6)


def test_huge_weights_do_not_overflow() -> None:
    for scorer in SCORERS:
        score = scorer.score_similarities(np.eye(2), [1e308, 1e308], [1e308, 1e-308])
        assert np.isfinite(score)

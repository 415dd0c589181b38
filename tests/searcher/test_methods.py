"""Published methods as presets of one frame."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import stitch_cir as st
from stitch_cir.chat import load_prompt
from stitch_cir.encoders import HashEncoder
from stitch_cir.ranking import Bounded, Exhaustive, RankingProblem
from stitch_cir.searcher import METHODS, method_by_name
from stitch_cir.transition import ImageText, Parts
from stitch_cir.transport import Chamfer, MixedViews, PointToPoint, ProductFusion
from tests.ranking.galleries import pack

DOCS = Path(__file__).parents[2] / "docs" / "methods.md"
QUERY = st.Query("red.png", "blue")


def unit(*shape: int) -> np.ndarray:
    rows = np.random.default_rng(3).standard_normal(shape)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_a_whole_preset_and_ranks_a_gallery(gallery: st.Gallery, name: str) -> None:
    method = METHODS[name]
    settings = method.settings()
    assert method.facts(settings) == {"name": name, "paper": method.paper, "changed": {}}
    results = st.Searcher(gallery, settings=settings).search(QUERY)
    assert len(results) == 7
    assert np.isfinite([hit.score for hit in results]).all()
    if method.prompt is not None:
        kind = "edit" if method.route == "chat" else "rewrite"
        assert load_prompt(method.prompt, kind).name == method.prompt


def test_the_table_of_the_documentation_has_every_method() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", DOCS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert rows == list(METHODS)


def test_settings_that_are_written_win_and_are_noted() -> None:
    method = method_by_name("pdv")
    settings = method.settings(scale=2.0, k=3, alpha=None)
    assert settings.to_dict()["scale"] == 2.0
    assert method.facts(settings)["changed"] == {"scale": 2.0}
    assert method.note(settings).endswith("but with scale 2.0.")
    assert "but with" not in method.note(method.settings(k=3))


def test_an_unknown_method_gets_a_hint() -> None:
    with pytest.raises(st.SettingError, match="no method 'cirevel'.*'cirevl'"):
        method_by_name("cirevel")


def test_the_sum_is_image_plus_text(gallery: st.Gallery) -> None:
    results = st.Searcher(gallery, settings=METHODS["sum"].settings()).search(QUERY)
    assert results[0].id == "pairs/red-blue.png"
    half = st.SearchSettings.from_preset(transition="image-text", alpha=0.5, scorer="point")
    same = st.Searcher(gallery, settings=half).search(QUERY)
    assert [hit.id for hit in same] == [hit.id for hit in results]
    np.testing.assert_allclose([h.score for h in same], [h.score for h in results], atol=1e-5)


def test_a_product_needs_both_parts_where_a_mean_is_content_with_one() -> None:
    one_sided = np.array([[[0.9], [-0.9]], [[0.1], [0.1]]])
    product, mean = ProductFusion(), PointToPoint()
    assert mean.score_similarities(one_sided[0]) < mean.score_similarities(one_sided[1])
    lopsided = np.array([[[0.95], [-0.6]], [[0.15], [0.15]]])
    assert mean.score_similarities(lopsided[0]) > mean.score_similarities(lopsided[1])
    assert product.score_similarities(lopsided[0]) < product.score_similarities(lopsided[1])


def test_a_product_is_the_weighted_geometric_mean_and_its_plan_adds_up() -> None:
    s = unit(20, 3, 4) @ unit(20, 5, 4).swapaxes(1, 2)
    p = np.array([0.5, 0.3, 0.2])
    scores = ProductFusion().score_similarities(s.astype(np.float64), p)
    factors = (1 + s[:, :, 0].astype(np.float64)) / 2
    np.testing.assert_allclose(scores, 2 * (2 * np.prod(factors**p, axis=1) - 1), atol=1e-12)
    np.testing.assert_allclose(ProductFusion().plan(s, p).score, scores, atol=1e-6)
    assert (scores <= Chamfer(0.0).score_similarities(s.astype(np.float64), p) + 1e-12).all()


def test_mixed_views_weigh_the_first_against_the_mean_of_the_others() -> None:
    s = unit(9, 2, 4) @ unit(9, 5, 4).swapaxes(1, 2)
    s = s.astype(np.float64)
    first, rest = s[:, :, 0], s[:, :, 1:].mean(axis=2)
    expected = 2 * (0.7 * first + 0.3 * rest).mean(axis=1)
    np.testing.assert_allclose(MixedViews(0.3).score_similarities(s), expected, atol=1e-12)
    np.testing.assert_allclose(
        MixedViews(0.0).score_similarities(s), PointToPoint().score_similarities(s), atol=1e-12
    )
    single = s[:, :, :1]
    np.testing.assert_allclose(
        MixedViews(0.9).score_similarities(single), 2 * first.mean(axis=1), atol=1e-12
    )
    with pytest.raises(st.VectorError, match="view 0"):
        MixedViews().score_similarities(s, None, np.array([0, 1, 1, 1, 1.0]))


@pytest.mark.parametrize("scorer", [MixedViews(0.4), ProductFusion()], ids=lambda each: each.name)
def test_bounds_find_what_scoring_everything_finds(scorer: MixedViews | ProductFusion) -> None:
    sets = pack(unit(1200, 16), np.full(300, 4))
    captions = unit(2, 16)
    problem = RankingProblem(sets, np.arange(300), captions, np.full(2, 0.5, np.float32), scorer)
    bounded = Bounded(worth_bounding=0, worth_bounding_if_costly=0).solve(problem, 7)
    exact = Exhaustive().solve(problem, 7)
    assert bounded.rows.tolist() == exact.rows.tolist()
    assert bounded.scores.tolist() == exact.scores.tolist()
    assert bounded.bounded == 300


def test_transitions_without_captions_take_what_there_is() -> None:
    captions, image, text, plain = unit(3, 8), unit(8), unit(1, 8)[0], unit(2, 8)
    both = ImageText(0.3).refine(captions, text, reference_image=image)
    mixed = 0.7 * image + 0.3 * text
    np.testing.assert_allclose(both[0], mixed / np.linalg.norm(mixed), atol=1e-6)
    of_captions = ImageText(0.3).refine(captions, None, reference_captions=plain)
    mean = plain.mean(axis=0)
    np.testing.assert_allclose(of_captions[0], mean / np.linalg.norm(mean), atol=1e-6)
    np.testing.assert_allclose(
        Parts().refine(captions, text, reference_image=image), [image, text], atol=1e-6
    )
    for transition in (ImageText(), Parts()):
        np.testing.assert_allclose(transition.refine(captions, text), [text], atol=1e-6)
        np.testing.assert_array_equal(transition.refine(captions, None), captions)


def test_z_scored_fusion_divides_each_weight_by_the_spread_of_its_scores(
    gallery: st.Gallery,
) -> None:
    settings = st.SearchSettings.from_preset(transition="parts", scorer="point")
    plain = st.Searcher(gallery, settings=settings).search(QUERY)
    fused = st.Searcher(gallery, settings=settings.with_(fusion="z-score")).search(QUERY)
    similarities = gallery.matrix().means @ plain.query.vectors.T
    weights = plain.query.weights / similarities.std(axis=0)
    np.testing.assert_allclose(fused.query.weights, weights / weights.sum(), atol=1e-5)
    standardised = (similarities - similarities.mean(axis=0)) / similarities.std(axis=0)
    order = np.argsort(-standardised.sum(axis=1), kind="stable")
    ids = [gallery.matrix().ids[row] for row in order if gallery.matrix().ids[row] != "red.png"]
    assert HashEncoder.dim == plain.query.vectors.shape[1]
    means = [hit.id for hit in fused if not hit.id.startswith("pairs")]
    assert means == [id for id in ids if not id.startswith("pairs")]

"""BASIC: parts centred, projected and expanded on what a gallery is like, fused by Harris."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import stitch_cir as st
from stitch_cir.encoders import HashEncoder
from stitch_cir.ranking import Bounded, Exhaustive, RankingProblem
from stitch_cir.searcher import METHODS
from stitch_cir.transition import (
    CalibratedMembers,
    NearestViews,
    OriginalsInBlocks,
    Parts,
    ProjectedParts,
    contrastive_projection,
    sum_of,
    whole_sum,
)
from stitch_cir.transport import CalibratedScorer, HarrisFusion, PointToPoint, ProductFusion
from tests.ranking.galleries import captions, pack, unit

SUBJECTS = 360
"""How many of the texts are about what images show."""


@dataclass(frozen=True)
class Images(OriginalsInBlocks):
    vectors: np.ndarray

    def __len__(self) -> int:
        return len(self.vectors)

    def blocks(self) -> Iterator[np.ndarray]:
        yield from np.array_split(self.vectors, 3)

    def take(self, rows: np.ndarray) -> np.ndarray:
        return self.vectors[rows]


def vectors_by(seed: int, *shape: int) -> np.ndarray:
    return unit(np.random.default_rng(seed).standard_normal(shape))


def basic_similarities(
    images: np.ndarray,
    reference: np.ndarray,
    text: np.ndarray,
    texts: np.ndarray,
    neighbours: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The similarities of BASIC's public code, step by step and with nothing shared."""
    y = images.astype(np.float64)
    centred = y - y.mean(axis=0)
    of_texts = texts[:SUBJECTS].astype(np.float64).mean(axis=0)
    positive, negative = texts[:SUBJECTS] - of_texts, texts[SUBJECTS:] - of_texts
    scatter = 0.8 * np.cov(positive.T)
    other = negative.T @ negative / (len(negative) - 1)
    values, directions = np.linalg.eigh(scatter - 0.2 * other)
    order = np.argsort(-values)[: min(250, int((values > 0).sum()))]
    projection = directions[:, order] @ directions[:, order].T
    query = reference - y.mean(axis=0)
    if neighbours := min(neighbours, int(0.03 * len(y))):
        first = centred @ (projection @ query)
        first[y @ reference > 1 - 1e-6] = -np.inf
        best = np.argsort(-first, kind="stable")[:neighbours]
        weights = np.exp(0.1 * np.append(first[best], 1.0))
        query = (weights / weights.sum()) @ np.vstack([centred[best], query])
    of_image = centred @ (projection @ query)
    of_text = centred @ (text - of_texts)
    least = (centred @ centred.T).min()
    least_of_text = ((texts - of_texts) @ centred.T).min()
    return (of_image - least) / abs(least), (of_text - least_of_text) / abs(least)


def harris(of_image: np.ndarray, of_text: np.ndarray, weight: float = 0.1) -> np.ndarray:
    u, w = np.maximum(of_image, 0), np.maximum(of_text, 0)
    return u * w - weight * (u + w) ** 2


@pytest.mark.parametrize("neighbours", [0, 5, 25])
@pytest.mark.parametrize("seed", range(6))
def test_the_ranking_follows_the_steps_of_basic(seed: int, neighbours: int) -> None:
    rng = np.random.default_rng(seed)
    dim, count = int(rng.integers(8, 40)), int(rng.integers(60, 1000))
    images = unit(rng.standard_normal((count, dim)) + 0.7)
    texts = unit(rng.standard_normal((478, dim)) + 0.4)
    text, reference = unit(rng.standard_normal(dim) + 0.4), images[int(rng.integers(count))]
    transition = ProjectedParts(neighbours=neighbours).learn(Images(images), texts)
    members = transition.calibrate(texts[:2], text, reference_image=reference)  # type: ignore[attr-defined]
    scorer = CalibratedScorer(
        HarrisFusion(0.1), members.scale, members.offset, np.full(2, 0.5, np.float32)
    )
    matrix = pack(images, np.ones(count, np.int64))
    scores = Exhaustive().solve(captions(matrix, members.vectors, scorer), count)
    mine = np.empty(count)
    mine[scores.rows] = scores.scores
    expected = harris(*basic_similarities(images, reference, text, texts, neighbours))
    gaps = expected[:, None] - expected
    wrong = (gaps > 1e-5 * np.abs(expected).max()) & (mine[:, None] <= mine)
    assert not wrong.any()


@pytest.mark.parametrize("scorer", [HarrisFusion(0.1), HarrisFusion(0.24), ProductFusion()])
@pytest.mark.parametrize("kind", ["spread", "at the floor", "ties", "uneven"])
def test_the_best_are_those_of_scoring_everything_exactly(scorer: ProductFusion, kind: str) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        images = unit(rng.standard_normal((400, 12)))
        if kind == "ties":
            images = images[rng.integers(0, 20, 400)]
        # a low offset puts the cut among images whose product is all but nothing
        offset = np.full(2, -0.98 if kind == "at the floor" else 0.1)
        weights = np.array([0.93, 0.07] if kind == "uneven" else [0.5, 0.5], np.float32)
        members = CalibratedMembers(unit(rng.standard_normal((2, 12))), np.full(2, 0.7), offset)
        calibrated = CalibratedScorer(scorer, members.scale, members.offset, weights)
        problem = RankingProblem(
            pack(images, np.ones(400, np.int64)),
            np.arange(400),
            members.vectors,
            weights,
            calibrated,
        )
        s = members.vectors.astype(np.float64) @ images.astype(np.float64).T
        u = (1 + np.clip(members.scale[:, None] * s + offset[:, None], -1, 1)) / 2
        shares = weights.astype(np.float64) / weights.sum(dtype=np.float64)
        geometric = np.prod(np.maximum(u, 1e-9) ** shares[:, None], axis=0)
        four = 4 * getattr(scorer, "harris_weight", 0.0)
        inside = (geometric**2 - four * (shares @ u) ** 2) / (1 - four)
        brute = np.round(2 * (2 * np.sign(inside) * np.sqrt(np.abs(inside)) - 1), 9)
        best = Bounded(worth_bounding=0, worth_bounding_if_costly=0).solve(problem, 9)
        assert best.bounded == 0, "no bound is known"
        # roots near zero magnify even what float64 rounds
        np.testing.assert_allclose(best.scores, np.sort(brute)[::-1][:9], atol=2e-7)
        many = Bounded().solve_many([problem, problem], 9)
        for each in many:
            assert each.rows.tolist() == best.rows.tolist()
            assert each.scores.tolist() == best.scores.tolist()


def test_harris_with_no_weight_is_the_product_and_its_plan_adds_up() -> None:
    s = vectors_by(3, 20, 3, 4) @ vectors_by(4, 20, 5, 4).swapaxes(1, 2)
    s = s.astype(np.float64)
    p = np.array([0.5, 0.3, 0.2])
    product = ProductFusion().score_similarities(s, p)
    np.testing.assert_allclose(HarrisFusion(0.0).score_similarities(s, p), product, atol=1e-12)
    for weight in (0.0, 0.1, 0.2):
        scorer = HarrisFusion(weight)
        plan = scorer.plan(s, p)
        np.testing.assert_allclose(plan.score, scorer.score_similarities(s, p), atol=1e-9)
        np.testing.assert_allclose(plan.p.sum(axis=-1), 1, atol=1e-9)
    alike = np.full((1, 2, 1), 0.3)
    np.testing.assert_allclose(HarrisFusion(0.2).score_similarities(alike), 0.6, atol=1e-12)
    np.testing.assert_allclose(HarrisFusion(0.2).plan(alike).score, 0.6, atol=1e-9)


def test_an_image_that_meets_one_part_alone_loses_to_one_that_meets_both_somewhat() -> None:
    lopsided, even = np.array([[[0.97], [-0.9]]]), np.array([[[-0.4], [-0.4]]])
    assert ProductFusion().score_similarities(lopsided) > -2
    assert HarrisFusion(0.1).score_similarities(lopsided) < HarrisFusion(0.1).score_similarities(
        even
    )


def test_a_projection_keeps_what_subjects_differ_in_and_styles_do_not() -> None:
    rng = np.random.default_rng(5)
    subjects, styles = np.zeros((50, 6)), np.zeros((40, 6))
    subjects[:, :3] = rng.standard_normal((50, 3)) * (3, 2, 1)
    styles[:, 2:4] = rng.standard_normal((40, 2)) * 9
    projection = contrastive_projection(subjects, styles, 0.2, 250)
    np.testing.assert_allclose(projection @ projection, projection, atol=1e-12)
    np.testing.assert_allclose(projection[:2, :2], np.eye(2), atol=0.2)
    assert np.trace(projection) == pytest.approx(2), "the third is a direction of styles"
    assert np.trace(contrastive_projection(subjects, styles, 0.2, 1)) == pytest.approx(1)


def test_parts_that_are_missing_are_left_out_and_a_gallery_of_one_image_teaches_nothing() -> None:
    images, texts = vectors_by(1, 40, 12), vectors_by(2, 478, 12)
    learnt = ProjectedParts().learn(Images(images), texts)
    text_alone = learnt.refine(texts[:2], texts[5])
    centre = texts[:SUBJECTS].mean(axis=0)
    np.testing.assert_allclose(text_alone, unit(texts[5] - centre)[None], atol=1e-6)
    assert learnt.refine(texts[:2], None, reference_image=images[0]).shape == (1, 12)
    np.testing.assert_array_equal(learnt.refine(texts[:2], None), texts[:2])
    assert ProjectedParts().learn(Images(images[:1]), texts) == Parts()


@pytest.mark.parametrize("seed", range(6))
def test_what_is_learnt_does_not_depend_on_how_images_are_divided(seed: int) -> None:
    rng = np.random.default_rng(seed)
    images = unit(rng.standard_normal((300, 16)) + 0.5)
    images[10:14] = images[50]  # equal ones are ordered as the images are
    request = NearestViews(
        rng.standard_normal(16), images[50].astype(np.float64), int(rng.integers(1, 40))
    )
    whole = Images(images)
    bounds = [0, *sorted(rng.integers(1, 299, 4).tolist()), 300]
    parts = [Images(images[a:b]) for a, b in pairwise(bounds) if b > a]
    total = sum_of([whole_sum(part.blocks()) for part in parts])
    assert total.tolist() == whole.total().tolist()
    np.testing.assert_allclose(total, images.sum(axis=0, dtype=np.float64), atol=1e-6)
    best = np.concatenate([part.nearest(request) for part in parts])
    kept = np.array([row for row in images if (row == best).all(axis=1).any()])
    nearest = whole.nearest(request)
    assert kept[request.choose(kept)].tolist() == nearest.tolist()
    products = images.astype(np.float64) @ request.direction
    products[images @ images[50] > 1 - 1e-6] = -np.inf
    expected = images[np.argsort(-products, kind="stable")[: request.count]]
    assert nearest.tolist() == expected.tolist()


def test_a_search_by_the_method_says_what_it_used(gallery: st.Gallery) -> None:
    settings = METHODS["basic"].settings()
    results = st.Searcher(gallery, settings=settings).search(st.Query("red.png", "blue"))
    assert results[0].id == "pairs/red-blue.png"
    written = results.to_dict()["settings"]
    assert written["transition"] == "projected-parts"
    assert (written["components"], written["contrast"], written["neighbours"]) == (250, 0.2, 25)
    assert (written["scorer"], written["harris_weight"]) == ("harris", 0.1)
    for hit in results:
        assert float(hit.plan.score) == pytest.approx(hit.score, abs=1e-6)
    again = st.Searcher(gallery, settings=settings).search(st.Query("red.png", "blue"))
    assert [(hit.id, hit.score) for hit in again] == [(hit.id, hit.score) for hit in results]


def test_what_is_learnt_follows_the_gallery(tmp_path: Path) -> None:
    from PIL import Image

    colours = {"red": (220, 30, 30), "blue": (40, 80, 210), "green": (40, 160, 60)}
    for name, colour in colours.items():
        Image.new("RGB", (32, 32), colour).save(tmp_path / f"{name}.png")
    st.index_folder(tmp_path, encoder=HashEncoder())
    gallery = st.Gallery.open(tmp_path, encoder=HashEncoder())
    settings = METHODS["basic"].settings()
    query = st.Query("red.png", "green")
    before = st.Searcher(gallery, settings=settings).search(query)
    Image.new("RGB", (32, 32), (240, 215, 40)).save(tmp_path / "yellow.png")
    st.index_folder(tmp_path, encoder=HashEncoder())
    after = st.Searcher(gallery, settings=settings).search(query)
    fresh = st.Searcher(st.Gallery.open(tmp_path, encoder=HashEncoder()), settings=settings)
    assert [(hit.id, hit.score) for hit in after] == [
        (hit.id, hit.score) for hit in fresh.search(query)
    ]
    assert len(after) == len(before) + 1


def test_a_part_without_images_adds_nothing_to_what_is_learned() -> None:
    request = NearestViews(np.ones(3), np.array([1.0, 0.0, 0.0]), 2)
    assert request.among([]).tolist() == []
    parts = [whole_sum([]), whole_sum([np.eye(3, dtype=np.float32)])]
    assert sum_of(parts).tolist() == sum_of(parts[1:]).tolist() == [1.0, 1.0, 1.0]


def test_a_composed_vector_has_no_scale_beside_calibrated_parts(gallery: st.Gallery) -> None:
    settings = METHODS["basic"].settings(composed_weight=0.5)
    with pytest.raises(st.SettingError, match="no scale beside calibrated parts"):
        st.Searcher(gallery, settings=settings).search(st.Query("red.png", "blue"))
    alone = METHODS["basic"].settings(composed_weight=1.0)
    assert st.Searcher(gallery, settings=alone).search(st.Query("red.png", "blue"))


def test_any_scorer_takes_calibrated_members() -> None:
    s = np.array([[[0.2], [0.4]]])
    scorer = CalibratedScorer(
        PointToPoint(), np.array([2.0, 1.0]), np.array([0.0, -0.5]), np.array([0.5, 0.5])
    )
    assert float(scorer.score_similarities(s)[0]) == pytest.approx(0.4 - 0.1)
    assert scorer.settings() == PointToPoint().settings()

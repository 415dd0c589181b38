from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import stitch_cir as st
from stitch_cir.ranking import Bounded
from stitch_cir.transition import TRANSITION_NAMES, Linear
from stitch_cir.transport import SCORER_NAMES, ConditionalTransport
from tests.conftest import CountingEncoder


def settings(**changes: object) -> st.SearchSettings:
    return st.SearchSettings.from_preset(**{"k": 3, **changes})  # type: ignore[arg-type]


def test_a_modified_reference_finds_the_modified_image(gallery: st.Gallery) -> None:
    results = st.search(gallery, reference="red.png", text="in blue instead", settings=settings())
    assert results[0].id == "blue.png"
    assert "red.png" not in {hit.id for hit in results}
    assert results.query.composition is not None
    assert all("red" not in text for text in results.query.composition.texts)
    assert [hit.rank for hit in results] == [1, 2, 3]
    assert results[0].score >= results[1].score >= results[2].score


def test_text_alone_and_reference_alone(gallery: st.Gallery) -> None:
    assert st.search(gallery, text="yellow", settings=settings())[0].id == "yellow.png"
    like = st.search(gallery, reference="pairs/red-blue.png", settings=settings())
    assert like.query.composition is None
    assert {like[0].id, like[1].id} == {"red.png", "blue.png"}


def test_a_reference_may_be_a_path_an_image_or_an_id(gallery: st.Gallery, folder: Path) -> None:
    forms = ("red.png", folder / "red.png", str(folder / "red.png"))
    results = [st.search(gallery, reference=r, text="in blue", settings=settings()) for r in forms]
    assert {tuple(hit.id for hit in results) for results in results} == {
        tuple(hit.id for hit in results[0])
    }
    image = Image.open(folder / "red.png")
    loose = st.search(gallery, reference=image, settings=settings())
    assert loose[0].id == "red.png"  # an open image has no file to be left out


def test_the_reference_and_its_duplicates_are_left_out_by_default(
    folder: Path, encoder: CountingEncoder, tmp_path: Path
) -> None:
    (folder / "copy.png").write_bytes((folder / "red.png").read_bytes())
    outside = tmp_path / "elsewhere.png"
    outside.write_bytes((folder / "red.png").read_bytes())
    st.index_folder(folder, encoder=encoder)
    gallery = st.Gallery.open(folder, encoder=encoder)
    for reference in ("red.png", "copy.png", outside):
        ids = {h.id for h in st.search(gallery, reference=reference, settings=settings(k=7))}
        assert not ids & {"red.png", "copy.png"}
    kept = st.search(gallery, reference="red.png", settings=settings(include_reference=True))
    # byte-identical images tie exactly, and the smaller id goes first
    assert [hit.id for hit in kept][:2] == ["copy.png", "red.png"]
    assert kept[0].score == kept[1].score


def test_filters_apply_before_ranking(gallery: st.Gallery) -> None:
    only = st.search(gallery, text="red", settings=settings(k=2, include=("pairs/*",)))
    assert [hit.id for hit in only] == ["pairs/red-blue.png", "pairs/green-yellow.png"]
    assert only.ranked == 2
    without = st.search(gallery, text="red", settings=settings(exclude=("red*", "*/red*")))
    assert all("red" not in hit.id for hit in without)
    with pytest.raises(st.GalleryEmptyError, match="No image is left"):
        st.search(gallery, text="red", settings=settings(include=("nothing*",)))


def test_min_score_cuts_the_tail(gallery: st.Gallery) -> None:
    whole = st.search(gallery, text="red", settings=settings(k=8))
    cut = st.search(gallery, text="red", settings=settings(k=8, min_score=whole[1].score))
    assert [hit.id for hit in cut] == [hit.id for hit in whole][:2]
    assert len(st.search(gallery, text="red", settings=settings(min_score=2.1))) == 0


def test_user_captions_replace_the_composed_ones(gallery: st.Gallery) -> None:
    results = st.search(
        gallery,
        reference="red.png",
        text="in blue",
        captions=["something green"],
        settings=settings(alpha=0.0),
    )
    assert results[0].id == "green.png"
    assert results.query.labels == ("something green",)


def test_compose_shows_what_search_uses(gallery: st.Gallery) -> None:
    shown = st.compose(gallery, reference="red.png", text="in blue instead")
    used = st.search(gallery, reference="red.png", text="in blue instead", settings=settings())
    assert shown.texts == used.query.labels
    assert shown.texts == ("in blue instead", "a blue thing")


@pytest.mark.parametrize("scorer", SCORER_NAMES)
def test_every_scorer_ranks_and_explains(gallery: st.Gallery, scorer: str) -> None:
    results = st.search(gallery, text="blue", settings=settings(scorer=scorer))
    assert results[0].id == "blue.png"
    for hit in results:
        shares = [role.share for role in hit.roles] or hit.caption_shares()
        assert sum(shares) == pytest.approx(hit.score, abs=1e-3)
        assert hit.best_view.box is not None


@pytest.mark.parametrize("transition", TRANSITION_NAMES)
def test_every_transition_finds_it(gallery: st.Gallery, transition: str) -> None:
    results = st.search(
        gallery, reference="red.png", text="blue instead", settings=settings(transition=transition)
    )
    # the red reference is a member of the query itself, so that what is both comes first
    keeps_image = transition in ("image-text", "parts", "projected-parts")
    assert results[0].id == ("pairs/red-blue.png" if keeps_image else "blue.png")
    assert len(results.query.labels) == len(results.query.vectors)


def test_ranking_equals_a_brute_force_in_float64(gallery: st.Gallery) -> None:
    results = st.search(gallery, text="red and blue", settings=settings(k=8))
    scorer = results.settings.scorer
    assert scorer == ConditionalTransport(tau=0.001)
    by_hand = {}
    for id in gallery.ids:
        views = np.stack([view.vector for view in gallery.views(id)]).astype(np.float64)
        similarities = results.query.vectors.astype(np.float64) @ views.T
        by_hand[id] = float(scorer.score_similarities(similarities, results.query.weights))
    expected = sorted(by_hand, key=lambda id: (-round(by_hand[id], 9), id))
    assert [hit.id for hit in results] == expected
    for hit in results:
        assert hit.score == pytest.approx(by_hand[hit.id], abs=1e-6)


def test_view_sets_of_different_sizes_rank_like_padded_ones(
    folder: Path, encoder: CountingEncoder, tmp_path: Path
) -> None:
    captions = tmp_path / "captions.jsonl"
    captions.write_text('{"id": "red.png", "captions": ["a blue secret", "and more"]}\n')
    st.index_folder(folder, encoder=encoder, captions=captions)
    gallery = st.Gallery.open(folder, encoder=encoder)
    results = st.search(gallery, text="blue secret", settings=settings(scorer="chamfer"))
    hit = results.hit("red.png")
    assert hit is not None
    assert hit.best_view.caption == "a blue secret"
    assert len(hit.views) == 12


def test_a_gallery_of_captions_only(encoder: CountingEncoder, tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text(
        '{"id": "a", "captions": ["a red dress", "cloth"]}\n{"id": "b", "caption": "a blue hat"}\n'
    )
    st.index_captions(file, tmp_path / "g", encoder=encoder)
    gallery = st.Gallery.open(tmp_path / "g", encoder=encoder)
    results = st.search(gallery, reference="a", text="in blue", settings=settings(k=1))
    assert results[0].id == "b"
    assert results[0].path is None


def test_a_shortlist_reports_what_it_lost(gallery: st.Gallery) -> None:
    whole = st.search(gallery, text="red", settings=settings())
    short = st.search(gallery, text="red", settings=settings(shortlist=4))
    assert short.scored == 4
    assert whole.scored == 8
    lost = len({h.id for h in whole} - {h.id for h in short})
    assert short.shortlist_recall == pytest.approx(1 - lost / 3)
    silent = st.search(gallery, text="red", settings=settings(shortlist=4, measure_recall=False))
    assert silent.shortlist_recall is None
    assert [h.id for h in silent] == [h.id for h in short]


@pytest.mark.parametrize("scorer", SCORER_NAMES)
@pytest.mark.parametrize("transition", ["linear", "semantic-increment"])
def test_bounds_change_no_result_and_are_recorded(
    gallery: st.Gallery, scorer: str, transition: str
) -> None:
    query = st.Query("red.png", "in blue instead")
    chosen = settings(scorer=scorer, transition=transition)
    whole = st.Searcher(gallery, settings=chosen).search(query)
    assert (whole.bounded, whole.scored) == (0, 7)
    solver = Bounded(0, 0, first=1)
    quick = st.Searcher(gallery, settings=chosen, solver=solver).search(query)
    assert [(h.id, h.score) for h in quick] == [(h.id, h.score) for h in whole]
    one_sided = ("sinkhorn", "exact", "mixed", "product", "harris")
    two_sided = transition == "linear" or scorer not in one_sided
    assert quick.bounded == quick.to_dict()["bounded"] == (7 if two_sided else 0)
    assert 3 <= quick.scored == quick.to_dict()["scored"] <= 7


def test_an_explained_image_has_the_rank_of_the_whole_search(gallery: st.Gallery) -> None:
    searcher = st.Searcher(gallery)
    red = st.Query(text="red")
    whole = st.search(gallery, text="red", settings=settings(k=8))
    for hit in whole:
        (explained,) = searcher.explain(red, hit.id)
        assert (explained.rank, explained.id, explained.score) == (hit.rank, hit.id, hit.score)
    with pytest.raises(st.NotFoundError, match=r"no image 'nope'"):
        searcher.explain(red, "nope")
    with pytest.raises(st.NotFoundError, match="include-reference"):
        searcher.explain(st.Query("red.png", "blue"), "red.png")


def test_empty_queries_and_bad_settings_are_refused(gallery: st.Gallery) -> None:
    for text in ("", "  \n"):
        with pytest.raises(st.QueryError, match="nothing to search for"):
            st.search(gallery, text=text)
        with pytest.raises(st.QueryError):
            st.compose(gallery, text=text)
    with pytest.raises(st.NotFoundError, match=r"neither an image of the gallery nor a file"):
        st.search(gallery, reference="nowhere.jpg", text="red")


@pytest.mark.parametrize(
    "wrong",
    [
        {"k": 0},
        {"k": True},
        {"alpha": -0.1},
        {"alpha": 1.1},
        {"alpha": float("nan")},
        {"tau": 0.0},
        {"tau": -1.0},
        {"tau": float("nan")},
        {"num_captions": 0},
        {"shortlist": 0},
        {"scorer": "best"},
        {"transition": "magic"},
        {"preset": "mine"},
        {"min_score": float("nan")},
        {"epsilon": 0.0},
    ],
)
def test_settings_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(st.SettingError):
        st.SearchSettings.from_preset(**wrong)  # type: ignore[arg-type]


def test_k_left_out_means_ten_or_all(gallery: st.Gallery) -> None:
    assert len(st.search(gallery, text="red")) == 8


def test_presets_and_their_overriding() -> None:
    assert st.SearchSettings.from_preset("paper") == st.SearchSettings()
    public = st.SearchSettings.from_preset("public-code", k=4, tau=None)
    assert (public.transition, public.preset, public.k) == (Linear(0.5), "public-code", 4)
    assert st.SearchSettings.from_preset("paper", alpha=0.6).preset == "custom"
    with pytest.raises(st.SettingError, match="no setting 'speed'"):
        st.SearchSettings.from_preset("paper", speed=1)


def test_results_are_recorded_whole(gallery: st.Gallery) -> None:
    results = st.search(gallery, reference="red.png", text="in blue", settings=settings())
    data = results.to_dict(plans=True)
    assert data["settings"]["tau"] == 0.001
    assert data["gallery"]["fingerprint"] == gallery.encoder.fingerprint
    assert data["gallery"]["recipe"]["count"] == 10
    assert data["composition"]["composer"] == "verbatim"
    assert len(data["hits"][0]["plan"]["forward"]) == len(data["query"]["labels"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        results.ranked = 3  # type: ignore[misc]


def test_an_empty_gallery(tmp_path: Path, encoder: CountingEncoder) -> None:
    (tmp_path / "photos").mkdir()
    st.index_folder(tmp_path / "photos", encoder=encoder, allow_missing=True)
    gallery = st.Gallery.open(tmp_path / "photos", encoder=encoder)
    with pytest.raises(st.GalleryEmptyError, match="holds no image"):
        st.search(gallery, text="red")


def test_the_reference_file_may_be_gone(
    gallery: st.Gallery, folder: Path, paint: Callable[..., Path]
) -> None:
    (folder / "red.png").unlink()
    results = st.search(gallery, reference="red.png", text="in blue", settings=settings())
    assert results[0].id == "blue.png"
    assert any("could not be opened" in note for note in results.notes)

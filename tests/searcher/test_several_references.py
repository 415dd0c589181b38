"""Several references and several turns in one search."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import stitch_cir as st
from stitch_cir.ranking import Exhaustive
from stitch_cir.searcher import ComposedQuery

WITH_IMAGE = st.SearchSettings.from_preset(transition="pdv")


def ids(results: st.Results) -> list[tuple[str, float]]:
    return [(hit.id, hit.score) for hit in results]


def vector_of(gallery: st.Gallery, *references: st.WeightedReference | str) -> np.ndarray:
    """Return the vector of the references that a transition receives."""
    composition = st.Composition((st.Caption("red"),), "red", "user")
    searcher = st.Searcher(gallery, settings=WITH_IMAGE)
    resolved = tuple(
        replace(searcher.resolve_id(str(each.image)), weight=each.weight)
        for each in st.Query(list(references)).weighted_references
    )
    (features,) = searcher.encode_many([ComposedQuery(resolved, "red", composition)])
    assert features.reference_image is not None
    return features.reference_image


def test_one_reference_is_the_same_alone_and_in_a_list(gallery: st.Gallery) -> None:
    searcher = st.Searcher(gallery, settings=WITH_IMAGE)
    for text in ("", "in blue"):
        alone = searcher.search(st.Query("red.png", text))
        listed = searcher.search(st.Query([st.WeightedReference("red.png", 0.3)], text))
        assert ids(alone) == ids(listed)
        assert alone.to_dict()["query"] == listed.to_dict()["query"]
    assert np.array_equal(vector_of(gallery, "red.png"), gallery.views("red.png")[0].vector)


def test_the_vector_of_several_is_their_weighted_mean_of_unit_length(gallery: st.Gallery) -> None:
    red, blue = (gallery.views(id)[0].vector.astype(np.float64) for id in ("red.png", "blue.png"))
    weighted = [st.WeightedReference("red.png", 3), st.WeightedReference("blue.png", 1)]
    expected = (3 * red + blue) / np.linalg.norm(3 * red + blue)
    np.testing.assert_allclose(vector_of(gallery, *weighted), expected, atol=1e-6)
    assert np.linalg.norm(vector_of(gallery, "red.png", "blue.png")) == pytest.approx(1, abs=1e-6)
    scaled = [st.WeightedReference("red.png", 30), st.WeightedReference("blue.png", 10)]
    assert np.array_equal(vector_of(gallery, *weighted), vector_of(gallery, *scaled))


def test_without_text_the_views_of_all_share_the_weight_of_their_reference(
    gallery: st.Gallery,
) -> None:
    references = [st.WeightedReference("red.png", 3), st.WeightedReference("blue.png")]
    results = st.Searcher(gallery).search(st.Query(references))
    weights = results.query.weights
    views = len(gallery.views("red.png"))
    assert len(weights) == 2 * views
    assert weights[:views].sum() == pytest.approx(0.75)
    assert results.query.labels[0].startswith("1: ")
    assert results.query.labels[-1].startswith("2: ")
    data = results.to_dict()["query"]
    assert data["references"] == [
        {"name": "red.png", "share": 0.75},
        {"name": "blue.png", "share": 0.25},
    ]
    assert results[0].id == "pairs/red-blue.png"
    exhaustive = st.Searcher(gallery, solver=Exhaustive()).search(st.Query(references))
    assert ids(exhaustive) == ids(results)


def test_all_references_and_their_duplicates_are_left_out_of_the_ranking(
    gallery: st.Gallery, folder: Path
) -> None:
    query = st.Query(["red.png", folder / "blue.png"], "on a beach")
    results = st.Searcher(gallery, settings=st.SearchSettings(k=20)).search(query)
    assert not {"red.png", "blue.png"} & {hit.id for hit in results}
    kept = st.SearchSettings(k=20, include_reference=True)
    everything = {hit.id for hit in st.Searcher(gallery, settings=kept).search(query)}
    assert {"red.png", "blue.png"} <= everything


def test_turns_are_recorded_and_can_be_taken_back(gallery: st.Gallery) -> None:
    searcher = st.Searcher(gallery)
    both = searcher.search(st.Query("green.png", "with long sleeves", turns=["red", " "]))
    data = both.to_dict()
    assert (data["query"]["text"], data["query"]["turns"]) == ("with long sleeves", ["red"])
    assert data["composition"]["modification"] == "red, with long sleeves"
    without = searcher.search(st.Query("green.png", "with long sleeves"))
    assert without.to_dict()["query"]["turns"] == []
    assert ids(both) != ids(without)
    # the text box may be empty: earlier turns alone are a query
    earlier = searcher.search(st.Query("green.png", turns=["with long sleeves"]))
    assert ids(earlier) == ids(without)


def test_another_image_is_explained_with_all_references(gallery: st.Gallery) -> None:
    query = st.Query(["red.png", "blue.png"], "the first in the colour of the second")
    results = st.Searcher(gallery).search(query)
    hit = results.explain("yellow.png")
    assert hit.query.reference_names == ("red.png", "blue.png")
    with pytest.raises(st.NotFoundError, match="left out"):
        results.explain("blue.png")


@pytest.mark.parametrize("weight", [0, -1, math.nan, math.inf])
def test_a_weight_is_a_finite_number_above_zero(weight: float) -> None:
    with pytest.raises(st.QueryError, match="The weight of the reference 'a.png'"):
        st.WeightedReference("a.png", weight)


def test_too_many_references_or_turns_are_refused() -> None:
    with pytest.raises(st.QueryError, match="50 references") as caught:
        st.Query(["a.png"] * 50, "red")
    assert "at most 16" in caught.value.hint
    with pytest.raises(st.QueryError, match="17 earlier turns"):
        st.Query("a.png", "red", turns=["blue"] * 17)


def test_a_text_that_names_a_reference_too_many_is_refused() -> None:
    for query in ({"text": "like the third"}, {"text": "red", "turns": ["as image 3"]}):
        with pytest.raises(st.QueryError, match="only 2 references"):
            st.Query(["a.png", "b.png"], **query)
    # with one reference the words are the user's own
    assert st.Query("a.png", "on the third").text == "on the third"


def test_a_reference_that_is_missing_among_several_is_an_error(
    gallery: st.Gallery, tmp_path: Path
) -> None:
    searcher = st.Searcher(gallery)
    with pytest.raises(st.NotFoundError, match="nowhere.png"):
        searcher.search(st.Query(["red.png", "nowhere.png"], "red"))
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(st.ImageError, match="broken.png"):
        searcher.search(st.Query(["red.png", tmp_path / "broken.png"], "red"))


def test_a_reranker_compares_with_one_reference(gallery: st.Gallery) -> None:
    from stitch_cir.chat import Chat, ScriptedChat
    from stitch_cir.reranker import ChatReranker

    reranker = ChatReranker(Chat(ScriptedChat(["yes"])))
    searcher = st.Searcher(gallery, reranker=reranker, settings=st.SearchSettings(rerank=2))
    with pytest.raises(st.QueryError, match="one reference"):
        searcher.search(st.Query(["red.png", "blue.png"], "in green"))

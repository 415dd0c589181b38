"""Many queries, and the explanation of images that were not searched for."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stitch_cir as st
from stitch_cir.composers import Composition, Reference
from tests.conftest import CountingEncoder


class CountingComposer:
    """Writes the modification as the only caption, and counts how often it is called."""

    name = "counting"

    def __init__(self) -> None:
        self.calls = 0
        self._lock = threading.Lock()

    def settings(self) -> Mapping[str, Any]:
        return {"composer": self.name}

    def compose(self, reference: Reference | None, modification: str, count: int) -> Composition:
        with self._lock:
            self.calls += 1
        if modification == "an end point that is gone":
            raise st.EndpointError("The end point is gone.")
        return Composition((st.Caption(modification),), modification, self.name)


def test_any_image_is_explained_without_composing_again(gallery: st.Gallery) -> None:
    composer = CountingComposer()
    settings = st.SearchSettings.from_preset(k=2, alpha=0.8, hubness_weight=0.4)
    searcher = st.Searcher(gallery, composer=composer, settings=settings)
    query = st.Query("red.png", "something blue", negatives=["green.png"])
    results = searcher.search(query)
    whole = st.Searcher(gallery, composer=composer, settings=settings.with_(k=6)).search(query)
    assert composer.calls == 2
    for hit in whole:
        explained = results.explain(hit.id)
        assert (explained.rank, explained.score) == (hit.rank, hit.score)
        assert explained.summary() == hit.summary()
        assert explained.query.labels == results.query.labels
    assert composer.calls == 2
    alone = searcher.explain(query, whole[4].id)
    assert (len(alone), alone[0].rank, alone[0].score) == (1, 5, whole[4].score)
    assert alone.explain(whole[5].id).rank == 6
    for left_out in ("red.png", "green.png"):
        with pytest.raises(st.NotFoundError, match="left out of this search"):
            results.explain(left_out)
    with pytest.raises(st.NotFoundError, match="has no image"):
        results.explain("nope.png")


@pytest.mark.parametrize("transition", ["pdv", "semantic-increment", "away"])
def test_an_explanation_has_the_score_of_the_search(
    gallery: st.Gallery, folder: Path, tmp_path: Path, transition: str
) -> None:
    """Also where the transition needs the pixels of a reference that the gallery does not hold."""
    outside = tmp_path / "outside.png"
    with st.images.open_image(folder / "red.png") as image:
        image.rotate(90).resize((50, 30)).save(outside)
    settings = st.SearchSettings.from_preset(k=8, transition=transition)
    results = st.search(gallery, reference=outside, text="in blue", settings=settings)
    outside.unlink()
    for hit in results:
        assert (results.explain(hit.id).rank, results.explain(hit.id).score) == (
            hit.rank,
            hit.score,
        )


def test_a_shortlist_and_a_minimal_score_hide_no_image(gallery: st.Gallery) -> None:
    whole = st.search(gallery, text="red", settings=st.SearchSettings(k=8))
    short = st.SearchSettings(k=2, shortlist=2, min_score=whole[0].score)
    results = st.search(gallery, text="red", settings=short)
    assert results.explain(whole[7].id).rank == 8


def test_an_image_that_was_added_since_is_explained(folder: Path, encoder: CountingEncoder) -> None:
    st.index_folder(folder, encoder=encoder)
    with st.Gallery.open(folder, encoder=encoder) as gallery:
        results = st.search(gallery, text="red", settings=st.SearchSettings(k=1))
        (folder / "another.png").write_bytes((folder / "red.png").read_bytes())
        st.index_folder(folder, encoder=encoder)
        assert results.explain("another.png").rank == 1
        assert results.explain("red.png").rank == 2  # the copy ties, and its id is smaller


def test_results_that_no_search_made_cannot_be_explained(gallery: st.Gallery) -> None:
    results = st.search(gallery, text="red")
    made = st.Results(
        results.hits, results.query, results.settings, {}, ranked=8, scored=8, seconds={}
    )
    with pytest.raises(st.SettingError, match="not made by a search"):
        made.explain("red.png")


def test_many_queries_are_answered_in_their_order(gallery: st.Gallery) -> None:
    queries = [
        st.Query("red.png", "in blue"),
        st.Query("nope.png", "in blue"),
        st.Query(text="yellow"),
        st.Query(text="red", negatives=["nope.png"]),
        st.Query("green.png"),
    ]
    searcher = st.Searcher(gallery, settings=st.SearchSettings(k=3))
    progress: list[tuple[int, int]] = []
    outcomes = list(
        searcher.search_many(queries, concurrency=2, progress=lambda *at: progress.append(at))
    )
    assert [outcome.query for outcome in outcomes] == queries
    assert progress == [(number, 5) for number in range(1, 6)]
    for number, outcome in enumerate(outcomes):
        if number in (1, 3):
            assert outcome.results is None
            assert isinstance(outcome.error, st.NotFoundError)
        else:
            alone = searcher.search(queries[number])
            assert outcome.results is not None
            assert [(h.id, h.score) for h in outcome.results] == [(h.id, h.score) for h in alone]


def test_few_queries_are_searched_ahead(gallery: st.Gallery) -> None:
    composer = CountingComposer()
    queries = [st.Query(text=f"red {number}") for number in range(20)]
    outcomes = st.Searcher(gallery, composer=composer).search_many(queries, concurrency=1)
    first = next(outcomes)
    assert first.query is queries[0]
    outcomes.close()  # type: ignore[attr-defined]
    assert composer.calls <= 3


def test_what_concerns_all_queries_is_raised(gallery: st.Gallery) -> None:
    queries = [st.Query(text="red"), st.Query(text="an end point that is gone")]
    outcomes = st.Searcher(gallery, composer=CountingComposer()).search_many(queries)
    assert next(outcomes).results is not None
    with pytest.raises(st.EndpointError):
        next(outcomes)


def test_compositions_of_many_requests(gallery: st.Gallery) -> None:
    requests = [
        st.ComposeRequest("red.png", " in blue "),
        st.ComposeRequest(None, " ", id=7),
        st.ComposeRequest("nope.png", "in blue"),
    ]
    composer = CountingComposer()
    searcher = st.Searcher(gallery, composer=composer)
    made, empty, missing = searcher.compose_many(requests)
    assert made.composition is not None
    assert made.composition.texts == ("in blue",)
    assert isinstance(empty.error, st.QueryError)
    assert empty.request.id == 7
    assert isinstance(missing.error, st.NotFoundError)
    estimate, failed = searcher.estimate_cost(requests)
    assert (estimate.queries, estimate.requests, failed) == (3, 0, [])
    assert composer.calls == 1


def test_texts_are_encoded_once_for_many_queries(
    gallery: st.Gallery, encoder: CountingEncoder
) -> None:
    from stitch_cir.searcher import ComposedQuery, distinct_texts

    searcher = st.Searcher(gallery)
    composed = [
        ComposedQuery((), text, searcher.compose(st.Query(text=text)))
        for text in ("red", "blue", "red")
    ]
    progress: list[tuple[int, int]] = []
    features = searcher.encode_many(composed, progress=lambda *at: progress.append(at))
    assert progress == [(len(distinct_texts(composed)),) * 2]
    encoded = [each.refine(searcher.settings.transition) for each in features]
    assert (encoded[0].vectors == encoded[2].vectors).all()
    ranker = searcher.ranker()
    everything = st.search(gallery, text="red", settings=st.SearchSettings(k=8))
    rows = [gallery.ids.index(hit.id) for hit in everything]
    (ranking, _, without) = ranker.rank_many(
        encoded, np.arange(8), 8, excluded=[(), (), (rows[0],)]
    )
    assert ranking.rows.tolist() == rows
    assert ranking.scores.tolist() == [hit.score for hit in everything]
    assert without.rows.tolist() == rows[1:]
    assert ranker.rank_of(encoded[0], np.arange(8), rows[3]) == (4, everything[3].score)

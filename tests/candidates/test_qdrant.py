"""Candidates from a vector database: what is ranked, what is said about it, and what goes wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

import stitch_cir as st
from stitch_cir.candidates import CandidateSource, QdrantSource
from stitch_cir.errors import (
    EndpointError,
    GalleryEmptyError,
    GalleryMismatchError,
    NotFoundError,
    SettingError,
)
from stitch_cir.gallery import Gallery
from stitch_cir.searcher import Query, Results
from stitch_cir.server import create_app
from stitch_cir.testing import ContractError, check_candidate_source
from tests.candidates.fake_qdrant import Listed, Qdrant, serving
from tests.command import invoke


@pytest.fixture
def qdrant() -> Qdrant:
    return Qdrant()


@pytest.fixture
def url(qdrant: Qdrant) -> Iterator[str]:
    with serving(qdrant) as address:
        yield address


@pytest.fixture
def source(url: str, gallery: Gallery) -> Iterator[QdrantSource]:
    """A collection that holds the gallery."""
    made = QdrantSource(url, "photos")
    matrix = gallery.matrix()
    assert made.fill(list(matrix.ids), np.asarray(matrix.means)) == len(matrix.ids)
    yield made
    made.close()


def search(gallery: Gallery, source: CandidateSource | None, **changes: Any) -> Results:
    settings = st.SearchSettings.from_preset(**{"k": 3, "shortlist": 4, **changes})
    return st.Searcher(gallery, candidates=source, settings=settings).search(Query(text="red"))


class Names:
    """A source that names what it is made with, and counts what it is asked for."""

    def __init__(self, *ids: str) -> None:
        self.ids, self.counts = ids, list[int]()

    def settings(self) -> dict[str, Any]:
        return {"source": "names"}

    def nearest(self, vectors: Any, weights: Any, count: int) -> list[str]:
        self.counts.append(count)
        return list(self.ids[:count])


class TestRanking:
    def test_only_what_is_named_is_ranked_and_results_say_so(self, gallery: Gallery) -> None:
        named = ("blue.png", "red.png", "white.png")
        results = search(gallery, Names(*named), shortlist=3)
        whole = search(gallery, None, shortlist=None, k=8)
        assert {hit.id for hit in results} == set(named)
        # the scores are those of an exact search
        for hit in results:
            same = whole.hit(hit.id)
            assert same is not None
            assert hit.score == same.score
        assert (results.exact, whole.exact) == (False, True)
        assert results.candidate_source == {"source": "names"}
        assert results.to_dict()["exact"] is False
        assert results.to_dict()["candidate_source"] == {"source": "names"}
        assert "Not exact: only the 3 images that names named were ranked, of 8." in results.notes
        assert results.scored == 3

    def test_its_recall_is_measured_against_the_exact_search(self, gallery: Gallery) -> None:
        whole = [hit.id for hit in search(gallery, None, shortlist=None)]
        others = sorted({"white.png", "black.png", "green.png", "yellow.png"} - set(whole))
        results = search(gallery, Names(whole[0], *others[:3]), shortlist=4)
        assert results.shortlist_recall == pytest.approx(1 / 3)

    def test_a_source_that_names_everything_gives_the_exact_ranking(
        self, gallery: Gallery, source: QdrantSource
    ) -> None:
        results = search(gallery, source, shortlist=8, k=8)
        whole = search(gallery, None, shortlist=None, k=8)
        assert [(h.id, h.score) for h in results] == [(h.id, h.score) for h in whole]
        assert results.exact
        assert not [note for note in results.notes if "exact" in note]

    def test_a_shortlist_by_mean_views_is_not_exact_either(self, gallery: Gallery) -> None:
        assert not search(gallery, None).exact
        assert search(gallery, None, shortlist=8).exact

    def test_filters_make_it_ask_for_more_until_enough_take_part(self, gallery: Gallery) -> None:
        names = Names(*sorted(gallery.ids))
        settings = st.SearchSettings.from_preset(k=1, shortlist=2, include=["w*", "y*"])
        searcher = st.Searcher(gallery, candidates=names, settings=settings)
        results = searcher.search(Query(text="red"))
        assert names.counts == [2, 8]
        assert results.ranked == results.scored == 2
        assert results.exact  # all that take part were named

    def test_a_hit_can_be_explained_in_the_whole_ranking(
        self, gallery: Gallery, source: QdrantSource
    ) -> None:
        results = search(gallery, source, shortlist=3)
        assert results.explain("white.png").rank <= 8

    def test_fewer_candidates_than_requested_are_noted(self, gallery: Gallery) -> None:
        notes = search(gallery, Names("red.png", "gone.png", "blue.png")).notes
        assert "names named 2 images that take part, of 4 requested." in notes
        assert any("1 of the 3 ids" in note and "'gone.png'" in note for note in notes)

    def test_the_mean_caption_is_compared_with_one_vector_and_captions_with_several(
        self, gallery: Gallery, qdrant: Qdrant, source: QdrantSource, url: str
    ) -> None:
        search(gallery, source)
        single = qdrant.collections["photos"]
        assert isinstance(single, Listed)
        matrix = gallery.matrix()
        dim = matrix.vectors.shape[1]
        assert np.shape(single.requests[-1]["query"]) == (dim,)
        several = Listed(dim, multiple=True)
        several.upsert(
            [
                {"id": id, "vector": matrix.vectors[row : row + 1].tolist(), "payload": {"id": id}}
                for id, row in zip(matrix.ids, matrix.offsets[:-1].tolist(), strict=True)
            ]
        )
        qdrant.collections["several"] = several
        results = search(gallery, QdrantSource(url, "several"))
        assert np.shape(several.requests[-1]["query"]) == (len(results.query.vectors), dim)

    def test_it_keeps_the_contract(self, gallery: Gallery, source: QdrantSource) -> None:
        check_candidate_source(source, dim=gallery.matrix().vectors.shape[1], images=8)
        with pytest.raises(ContractError, match="each image once"):
            check_candidate_source(Names("a", "a"), dim=4, images=2)
        with pytest.raises(ContractError, match="all 3 images"):
            check_candidate_source(Names("a", "b"), dim=4, images=3)

    def test_filling_again_replaces_points(
        self, gallery: Gallery, qdrant: Qdrant, source: QdrantSource
    ) -> None:
        matrix = gallery.matrix()
        source.fill(list(matrix.ids), np.asarray(matrix.means))
        collection = qdrant.collections["photos"]
        assert isinstance(collection, Listed)
        assert len(collection.points) == 8


class TestBadInput:
    def test_a_source_without_a_shortlist(self, gallery: Gallery) -> None:
        with pytest.raises(SettingError, match="names a shortlist") as caught:
            search(gallery, Names("red.png"), shortlist=None)
        assert "--shortlist" in caught.value.hint

    def test_a_server_that_is_away(self, gallery: Gallery) -> None:
        with pytest.raises(EndpointError, match=r"Qdrant at 127\.0\.0\.1:9 cannot be reached"):
            search(gallery, QdrantSource("http://127.0.0.1:9", "photos", timeout=1))

    def test_no_such_collection(self, gallery: Gallery, url: str) -> None:
        with pytest.raises(NotFoundError, match="no collection 'photo'"):
            search(gallery, QdrantSource(url, "photo"))

    @pytest.mark.usefixtures("source")
    def test_no_such_vector(self, gallery: Gallery, url: str) -> None:
        with pytest.raises(NotFoundError, match="no vector 'clip'"):
            search(gallery, QdrantSource(url, "photos", vector="clip"))

    def test_another_dimension(self, gallery: Gallery, qdrant: Qdrant, url: str) -> None:
        qdrant.collections["photos"] = Listed(7)
        with pytest.raises(GalleryMismatchError, match="have 7 numbers"):
            search(gallery, QdrantSource(url, "photos"))

    @pytest.mark.usefixtures("source")
    def test_points_without_a_gallery_id(self, gallery: Gallery, url: str) -> None:
        other = QdrantSource(url, "photos", id_field="file")
        with pytest.raises(GalleryMismatchError, match="no gallery id in the field 'file'"):
            search(gallery, other)

    def test_ids_of_another_gallery(self, gallery: Gallery) -> None:
        with pytest.raises(GalleryMismatchError, match="None of the 2 ids") as caught:
            search(gallery, Names("a.png", "b.png"))
        assert "fill it again" in caught.value.hint

    def test_nothing_that_takes_part(self, gallery: Gallery) -> None:
        with pytest.raises(GalleryEmptyError, match="None of the 1 images that names named"):
            search(gallery, Names("red.png"), exclude=["red.png"])
        with pytest.raises(GalleryEmptyError, match="None of the 0 images"):
            search(gallery, Names())

    def test_a_wrong_key(
        self, gallery: Gallery, qdrant: Qdrant, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        qdrant.key = "secret"
        with pytest.raises(EndpointError, match="refuses the key") as caught:
            search(gallery, QdrantSource(url, "photos"))
        assert "QDRANT_API_KEY" in caught.value.hint
        monkeypatch.setenv("QDRANT_API_KEY", "secret")
        with pytest.raises(NotFoundError):
            search(gallery, QdrantSource(url, "photos"))

    @pytest.mark.parametrize(
        ("status", "content"),
        [
            (200, b"<html>a proxy</html>"),
            (200, b"[]"),
            (200, b'{"status": "ok", "result": {}}'),
            (200, b'{"status": "ok", "result": null}'),
            (500, b'{"status": {"error": "Service internal error: disk full"}}'),
            (502, b"Bad gateway"),
        ],
    )
    def test_a_server_that_is_something_else(
        self, gallery: Gallery, qdrant: Qdrant, url: str, status: int, content: bytes
    ) -> None:
        qdrant.answer_instead = (status, content)
        with pytest.raises(EndpointError, match="cannot be used"):
            search(gallery, QdrantSource(url, "photos"))

    @pytest.mark.parametrize(
        "options",
        [{"url": "localhost"}, {"collection": ""}, {"collection": "a/b"}, {"timeout": 0.0}],
    )
    def test_options_that_cannot_be(self, options: dict[str, Any]) -> None:
        with pytest.raises(SettingError):
            QdrantSource(**{"url": "http://localhost:6333", "collection": "photos", **options})


class TestFronts:
    @pytest.mark.usefixtures("source")
    def test_the_command_line(self, folder: Path, url: str) -> None:
        options = f"--candidate-option url={url} --candidate-option collection=photos"
        words = f"search {folder} red -k 2 --shortlist 4 --candidates qdrant {options}".split()
        done = invoke([*words, "--encoder", "test", "--json"])
        assert done.exit_code == 0, done.output
        results = json.loads(done.stdout)
        assert results["exact"] is False
        assert results["candidate_source"]["collection"] == "photos"
        shown = invoke([*words, "--encoder", "test"])
        text = re.sub(r"\s+", " ", shown.output)
        assert "not exact: a shortlist by qdrant" in text
        assert "only the 4 images that qdrant named" in text

    def test_the_command_line_refuses_what_changes_nothing(self, folder: Path) -> None:
        st.index_folder(folder, encoder=st.load_encoder("test"))
        base = ["search", folder, "red", "--encoder", "test"]
        alone = invoke([*base, "--candidate-option", "url=http://localhost:1"])
        assert "none is named" in alone.output
        unlisted = invoke([*base, "--candidates", "qdrant", "--candidate-option", "collection=a"])
        assert "--shortlist" in unlisted.output
        unknown = invoke([*base, "--candidates", "quadrant"])
        assert "Did you mean 'qdrant'?" in unknown.output
        assert {alone.exit_code, unlisted.exit_code, unknown.exit_code} == {2}

    def test_a_server_ranks_exactly_and_says_so(self, folder: Path, gallery: Gallery) -> None:
        with TestClient(create_app(folder, encoder=gallery.encoder)) as client:
            answer = client.post("/api/search", json={"text": "red"})
        assert answer.json()["results"]["exact"] is True

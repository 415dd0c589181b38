"""A dataset in shards is searched as one machine searches the gallery: equal results, or one error."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import stitch_cir as st
from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import ClusterError, GalleryMismatchError, ModelError, SettingError
from stitch_cir.gallery import Gallery, index_folder
from stitch_cir.searcher import Query, Results, Searcher, SearchSettings
from tests.conftest import noise

pytestmark = pytest.mark.cluster
pytest.importorskip("lance")

from stitch_cir.cluster import (  # noqa: E402 - needs the extra
    ClusterGallery,
    SharedDataset,
    export_gallery,
)
from tests.extras.cluster_cases import (  # noqa: E402
    CASES,
    ENCODER,
    QUERIES,
    QUERY,
    SETTINGS,
    answer,
    facts,
    make_source,
    random_case,
)
from tests.extras.cluster_fleet import FleetHere, open_here  # noqa: E402

SHARDS = 3


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cluster-search")


@pytest.fixture(scope="module")
def uri(scratch: Path) -> str:
    address = str(scratch / "photos.lance")
    export_gallery(make_source(scratch / "images"), address)
    return address


@pytest.fixture(scope="module")
def whole(scratch: Path, uri: str) -> Iterator[Gallery]:
    with Gallery.open(scratch / "images", encoder=ENCODER) as gallery:
        yield gallery


@pytest.fixture(scope="module")
def parted(scratch: Path, uri: str, whole: Gallery) -> ClusterGallery:
    return open_here(uri, scratch / "shards", SHARDS, ENCODER)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_settings_give_what_one_machine_gives(
    whole: Gallery, parted: ClusterGallery, settings: dict[str, Any]
) -> None:
    assert answer(parted, QUERY, settings) == answer(whole, QUERY, settings)


@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_queries_give_what_one_machine_gives(
    whole: Gallery, parted: ClusterGallery, number: int
) -> None:
    query = QUERIES[number]
    assert answer(parted, query, {}) == answer(whole, query, {})


@pytest.mark.parametrize("seed", range(CASES))
def test_random_searches_give_what_one_machine_gives(
    whole: Gallery, parted: ClusterGallery, seed: int
) -> None:
    query, settings = random_case(seed)
    assert answer(parted, query, settings) == answer(whole, query, settings)


def test_a_search_of_a_text_takes_two_rounds_and_one_from_then_on(
    parted: ClusterGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: list[str] = []
    ask = parted.fleet.ask

    def recorded(version: int, question: str, *arguments: Any, **options: Any) -> Any:
        questions.append(question)
        return ask(version, question, *arguments, **options)

    monkeypatch.setattr(parted.fleet, "ask", recorded)
    searcher = Searcher(parted, settings=SearchSettings(k=7))
    searcher.search(Query(text="a red thing"))
    assert questions == ["select", "rank"]
    # what takes part in a version is known from then on
    del questions[:]
    searcher.search(Query(text="a green thing"))
    assert questions == ["rank"]
    # of a later page only the merged ranking says what is shown
    del questions[:]
    searcher.search(Query(text="a green thing", offset=2))
    assert questions == ["rank", "hits"]


def test_hits_that_did_not_come_with_the_rankings_take_one_more_round(
    whole: Gallery, parted: ClusterGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = parted.fleet.ask
    held = ask(parted.generation, "find", [("", -1, None, "id")]).values
    ids = max((ids for _, ids in held), key=len)
    late: list[Any] = []

    def recorded(version: int, question: str, arguments: Any, **options: Any) -> Any:
        late.extend(arguments[0][1] if question == "hits" else ())
        return ask(version, question, arguments, **options)

    monkeypatch.setattr(parted.fleet, "ask", recorded)
    settings = {"k": len(ids), "include": tuple(ids)}
    expected = answer(whole, QUERY, settings)
    assert answer(parted, QUERY, settings) == expected
    assert 0 < len(late) < len(ids)


def test_a_version_that_is_gone_is_replaced_by_the_newest_once(
    whole: Gallery, parted: ClusterGallery
) -> None:
    fleet = parted.fleet
    assert isinstance(fleet, FleetHere)
    fleet.outdated.append(99)
    assert answer(parted, QUERY, {}) == answer(whole, QUERY, {})
    assert not fleet.outdated


def test_a_shard_goes_on_from_its_last_version_whatever_became_of_the_rows(tmp_path: Path) -> None:
    """What a shard makes of the version before and the changes is what it makes of all rows."""
    folder, uri = make_source(tmp_path / "images"), str(tmp_path / "photos.lance")
    export_gallery(folder, uri)
    assert answer(open_here(uri, tmp_path / "kept", 2, ENCODER), QUERY, {})
    (folder / "i005.png").unlink()  # vanishes, with its captions
    noise(99, 40, 48).save(folder / "i007.png")  # another image, with the captions it had
    noise(98, 40, 48).save(folder / "new.png")
    index_folder(folder, encoder=ENCODER)
    with Gallery.open(folder, encoder=ENCODER) as gallery:
        gallery.set_attributes({"new.png": {"brand": "New"}, "i001.png": {"price": 77.0}})
    export_gallery(folder, uri)
    SharedDataset.open(uri).delete(["twin.png"])
    gone_on, anew = (open_here(uri, tmp_path / name, 2, ENCODER) for name in ("kept", "empty"))
    for settings in (
        {"k": 100},
        {"where": "price > 20", "group_by": "brand", "group_size": 3},
        {"near_duplicates": "collapse", "hubness_weight": 0.4},
    ):
        for query in (QUERY, Query(None, "a thing number 7"), Query("new.png", "in red")):
            assert answer(gone_on, query, settings) == answer(anew, query, settings)
    assert gone_on.ids == anew.ids
    assert "new.png" in anew.ids
    assert "twin.png" not in anew.ids


def test_pages_go_on_where_they_ended(whole: Gallery, parted: ClusterGallery) -> None:
    pages: dict[Gallery, list[Any]] = {whole: [], parted: []}
    for gallery, of_gallery in pages.items():
        cursor: str | None = ""
        while cursor is not None:
            query = Query("i001.png", "in red", cursor=cursor)
            results = Searcher(gallery, settings=SearchSettings(k=25)).search(query)
            of_gallery.append(facts(results))
            cursor = results.next_cursor
    assert pages[parted] == pages[whole]
    assert [len(page["hits"]) for page in pages[whole]] == [25, 25, 10]


@pytest.mark.parametrize("id", ["i040.png", "sub/i003.png", "near.png"])
def test_an_image_is_explained_with_its_place_among_all(
    whole: Gallery, parted: ClusterGallery, id: str
) -> None:
    single, several = (
        Searcher(each, settings=SearchSettings(group_by="brand")) for each in (whole, parted)
    )
    assert facts(several.explain(QUERY, id)) == facts(single.explain(QUERY, id))
    assert several.search(QUERY).explain(id).rank == single.search(QUERY).explain(id).rank


def test_a_gallery_in_shards_says_of_itself_what_the_gallery_says(
    whole: Gallery, parted: ClusterGallery
) -> None:
    here, there = whole.info(), parted.info()
    different = {name for name in here if here[name] != there[name]}
    assert different <= {"directory", "generation"}
    assert parted.ids == whole.ids
    assert len(parted) == len(whole)
    assert parted.skipped() == whole.skipped()
    for name in ("captions", "path", "size", "content_hash", "attributes_of", "duplicates"):
        for id in ("i001.png", "sub/i003.png", "near.png"):
            assert getattr(parted, name)(id) == getattr(whole, name)(id)
    assert parted.match("I001.png") == "i001.png"
    with whole.snapshot() as single, parted.snapshot() as several:
        assert several.attributes.suggestions() == single.attributes.suggestions()
        assert several.attributes.schema() == single.attributes.schema()
        assert several.attributes.facets(["brand"], where="price > 20") == single.attributes.facets(
            ["brand"], where="price > 20"
        )
        for where in (None, "price > 20"):
            ids = several.find("i0", offset=3, limit=5, where=where)
            assert ids == single.find("i0", offset=3, limit=5, where=where)


def test_what_needs_all_vectors_or_writes_is_refused(parted: ClusterGallery) -> None:
    with pytest.raises(st.GalleryError, match="no machine holds all"):
        parted.matrix()
    snapshot = parted.snapshot()
    for refused in (snapshot.near_duplicates, snapshot.hashed_contents, snapshot.matrix):
        with pytest.raises(st.GalleryError, match="no machine holds all"):
            refused()
    for of_rows in (snapshot.attributes.dates, snapshot.attributes.group_values):
        with pytest.raises(st.GalleryError, match="has no row numbers"):
            of_rows("on")
    assert snapshot.similar_ids("I001.PNG") == ["i001.png"]
    with pytest.raises(SettingError, match="which is read-only here"):
        parted.remove("i001.png")


def test_an_encoder_that_did_not_make_the_vectors_is_refused(parted: ClusterGallery) -> None:
    with pytest.raises(GalleryMismatchError, match="were made by test") as refused:
        parted.use_encoder(FormerEncoder())
    assert f"stitch cluster index FOLDER {parted.uri} --encoder" in refused.value.hint


def test_a_gpu_that_a_node_lacks_is_one_error_that_names_node_and_cause(
    parted: ClusterGallery,
) -> None:
    searcher = Searcher(parted, settings=SearchSettings(device="cuda:99"))
    cause = r"Scoring on cuda:99 (needs torch, which is not installed|.* torch sees \d+ CUDA)"
    with pytest.raises(ModelError, match=f"On the node {re.escape(platform.node())}: {cause}"):
        searcher.search(QUERY)


def test_a_missing_shard_is_an_error_or_said_to_be_missing(
    scratch: Path, uri: str, parted: ClusterGallery
) -> None:
    fleet = parted.fleet
    assert isinstance(fleet, FleetHere)
    lenient = ClusterGallery(uri, fleet, SharedDataset.open(uri).facts, ENCODER, may_miss=True)
    everything = Searcher(lenient, settings=SearchSettings(k=100)).search(QUERY)
    assert everything.complete
    fleet.gone.add(1)
    try:
        with pytest.raises(ClusterError, match="shard 1"):
            Searcher(parted).search(QUERY)
        results = Searcher(lenient, settings=SearchSettings(k=100)).search(Query(None, "in red"))
    finally:
        fleet.gone.clear()
    assert not results.complete
    assert results.missing == (f"The shard 1 of {uri} does not answer.",)
    assert 0 < results.ranked < 62
    complete = Searcher(lenient, settings=SearchSettings(k=100)).search(Query(None, "in red"))
    order = [hit.id for hit in complete if results.hit(hit.id)]
    assert [hit.id for hit in results] == order


KEPT_FOR_A_VERSION: list[dict[str, Any]] = [
    {"hubness_weight": 0.4, "hubness_neighbours": 5},
    {"fusion": "z-score"},
    {"strictness": 0.2, "below_cutoff": True},
    {"near_duplicates": "collapse"},
    {"transition": "projected-parts", "scorer": "harris"},
]


@pytest.mark.parametrize("settings", KEPT_FOR_A_VERSION, ids=str)
def test_what_was_computed_without_a_shard_is_not_taken_for_the_whole_later(
    scratch: Path, uri: str, whole: Gallery, settings: dict[str, Any]
) -> None:
    """Whenever the shard goes: a search that may be partial says so, and later ones are whole."""
    expected = answer(whole, QUERY, settings)
    partial = {**settings, "partial": True}
    for questions in (0, 3, 6, 10):
        gallery = open_here(uri, scratch / "shards", SHARDS, ENCODER)
        fleet = gallery.fleet
        assert isinstance(fleet, FleetHere)
        fleet.goes_after = questions, 1
        searcher = Searcher(gallery, settings=SearchSettings.from_preset(**partial))
        first = searcher.search(Query(None, "in red"))
        assert first.complete is (not first.missing)
        assert first.complete or first.missing == (f"The shard 1 of {uri} does not answer.",)
        if 1 in fleet.gone:
            with pytest.raises(ClusterError, match="shard 1"):
                answer_or_raise(gallery, QUERY, settings)
        fleet.goes_after = None
        fleet.gone.clear()
        assert answer(gallery, QUERY, settings) == expected
        lenient = answer(gallery, QUERY, partial)
        assert lenient["complete"]
        assert [hit["id"] for hit in lenient["hits"]] == [hit["id"] for hit in expected["hits"]]
        assert lenient["scores"] == expected["scores"]


def answer_or_raise(gallery: Gallery, query: Query, settings: Mapping[str, Any]) -> Results:
    return Searcher(gallery, settings=SearchSettings.from_preset(**settings)).search(query)


def test_a_request_alone_may_be_answered_without_a_shard(scratch: Path, uri: str) -> None:
    from fastapi.testclient import TestClient

    from stitch_cir.server import create_app

    gallery = open_here(uri, scratch / "shards", SHARDS, ENCODER)
    fleet = gallery.fleet
    assert isinstance(fleet, FleetHere)
    holds = [bool(each) for each in gallery.ask("holds", ["i004.png"])]
    with TestClient(create_app(gallery)) as client:
        declared = [each["name"] for each in client.get("/api/gallery").json()["settings"]]
        assert "partial" in declared
        fleet.gone.add(holds.index(True))
        strict = client.post("/api/search", json={"text": "in red"})
        assert strict.status_code == 503
        assert strict.json()["error"]["type"] == "ClusterError"
        request = {"text": "in red", "settings": {"partial": True, "k": 100}}
        lenient = client.post("/api/search", json=request)
        assert uri not in strict.text + lenient.text
        results = lenient.json()["results"]
        assert (results["complete"], len(results["missing"])) == (False, 1)
        assert results["settings"]["partial"]
        assert 0 < len(results["hits"]) == results["ranked"] < 62
        assert f"Images are missing: {results['missing'][0]}" in results["notes"]
        # images in the shards that answer can be looked at
        there = results["hits"][0]
        for address in (there["thumbnail"], there["image"], f"/api/images/{there['id']}"):
            assert client.get(address).status_code == 200
        assert client.get("/api/images/i004.png").status_code == 503
        assert client.get("/api/images").status_code == 503
        for names in ({"references": [{"id": "i004.png"}]}, {"negatives": ["i004.png"]}):
            unknown = client.post("/api/search", json={**request, **names})
            assert unknown.status_code == 503
            assert "Whether the gallery has 'i004.png' cannot be said" in unknown.text
        fleet.gone.clear()
        assert client.post("/api/search", json=request).json()["results"]["complete"]


@pytest.mark.parametrize("order", ["id", "name", "on"])
@pytest.mark.parametrize("where", [None, "price > 20", "on < 2024-03-01 or sold", "price > 999"])
def test_images_are_listed_in_every_order_of_one_machine(
    whole: Gallery, parted: ClusterGallery, order: str, where: str | None
) -> None:
    with whole.snapshot() as single, parted.snapshot() as several:
        assert several.orders == single.orders == ("id", "name", "on")
        for words in ("", "i0"):
            for offset, limit in ((0, -1), (0, 7), (5, 9), (58, 20), (500, 3)):
                window: dict[str, Any] = {"offset": offset, "limit": limit, "where": where}
                listed = several.find(words, order=order, **window)
                assert listed == single.find(words, order=order, **window)


def test_sections_are_those_of_one_machine_and_nothing_is_offered_to_be_written(
    whole: Gallery, parted: ClusterGallery
) -> None:
    from fastapi.testclient import TestClient

    from stitch_cir.server import ServerSettings, create_app

    settings = ServerSettings(token="a-token-of-32-characters-or-more")
    with (
        TestClient(create_app(whole, settings=settings)) as single,
        TestClient(create_app(parted, settings=settings)) as several,
    ):
        for order in ("id", "name", "on", "price", "prize"):
            for where in ("price > 20", "price > 999", None):
                params = {"order": order, "where": where, "limit": 50}
                for path in ("/api/images", "/api/sections"):
                    answers = [each.get(path, params=params) for each in (single, several)]
                    assert answers[0].status_code == answers[1].status_code
                    if answers[0].status_code == 200:
                        assert answers[0].json() == answers[1].json()
                    else:
                        messages = [each.json()["error"]["message"] for each in answers]
                        assert messages[0] == messages[1]
        months = several.get("/api/sections", params={"order": "on"}).json()
        assert (months["by"], months["sections"][-1]["label"]) == ("month", "")
        offered = [each.get("/api/gallery").json()["writable"] for each in (single, several)]
        assert offered == [True, False]


LOOKING = ("/api/gallery", "/api/images", "/api/sections", "/api/facets")


def test_a_gallery_can_be_looked_at_while_a_shard_is_missing(scratch: Path, uri: str) -> None:
    from fastapi.testclient import TestClient

    from stitch_cir.server import create_app

    gallery = open_here(uri, scratch / "shards", SHARDS, ENCODER)
    fleet = gallery.fleet
    assert isinstance(fleet, FleetHere)
    with TestClient(create_app(gallery)) as client:
        whole = {path: client.get(path).json() for path in LOOKING}
        assert {tuple(each["missing"]) for each in whole.values()} == {()}
        assert client.get("/health").json()["status"] == "ok"
        fleet.gone.add(1)
        for path in LOOKING:
            strict, partial = client.get(path), client.get(path, params={"partial": True})
            assert (strict.status_code, partial.status_code) == (503, 200)
            (missing,) = partial.json()["missing"]
            assert "shard 1" in missing
            assert uri not in strict.text + partial.text
        assert client.get("/api/examples", params={"partial": True}).status_code == 200
        about, listed, counted = (
            client.get(path, params={"partial": True}).json()
            for path in ("/api/gallery", "/api/images", "/api/facets")
        )
        assert (
            about["images"] == listed["total"] == counted["total"] < whole["/api/gallery"]["images"]
        )
        assert f"Images are missing: {about['missing'][0]}" in about["notes"]
        fleet.gone.clear()
        again = {path: client.get(path, params={"partial": True}).json() for path in LOOKING}
        assert again == whole


class FormerEncoder(HashEncoder):
    """An encoder whose vectors cannot be compared with those of the other one."""

    fingerprint = "0" * 64

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.roll(super().encode_texts(texts), 7, axis=1)

    def encode_views(self, images: Any, boxes: Any) -> NDArray[np.float32]:
        return np.roll(super().encode_views(images, boxes), 7, axis=2)


def test_a_server_takes_up_the_encoder_of_a_dataset_that_was_encoded_anew(
    scratch: Path, uri: str, whole: Gallery, tmp_path: Path
) -> None:
    from fastapi.testclient import TestClient

    from stitch_cir.server import create_app

    former, encoder = str(tmp_path / "former.lance"), FormerEncoder()
    index_folder(scratch / "images", tmp_path / "former", encoder=encoder)
    export_gallery(tmp_path / "former", former)
    gallery = open_here(former, tmp_path / "shards", SHARDS, encoder)
    with TestClient(create_app(gallery)) as client:
        request = {"text": "in red", "reference": "i001.png", "settings": {"k": 100}}
        assert client.post("/api/search", json=request).json()["results"]["ranked"] == 60
        # the next version has the vectors of another encoder
        vars(gallery.fleet).update(vars(open_here(uri, scratch / "shards", SHARDS, ENCODER).fleet))
        with pytest.raises(GalleryMismatchError, match="made again by test"):
            Searcher(gallery).search(QUERY)
        hits = client.post("/api/search", json=request).json()["results"]["hits"]
    expected = Searcher(whole, settings=SearchSettings(k=100)).search(QUERY)
    assert [hit["id"] for hit in hits] == [hit.id for hit in expected]
    assert [hit["score"] for hit in hits] == [round(hit.score, 6) for hit in expected]


def test_health_and_metrics_name_a_missing_shard_and_ask_none(scratch: Path, uri: str) -> None:
    from fastapi.testclient import TestClient

    from stitch_cir.server import create_app

    gallery = open_here(uri, scratch / "shards", SHARDS, ENCODER)
    fleet = gallery.fleet
    assert isinstance(fleet, FleetHere)
    with TestClient(create_app(gallery)) as client:
        images = client.get("/api/gallery").json()["images"]
        fleet.gone |= set(range(SHARDS))
        health, metrics = client.get("/health"), client.get("/metrics").text
    assert health.status_code == 200
    facts = health.json()
    assert (facts["status"], facts["ready"], facts["images"]) == ("degraded", True, images)
    assert len(facts["missing"]) == SHARDS
    assert uri not in health.text
    assert 'stitch_shard_silent{shard="1"} 1.0' in metrics
    assert 'stitch_shard_seconds_bucket{le="+Inf",shard="1"} 0.0' in metrics
    assert f"stitch_gallery_images {float(images)}" in metrics


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What happened in a session of Ray, by the names of its steps."""
    pytest.importorskip("ray")
    scratch = tmp_path_factory.mktemp("session")
    root = Path(__file__).parents[2]
    paths = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.extras.cluster_session", str(scratch)],
        env={**os.environ, "PYTHONPATH": paths, "TMPDIR": str(scratch)},
        cwd=root,
        capture_output=True,
        text=True,
        timeout=1800,  # where it hangs
    )
    assert run.returncode == 0, run.stderr[-4000:]
    steps = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    return {step.pop("name"): step for step in steps}


def test_actors_answer_as_one_machine_does(session: dict[str, dict[str, Any]]) -> None:
    assert session["equal"]["equal"]


def test_shards_of_a_machine_share_its_cores(session: dict[str, dict[str, Any]]) -> None:
    threads = session["threads"]
    shards = len(threads["of_shards"])
    assert threads["of_shards"] == [max(1, threads["cores"] // shards)] * shards


def test_random_searches_through_actors_give_what_one_machine_gives(
    session: dict[str, dict[str, Any]],
) -> None:
    assert session["random"]["cases"] > 0
    assert session["random"]["different"] == []


def test_a_shard_that_is_killed_starts_again_and_no_answer_is_wrong(
    session: dict[str, dict[str, Any]],
) -> None:
    killed = session["killed"]
    assert (killed["wrong"], killed["errors"]) == (0, [])
    assert killed["answers"] >= 4
    assert killed["started_again"]


def test_versions_are_never_mixed_under_traffic(session: dict[str, dict[str, Any]]) -> None:
    switched = session["switched"]
    assert (switched["wrong"], switched["errors"]) == (0, [])
    assert switched["versions"][-1] == 2
    assert switched["monotonic"]
    assert session["held"]["earlier"] == ["i01.png"]


def test_what_cannot_be_is_one_error_that_names_it(session: dict[str, dict[str, Any]]) -> None:
    assert re.match("VersionGoneError: .*version '77'", session["gone"]["message"])
    recounted = session["recounted"]["message"]
    assert re.match(
        "ClusterError: The shards of .*photos.lance are 2 in this cluster, not 3", recounted
    )
    missing = session["missing"]["message"]
    assert re.match("ClusterError: The shard 2 of 2 of .*photos.lance does not answer", missing)


def test_an_answer_without_a_shard_says_so(session: dict[str, dict[str, Any]]) -> None:
    partial = session["partial"]
    assert not partial["complete"]
    assert "shard 2 of 2" in partial["missing"][0]
    assert 0 < partial["ranked"] < 25


def test_the_server_searches_through_the_cluster(session: dict[str, dict[str, Any]]) -> None:
    served = session["served"]
    assert served["complete"]
    assert served["images"] == 25
    assert served["equal"]
    assert session["documented"]["hits"] == 10
    assert session["stopped"]["code"] == 0

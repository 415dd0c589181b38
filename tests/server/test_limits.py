from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import stitch_cir as st
from stitch_cir.encoders import HashEncoder
from stitch_cir.server import JsonLines, create_app
from tests.conftest import CountingEncoder
from tests.gallery.fakes import WiderEncoder
from tests.server.conftest import TOKEN, jpeg

MB = 1 << 20


def test_large_bodies_are_refused(serve: Callable[..., TestClient]) -> None:
    client = serve(upload_bytes=2 * MB, token=TOKEN)
    big = bytes(30 * MB)
    for path, more in (
        ("/api/uploads", {"files": {"file": ("a.jpg", big)}}),
        ("/api/search", {"content": big}),
        ("/api/images", {"content": bytes(40 * MB)}),
    ):
        answer = client.post(path, headers={"authorization": f"Bearer {TOKEN}"}, **more)
        assert answer.status_code == 413
        assert answer.json()["error"]["type"] == "BodyTooLargeError"
        assert answer.headers["connection"] == "close"
    upload = client.post("/api/uploads", files={"file": ("a.jpg", jpeg() + bytes(2 * MB))})
    assert upload.status_code == 413


def test_a_body_without_length_is_counted_while_it_comes(serve: Callable[..., TestClient]) -> None:
    client = serve(upload_bytes=1 * MB)
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'

    def pieces() -> Iterator[bytes]:
        yield head
        yield from (bytes(MB) for _ in range(30))

    for path, kind in (
        ("/api/uploads", "multipart/form-data; boundary=x"),
        ("/api/search", "application/json"),
    ):
        answer = client.post(path, content=pieces(), headers={"content-type": kind})
        assert answer.status_code == 413
        assert answer.json()["error"]["type"] == "BodyTooLargeError"


@pytest.mark.parametrize("length", ["x", "-1", "1e9", "9" * 30, "٣"])
def test_lengths_that_are_none(client: TestClient, length: str) -> None:
    headers = {"content-length": length.encode()}
    answer = client.post("/api/search", content=b"{}", headers=headers)  # type: ignore[arg-type]
    assert answer.status_code in (413, 422)


def test_large_bodies_at_once_share_their_room(serve: Callable[..., TestClient]) -> None:
    client = serve(bodies_bytes=100_000)
    full = client.post("/api/uploads", files={"file": jpeg() + bytes(200_000)})
    assert (full.status_code, full.json()["error"]["type"]) == (503, "QueueFullError")
    for _ in range(5):  # what a request held is given back with its answer
        assert (
            client.post("/api/uploads", files={"file": jpeg() + bytes(60_000)}).status_code == 200
        )


def test_haste_is_refused(serve: Callable[..., TestClient]) -> None:
    client = serve(rate=0.001, burst=3.0)
    statuses = [client.get("/health").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    last = client.get("/health")
    assert last.headers["retry-after"] == "1"
    assert last.json()["error"]["type"] == "RateError"


def test_other_names_and_other_sites_are_refused(serve: Callable[..., TestClient]) -> None:
    client = serve(hosts=("localhost", "[::1]"))
    for host, status in (
        ("localhost", 200),
        ("LOCALHOST:8000", 200),
        ("[::1]:8000", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("", 421),
    ):
        assert client.get("/health", headers={"host": host}).status_code == status
    upload = {"files": {"file": ("a.jpg", jpeg())}}
    for header, status in (
        ({"origin": "http://localhost:8000"}, 200),
        ({"origin": "https://evil.example"}, 421),
        ({"origin": "null"}, 421),
        ({"sec-fetch-site": "cross-site"}, 421),
        ({"sec-fetch-site": "same-origin"}, 200),
    ):
        headers = {"host": "localhost:8000", **header}
        assert client.post("/api/uploads", headers=headers, **upload).status_code == status  # type: ignore[arg-type]


def test_uploads_leave_when_there_is_no_room(serve: Callable[..., TestClient]) -> None:
    upload = jpeg() + bytes(1000)
    client = serve(uploads_bytes=3 * len(upload))
    tokens = [
        client.post("/api/uploads", files={"file": upload}).json()["upload"] for _ in range(5)
    ]
    statuses = [client.get(f"/api/uploads/{token}").status_code for token in tokens]
    assert statuses == [404, 404, 200, 200, 200]


def test_caches_stay_within_their_bounds(serve: Callable[..., TestClient], folder: Path) -> None:
    """Some hundred and fifty different searches; what is kept is counted, not timed."""
    client = serve(rendered_bytes=20_000, uploads_bytes=20_000, max_hits=10)
    services = client.app.state.services  # type: ignore[attr-defined]
    ids = [image["id"] for image in client.get("/api/images").json()["images"]]
    for number in range(150):
        id = ids[number % len(ids)]
        ask = {"reference": {"id": id}, "text": f"in blue {number}", "settings": {"k": 2}}
        assert client.post("/api/search", json=ask).status_code == 200
        assert client.get(f"/api/thumbnails/{id}?side={64 + number}").status_code == 200
        if number % 3 == 0:
            content = jpeg((number % 255, 0, 0))
            assert client.post("/api/uploads", files={"file": content}).status_code == 200
    for cache in (
        services.renderer.cache,
        services.uploads.cache,
        services.queries.references,
        services.provider.encoder.text_vectors,
        services.provider.encoder.image_concepts,
    ):
        assert 0 < cache.bytes <= cache.room
    assert services.executor.held == services.image_executor.held == 0
    assert len(services.uploads.cache) < 50


# -- a gallery that changes under the server ---------------------------------------------------------


RED = {"text": "red", "settings": {"k": 1}}


def test_new_images_are_picked_up(client: TestClient, folder: Path) -> None:
    client.post("/api/search", json=RED)
    (folder / "orange.jpg").write_bytes(jpeg((240, 140, 30)))
    (folder / "red.png").unlink()
    st.index_folder(folder, encoder=HashEncoder())
    assert client.get("/health").json()["images"] == 8
    hits = client.post("/api/search", json={"text": "orange", "settings": {"k": 1}}).json()
    assert hits["results"]["hits"][0]["id"] == "orange.jpg"
    assert client.get("/api/images/red.png").status_code == 404
    ask = {"reference": {"id": "red.png"}, "text": "in blue"}
    assert client.post("/api/search", json=ask).status_code == 404


def test_a_gallery_that_is_deleted_and_made_again(client: TestClient, folder: Path) -> None:
    shutil.rmtree(folder / ".stitch")
    for answer in (
        client.get("/health"),
        client.post("/api/search", json=RED),
        client.get("/api/files/red.png"),
    ):
        assert answer.status_code == 404
        assert answer.json()["error"]["type"] == "GalleryMissingError"
    assert client.get("/metrics").status_code == 200
    st.index_folder(folder, encoder=HashEncoder())
    assert client.post("/api/search", json=RED).json()["results"]["hits"][0]["id"] == "red.png"


class OtherEncoder(CountingEncoder):
    name = "other"
    fingerprint = "0" * 64


@pytest.mark.parametrize("rebuild", [True, False])
def test_another_encoder_is_a_clean_error(client: TestClient, folder: Path, rebuild: bool) -> None:
    client.post("/api/search", json=RED)
    if not rebuild:
        shutil.rmtree(folder / ".stitch")
    st.index_folder(folder, encoder=OtherEncoder(), rebuild=rebuild)
    answer = client.post("/api/search", json=RED)
    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "GalleryMismatchError"
    assert str(folder) not in answer.text


def test_a_switch_to_another_encoder_is_picked_up(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = client.post("/api/search", json=RED).json()["results"]
    assert before["gallery"]["encoder"] == "test"
    st.index_folder(folder, encoder=WiderEncoder(), switch_when_done=True)
    monkeypatch.setattr("stitch_cir.encoders.load_encoder", lambda name: WiderEncoder())
    after = client.post("/api/search", json=RED).json()["results"]
    assert (after["gallery"]["encoder"], after["gallery"]["dim"]) == ("wider", 96)
    assert after["hits"][0]["id"] == before["hits"][0]["id"]
    assert client.get("/api/gallery").json()["encoder"] == "wider"


def test_a_better_encoder_is_named_where_one_can_be_fetched(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StandInEncoder(HashEncoder):
        stand_in_for = "ViT-B-32"
        strengths = "colours"

    online = [True, True, False]
    monkeypatch.setattr("stitch_cir.gallery._encoder_hint.network_is_likely", lambda: online.pop(0))
    st.index_folder(folder, encoder=HashEncoder())
    with TestClient(create_app(folder, encoder=StandInEncoder())) as client:
        notes = [client.get("/api/gallery").json()["encoder_note"] for _ in range(3)]
    assert "stitch index FOLDER --encoder ViT-B-32 --switch-when-done (605 MB" in notes[0]
    assert str(folder) not in notes[0]
    assert notes == [notes[0], notes[0], None]


def test_an_empty_gallery(serve: Callable[..., TestClient], folder: Path) -> None:
    for file in folder.rglob("*.png"):
        file.unlink()
    client = serve()
    assert client.get("/api/images").json() == {
        "total": 0,
        "offset": 0,
        "images": [],
        "missing": [],
    }
    assert client.post("/api/search", json=RED).status_code == 409


def test_a_damaged_file_is_reported(client: TestClient, folder: Path) -> None:
    (folder / "red.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    answer = client.get("/api/files/red.png")
    assert answer.status_code == 422
    assert answer.json()["error"]["type"] == "BrokenImageError"
    assert str(folder) not in answer.text
    ask = {"reference": {"id": "red.png"}, "text": "in blue", "settings": {"k": 1}}
    response = client.post("/api/search", json=ask)
    assert response.status_code == 200
    assert str(folder) not in response.text
    assert any("could not be opened" in note for note in response.json()["results"]["notes"])
    composed = client.post("/api/compose", json=ask)
    assert "could not be opened" in composed.text
    assert str(folder) not in composed.text


# -- faults and logs -------------------------------------------------------------------------------


def test_a_fault_is_not_shown_but_logged_without_text(
    serve: Callable[..., TestClient],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret wish of a user")

    monkeypatch.setattr(st.Searcher, "search", fail)
    for with_text in (False, True):
        caplog.clear()
        client = serve(log_text=with_text)
        with caplog.at_level(logging.INFO, "stitch_cir.server"):
            answer = client.post("/api/search?q=hidden", json={"text": "a secret wish"})
        assert answer.status_code == 500
        assert answer.json()["error"]["type"] == "InternalError"
        assert answer.headers["x-request-id"] in answer.json()["error"]["hint"]
        assert "secret" not in answer.text
        assert "Traceback" not in answer.text
        lines = [json.loads(JsonLines().format(record)) for record in caplog.records]
        assert [line["event"] for line in lines] == ["fault", "request"]
        assert lines[0]["id"] == lines[1]["id"] == answer.headers["x-request-id"]
        assert lines[0]["error"] == "RuntimeError"
        assert lines[1]["route"] == "/api/search"
        assert ("secret" in str(lines)) is with_text
        assert ("hidden" in str(lines)) is with_text


def test_logs_name_no_id(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "stitch_cir.server"):
        client.get("/api/images/red.png?x=1")
        client.get("/api/images/a%0a{%22level%22:1}")
        client.request("BREW", "/nowhere/secret")
    lines = [JsonLines().format(record) for record in caplog.records]
    assert len(lines) == 3
    for line in lines:
        assert "\n" not in line
        assert {"time", "level", "event", "id", "method", "route", "status", "ms", "bytes"} <= set(
            json.loads(line)
        )
    assert not any("red.png" in line or "secret" in line or "level%22" in line for line in lines)

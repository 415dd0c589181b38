"""An image named in another Unicode spelling or case, and a gallery that is incomplete."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from stitch_cir.gallery.store import Store

Form = Literal["NFC", "NFD"]
NAME = "Caf\u00e9 M\u00fcller/\ud55c\uad6d.png"


@pytest.mark.parametrize(("on_disk", "sent"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_every_way_of_naming_an_image(
    serve: Callable[..., TestClient], folder: Path, on_disk: Form, sent: Form
) -> None:
    id = unicodedata.normalize(on_disk, NAME)
    (folder / id).parent.mkdir()
    (folder / "red.png").rename(folder / id)
    client = serve()
    name = unicodedata.normalize(sent, NAME)
    for spelled in (name, name.upper()):
        path = quote(spelled)
        assert client.get(f"/api/images/{path}").json()["id"] == id
        for route in ("thumbnails", "files"):
            assert client.get(f"/api/{route}/{path}").content == (
                client.get(f"/api/{route}/{quote(id)}").content
            )
        for words in (*spelled.split("/")[0].split(), spelled.split("/")[1]):
            listed = client.get("/api/images", params={"q": words}).json()
            assert [image["id"] for image in listed["images"]] == [id]
        query = {"reference": {"id": spelled}, "text": "in blue"}
        answer = client.post("/api/search", json=query)
        assert answer.status_code == 200, answer.text
        assert id not in [hit["id"] for hit in answer.json()["results"]["hits"]]
        explained = client.post("/api/explain", json={"text": "red", "id": spelled})
        assert explained.status_code == 200, explained.text
        for settings, left in (({"exclude": [spelled]}, 7), ({"include": [spelled]}, 1)):
            answer = client.post("/api/search", json={"text": "red", "settings": settings}).json()[
                "results"
            ]
            assert len(answer["hits"]) == left
            assert (id in [hit["id"] for hit in answer["hits"]]) == (left == 1)


def test_a_filter_that_matches_nothing_is_noted(client: TestClient) -> None:
    query = {"text": "red", "settings": {"exclude": ["pairs"]}}
    answer = client.post("/api/search", json=query).json()["results"]
    assert any("Do you mean 'pairs/*'?" in note for note in answer["notes"])


def test_an_incomplete_gallery_is_noted(client: TestClient, folder: Path) -> None:
    about = client.get("/api/gallery").json()
    assert (about["complete"], about["waiting"]) == (True, 0)
    with closing(Store(folder / ".stitch", write=True)) as store:
        store.set_meta(survey={"complete": False, "waiting": 584})
    about = client.get("/api/gallery").json()
    assert (about["complete"], about["waiting"]) == (False, 584)
    answer = client.post("/api/search", json={"text": "red"}).json()["results"]
    assert any("584 files are not indexed yet" in note for note in answer["notes"])

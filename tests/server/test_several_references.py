"""Several references and several turns over HTTP, and through the client."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import stitch_cir as st
from stitch_cir.encoders import HashEncoder

TEXT = "the first in the colour of the second"


def hits(answer: dict[str, object]) -> list[tuple[str, float]]:
    return [(hit["id"], hit["score"]) for hit in answer["results"]["hits"]]  # type: ignore[index]


def test_references_are_those_of_the_library(client: TestClient, folder: Path) -> None:
    sent = [{"id": "green.png", "weight": 3}, "red.png"]
    answer = client.post("/api/search", json={"references": sent, "text": TEXT}).json()
    gallery = st.Gallery.open(folder, encoder=HashEncoder())
    query = st.Query([st.WeightedReference("green.png", 3), "red.png"], TEXT)
    expected = st.Searcher(gallery).search(query)
    assert hits(answer) == [(hit.id, round(hit.score, 6)) for hit in expected]
    assert answer["results"]["query"]["references"] == [
        {"name": "green.png", "share": 0.75},
        {"name": "red.png", "share": 0.25},
    ]
    split = client.post(
        "/api/search", json={"reference": "green.png", "references": ["red.png"], "text": TEXT}
    ).json()
    assert [each["name"] for each in split["results"]["query"]["references"]] == [
        "green.png",
        "red.png",
    ]


def test_uploads_can_be_among_them(client: TestClient, folder: Path) -> None:
    content = (folder / "red.png").read_bytes()
    token = client.post("/api/uploads", files={"file": ("red.png", content)}).json()["upload"]
    sent = {"references": ["green.png", {"upload": token}], "text": TEXT}
    by_id = {"references": ["green.png", "red.png"], "text": TEXT}
    answers = [client.post("/api/search", json=each).json() for each in (sent, by_id)]
    assert hits(answers[0]) == hits(answers[1])
    explained = client.post("/api/explain", json={**sent, "id": "blue.png"})
    assert explained.status_code == 200
    assert [each["name"] for each in explained.json()["references"]] == ["green.png", "(upload)"]
    sheet = client.post("/api/sheet", json=sent)
    assert "reference: green.png, (upload)" in sheet.text


def test_turns_stay_until_they_are_left_out(client: TestClient) -> None:
    query = {"reference": "green.png", "text": "with a belt", "turns": ["red"]}
    both = client.post("/api/search", json=query).json()
    assert both["results"]["composition"]["modification"] == "red, with a belt"
    assert both["results"]["query"]["turns"] == ["red"]
    only = client.post("/api/search", json={**query, "turns": []}).json()
    earlier = client.post(
        "/api/search", json={**query, "text": "", "turns": ["with a belt"]}
    ).json()
    assert hits(only) == hits(earlier)
    composed = client.post("/api/compose", json=query).json()["composition"]
    assert composed["modification"] == "red, with a belt"


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ({"references": ["red.png"] * 50}, 422, "16"),
        ({"references": [{"id": "red.png", "weight": 0}]}, 422, "greater than 0"),
        ({"references": [{"id": "red.png", "weight": -1}]}, 422, "greater than 0"),
        ({"references": ["red.png", "nowhere.png"]}, 404, "nowhere.png"),
        ({"references": ["red.png", {"upload": "gone"}]}, 404, "no such upload"),
        ({"references": ["red.png", "blue.png"], "text": "the third"}, 422, "only 2 references"),
        ({"turns": ["x" * 5000], "text": "red"}, 422, "characters"),
        ({"turns": [" "]}, 422, "nothing to search for"),
    ],
)
def test_what_cannot_be_used_is_refused(
    client: TestClient, query: dict[str, object], status: int, message: str
) -> None:
    answer = client.post("/api/search", json={"text": "" if "turns" in query else "red", **query})
    assert answer.status_code == status
    assert message in answer.text


def test_a_form_searches_with_images_in_one_request(client: TestClient, folder: Path) -> None:
    files = [("file", (name, (folder / name).read_bytes())) for name in ("green.png", "red.png")]
    sent = client.post("/api/search/form", files=files, data={"query": json.dumps({"text": TEXT})})
    assert sent.status_code == 200, sent.text
    by_id = {"references": ["green.png", "red.png"], "text": TEXT}
    assert hits(sent.json()) == hits(client.post("/api/search", json=by_id).json())
    mixed = client.post(
        "/api/search/form",
        files=files[1:],
        data={"query": json.dumps({"reference": "green.png", "text": TEXT})},
    )
    assert hits(mixed.json()) == hits(sent.json())
    alone = client.post("/api/search/form", files=files[1:])
    assert hits(alone.json()) == hits(
        client.post("/api/search", json={"reference": "red.png"}).json()
    )


@pytest.mark.parametrize(
    ("files", "query", "status", "message"),
    [
        ([b"no image"], "{}", 415, "NotAnImageError"),
        ([b"x"] * 17, "{}", 422, "more than 16 files"),
        ([b"x"], "{", 422, "query"),
        ([b"x"], '{"txt": "red"}', 422, "txt"),
        ([b"x"], '{"references": [{"id": "a", "weight": 0}]}', 422, "greater than 0"),
    ],
)
def test_a_form_that_cannot_be_used_is_refused(
    client: TestClient, files: list[bytes], query: str, status: int, message: str
) -> None:
    parts = [("file", ("a.png", content)) for content in files]
    refused = client.post("/api/search/form", files=parts, data={"query": query})
    assert refused.status_code == status, refused.text
    assert message in refused.text

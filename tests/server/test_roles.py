"""What is avoided, and roles, over HTTP and from the client."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from stitch_cir import wire
from stitch_cir.client import QueryArguments

QUERY = {"text": "a red square", "settings": {"k": 8}}


def test_what_is_avoided_loses_and_the_answer_says_so(client: TestClient) -> None:
    plain = client.post("/api/search", json=QUERY).json()["results"]
    sent = {**QUERY, "avoid": ["blue", {"text": "a frame", "weight": 0.1}]}
    avoided = client.post("/api/search", json=sent).json()["results"]
    assert avoided["query"]["avoid"] == ["blue", "a frame"]
    lost = {hit["id"]: hit["score"] for hit in plain["hits"]}
    for hit in avoided["hits"]:
        lost[hit["id"]] -= hit["score"]
    assert max(lost, key=lambda id: lost[id]) in ("blue.png", "pairs/red-blue.png")
    explained = client.post("/api/explain", json={**sent, "id": "blue.png"}).json()
    roles = wire.Explanation.model_validate(explained).roles
    assert [each.role for each in roles] == ["global", "forbidden"]
    assert sum(each.share for each in roles) == pytest.approx(explained["hit"]["score"], abs=1e-5)
    assert [match.text for match in roles[1].matches] == ["blue", "a frame"]


def test_roles_of_a_composition_are_sent_back_beside_its_captions(client: TestClient) -> None:
    settings = {"scorer": "roles", "transition": "none", "k": 8}
    query: dict[str, Any] = {"text": "a red square but no blue", "settings": settings}
    first = client.post("/api/search", json=query).json()["results"]
    roles = first["composition"]["roles"]
    assert [each["text"] for each in roles["forbidden"]] == ["blue"]
    back = {**query, "captions": first["composition"]["captions"], "roles": roles}
    again = client.post("/api/search", json=back).json()["results"]
    assert [hit["score"] for hit in again["hits"]] == [hit["score"] for hit in first["hits"]]


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ({"avoid": ["red square"], "text": "red square"}, 422, "the query asks for it"),
        ({"avoid": [" "]}, 422, "no visible characters"),
        ({"roles": {"must": ["hat"]}}, 422, "must"),
        ({"roles": {"desired": [{"text": "hat", "weight": -1}]}}, 422, "weight"),
        ({"roles": {"desired": [{"text": "h"}], "forbidden": [{"text": "h"}]}}, 422, "forbidden"),
        ({"roles": {"desired": [{"text": "h", "weight": 0}]}}, 422, "weigh 0"),
    ],
)
def test_what_cannot_be_a_role_is_one_clear_error(
    client: TestClient, query: dict[str, Any], status: int, message: str
) -> None:
    answer = client.post("/api/search", json={**QUERY, **query})
    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]


def test_the_client_has_both_arguments() -> None:
    assert {"avoid", "roles"} <= QueryArguments.__annotations__.keys()

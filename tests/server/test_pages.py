"""Pages of a search over HTTP: cursors, offsets, and what is refused of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import stitch_cir as st
from stitch_cir import wire
from stitch_cir.encoders import HashEncoder

QUERY = {"reference": "red.png", "text": "in blue", "settings": {"k": 2}}


def search(client: TestClient, **more: Any) -> dict[str, Any]:
    answer = client.post("/api/search", json={**QUERY, **more})
    assert answer.status_code == 200, answer.text
    results: dict[str, Any] = answer.json()["results"]
    wire.SearchResults.model_validate(results)
    return results


def test_pages_follow_one_another(client: TestClient) -> None:
    whole = search(client, settings={"k": 9})
    assert (whole["total"], whole["offset"], whole["next_cursor"]) == (7, 0, None)
    hits: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = search(client, cursor=cursor)
        assert (page["total"], page["offset"]) == (7, len(hits))
        hits += page["hits"]
        cursor = page["next_cursor"]
    assert hits == whole["hits"]
    assert search(client, offset=4)["hits"] == whole["hits"][4:6]
    beyond = search(client, offset=10**9)
    assert (beyond["hits"], beyond["next_cursor"]) == ([], None)
    assert "There are no hits after the first 7." in beyond["notes"]


@pytest.mark.parametrize(
    ("more", "status", "kind"),
    [
        ({"cursor": "A" * 60}, 400, "CursorError"),
        ({"cursor": "<script>"}, 400, "CursorError"),
        ({"cursor": "x" * 201}, 422, "RequestError"),
        ({"cursor": 7}, 422, "RequestError"),
        ({"offset": -1}, 422, "RequestError"),
        ({"offset": 10**30}, 422, "RequestError"),
        ({"offset": 1.5}, 422, "RequestError"),
        ({"offset": 1, "cursor": "A"}, 422, "QueryError"),
    ],
)
def test_what_is_refused(client: TestClient, more: dict[str, Any], status: int, kind: str) -> None:
    answer = client.post("/api/search", json={**QUERY, **more})
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    assert answer.json()["error"]["hint"]


def test_a_cursor_of_another_query_or_an_older_gallery_is_refused(
    client: TestClient, folder: Path
) -> None:
    cursor = search(client)["next_cursor"]
    other = client.post("/api/search", json={**QUERY, "text": "in green", "cursor": cursor})
    assert (other.status_code, other.json()["error"]["type"]) == (400, "CursorError")
    (folder / "new.png").write_bytes((folder / "blue.png").read_bytes())
    st.index_folder(folder, encoder=HashEncoder())
    gone = client.post("/api/search", json={**QUERY, "cursor": cursor})
    assert (gone.status_code, gone.json()["error"]["type"]) == (410, "CursorGoneError")
    assert search(client)["total"] == 8


def test_the_cut_off_of_a_search(client: TestClient) -> None:
    marked = search(client, settings={"k": 9, "strictness": 0.4, "below_cutoff": True})
    cutoff = marked["cutoff"]
    assert (len(marked["hits"]), marked["total"]) == (7, 7)
    above = [hit for hit in marked["hits"] if hit["score"] >= cutoff["score"]]
    assert (cutoff["above"], cutoff["strictness"], cutoff["advice"]) == (len(above), 0.4, [])
    kept = search(client, settings={"k": 9, "strictness": 0.4})
    assert (kept["hits"], kept["total"]) == (above, len(above))
    nothing = search(client, text="zzyzx", reference=None, settings={"strictness": 0.0001})
    assert (nothing["hits"], nothing["cutoff"]["above"]) == ([], 0)
    assert nothing["cutoff"]["advice"]
    assert search(client)["cutoff"] is None
    refused = client.post("/api/search", json={**QUERY, "settings": {"strictness": 1}})
    assert (refused.status_code, refused.json()["error"]["type"]) == (422, "SettingError")

"""Every route of the HTTP API on one machine and in shards: equal, or different as docs/cluster.md says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from stitch_cir.server import ServerSettings, create_app

pytestmark = pytest.mark.cluster
pytest.importorskip("lance")

from stitch_cir.cluster import ClusterGallery, export_gallery  # noqa: E402 - needs the extra
from tests.extras.cluster_cases import ENCODER, make_source  # noqa: E402
from tests.extras.cluster_fleet import FleetHere, open_here  # noqa: E402

TOKEN = {"authorization": "Bearer a-token-of-32-characters-or-more"}
QUERIES: list[dict[str, Any]] = [
    {"text": "a red thing", "settings": {"k": 5}},
    {"reference": "i001.png", "text": "in red", "turns": ["as a drawing"], "facets": ["brand"]},
    {"references": ["i001.png", {"id": "near.png", "weight": 2}], "text": "x", "offset": 3},
    {"captions": [{"text": "a dog"}], "negatives": ["i005.png"], "settings": {"where": "sold"}},
    {"reference": "nope.png", "text": "x"},
    {"text": "x", "settings": {"scorer": "nope"}},
    {"text": "x", "cursor": "no cursor"},
    {},
]
GETS = {
    "/health": [""],
    "/api/gallery": ["", "?partial=true"],
    "/api/examples": ["", "?partial=true"],
    "/api/images": ["", "?q=sub&limit=3", "?order=on", "?where=price>20", "?where=((", "?limit=0"],
    "/api/sections": ["", "?order=on"],
    "/api/facets": ["", "?facet=brand&facet=price:0,20", "?facet=nope"],
    "/api/images/{id}": ["i001.png", "sub/i003.png", "nope.png"],
    "/api/files/{id}": ["near.png?side=64", "near.png?image=2", "nope.png"],
    "/api/thumbnails/{id}": ["sub/i003.png", "nope.png"],
    "/api/uploads": [""],
    "/api/uploads/{token}": ["nope"],
}
EXPLAINED = [{**query, "id": id} for query in QUERIES[:6] for id in ("i007.png", "nope.png")]
CATALOG: list[dict[str, Any]] = [
    {"query": "a thing"},
    {"query": "x", "filters": {"brand": ["A"]}},
    {"reference": "i001.png"},
    {},
]
POSTS: dict[str, list[dict[str, Any]]] = {
    "/api/compose": QUERIES,
    "/api/search": QUERIES,
    "/api/sheet": QUERIES[:4],
    "/api/explain": EXPLAINED,
    "/api/explain/image": [{**each, "kind": "all"} for each in EXPLAINED[:3]],
    "/api/reveal": [{"id": "i001.png"}, {}],
    "/catalog/search": CATALOG,
}  # fmt: skip
IMAGE = "near.png"
KEYS_THAT_DIFFER = {"seconds", "next_cursor", "cursor", "generation", "bounded", "scored", "upload"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = make_source(tmp_path_factory.mktemp("routes") / "photos")
    export_gallery(source, f"{source}.lance")
    return source


@pytest.fixture(scope="module")
def parted(folder: Path) -> ClusterGallery:
    """The gallery in three shards, which have loaded it."""
    gallery = open_here(f"{folder}.lance", folder.parent / "shards", 3, ENCODER)
    gallery.ask("holds", [])
    return gallery


@pytest.fixture(scope="module")
def servers(folder: Path, parted: ClusterGallery) -> Iterator[list[TestClient]]:
    """One machine, and the shards, both with a token."""
    settings = ServerSettings(token=TOKEN["authorization"].split()[1], rate=0, batch_seconds=0)
    with (
        TestClient(create_app(folder, encoder=ENCODER, settings=settings)) as single,
        TestClient(create_app(parted, settings=settings)) as several,
    ):
        yield [single, several]


def compared(data: Any) -> Any:
    """An answer without times, versions and tokens."""
    if isinstance(data, dict):
        return {key: compared(of) for key, of in data.items() if key not in KEYS_THAT_DIFFER}
    return [compared(each) for each in data] if isinstance(data, list) else data


def answers(servers: list[TestClient], method: str, path: str, **sent: Any) -> list[Any]:
    """Status, media type and content of one request on both."""
    both = []
    for server in servers:
        answer = server.request(method, path, **sent)
        kind = answer.headers.get("content-type", "")
        content = compared(answer.json()) if kind == "application/json" else answer.content
        both.append((answer.status_code, kind, content))
    return both


def test_every_route_is_compared(servers: list[TestClient]) -> None:
    described = {
        (method.upper(), path)
        for path, methods in servers[1].get("/openapi.json").json()["paths"].items()
        for method in methods
    }
    here = {("GET", path) for path in GETS} | {("POST", path) for path in POSTS}
    below = {
        ("GET", "/metrics"),
        ("POST", "/api/images"),
        ("DELETE", "/api/images/{id}"),
        ("POST", "/api/uploads"),
        ("POST", "/api/uploads/{token}/keep"),
        ("DELETE", "/api/uploads/{token}"),
        ("POST", "/api/search/form"),
    }
    assert described == here | below


@pytest.mark.parametrize("path", GETS)
def test_reading_gives_what_one_machine_gives(servers: list[TestClient], path: str) -> None:
    for rest in GETS[path]:
        address = re.sub(r"\{\w+\}", "", path) + rest
        single, several = answers(servers, "GET", address, headers=TOKEN)
        if path == "/api/gallery":
            for _, _, about in (single, several):
                about["settings"] = [each["name"] for each in about["settings"]]
            assert several[2]["settings"] == [*single[2].pop("settings"), "partial"]
            assert (single[2].pop("writable"), several[2].pop("writable")) == (True, False)
            del several[2]["settings"]
        assert several == single, address


@pytest.mark.parametrize("path", POSTS)
def test_queries_give_what_one_machine_gives(servers: list[TestClient], path: str) -> None:
    for body in POSTS[path]:
        single, several = answers(servers, "POST", path, json=body)
        assert several == single, body


def test_uploads_are_taken_for_queries_and_not_kept(servers: list[TestClient]) -> None:
    content = servers[0].get(f"/api/files/{IMAGE}").content
    single, several = answers(servers, "POST", "/api/uploads", files={"file": ("a.jpg", content)})
    assert several == single
    sent = {
        "data": {"query": json.dumps({"text": "in red"})},
        "files": {"file": ("a.jpg", content)},
    }
    searches = answers(servers, "POST", "/api/search/form", **sent)
    hits = [[(hit["id"], hit["score"]) for hit in each[2]["results"]["hits"]] for each in searches]
    assert hits[0] == hits[1]
    for method, path in (("POST", "/api/uploads/nope/keep"), ("DELETE", "/api/uploads/nope")):
        single, several = answers(servers, method, path, headers=TOKEN)
        assert several == single


@pytest.mark.parametrize("headers", [{}, TOKEN, {"authorization": "Bearer wrong"}], ids=str)
def test_writing_is_refused_with_and_without_a_token(
    servers: list[TestClient], headers: dict[str, str]
) -> None:
    added = servers[1].post("/api/images", files={"file": ("a.png", b"x")}, headers=headers)
    removed = servers[1].delete(f"/api/images/{IMAGE}", headers=headers)
    for refused in (added, removed):
        assert refused.status_code == 422
        error = refused.json()["error"]
        assert error["type"] == "SettingError"
        assert error["message"] == (
            "photos is a dataset that a cluster searches, which is read-only here."
        )
        assert "stitch cluster index" in error["hint"]


def test_metrics_have_those_of_shards_beside_all_of_one_machine(servers: list[TestClient]) -> None:
    single, several = (
        {line.split()[2] for line in each.get("/metrics").text.splitlines() if "# TYPE" in line}
        for each in servers
    )
    assert single < several
    assert all(name.startswith("stitch_shard_") for name in several - single)


def test_a_shard_that_is_missing_is_a_503_to_be_tried_again(
    servers: list[TestClient], parted: ClusterGallery
) -> None:
    assert isinstance(parted.fleet, FleetHere)
    parted.fleet.gone.add(1)
    try:
        refused = servers[1].post("/api/search", json={"text": "in blue"})
        composed = servers[1].post("/api/compose", json={"text": "in blue"})
    finally:
        parted.fleet.gone.clear()
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.json()["error"]["type"] == "ClusterError"
    assert composed.status_code == 200

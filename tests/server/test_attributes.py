"""Filters, groups and counts over HTTP; a change of attributes is seen by the running server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import stitch_cir as st
from stitch_cir import wire

PRICES = {"black.png": 10, "blue.png": 20, "green.png": 30, "white.png": 40}


@pytest.fixture
def priced(client: TestClient, folder: Path) -> TestClient:
    """A server whose gallery gets its prices while it runs."""
    values: dict[str, Any] = {
        id: {"price": price, "line": "dark" if price < 25 else "light"}
        for id, price in PRICES.items()
    }
    with st.Gallery.open(folder) as gallery:
        gallery.set_attributes(values)
    return client


def search(client: TestClient, **settings: object) -> dict[str, Any]:
    body = {
        "reference": "red.png",
        "text": "in blue",
        "facets": ["line", "price:0,25"],
        "settings": settings,
    }
    answer = client.post("/api/search", json=body)
    assert answer.status_code == 200, answer.text
    results: dict[str, Any] = answer.json()["results"]
    wire.SearchResults.model_validate(results)
    return results


def test_a_filter_with_counts(priced: TestClient, folder: Path) -> None:
    results = search(priced, where="price < 35", k=9)
    assert {hit["id"] for hit in results["hits"]} == {"black.png", "blue.png", "green.png"}
    assert results["hits"][0]["attributes"]["price"] == PRICES[results["hits"][0]["id"]]
    line, price = results["facets"]
    assert [(count["value"], count["count"]) for count in line["counts"]] == [
        ("dark", 2),
        ("light", 1),
    ]
    assert [count["count"] for count in price["counts"]] == [0, 2, 1]
    assert results["settings"]["where"] == "price < 35"
    with st.Gallery.open(folder) as gallery:
        gallery.set_attributes({"green.png": {"price": 99}})
    again = search(priced, where="price < 35", k=9)
    assert {hit["id"] for hit in again["hits"]} == {"black.png", "blue.png"}


def test_groups(priced: TestClient) -> None:
    results = search(priced, where="line is not missing", group_by="line", group_size=2)
    assert len(results["hits"]) == 2
    for hit in results["hits"]:
        assert hit["group_images"] == 2
        assert len(hit["members"]) == 1
        assert hit["members"][0]["score"] <= hit["score"]


def test_the_schema_is_shown(priced: TestClient) -> None:
    about = priced.get("/api/gallery").json()
    wire.GalleryInfo.model_validate(about)
    assert {"name": "price", "kind": "number", "items": 4} in about["attributes"]


@pytest.mark.parametrize(
    ("settings", "facets", "message"),
    [
        ({"where": "prize < 3"}, [], "There is no attribute 'prize'"),
        ({"where": "price <"}, [], "The condition ends"),
        ({"where": "price < 'x'"}, [], "which is not a number"),
        ({"where": "(" * 5000}, [], "nested more than 50 deep"),
        ({"group_by": "brand"}, [], "There is no attribute 'brand'"),
        ({}, ["brand"], "There is no attribute 'brand'"),
        ({}, ["line:1,2"], "which has no ranges"),
    ],
)
def test_what_is_refused(
    priced: TestClient, settings: dict[str, Any], facets: list[str], message: str
) -> None:
    body = {"text": "blue", "settings": settings, "facets": facets}
    answer = priced.post("/api/search", json=body)
    assert 400 <= answer.status_code < 500
    assert message in answer.json()["error"]["message"]


def test_images_that_meet_a_condition_are_listed(priced: TestClient) -> None:
    page = priced.get("/api/images", params={"where": "price < 35", "limit": 2}).json()
    assert (page["total"], [image["id"] for image in page["images"]]) == (
        3,
        ["black.png", "blue.png"],
    )
    rest = priced.get("/api/images", params={"where": "price < 35", "offset": 2}).json()
    assert [image["id"] for image in rest["images"]] == ["green.png"]
    both = priced.get("/api/images", params={"where": "price < 35", "q": "BL"}).json()
    assert [image["id"] for image in both["images"]] == ["black.png", "blue.png"]
    assert priced.get("/api/images", params={"where": "price > 99"}).json()["total"] == 0


def test_a_gallery_suggests_what_to_filter_by_and_counts_it(priced: TestClient) -> None:
    answer = wire.GalleryFacets.model_validate(priced.get("/api/facets").json())
    assert answer.total == 8
    line = next(facet for facet in answer.facets if facet.attribute == "line")
    assert (line.request, line.missing) == ("line", 4)
    assert [(count.value, count.count) for count in line.counts] == [("dark", 2), ("light", 2)]
    filtered = priced.get("/api/facets", params={"where": "line = 'dark'", "facet": "price:15,30"})
    counted = wire.GalleryFacets.model_validate(filtered.json())
    assert counted.total == 2
    assert [count.count for count in counted.facets[0].counts] == [1, 1, 0]
    assert counted.facets[0].counts[0].where == "price < 15.0"


@pytest.mark.parametrize("path", ["/api/facets", "/api/images"])
def test_a_condition_that_cannot_be_understood_is_refused(priced: TestClient, path: str) -> None:
    answer = priced.get(path, params={"where": "prize < 3"})
    assert answer.status_code == 422
    assert answer.json()["error"]["message"] == "There is no attribute 'prize'."
    assert "Did you mean 'price'" in answer.json()["error"]["hint"]
    assert priced.get("/api/facets", params={"facet": "line:1,2"}).status_code == 422
    assert priced.get(path, params={"where": ""}).status_code == 422

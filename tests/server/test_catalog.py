"""POST /catalog/search: the protocol's fields, filters in minor units, pages, and bad requests."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from stitch_cir.encoders import HashEncoder
from stitch_cir.server import ServerSettings, create_app
from stitch_cir.wire import CatalogResponse
from tests.gallery.feeds.shop import Shop
from tests.server.catalog import make_shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return make_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def client(shop: Shop) -> Iterator[TestClient]:
    settings = ServerSettings(rate=0, batch_seconds=0)
    app = create_app(shop.folder / "gallery", encoder=HashEncoder(), settings=settings)
    with TestClient(app) as client:
        yield client


def search(client: TestClient, **request: Any) -> dict[str, Any]:
    answer = client.post("/catalog/search", json=request)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()
    CatalogResponse.model_validate(data)
    return data


def ids(data: dict[str, Any]) -> set[str]:
    return {product["id"] for product in data["products"]}


def test_a_product_has_the_fields_of_the_protocol(client: TestClient) -> None:
    data = search(client, query="a dress", pagination={"limit": 20})
    version = "2026-08-25"
    assert data["ucp"] == {
        "version": version,
        "capabilities": {"dev.ucp.shopping.catalog.search": [{"version": version}]},
    }
    assert data["pagination"] == {"has_next_page": False, "total_count": 6}
    product = next(each for each in data["products"] if each["id"] == "dress-1")
    variants = {variant["id"]: variant for variant in product["variants"]}
    assert set(variants) == {"dress-1-red", "dress-1-blue"}
    first = product["variants"][0]
    assert {name: value for name, value in product.items() if name != "variants"} == {
        "id": "dress-1",
        "title": f"Product {first['id']}",
        "description": {"plain": "A long dress."},
        "url": f"https://shop.example/{first['id']}",
        "brand": "Acme",
        "categories": [{"value": "Apparel > Dresses", "taxonomy": "google_product_category"}],
        "price_range": {
            "min": {"amount": 2550, "currency": "EUR"},
            "max": {"amount": 2550, "currency": "EUR"},
        },
        "media": [
            {
                "type": "image",
                "url": f"https://shop.example/{first['id']}.png",
                "alt_text": f"Product {first['id']}",
            }
        ],
        "options": [{"name": "Color", "values": product["options"][0]["values"]}],
        "metadata": {"score": product["metadata"]["score"], "group_images": 2},
    }
    assert {value["label"] for value in product["options"][0]["values"]} == {"red", "blue"}
    red = variants["dress-1-red"]
    assert red["price"] == {"amount": 2550, "currency": "EUR"}
    assert red["availability"] == {"available": True, "status": "in_stock"}
    assert red["options"] == [{"name": "Color", "label": "red"}]
    assert red["metadata"]["item_group_id"] == "dress-1"


def test_a_sale_has_both_prices_and_images_the_servers_addresses(client: TestClient) -> None:
    products = search(client, query="things", pagination={"limit": 20})["products"]
    by_id = {product["id"]: product for product in products}
    shoe = by_id["shoe"]
    assert shoe["variants"][0]["price"] == {"amount": 3990, "currency": "EUR"}
    assert shoe["variants"][0]["list_price"] == {"amount": 8000, "currency": "EUR"}
    assert shoe["list_price_range"]["max"]["amount"] == 8000
    hat = by_id["hat"]["variants"][0]
    assert hat["availability"] == {"available": False, "status": "out_of_stock"}
    urls = [each["url"] for each in hat["media"]]
    assert urls == [
        "http://testserver/api/files/hat",
        "http://testserver/api/files/hat?image=2",
    ]
    images = [client.get(url) for url in urls]
    assert [image.status_code for image in images] == [200, 200]
    assert images[0].content != images[1].content
    assert client.get("http://testserver/api/files/hat?image=3").status_code == 404


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"price": {"max": 1600}}, {"dress-0", "hat"}),
        ({"price": {"min": 3600, "max": 4000}}, {"shoe"}),
        ({"price": {"min": 0}}, {"dress-0", "dress-1", "dress-2", "dress-3", "hat", "shoe"}),
        ({"categories": ["Apparel > Dresses", "x"], "brand": "Bolt"}, {"dress-0", "dress-2"}),
        ({"brand": ["Acme", "Nobody"], "availability": ["in_stock"]}, {"dress-1", "dress-3", "shoe"}),
        ({"size": "42"}, {"shoe"}),
        ({"sale_price": {"max": 50}}, {"shoe"}),
        ({"brand": "Nobody"}, set()),
    ],
)  # fmt: skip
def test_filters(client: TestClient, filters: dict[str, Any], expected: set[str]) -> None:
    data = search(client, query="a dress", filters=filters, pagination={"limit": 20})
    assert ids(data) == expected
    assert data["pagination"]["total_count"] == len(expected)
    assert "messages" not in data


def test_a_filter_in_another_currency_does_not_count_and_that_is_said(client: TestClient) -> None:
    request = {"query": "a hat", "filters": {"price": {"max": 1300}}}
    usual = search(client, **request, context={"currency": "EUR", "language": "en"})
    assert ids(usual) == {"hat"}
    other = search(client, **request, context={"currency": "USD"}, pagination={"limit": 20})
    assert len(other["products"]) == 6
    assert [(m["type"], m["code"]) for m in other["messages"]] == [("warning", "price_filter")]
    assert "prices are in EUR, not USD" in other["messages"][0]["content"]


def test_a_reference_and_words_together(client: TestClient, shop: Shop) -> None:
    by_id = search(client, query="in blue", reference={"id": "dress-2-red"})
    assert by_id == search(client, query="in blue", reference="dress-2-red")
    # a product's own id is its first variant
    by_product = search(client, query="in blue", reference="dress-2")
    assert ids(by_product) == ids(by_id)
    content = (shop.folder / "images/dress-2-red.png").read_bytes()
    image = base64.b64encode(content).decode()
    by_image = search(client, query="in blue", reference={"image": image})
    upload = client.post("/api/uploads", files={"file": ("x.png", content)}).json()["upload"]
    by_upload = search(client, query="in blue", reference={"upload": upload})
    assert by_image == by_upload == by_id
    words = search(client, query="in blue")
    assert words["products"] != by_id["products"]
    alone = search(client, reference="dress-2-red")
    assert "dress-2-red" not in {v["id"] for p in alone["products"] for v in p["variants"]}


def test_pages_by_cursor(client: TestClient) -> None:
    whole = search(client, query="a dress", pagination={"limit": 20})
    listed: list[str] = []
    page: dict[str, Any] = {"limit": 4}
    while True:
        data = search(client, query="a dress", pagination=page)
        listed += [product["id"] for product in data["products"]]
        if not data["pagination"]["has_next_page"]:
            break
        page["cursor"] = data["pagination"]["cursor"]
    assert listed == [product["id"] for product in whole["products"]]
    assert "cursor" not in data["pagination"]
    request = {"query": "a hat", "pagination": {"limit": 4, "cursor": page["cursor"]}}
    assert client.post("/catalog/search", json=request).status_code == 400
    request = {"query": "a dress", "pagination": {"cursor": page["cursor"][:-2] + "AA"}}
    assert client.post("/catalog/search", json=request).status_code == 400


def test_counts_of_what_takes_part(client: TestClient) -> None:
    data = search(
        client, query="a dress", facets=["brand", "price:0,20,40"], filters={"brand": "Acme"}
    )
    brand, price = data["facets"]
    assert [(each["value"], each["count"]) for each in brand["counts"]] == [("Acme", 6)]
    assert [each["count"] for each in price["counts"]] == [0, 1, 2, 3]
    assert "facets" not in search(client, query="a dress")


def test_fields_of_other_versions_are_named_as_ignored(client: TestClient) -> None:
    data = search(client, query="a hat", purpose="search", mood="happy", signals={"a.b": 1})
    assert data["messages"] == [
        {"type": "info", "code": "field_ignored", "content": "mood is not understood."}
    ]


@pytest.mark.parametrize(
    ("request_", "status", "message"),
    [
        ({}, 422, "neither a query nor a reference"),
        ({"query": "  "}, 422, "neither a query nor a reference"),
        ({"filters": {"brand": "Acme"}}, 422, "neither a query nor a reference"),
        ({"query": "x", "purpose": "swap"}, 422, "Only searches"),
        ({"query": "x", "filters": {"brnad": "Acme"}}, 422, "Did you mean 'brand'"),
        ({"query": "x", "filters": {"brand": None}}, 422, "The filter 'brand'"),
        ({"query": "x", "filters": {"brand": {"most": 3}}}, 422, "The filter 'brand'"),
        ({"query": "x", "filters": {"price": {"max": -1}}}, 422, "greater than or equal to 0"),
        ({"query": "x", "filters": {"price": {"max": 12.5}}}, 422, "valid integer"),
        ({"query": "x", "filters": {"title": {"min": 3}}}, 422, "title"),
        ({"query": "x", "pagination": {"limit": 0}}, 422, "greater than or equal to 1"),
        ({"query": "x", "context": {"currency": "euro"}}, 422, "pattern"),
        ({"query": "x", "facets": ["prize"]}, 422, "prize"),
        ({"query": "x" * 3000}, 422, "more than 2,000 characters"),
        ({"query": "x", "reference": "nothing"}, 404, "nothing"),
        ({"query": "x", "reference": {"image": "%%%"}}, 422, "no base64"),
        ({"query": "x", "reference": {"image": "aGVsbG8="}}, 415, "image"),
        ({"query": "x", "reference": {"upload": "gone"}}, 404, "upload"),
        ({"query": "x", "pagination": {"cursor": "abc"}}, 400, "cursor"),
        ({"query": 3}, 422, "valid string"),
    ],
)
def test_one_clear_answer_to_a_bad_request(
    client: TestClient, request_: dict[str, Any], status: int, message: str
) -> None:
    answer = client.post("/catalog/search", json=request_)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert message in f"{error['message']} {error['hint']}"


def test_a_gallery_without_prices_is_no_catalog(folder: Path) -> None:
    from stitch_cir.gallery import index_folder

    index_folder(folder, encoder=HashEncoder())
    settings = ServerSettings(rate=0, batch_seconds=0)
    with TestClient(create_app(folder, encoder=HashEncoder(), settings=settings)) as client:
        answer = client.post("/catalog/search", json={"query": "red"})
        assert answer.status_code == 422
        assert "price" in answer.json()["error"]["message"]

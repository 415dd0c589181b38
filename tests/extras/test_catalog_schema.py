"""Catalog searches against the models that the protocol's own SDK generates from its schemas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from stitch_cir.encoders import HashEncoder
from stitch_cir.server import ServerSettings, create_app
from stitch_cir.wire import UCP_VERSION
from tests.server.catalog import make_shop

pytest.importorskip("ucp_sdk")
VERSIONS = {"0.5": "2026-08-25"}
REQUESTS: list[dict[str, Any]] = [
    {"query": "a dress"},
    {"query": "a dress", "pagination": {"limit": 2}},
    {"query": "in blue", "reference": {"id": "dress-1-red"}, "facets": ["brand", "price:0,30"]},
    {"reference": "hat"},
    {
        "query": "a dress",
        "filters": {"price": {"min": 0, "max": 5000}, "categories": ["x"], "brand": ["Acme"]},
        "context": {"currency": "USD", "address_country": "US", "language": "en"},
        "signals": {"dev.ucp.buyer_ip": "198.51.100.7"},
    },
    {"query": "a hat", "filters": {"brand": "Nobody"}},
    {"query": "a hat", "something": "else"},
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder: Path = tmp_path_factory.mktemp("shop")
    make_shop(folder)
    settings = ServerSettings(rate=0, batch_seconds=0)
    app = create_app(folder / "gallery", encoder=HashEncoder(), settings=settings)
    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_requests_and_answers_are_valid(client: TestClient, request_: dict[str, Any]) -> None:
    from ucp_sdk.models.schemas.shopping.catalog_search import SearchRequest, SearchResponse

    SearchRequest.model_validate(request_)
    answer = client.post("/catalog/search", json=request_)
    assert answer.status_code == 200, answer.text
    SearchResponse.model_validate(answer.json())


def test_the_sdk_is_that_of_the_version_that_answers_name() -> None:
    ucp_sdk = pytest.importorskip("ucp_sdk")

    assert VERSIONS[ucp_sdk.__version__.rpartition(".")[0]] == UCP_VERSION

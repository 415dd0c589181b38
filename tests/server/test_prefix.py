"""The server below a path of a reverse proxy, whether the proxy strips that path or not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import SettingError
from stitch_cir.server import ServerSettings, create_app, prepare

ASK = {"text": "a red thing", "settings": {"k": 2}}


@pytest.mark.parametrize("kept", ["", "/pics"], ids=["stripped", "kept"])
def test_addresses_in_answers_hold_the_prefix(serve: Callable[..., TestClient], kept: str) -> None:
    client = serve(root_path="pics/")
    listed = client.get(f"{kept}/api/images").json()["images"]
    hits = client.post(f"{kept}/api/search", json=ASK).json()["results"]["hits"]
    why = client.post(f"{kept}/api/explain", json={**ASK, "id": hits[0]["id"]}).json()["hit"]
    entry = client.get(f"{kept}/api/images/{hits[0]['id']}").json()
    for image in [*listed, *hits, why, entry]:
        for address in (image["image"], image["thumbnail"]):
            assert address.startswith("/pics/api/")
            assert client.get(address).status_code == 200
            assert client.get(address.removeprefix("/pics")).status_code == 200


@pytest.fixture(scope="module")
def below(four: Path) -> Iterator[TestClient]:
    """An application below a prefix."""
    settings = ServerSettings(rate=0, batch_seconds=0, root_path="/pics")
    with TestClient(create_app(four, encoder=HashEncoder(), settings=settings)) as client:
        yield client


@pytest.mark.parametrize("kept", ["", "/pics"], ids=["stripped", "kept"])
@pytest.mark.parametrize("path", ["/", "/health", "/openapi.json", "/metrics", "/static/app.js"])
def test_every_kind_of_address_below_a_prefix(below: TestClient, kept: str, path: str) -> None:
    assert below.get(kept + path).status_code == 200


def test_the_page_needs_no_slash_where_a_prefix_is_set(
    serve: Callable[..., TestClient],
) -> None:
    client = serve(root_path="/pics")
    for address in ("/pics", "/pics/", "/"):
        assert '"/pics/static/app.js"' in client.get(address).text
    assert '"static/app.js"' in serve().get("/").text


def test_a_path_that_only_begins_alike_is_another(serve: Callable[..., TestClient]) -> None:
    assert serve(root_path="/pics").get("/picsapi/gallery").status_code == 404


@pytest.mark.parametrize("path", ["//", "//health", "//static/app.js", "/pics//api/gallery"])
def test_a_proxy_that_leaves_two_slashes(below: TestClient, path: str) -> None:
    """nginx with ``location /pics { proxy_pass http://127.0.0.1:8000/; }``."""
    assert ask(below.app, "127.0.0.1", path=f"http://test{path}").status_code == 200


def test_limits_and_headers_know_the_route_below_the_prefix(
    serve: Callable[..., TestClient],
) -> None:
    client = serve(root_path="/pics", json_bytes=100, upload_bytes=1 << 20)
    assert client.get("/pics/api/gallery").headers["cache-control"] == "no-store"
    file = {"file": ("a.png", b"0" * 5000)}
    assert client.post("/pics/api/uploads", files=file).status_code == 415  # read, and no image
    assert client.post("/pics/api/search", json={"text": "x" * 200}).status_code == 413


def test_openapi_names_the_server_below_the_prefix(serve: Callable[..., TestClient]) -> None:
    schema = serve(root_path="/pics").get("/pics/openapi.json").json()
    assert schema["servers"] == [{"url": "/pics"}]


def test_an_application_that_mounts_the_server(serve: Callable[..., TestClient]) -> None:
    outer = FastAPI()
    outer.mount("/inner", serve().app)
    listed = TestClient(outer).get("/inner/api/images").json()["images"]
    assert listed[0]["thumbnail"].startswith("/inner/api/thumbnails/")


def trusting(client: TestClient) -> Any:
    """Return the application as it is served behind a proxy that is trusted."""
    return prepare(client.app, trust_proxy=True).config.app  # type: ignore[arg-type]


def ask(app: Any, peer: str, *headers: tuple[str, str], path: str = "/api/images") -> Any:
    """Send a request that comes from ``peer``."""

    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app, client=(peer, 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
            return await http.get(path, headers=list(headers))

    return asyncio.run(send())


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_the_header_of_a_proxy_on_this_machine(serve: Callable[..., TestClient], peer: str) -> None:
    app = trusting(serve())
    answer = ask(app, peer, ("X-Forwarded-Prefix", "/pics"))
    assert answer.json()["images"][0]["image"].startswith("/pics/api/files/")


@pytest.mark.parametrize("peer", ["192.0.2.7", "2001:db8::1", "testclient"])
def test_the_header_of_anybody_else_does_not_count(
    serve: Callable[..., TestClient], peer: str
) -> None:
    answer = ask(trusting(serve()), peer, ("X-Forwarded-Prefix", "/evil"))
    assert answer.json()["images"][0]["image"].startswith("/api/files/")


def test_a_client_that_a_proxy_names_is_no_peer(serve: Callable[..., TestClient]) -> None:
    """The proxy's X-Forwarded-For replaces the client's address: the prefix still comes through."""
    served = trusting(serve())
    headers = (("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Prefix", "/pics"))
    assert "/pics/api/" in ask(served, "127.0.0.1", *headers).text
    forged = (("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-Prefix", "/evil"))
    assert "/evil" not in ask(served, "192.0.2.7", *forged).text


def test_without_trust_the_header_does_not_count(serve: Callable[..., TestClient]) -> None:
    served = prepare(serve().app).config.app  # type: ignore[arg-type]
    assert "/pics" not in ask(served, "127.0.0.1", ("X-Forwarded-Prefix", "/pics")).text


def test_two_proxies_in_a_row_each_add_their_part(serve: Callable[..., TestClient]) -> None:
    app = trusting(serve())
    twice = ask(app, "127.0.0.1", ("X-Forwarded-Prefix", "/a"), ("X-Forwarded-Prefix", "/b"))
    listed = ask(app, "127.0.0.1", ("X-Forwarded-Prefix", "/a, /b/"))
    for answer in (twice, listed):
        assert answer.json()["images"][0]["image"].startswith("/a/b/api/files/")


def test_a_header_that_is_no_path_is_refused(serve: Callable[..., TestClient]) -> None:
    answer = ask(trusting(serve()), "127.0.0.1", ("X-Forwarded-Prefix", '/a"><b>'))
    assert answer.status_code == 422
    assert "X-Forwarded-Prefix" in json.loads(answer.text)["error"]["message"]


def test_prefixes_are_read() -> None:
    for text, prefix in [("", ""), ("/", ""), ("pics", "/pics"), ("/a/b-c/", "/a/b-c")]:
        assert ServerSettings(root_path=text).root_path == prefix


@pytest.mark.parametrize(
    "text", ["/a//b", "/a/../b", "http://x/y", "/ä", "/a b", '/"', "/api", "/static/x", "/health"]
)
def test_what_is_no_prefix_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="prefix"):
        ServerSettings(root_path=text)

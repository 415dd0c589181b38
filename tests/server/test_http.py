"""The protocol's own queries: methods, names, addresses of any id, other sites."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import stitch_cir as st
from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import Gallery, Snapshot
from stitch_cir.server import ServerSettings, addresses, create_app, is_local, listen
from tests.server.conftest import TOKEN, jpeg
from tests.server.running import Running, head

GETS = [
    "/",
    "/health",
    "/metrics",
    "/openapi.json",
    "/favicon.ico",
    "/static/app.js",
    "/api/gallery",
    "/api/images",
    "/api/images/red.png",
    "/api/thumbnails/red.png",
    "/api/files/red.png",
]


@pytest.mark.parametrize("path", GETS)
def test_head_is_get_without_the_body(steady: TestClient, path: str) -> None:
    got, looked = steady.get(path), steady.head(path)
    assert (looked.status_code, looked.content) == (200, b"")
    assert got.content
    same = ("content-type", "etag", "content-security-policy")
    assert [looked.headers.get(name) for name in same] == [got.headers.get(name) for name in same]
    if path not in ("/metrics", "/health"):
        assert looked.headers["content-length"] == str(len(got.content))


def test_head_of_what_is_not_there(steady: TestClient) -> None:
    for path in ("/nothing", "/api/images/nothing.png"):
        assert steady.head(path).status_code == 404
    assert steady.head("/api/search").status_code == 405
    text = steady.get("/metrics").text
    assert '{method="HEAD",route="/api/images/{id}",status="404"} 1.0' in text


def test_head_over_a_socket_leaves_the_connection_usable(running: Running) -> None:
    request = head("HEAD", "/api/files/0.jpg") + head("GET", "/health", "Connection: close")
    answer = running.raw(request)
    first, _, rest = answer.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 200")
    assert rest.startswith(b"HTTP/1.1 200")
    assert rest.endswith(b"}")


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/images", "GET, HEAD, POST"),
        ("/api/images/red.png", "DELETE, GET, HEAD"),
        ("/api/search", "POST"),
        ("/health", "GET, HEAD"),
        ("/", "GET, HEAD"),
    ],
)
def test_a_refused_method_names_those_that_are_taken(
    steady: TestClient, path: str, methods: str
) -> None:
    answer = steady.request("PATCH", path)
    assert (answer.status_code, answer.headers["allow"]) == (405, methods)


LINES = ["two\nlines.png", "end\n", "a\r\nb/\nc.png", "\u2028.png"]


URLS = {
    "a b/ü#?.jpg": "a%20b/%C3%BC%23%3F.jpg",
    "../a": "..%2Fa",
    "a//b": "a%2F%2Fb",
    "/a": "%2Fa",
    '<b>"': "%3Cb%3E%22",
}


def test_every_id_has_an_address(tmp_path: Path) -> None:
    file = tmp_path / "captions.jsonl"
    lines = [json.dumps({"id": id, "captions": ["a red dress"]}) for id in URLS]
    file.write_text("\n".join(lines))
    st.index_captions(file, tmp_path / "gallery", encoder=HashEncoder())
    app = create_app(tmp_path / "gallery", encoder=HashEncoder())
    with TestClient(app, base_url="http://localhost") as client:
        listed = client.get("/api/images").json()["images"]
        assert {image["id"]: image["thumbnail"] for image in listed} == {
            id: f"/api/thumbnails/{url}" for id, url in URLS.items()
        }
        for image in listed:
            assert client.get(image["thumbnail"]).headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize("name", LINES)
def test_ids_with_line_breaks(serve: Callable[..., TestClient], folder: Path, name: str) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(jpeg((120, 200, 40)))
    client = serve(token=TOKEN)
    listed = {image["id"]: image for image in client.get("/api/images").json()["images"]}
    facts = listed[name]
    for address in (facts["image"], facts["thumbnail"]):
        assert client.get(address).headers["content-type"] == "image/jpeg"
    detail = facts["image"].replace("/files/", "/images/")
    assert client.get(detail).json()["id"] == name
    key = {"authorization": f"Bearer {TOKEN}"}
    assert client.delete(detail, headers=key).status_code == 204
    assert client.get(detail).status_code == 404


@pytest.fixture(scope="module")
def named(four: Path) -> Iterator[TestClient]:
    """An application that is called by the names of this machine alone."""
    hosts = ("localhost", "127.0.0.1", "[::1]")
    settings = ServerSettings(rate=0, batch_seconds=0, hosts=hosts)
    with TestClient(create_app(four, encoder=HashEncoder(), settings=settings)) as client:
        yield client


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:8000", 200),
        ("127.0.0.1:", 200),
        ("[::1]:80", 200),
        ("LocalHost", 200),
        ("127.0.0.1:80:evil.com", 421),
        ("[::1].evil.com", 421),
        ("[::1]evil.com:80", 421),
        ("127.0.0.1.evil.com", 421),
        ("127.0.0.1:8000.evil.com", 421),
        ("evil.com@127.0.0.1", 421),
        ("127.0.0.1/evil.com", 421),
        ("127.0.0.1, evil.com", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
def test_a_name_is_read_whole(named: TestClient, host: str, status: int) -> None:
    assert named.get("/health", headers={"host": host}).status_code == status


# -- other sites -----------------------------------------------------------------------------------

SITE = "http://localhost:3000"


def test_no_other_site_may_call_unless_it_is_named(serve: Callable[..., TestClient]) -> None:
    ask = {"text": "red", "settings": {"k": 1}}
    closed, opened = serve(), serve(cors=(SITE,))
    for client, site, allowed in (
        (closed, SITE, False),
        (opened, SITE, True),
        (opened, "http://localhost:3001", False),
        (opened, "http://localhost:3000.evil.com", False),
        (opened, "null", False),
    ):
        headers = {"origin": site, "sec-fetch-site": "cross-site"}
        answer = client.post("/api/search", json=ask, headers=headers)
        assert answer.status_code == (200 if allowed else 421)
        assert answer.headers.get("access-control-allow-origin") == (site if allowed else None)
        shown = client.get("/api/images", headers=headers)
        assert shown.headers.get("access-control-allow-origin") == (site if allowed else None)
        assert "access-control-allow-credentials" not in shown.headers
        before = {
            "origin": site,
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type",
        }
        preflight = client.options("/api/search", headers=before)
        assert (preflight.status_code == 200) is allowed
    assert opened.get("/api/images/no", headers={"origin": SITE}).headers["vary"] == "Origin"


@pytest.mark.parametrize(
    "origin", ["*", "localhost:3000", "http://a.b/", "http://a.b/c", "null", "http://*.a.b", ""]
)
def test_origins_are_exact(origin: str) -> None:
    with pytest.raises(st.SettingError, match="is not an origin"):
        ServerSettings(cors=(origin,))
    with pytest.raises(st.SettingError, match="is not an origin"):
        ServerSettings(frames=(origin,))


def test_no_other_site_may_show_the_page_in_a_frame_unless_it_is_named(
    serve: Callable[..., TestClient],
) -> None:
    closed, opened = serve(), serve(frames=(SITE, "https://hub.example"))
    for path in ("/", "/docs", "/api/images"):
        headers = closed.get(path).headers
        assert headers["content-security-policy"].endswith("frame-ancestors 'none'")
        assert headers["x-frame-options"] == "DENY"
        headers = opened.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.endswith(f"frame-ancestors {SITE} https://hub.example")
        assert "x-frame-options" not in headers


# -- a writer in the middle of it --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "ask"),
    [
        ("find", lambda client: client.get("/api/images")),
        ("match", lambda client: client.get("/api/images/red.png")),
        ("views", lambda client: client.post("/api/search", json={"text": "red"})),
        (
            "views",
            lambda client: client.post("/api/explain", json={"text": "red", "id": "red.png"}),
        ),
    ],
)
def test_an_answer_shows_one_generation(
    serve: Callable[..., TestClient],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    ask: Callable[[TestClient], Any],
) -> None:
    """An image is removed while an answer that shows it is put together."""
    client = serve()
    before = ask(client).json()
    real: Any = getattr(Snapshot, method)

    def meanwhile(*args: Any, **options: Any) -> Any:
        result = real(*args, **options)
        with Gallery.open(folder) as gallery:
            if "red.png" in gallery:
                gallery.remove("red.png")
        return result

    with monkeypatch.context() as patch:
        patch.setattr(Snapshot, method, meanwhile)
        during = ask(client).json()
    for answer in (before, during):
        answer.get("results", {}).pop("seconds", None)
    assert during == before
    assert client.get("/api/images/red.png").status_code == 404


# -- where it listens ------------------------------------------------------------------------------


def closed(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()


needs_ipv6 = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="needs IPv6 and IPv4")


@needs_ipv6
def test_every_address_is_ipv4_too() -> None:
    sockets = listen("::", 0)
    port = sockets[0].getsockname()[1]
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as client:
            client.connect((address, port))
    closed(sockets)


@needs_ipv6
def test_a_name_of_two_addresses_is_both(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    sockets = listen("localhost", 0)
    assert [each.family for each in sockets] == [socket.AF_INET, socket.AF_INET6]
    assert len({each.getsockname()[1] for each in sockets}) == 1
    closed(sockets)


def test_an_address_that_is_missing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    sockets = listen("shop.example", 0)
    assert [each.getsockname()[0] for each in sockets] == ["127.0.0.1"]
    closed(sockets)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses[1:])
    with pytest.raises(st.SettingError, match="Nothing can listen on shop.example:0"):
        listen("shop.example", 0)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "127.0.0.1", "localhost"])
def test_the_printed_addresses_can_be_opened(host: str, folder: Path) -> None:
    if ":" in host and not socket.has_dualstack_ipv6():
        pytest.skip("needs IPv6 and IPv4")
    sockets = listen(host, 0)
    port = sockets[0].getsockname()[1]
    printed = addresses(host, sockets)
    assert not any(part in url for url in printed for part in ("0.0.0.0", "[::]"))
    every = host in ("0.0.0.0", "::")
    assert printed[0] == f"http://{'localhost' if every else host}:{port}"
    assert (len(printed) > 1) <= every
    closed(sockets)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("fe80::1%eth0", False),
        ("shop.example", False),
    ],
)
def test_who_can_reach_it(host: str, local: bool) -> None:
    assert is_local(host) is local


def test_the_tab_has_an_icon(steady: TestClient) -> None:
    icon = steady.get("/favicon.ico")
    assert (icon.status_code, icon.headers["content-type"]) == (200, "image/svg+xml")


# -- what newcomers send ---------------------------------------------------------------------------


def test_a_plain_id_is_a_reference(steady: TestClient) -> None:
    asks = [
        {"reference": reference, "text": "in blue"} for reference in ("red.png", {"id": "red.png"})
    ]
    short, long = (steady.post("/api/search", json=ask).json()["results"] for ask in asks)
    assert short["hits"] == long["hits"]
    assert short["query"] == long["query"]


@pytest.mark.parametrize(
    ("body", "message", "hint"),
    [
        ('{"text": "x", "k": 3}', "k belongs into settings", '{"settings": {"k": …}}'),
        ('{"text": "x", "alpha": 1}', "alpha belongs into settings", "settings"),
        ('{"reference": 7}', "neither an id nor an upload", '{"upload": "…"}'),
        ('{"reference": {"ID": "a"}}', "neither an id nor an upload", '"ID"'),
        ('{"text": ', "no JSON: character", "openapi"),
    ],
)
def test_error_messages_show_a_valid_request(
    steady: TestClient, body: str, message: str, hint: str
) -> None:
    headers = {"content-type": "application/json"}
    answer = steady.post("/api/search", content=body, headers=headers)
    assert answer.status_code == 422
    assert message in answer.json()["error"]["message"]
    assert hint in answer.json()["error"]["hint"]


def test_a_body_that_is_no_utf8(steady: TestClient) -> None:
    document = steady.get("/openapi.json").json()
    for path in ("search", "compose", "explain", "explain/image", "sheet"):
        answer = steady.post(
            f"/api/{path}",
            content=b'{"text": "\xff"}',
            headers={"content-type": "application/json"},
        )
        assert str(answer.status_code) in document["paths"][f"/api/{path}"]["post"]["responses"]
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "RequestError"

"""Paths that would lead out of the gallery, in every spelling, at every route that takes an id."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import anyio
import pytest
from fastapi.testclient import TestClient

from tests.server.conftest import TOKEN

TRAVERSALS = [
    "../red.png",
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%252f..%252fetc%252fpasswd",
    "%252e%252e%252fetc%252fpasswd",
    "..%c0%afetc%c0%afpasswd",
    "..%e0%80%afetc/passwd",
    "%c0%ae%c0%ae/etc/passwd",
    "..%5c..%5cwindows%5cwin.ini",
    "..\\..\\windows\\win.ini",
    "....//....//etc/passwd",
    "..;/..;/etc/passwd",
    "/etc/passwd",
    "//etc/passwd",
    "%2fetc%2fpasswd",
    "///etc/passwd",
    "C:%5cwindows%5cwin.ini",
    "C:/windows/win.ini",
    "%5c%5cserver%5cshare%5ca.jpg",
    "//server/share/a.jpg",
    "file:///etc/passwd",
    "file:%2f%2f%2fetc%2fpasswd",
    "http://127.0.0.1/a.jpg",
    "red.png%00.jpg",
    "%00",
    "red.png%00",
    "..%00/red.png",
    "pairs/../red.png",
    "./red.png",
    "pairs/./red-blue.png",
    "pairs//red-blue.png",
    "red.png/",
    "%ef%bc%8e%ef%bc%8e/red.png",
    "..%ef%bc%8fred.png",
    "%e2%80%a6/red.png",
    "~/.ssh/id_rsa",
    ".stitch/gallery.sqlite",
    "pairs/..%2f.stitch/gallery.sqlite",
    "/proc/self/environ",
    "%2e",
    "%2e%2e",
    "nul",
    "red.png::$DATA",
    "%ff%fe",
    "..%0d%0aSet-Cookie:a=b",
    "*",
    "re?.png",
]
"""Sent as they are, byte for byte: the test client does not tidy paths."""


def raw(client: TestClient, method: str, path: str, **more: Any) -> tuple[int, bytes]:
    """Return status and body of a request whose path no URL library has touched."""
    return _ask(client, method, unquote_to_bytes(path).decode("utf-8", "replace"), path, **more)


def _ask(
    client: TestClient, method: str, decoded: str, path: str, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    pairs = [(b"host", b"testserver")]
    pairs += [(k.encode(), v.encode()) for k, v in (headers or {}).items()]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": decoded,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": pairs,
        "client": ("testclient", 1),
        "server": ("testserver", 80),
    }
    sent: list[dict[str, object]] = []
    statuses: list[int] = []

    async def receive() -> dict[str, object]:
        if statuses:
            await anyio.sleep_forever()
        statuses.append(1)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    async def run() -> None:
        await client.app(scope, receive, send)  # type: ignore[arg-type]

    client.portal.call(run)  # type: ignore[union-attr]
    body = b"".join(m.get("body", b"") for m in sent[1:])  # type: ignore[misc]
    return int(sent[0]["status"]), body  # type: ignore[call-overload]


def test_there_are_enough_of_them() -> None:
    assert len(set(TRAVERSALS)) >= 40


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_path_leads_out(steady: TestClient, path: str) -> None:
    client = steady
    key = {"authorization": f"Bearer {TOKEN}"}
    routes = [("GET", f"/api/{kind}/") for kind in ("images", "files", "thumbnails", "uploads")]
    for method, start in [*routes, ("DELETE", "/api/images/"), ("GET", "/static/")]:
        status, body = raw(client, method, start + path, headers=key)
        assert status == 404, (method, start + path)
        assert json.loads(body)["error"]["type"] == "NotFoundError"
        assert b"root:" not in body
    for spelled in {path, unquote(path)}:
        ask = {"reference": {"id": spelled}, "text": "in blue"}
        for route, body_json in (
            ("search", ask),
            ("compose", ask),
            ("sheet", ask),
            ("explain", {"text": "red", "id": spelled}),
            ("explain/image", {"text": "red", "id": spelled}),
            ("search", {"text": "red", "negatives": [spelled]}),
            ("search", {"reference": {"upload": spelled}, "text": "in blue"}),
        ):
            answer = client.post(f"/api/{route}", json=body_json)
            assert answer.status_code == 404, (route, spelled)
            assert "/steady" not in answer.text
    assert client.get("/api/images").json()["total"] == 3

"""Requests as other programs write them: targets, encodings, content types, names of files."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from tests.server.conftest import TOKEN, jpeg
from tests.server.running import Running, head

ASK = json.dumps({"text": "red", "settings": {"k": 1}}).encode()
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://127.0.0.1/health", 200),
        ("HTTP://127.0.0.1:8000/health", 200),
        ("http://127.0.0.1", 200),
        ("http://evil.example/health", 421),
        ("http://127.0.0.1:80:evil.example/health", 421),
        ("http://127.0.0.1/nothing", 404),
        ("*", 404),
    ],
)
def test_targets_as_for_a_proxy(running: Running, target: str, status: int) -> None:
    answer = running.raw(head("GET", target, "Connection: close"))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


def test_a_compressed_body_is_named(steady: TestClient) -> None:
    for coding in ("gzip", "br", "deflate, gzip"):
        answer = steady.post(
            "/api/search", content=gzip.compress(ASK), headers={**JSON, "content-encoding": coding}
        )
        assert (answer.status_code, answer.json()["error"]["type"]) == (415, "EncodingError")
        assert coding in answer.json()["error"]["message"]
    plain = {**JSON, "content-encoding": "identity"}
    assert steady.post("/api/search", content=ASK, headers=plain).status_code == 200


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "text/plain", "", "application/octet-stream"]
)
def test_a_forgotten_content_type_is_named(steady: TestClient, kind: str) -> None:
    answer = steady.post("/api/search", content=ASK, headers={"content-type": kind})
    assert answer.status_code == 422
    assert "not as JSON" in answer.json()["error"]["message"]
    assert answer.json()["error"]["hint"] == "Send the header Content-Type: application/json"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xef\xbb\xbf" + ASK, "application/json"),  # as PowerShell writes files
        (ASK.decode().encode("utf-16"), "application/json"),
        (ASK, "application/json; charset=utf-8"),
        (ASK, "APPLICATION/JSON"),
    ],
)
def test_json_in_other_clothes(steady: TestClient, content: bytes, kind: str) -> None:
    answer = steady.post("/api/search", content=content, headers={"content-type": kind})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("disposition", "id"),
    [
        ('filename="été.jpg"', "added/été.jpg"),
        ("filename*=UTF-8''%C3%A9t%C3%A9.jpg", "added/été.jpg"),
        ("filename=\"x.jpg\"; filename*=utf-8'fr'%C3%A9t%C3%A9.jpg", "added/été.jpg"),
        ("filename=\"x.jpg\"; filename*=iso-8859-1''%E9.jpg", "added/é.jpg"),
        ("filename=\"x.jpg\"; filename*=UTF-8''..%2F..%2Fetc%2Fa.jpg", "added/a.jpg"),
        ("filename=\"x.jpg\"; filename*=UTF-9''y.jpg", "added/x.jpg"),
        ('filename="C:\\\\pictures\\\\a.jpg"', "added/a.jpg"),
    ],
)
def test_names_of_files(serve: Callable[..., TestClient], disposition: str, id: str) -> None:
    client = serve(token=TOKEN)
    part = f'--x\r\nContent-Disposition: form-data; name="file"; {disposition}\r\n\r\n'.encode()
    answer = client.post(
        "/api/images",
        content=part + jpeg((1, 200, 3)) + b"\r\n--x--\r\n",
        headers={
            "authorization": f"Bearer {TOKEN}",
            "content-type": "multipart/form-data; boundary=x",
        },
    )
    assert answer.json() == {"added": [id], "skipped": []}


def test_a_file_without_a_name_gets_a_hint(steady: TestClient) -> None:
    answer = steady.post(
        "/api/uploads",
        content=b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nA\r\n--x--\r\n',
        headers={"content-type": "multipart/form-data; boundary=x"},
    )
    assert answer.status_code == 422
    assert "no file name" in answer.json()["error"]["message"]


def test_any_version_is_accepted(steady: TestClient) -> None:
    answer = steady.get("/api/files/red.png", headers={"if-none-match": "*"})
    assert (answer.status_code, answer.content) == (304, b"")
    weak = {"if-none-match": f"W/{answer.headers['etag']}"}
    assert steady.get("/api/files/red.png", headers=weak).status_code == 304


@pytest.mark.parametrize(
    "sent",
    [
        head("POST", "/api/search", "Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
        head("POST", "/api/search", "Content-Length: 5", "Content-Length: 6") + b"hello",
    ],
)
def test_what_two_readers_could_read_differently_is_refused(running: Running, sent: bytes) -> None:
    assert running.raw(sent).startswith(b"HTTP/1.1 400")


def test_an_upgrade_is_answered_as_a_request(running: Running) -> None:
    for protocol in ("websocket", "h2c"):
        answer = running.raw(
            head("GET", "/health", "Connection: Upgrade, close", f"Upgrade: {protocol}")
        )
        assert answer.startswith(b"HTTP/1.1 200")

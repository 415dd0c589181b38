"""What becomes of bodies that are too large, or whose client leaves: over sockets and by hand."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

import stitch_cir as st
from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import index_folder
from stitch_cir.server.limits import BodyBudget, LimitedBody
from tests.server.conftest import TOKEN, jpeg
from tests.server.running import Running, head

MB = 1 << 20
BIG = bytes(30 * MB)


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that takes little, and has time."""
    folder = tmp_path_factory.mktemp("patient")
    (folder / "0.jpg").write_bytes(jpeg())
    index_folder(folder, encoder=HashEncoder())
    running = Running(folder, body_seconds=60.0, header_seconds=60.0, upload_bytes=MB, token=TOKEN)
    yield running
    running.stop()


REFUSED = [
    ("/api/uploads", {}, 413, "BodyTooLargeError"),
    ("/api/search", {}, 413, "BodyTooLargeError"),
    ("/api/images", {}, 413, "BodyTooLargeError"),
    ("/api/uploads", {"Origin": "http://evil.example"}, 421, "HostError"),
    ("/api/nothing", {}, 413, "BodyTooLargeError"),
]


@pytest.mark.parametrize(("path", "headers", "status", "kind"), REFUSED)
def test_a_client_that_sends_all_before_it_reads_gets_the_answer(
    patient: Running, path: str, headers: dict[str, str], status: int, kind: str
) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{patient.port}{path}", data=BIG, headers=headers, method="POST"
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=60)
    assert caught.value.code == status
    assert json.loads(caught.value.read())["error"]["type"] == kind
    caught.value.close()


def test_a_refused_token_reaches_who_still_sends(patient: Running) -> None:
    body = bytes(15 * MB)  # less than 16 files of 1 MB: nothing but the token is wrong
    request = urllib.request.Request(
        f"http://127.0.0.1:{patient.port}/api/images", data=body, method="POST"
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=60)
    assert caught.value.code == 401
    caught.value.close()


@pytest.mark.parametrize("chunked", [False, True])
def test_asyncio_gets_the_answer(patient: Running, chunked: bool) -> None:
    async def pieces() -> Any:
        for start in range(0, len(BIG), MB):
            yield BIG[start : start + MB]

    async def run() -> httpx2.Response:
        url = f"http://127.0.0.1:{patient.port}/api/search"
        async with httpx2.AsyncClient(timeout=60, trust_env=False) as client:
            return await client.post(url, content=pieces() if chunked else BIG)

    answer = asyncio.run(run())
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")


def test_who_waits_for_leave_to_send_is_refused_at_once(patient: Running) -> None:
    request = head("POST", "/api/search", f"Content-Length: {30 * MB}", "Expect: 100-continue")
    answer = patient.raw(request)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"100 Continue" not in answer


def scope(**headers: str) -> dict[str, Any]:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "POST", "path": "/api/search", "headers": pairs}


def test_only_so_much_is_discarded() -> None:
    read, sent = [0], []

    async def receive() -> dict[str, Any]:
        read[0] += 1000
        return {"type": "http.request", "body": bytes(1000), "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        body = LimitedBody(
            scope(transfer_encoding="chunked"),
            receive,
            send,
            limit=10,
            seconds=60.0,
            bodies=BodyBudget(10**6, drained=10_000),
        )
        await body.send({"type": "http.response.start", "status": 413, "headers": []})
        await body.send({"type": "http.response.body", "body": b"no"})

    asyncio.run(run())
    assert read == [10_000]
    assert [message.get("more_body") for message in sent] == [None, True, False]
    assert (b"connection", b"close") in sent[0]["headers"]


def test_a_client_that_leaves_is_no_fault(serve: Callable[..., TestClient], folder: Path) -> None:
    client = serve(token=TOKEN)
    kinds = {
        "/api/uploads": "multipart/form-data; boundary=x",
        "/api/images": "multipart/form-data; boundary=x",
        "/api/search": "application/json",
    }
    for path, kind in kinds.items():
        parts = [{"type": "http.request", "body": b"--x\r\n", "more_body": True}]
        parts.append({"type": "http.disconnect"})

        async def receive(parts: list[Any] = parts) -> Any:
            return parts.pop(0)

        async def send(message: Any) -> None:
            return None

        headers = {"host": "localhost", "content_type": kind, "content_length": "1000"}
        request = {**scope(**headers, authorization=f"Bearer {TOKEN}"), "path": path}
        request |= {"query_string": b"", "client": ("127.0.0.1", 1), "http_version": "1.1"}
        asyncio.run(client.app(request, receive, send))  # type: ignore[arg-type]
    text = client.get("/metrics").text
    for path in kinds:
        assert f'{{method="POST",route="{path}",status="499"}} 1.0' in text
    assert 'status="5' not in text
    assert 'status="400"' not in text


def test_a_body_cut_short_is_the_clients_leaving() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError

    async def run() -> None:
        limits: dict[str, Any] = {"limit": 10, "seconds": 5.0, "bodies": BodyBudget(10)}
        body = LimitedBody(scope(content_length="5"), receive, send, **limits)
        with pytest.raises(st.StitchError, match="left before its body was complete"):
            await body.receive()

    asyncio.run(run())

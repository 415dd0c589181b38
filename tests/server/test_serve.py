"""The server behind a real socket: what no test client can do."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import SettingError
from stitch_cir.gallery import index_folder
from stitch_cir.server import listen
from tests.server.running import Running, head


def test_headers_that_never_end(impatient: Running) -> None:
    for start in (b"", b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: "):
        impatient.raw(start)  # returns once the server has closed the connection


def test_a_body_that_never_ends(impatient: Running) -> None:
    for path, kind, start in (
        ("/api/search", "application/json", b"{"),
        ("/api/uploads", "multipart/form-data; boundary=x", b"--x\r\n"),
    ):
        request = head("POST", path, "Content-Length: 500", f"Content-Type: {kind}")
        answer = impatient.raw(request + start)
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"BodyTimeoutError" in answer
    assert impatient.settled()


def test_a_flood_of_headers(running: Running) -> None:
    many = [f"X-{number}: {'a' * 100}" for number in range(2000)]
    for lines in (many, ["X: " + "a" * 200_000]):
        try:
            answer = running.raw(head("GET", "/health", *lines))
        except ConnectionError:
            continue  # closed while we were still sending
        assert answer == b"" or answer.split(b" ")[1] in (b"400", b"431")
    assert running.get("/health")[0] == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\0\0\0\0\r\n\r\n",
        b"GET /health\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"POST /api/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /api/search HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    ],
)
def test_what_is_no_http(impatient: Running, sent: bytes) -> None:
    answer = impatient.raw(sent)
    assert answer == b"" or answer.split(b" ")[1] in (b"400", b"408", b"421", b"422")
    assert impatient.get("/health")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/files/../../../etc/passwd",
        "/api/files/..%2f..%2fetc%2fpasswd",
        "/static/..%5cx",
        "/api/files/%00",
    ],
)
def test_paths_as_they_come_over_the_wire(running: Running, path: str) -> None:
    answer = running.raw(head("GET", path, "Connection: close"))
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"root:" not in answer


def test_a_client_that_leaves(running: Running) -> None:
    body = json.dumps({"reference": {"id": "0.jpg"}, "text": "in blue"}).encode()
    request = head(
        "POST", "/api/search", f"Content-Length: {len(body)}", "Content-Type: application/json"
    )
    for data in (request[:40], request, request + body[:10], request + body):
        for _ in range(10):
            running.raw(data, wait=False)
    assert running.settled()
    assert running.get("/health")[0] == 200


def test_names_by_which_it_is_not_called(running: Running) -> None:
    answer = running.raw(b"GET /health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 421")
    assert b"x-content-type-options: nosniff" in answer.lower()
    assert b"server:" not in answer.lower()


def test_many_clients_get_the_same_answers(running: Running) -> None:
    def ask(number: int) -> object:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=300)
        body = json.dumps({"reference": {"id": f"{number % 4}.jpg"}, "text": "in blue"})
        connection.request("POST", "/api/search", body, {"Content-Type": "application/json"})
        hits = json.loads(connection.getresponse().read())["results"]["hits"]
        connection.close()
        return [(hit["id"], hit["score"]) for hit in hits]

    alone = [ask(number) for number in range(4)]
    answers: list[object] = [None] * 24
    threads = [
        threading.Thread(target=lambda n=n: answers.__setitem__(n, ask(n))) for n in range(24)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == alone * 6
    assert running.settled()


def test_a_taken_port_is_refused() -> None:
    with listen("127.0.0.1", 0)[0] as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingError, match=f"listening on 127.0.0.1:{port} already"):
            listen("127.0.0.1", port)
    with pytest.raises(SettingError, match="between 0 and 65535"):
        listen("127.0.0.1", 70_000)
    with pytest.raises(SettingError, match="Nothing can listen on"):
        listen("no.such.host.invalid", 0)


def test_the_command(folder: Path, tmp_path: Path) -> None:
    index_folder(folder, encoder=HashEncoder())
    token = tmp_path / "token"
    token.write_text("a-token-that-is-long-enough\n")
    command = [sys.executable, "-m", "stitch_cir", "serve", str(folder), "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*command, "--token-file", str(token)], stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            match = re.fullmatch(r"photos: 8 images at http://127\.0\.0\.1:(\d+)\n", line)
            assert match, line
            connection = http.client.HTTPConnection("127.0.0.1", int(match[1]), timeout=300)
            connection.request("GET", "/api/gallery")
            assert json.loads(connection.getresponse().read())["writable"] is True
            assert json.loads(process.stderr.readline())["route"] == "/api/gallery"
            taken = subprocess.run(
                [*command[:-1], match[1]], capture_output=True, text=True, check=False
            )
            assert taken.returncode == 2
            assert "is listening on" in taken.stderr
            connection.close()
        finally:
            process.send_signal(signal.SIGINT)
            rest = process.stderr.read() if process.stderr else ""
        assert process.wait(300) == 0
        assert rest == "stopped\n"

"""A small OpenAI-compatible server that does what real ones do on bad days."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Handler", dict[str, Any]], None]


def completion(*texts: Any, finish: str = "stop") -> dict[str, Any]:
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "fake",
        "choices": [
            {"index": i, "finish_reason": finish, "message": {"role": "assistant", "content": text}}
            for i, text in enumerate(texts)
        ],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            self.server.requests.append(body)
            self.server.keys.append(self.headers.get("authorization", ""))
            self.server.busy += 1
            self.server.busiest = max(self.server.busiest, self.server.busy)
        try:
            self.server.answer(self, body)
        finally:
            with self.server.lock:
                self.server.busy -= 1

    def send(self, status: int, data: Any, **headers: str) -> None:
        content = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.send_response(status)
        self.send_header("content-type", headers.pop("content_type", "application/json"))
        self.send_header("content-length", headers.pop("content_length", str(len(content))))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    answer: Answer

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.lock = threading.Lock()
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.busy = self.busiest = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, *args: Any) -> None:
        """A client that hung up is part of the tests."""


@contextmanager
def serving(answer: Answer) -> Iterator[Server]:
    server = Server(answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def says(*texts: Any) -> Answer:
    """Answer with as many of ``texts`` as ``n`` asks for, over and over."""

    def answer(handler: Handler, body: dict[str, Any]) -> None:
        start = body.get("seed", 0)
        chosen = [texts[(start + i) % len(texts)] for i in range(body.get("n", 1))]
        handler.send(200, completion(*chosen))

    return answer


def first(*answers: Answer) -> Answer:
    """Let the i-th request be answered by the i-th of ``answers``, later ones by the last."""
    lock, count = threading.Lock(), [0]

    def answer(handler: Handler, body: dict[str, Any]) -> None:
        with lock:
            number = min(count[0], len(answers) - 1)
            count[0] += 1
        answers[number](handler, body)

    return answer


def fails(status: int, message: str = "no", **headers: str) -> Answer:
    headers.setdefault("retry_after_ms", "1")
    return lambda handler, body: handler.send(status, {"error": {"message": message}}, **headers)


def sleeps(seconds: float) -> Answer:
    def answer(handler: Handler, body: dict[str, Any]) -> None:
        time.sleep(seconds)
        handler.send(200, completion("late"))

    return answer


def breaks_off(handler: Handler, body: dict[str, Any]) -> None:
    """Promise a whole reply and send half of it."""
    content = json.dumps(completion("half a reply")).encode()
    handler.send(200, content[: len(content) // 2], content_length=str(len(content)))
    handler.close_connection = True


def half_json(handler: Handler, body: dict[str, Any]) -> None:
    content = json.dumps(completion("half a reply")).encode()
    handler.send(200, content[: len(content) // 2])

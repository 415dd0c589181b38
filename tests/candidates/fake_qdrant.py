"""A server that speaks the part of Qdrant's REST interface that the source uses.

What is behind it is a collection: :class:`Listed` compares with every vector; the tests of the
extra put Qdrant's own engine there.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

import numpy as np


class Collection(Protocol):
    """What a collection has to do."""

    size: int

    def upsert(self, points: list[dict[str, Any]]) -> None:
        """Keep points."""

    def query(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the nearest points with their payloads."""


class Listed:
    """A collection that compares with every vector."""

    def __init__(self, size: int, *, multiple: bool = False) -> None:
        self.size, self.multiple = size, multiple
        self.points: dict[str, dict[str, Any]] = {}
        self.requests: list[dict[str, Any]] = []

    def upsert(self, points: list[dict[str, Any]]) -> None:
        self.points |= {str(each["id"]): each for each in points}

    def query(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        self.requests.append(query)
        query_rows = np.atleast_2d(query["query"])
        scores = {
            id: (query_rows @ np.atleast_2d(each["vector"]).T).max(1).sum()
            for id, each in self.points.items()
        }
        best = sorted(scores, key=lambda id: (-scores[id], id))[: query["limit"]]
        return [{"id": id, "payload": self.points[id]["payload"]} for id in best]


class Qdrant:
    """The collections of a server; ``key``: what requests have to send."""

    def __init__(self, make: Callable[[int], Collection] = Listed, key: str | None = None) -> None:
        self.make, self.key = make, key
        self.collections: dict[str, Collection] = {}
        self.answer_instead: tuple[int, bytes] | None = None

    def handle(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Return the status and the result, or an error as text."""
        name, _, rest = path.removeprefix("/collections/").partition("/")
        rest = rest.partition("?")[0]
        if method == "PUT" and not rest:
            self.collections[name] = self.make(body["vectors"]["size"])
            return 200, True
        collection = self.collections.get(name)
        if collection is None:
            return 404, f"Not found: Collection `{name}` doesn't exist!"
        if method == "GET":
            several = {"comparator": "max_sim"} if getattr(collection, "multiple", False) else None
            field = {"size": collection.size, "distance": "Cosine", "multivector_config": several}
            return 200, {"status": "green", "config": {"params": {"vectors": field}}}
        if rest == "points":
            collection.upsert(body["points"])
            return 200, {"status": "completed"}
        return 200, {"points": collection.query(body)}


@contextmanager
def serving(qdrant: Qdrant) -> Iterator[str]:
    """Serve it on a free port; yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            if qdrant.answer_instead is not None:
                status, content = qdrant.answer_instead
            elif qdrant.key is not None and self.headers.get("api-key") != qdrant.key:
                status, content = 401, b"Invalid API key or JWT"
            else:
                status, result = qdrant.handle(self.command, self.path, body)
                sent = (
                    {"result": result, "status": "ok", "time": 0.0}
                    if status == 200
                    else {"status": {"error": result}, "time": 0.0}
                )
                content = json.dumps(sent).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = answer  # noqa: N815 (the base class calls them so)

        def log_message(self, format: str, *values: Any) -> None:
            """Keep the output of the tests clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""A small hub on this machine: the part of the real one's HTTP that its client uses to fetch."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "c" * 40


class Hub:
    """What is served and what was asked; ``cut`` breaks a file's transfer off after so many bytes."""

    def __init__(self) -> None:
        self.repositories: dict[str, Path] = {}
        self.requests: list[tuple[str, str, str | None]] = []
        self.cut: dict[str, int] = {}
        self.lie_about: set[str] = set()
        self.url = ""

    def files(self, id: str) -> dict[str, bytes]:
        root = self.repositories[id]
        return {
            str(file.relative_to(root)): file.read_bytes()
            for file in sorted(root.rglob("*"))
            if file.is_file()
        }


def _blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path, self.headers.get("Range")))
        if path.startswith("/api/models/"):
            self._info("/".join(path.split("/")[3:5]))
            return
        parts = path.strip("/").split("/")
        id, file = "/".join(parts[:2]), "/".join(parts[4:])
        if id not in self.hub.repositories or file not in self.hub.files(id):
            self._missing("EntryNotFound")
            return
        content = self.hub.files(id)[file]
        whole = len(content)
        start = int((self.headers.get("Range") or "bytes=0-").split("=")[1].split("-")[0])
        self.send_response(206 if self.headers.get("Range") else 200)
        large = file.endswith((".onnx", ".safetensors"))
        self.send_header(
            "ETag", f'"{hashlib.sha256(content).hexdigest() if large else _blob(content)}"'
        )
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        if self.headers.get("Range"):
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        self.send_header("Content-Length", str(whole - start))
        self.end_headers()
        if not body:
            return
        limit = self.hub.cut.pop(file, None)
        self.wfile.write(content[start:] if limit is None else content[start : start + limit])
        if limit is not None:
            self.close_connection = True

    def _info(self, id: str) -> None:
        if id not in self.hub.repositories:
            self._missing("RepoNotFound")
            return
        siblings = []
        for name, content in self.hub.files(id).items():
            entry: dict[str, object] = {
                "rfilename": name,
                "size": len(content),
                "blobId": _blob(content),
            }
            if name.endswith((".onnx", ".safetensors")):
                digest = hashlib.sha256(
                    b"lie" if name in self.hub.lie_about else content
                ).hexdigest()
                entry["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 130}
            siblings.append(entry)
        data = json.dumps(
            {
                "id": id,
                "modelId": id,
                "sha": COMMIT,
                "siblings": siblings,
                "private": False,
                "tags": [],
                "downloads": 0,
                "likes": 0,
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _missing(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", "not here")
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def serve() -> Iterator[Hub]:
    """Serve until the block ends."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()

"""A server behind a real socket, in a thread of this process."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.encoders import HashEncoder
from stitch_cir.server import ServerSettings, create_app, listen, prepare

PATIENCE = 300.0
"""Seconds that nothing here takes, however busy the machine is."""


class Running:
    """A server in a thread, which waits for slow clients."""

    def __init__(self, folder: Path, **more: Any) -> None:
        limits = {"body_seconds": PATIENCE, "header_seconds": PATIENCE, **more}
        limits = {"hosts": ("127.0.0.1",), **limits}
        settings = ServerSettings(**{"rate": 0, "batch_seconds": 0, **limits})
        app = create_app(folder, encoder=HashEncoder(), settings=settings)
        self.services = app.state.services
        (self.listener,) = listen("127.0.0.1", 0)
        self.port: int = self.listener.getsockname()[1]
        self.server = prepare(app)
        self.thread = threading.Thread(target=self.server.run, args=([self.listener],))
        self.thread.start()

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(PATIENCE)
        self.listener.close()

    def raw(self, data: bytes, *, wait: bool = True) -> bytes:
        """Send bytes; give all that comes back until the connection is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            connection.sendall(data)
            answer = b""
            while wait and (piece := connection.recv(65536)):
                answer += piece
            return answer

    def get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def settled(self) -> bool:
        """Wait until nothing is held any more."""
        until = time.monotonic() + PATIENCE
        while self.services.executor.held or self.services.image_executor.held:
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        return True


def head(method: str, path: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode()


def deadlines_pass_after(begun: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no deadline of a request pass before ``begun`` returns, however busy the machine is."""
    wait = asyncio.wait

    async def wait_longer(*waited: Any, **options: Any) -> Any:
        await asyncio.to_thread(begun)
        return await wait(*waited, **options)

    monkeypatch.setattr(asyncio, "wait", wait_longer)

"""A language model that hangs takes nothing else with it, and does not keep the process."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from stitch_cir.chat import Chat, OpenAIChat, Usage
from stitch_cir.composers import ChatComposer, Composition, VerbatimComposer
from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import index_folder
from stitch_cir.server import ServerModels, ServerSettings, create_app
from tests.chat.fake_server import Handler, serving
from tests.server.running import deadlines_pass_after

MODEL = {"reference": {"id": "red.png"}, "text": "in blue", "settings": {"k": 1}}
PLAIN = {"reference": {"id": "red.png"}, "settings": {"k": 1}}
EDITED = {**MODEL, "captions": [{"text": "a blue square"}]}
TEXT = {"text": "blue", "settings": {"k": 1}}


class Hanging:
    """A composer whose model does not answer before it is let go."""

    name = "hanging"

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()

    def settings(self) -> dict[str, Any]:
        return {"composer": self.name}

    def waits_for_model(self, *, with_reference: bool) -> bool:
        return with_reference

    def usage(self) -> Usage:
        return Usage()

    def close(self) -> None:
        self.go.set()

    def compose(self, reference: Any, text: str, count: int) -> Composition:
        if reference is None:  # as composers that ask a model do
            return VerbatimComposer().compose(reference, text, count)
        self.begun.release()
        assert self.go.wait(60)
        raise AssertionError("nobody reads this")


class Stays:
    """A request whose client stays."""

    async def receive(self) -> dict[str, str]:
        await asyncio.Event().wait()
        raise AssertionError


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    composer = Hanging()
    yield composer
    composer.go.set()


def app_of(folder: Path, hanging: Hanging, **settings: Any) -> FastAPI:
    index_folder(folder, encoder=HashEncoder())
    limits = {"rate": 0, "batch_seconds": 0, "threads": 2, "queue": 2, "grace": 0, **settings}
    return create_app(
        folder,
        encoder=HashEncoder(),
        settings=ServerSettings(**limits),
        models=ServerModels(lambda _: hanging),
    )


async def all_begun(hanging: Hanging, count: int) -> None:
    for _ in range(count):
        assert await asyncio.to_thread(hanging.begun.acquire, timeout=60)


def test_a_hanging_model_stops_nothing_else(folder: Path, hanging: Hanging) -> None:
    app = app_of(folder, hanging, model_threads=8, model_queue=0, model_deadline=60.0)

    async def run() -> None:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://a.test") as client:
            waiting = [
                asyncio.ensure_future(client.post("/api/search", json=MODEL)) for _ in range(8)
            ]
            await all_begun(hanging, 8)
            for path in ("/api/gallery", "/api/images", "/api/images/red.png", "/metrics"):
                assert (await client.get(path)).status_code == 200, path
            for ask in (PLAIN, EDITED, TEXT):
                assert (await client.post("/api/search", json=ask)).status_code == 200, ask
            health = (await client.get("/health")).json()
            assert health["ready"] is False
            assert health["pools"]["models"] == {
                "threads": 8,
                "held": 8,
                "room": 8,
                "saturated": True,
            }
            assert not health["pools"]["work"]["saturated"]
            for path in ("search", "compose", "explain", "explain/image", "sheet"):
                ask = {**MODEL, "id": "blue.png"} if path.startswith("explain") else MODEL
                full = await client.post(f"/api/{path}", json=ask)
                assert (full.status_code, full.json()["error"]["type"]) == (503, "QueueFullError")
                assert full.headers["retry-after"]
            app.state.services.release()
            for answer in await asyncio.gather(*waiting):
                assert answer.status_code == 503
                assert answer.json()["error"]["type"] == "StoppingError"
                assert answer.headers["retry-after"]

    asyncio.run(run())


def test_edited_captions_do_not_spare_compose_the_model(
    folder: Path, hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_of(folder, hanging, model_threads=1, model_queue=0, model_deadline=0.05)

    async def run() -> None:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://a.test") as client:
            with monkeypatch.context() as patch:
                deadlines_pass_after(hanging.begun.acquire, patch)
                late = await client.post("/api/compose", json=EDITED)
            assert (late.status_code, late.json()["error"]["type"]) == (504, "DeadlineError")
            assert "--model-deadline" in late.json()["error"]["hint"]
            assert late.headers["retry-after"]
            assert (await client.get("/health")).json()["pools"]["models"]["held"] == 1

    asyncio.run(run())


def test_stopping_waits_for_work_but_not_for_a_model(folder: Path, hanging: Hanging) -> None:
    app = app_of(folder, hanging)
    services, done = app.state.services, threading.Event()

    async def run() -> None:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://a.test") as client:
            stuck = asyncio.ensure_future(client.post("/api/search", json=MODEL))
            await all_begun(hanging, 1)
            work = asyncio.ensure_future(services.executor.run(Stays(), lambda: done.wait(60)))
            await asyncio.sleep(0)  # lets it be submitted
            assert services.executor.held == 1
            done.set()
            assert services.stop(60.0) is False  # at once: it is the model that hangs
            assert await work
            services.release()
            assert (await stuck).status_code == 503

    asyncio.run(run())


def test_stopping_ends_requests_to_a_model(folder: Path) -> None:
    index_folder(folder, encoder=HashEncoder())
    arrived, released = threading.Event(), threading.Event()

    def hangs(handler: Handler, body: dict[str, Any]) -> None:
        arrived.set()
        released.wait(60)

    with serving(hangs) as server:
        composer = ChatComposer(Chat(OpenAIChat("m", base_url=server.url)))

        app = create_app(
            folder,
            encoder=HashEncoder(),
            models=ServerModels(lambda _: composer, composer.close),
        )
        services = app.state.services

        async def run() -> None:
            transport = httpx2.ASGITransport(app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://a.test") as client:
                stuck = asyncio.ensure_future(client.post("/api/search", json=MODEL))
                assert await asyncio.to_thread(arrived.wait, 60)
                assert await asyncio.to_thread(services.stop, 60.0) is True
                answer = await stuck
                assert answer.status_code == 502
                assert "was stopped" in answer.text

        asyncio.run(run())
        released.set()


@pytest.fixture
def silent() -> Iterator[tuple[int, Callable[[], socket.socket]]]:
    """An end point that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        yield listener.getsockname()[1], lambda: listener.accept()[0]


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_within_its_grace(
    folder: Path, tmp_path: Path, silent: tuple[int, Callable[[], socket.socket]], stop: int
) -> None:
    port, accept = silent
    index_folder(folder, encoder=HashEncoder())
    command = [sys.executable, "-m", "stitch_cir", "serve", str(folder), "--port", "0"]
    command += ["--composer", "chat", "--model", "m", "--base-url", f"http://127.0.0.1:{port}/v1"]
    command += ["--cache", str(tmp_path / "cache"), "--grace", "0.2"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stderr is not None
            match = re.search(r"http://127\.0\.0\.1:(\d+)", process.stderr.readline())
            assert match
            body = json.dumps(MODEL).encode()
            head = (
                f"POST /api/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
            )
            with socket.create_connection(("127.0.0.1", int(match[1]))) as client:
                client.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
                with accept():  # the model has been called, and hangs
                    process.send_signal(stop)
                    answer = client.recv(65536)
                    assert process.wait(300) == 0
            assert answer.startswith(b"HTTP/1.1 503")
            assert process.stderr.read().splitlines()[-1].startswith("stopped")
        finally:
            process.kill()

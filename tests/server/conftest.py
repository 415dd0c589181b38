"""A small gallery behind an application, in this process and without a network."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import index_folder
from stitch_cir.server import ServerSettings, create_app
from tests.server.running import Running

TOKEN = "a-token-for-tests-only"


@pytest.fixture
def serve(folder: Path) -> Iterator[Callable[..., TestClient]]:
    """Serve ``photos`` (indexed at first) with these settings."""
    clients: list[TestClient] = []

    def serve(**settings: object) -> TestClient:
        if not (folder / ".stitch").exists():
            index_folder(folder, encoder=HashEncoder(), allow_missing=True)
        app = create_app(
            folder,
            encoder=HashEncoder(),
            settings=ServerSettings(**{"rate": 0, "batch_seconds": 0, **settings}),  # type: ignore[arg-type]
        )
        client = TestClient(app, raise_server_exceptions=True)
        client.__enter__()
        clients.append(client)
        return client

    yield serve
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(serve: Callable[..., TestClient]) -> TestClient:
    return serve()


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One application for many tests, which change nothing; an image lies above its folder."""
    folder = tmp_path_factory.mktemp("steady") / "photos"
    (folder / "pairs").mkdir(parents=True)
    (folder.parent / "red.png").write_bytes(jpeg())
    for name, colour in (("red.png", (220, 30, 30)), ("blue.png", (40, 80, 210))):
        (folder / name).write_bytes(jpeg(colour))
    (folder / "pairs" / "red-blue.png").write_bytes(jpeg((130, 55, 120)))
    index_folder(folder, encoder=HashEncoder())
    settings = ServerSettings(rate=0, batch_seconds=0, token=TOKEN)
    with TestClient(create_app(folder, encoder=HashEncoder(), settings=settings)) as client:
        yield client


def jpeg(colour: tuple[int, int, int] = (220, 30, 30), size: tuple[int, int] = (40, 40)) -> bytes:
    """An image's file."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An indexed folder of four images."""
    folder = tmp_path_factory.mktemp("running")
    for number in range(4):
        (folder / f"{number}.jpg").write_bytes(jpeg((60 * number, 30, 200)))
    index_folder(folder, encoder=HashEncoder())
    return folder


@pytest.fixture(scope="module")
def running(four: Path) -> Iterator[Running]:
    running = Running(four)
    yield running
    running.stop()
    assert not running.thread.is_alive()


@pytest.fixture(scope="module")
def impatient(four: Path) -> Iterator[Running]:
    """A server that waits half a second for what a client has not sent."""
    running = Running(four, body_seconds=0.5, header_seconds=0.5)
    yield running
    running.stop()
    assert not running.thread.is_alive()

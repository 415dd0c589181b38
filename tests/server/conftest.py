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

TOKEN = "a-token-for-tests-only"


@pytest.fixture
def serve(photos: Path) -> Iterator[Callable[..., TestClient]]:
    """Serve ``photos`` (indexed at first) with these settings."""
    clients: list[TestClient] = []

    def serve(**settings: object) -> TestClient:
        if not (photos / ".stitch").exists():
            index_folder(photos, encoder=HashEncoder())
        app = create_app(
            photos,
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


def jpeg(colour: tuple[int, int, int] = (220, 30, 30), size: tuple[int, int] = (40, 40)) -> bytes:
    """A picture's file."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG")
    return buffer.getvalue()

"""Uploads of many pixels: the limit, the option that raises it, and where else it counts."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from stitch_cir.searcher import Searcher, resolve_upload
from tests.server.conftest import TOKEN

KEY = {"authorization": f"Bearer {TOKEN}"}
SIZE = (2000, 1000)
PIXELS = SIZE[0] * SIZE[1]


def file(kind: str, size: tuple[int, int] = SIZE) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (220, 30, 30)).save(buffer, kind)
    return buffer.getvalue()


def test_a_limit_of_pixels_is_an_option(serve: Callable[..., TestClient]) -> None:
    closed = serve(upload_pixels=PIXELS - 1, token=TOKEN)
    refused = closed.post("/api/uploads", files={"file": file("PNG")})
    assert (refused.status_code, refused.json()["error"]["type"]) == (413, "ImageTooLargeError")
    assert "--max-upload-megapixels 2 " in refused.json()["error"]["hint"]
    added = closed.post("/api/images", files={"file": ("a.png", file("PNG"))}, headers=KEY).json()
    assert "--max-upload-megapixels" in added["skipped"][0]["reason"]
    assert closed.get("/api/gallery").json()["limits"]["pixels"] == PIXELS - 1
    opened = serve(upload_pixels=PIXELS)
    assert opened.post("/api/uploads", files={"file": file("PNG")}).status_code == 200


def test_a_jpeg_that_is_decoded_small_may_have_more(serve: Callable[..., TestClient]) -> None:
    client = serve(upload_pixels=PIXELS // 4)
    sent = client.post("/api/uploads", files={"file": file("JPEG")})
    assert (sent.status_code, sent.json()["width"]) == (200, SIZE[0])


def test_a_raised_limit_holds_for_what_the_upload_is_for(
    serve: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a reference and as a thumbnail, not only while it is sent."""
    # a caller that does not pass the server's limit on would get this one
    for function in (resolve_upload, Searcher.resolve_upload):
        defaults = function.__kwdefaults__ or {}
        assert "max_pixels" in defaults
        monkeypatch.setitem(defaults, "max_pixels", 1000)
    client = serve(upload_pixels=PIXELS)
    upload = client.post("/api/uploads", files={"file": file("PNG")}).json()["upload"]
    assert client.get(f"/api/uploads/{upload}").status_code == 200
    ask = {"reference": {"upload": upload}, "text": "in blue", "settings": {"k": 1}}
    assert client.post("/api/search", json=ask).json()["results"]["notes"] == [
        "2 captions, not 5: any more would only repeat them"
    ]

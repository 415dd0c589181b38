"""Images as the server takes them in and hands them out: colours, metadata, damage, size."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.images.profiles import SWAPPED, rgb_profile
from tests.server.conftest import jpeg


def upload(client: TestClient, content: bytes) -> str:
    answer = client.post("/api/uploads", files={"file": ("picture", content, "image/png")})
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["upload"])


def pixel(content: bytes) -> tuple[int, ...]:
    with Image.open(io.BytesIO(content)) as image:
        assert "icc_profile" not in image.info
        return image.getpixel((5, 5))  # type: ignore[return-value]


def test_what_is_handed_out_is_in_srgb(folder: Path, serve: Callable[..., TestClient]) -> None:
    profile = rgb_profile(SWAPPED)
    Image.new("RGB", (300, 200), "red").save(folder / "swapped.png", icc_profile=profile)
    client = serve()
    for kind in ("files", "thumbnails"):
        answer = client.get(f"/api/{kind}/swapped.png")
        assert pixel(answer.content) == pytest.approx((0, 255, 0), abs=4)


def test_uploads_with_large_metadata_and_profiles(client: TestClient) -> None:
    info = PngInfo()
    info.add_text("comment", "x" * 2_000_000, zip=True)
    stream = io.BytesIO()
    red = Image.new("RGB", (64, 64), "red")
    red.save(stream, "PNG", pnginfo=info, icc_profile=rgb_profile(SWAPPED))
    token = upload(client, stream.getvalue())
    answer = client.get(f"/api/uploads/{token}")
    assert answer.status_code == 200
    assert pixel(answer.content) == pytest.approx((0, 255, 0), abs=4)


def test_an_upload_that_is_cut_short_is_searched_with_a_note(client: TestClient) -> None:
    stream = io.BytesIO()
    Image.effect_noise((200, 150), 60).convert("RGB").save(stream, "JPEG")
    content = stream.getvalue()
    for cut, noted in ((2, False), (len(content) // 4, True)):
        token = upload(client, content[:-cut])
        answer = client.post("/api/search", json={"reference": {"upload": token}})
        assert answer.status_code == 200, answer.text
        assert any("cut short" in note for note in answer.json()["results"]["notes"]) is noted


def test_a_jpeg_that_is_decoded_smaller_may_be_larger(serve: Callable[..., TestClient]) -> None:
    client = serve(upload_pixels=40_000)
    assert upload(client, jpeg(size=(512, 512)))
    answer = client.post("/api/uploads", files={"file": ("large.jpg", jpeg(size=(800, 800)))})
    assert answer.status_code == 413


def test_camera_raw_is_named(client: TestClient) -> None:
    answer = client.post(
        "/api/uploads", files={"file": ("X.CR2", b"II*\0\x10\0\0\0CR\2\0" + bytes(60))}
    )
    assert answer.status_code in (415, 422)
    assert "camera raw is not read. Export a JPEG" in answer.text.replace('","hint":"', " ")

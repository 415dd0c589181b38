from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

import stitch_cir as st
from stitch_cir.encoders import HashEncoder
from tests.server.conftest import jpeg


def test_no_address_is_fetched(client: TestClient, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    import socket

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for address in ("http://169.254.169.254/latest", "file:///etc/passwd", "ftp://x/y.jpg"):
        ask = {"reference": {"id": address}, "text": "red"}
        assert client.post("/api/search", json=ask).status_code == 404
        sent = client.post("/api/uploads", files={"file": ("a.jpg", address.encode())})
        assert sent.status_code == 415
        assert client.post("/api/uploads", data={"file": address}).status_code == 422
        assert client.post("/api/search", json={**ask, "url": address}).status_code == 422


def png(width: int, height: int, data: bytes = b"") -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(data, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 415),
        (b"<svg onload=alert(1)>", 415),
        (b"<html><script>alert(1)</script>", 415),
        (b"%PDF-1.4", 415),
        (b"MZ" + bytes(100), 415),
        (b"\x89PNG\r\n\x1a\n", 422),
        (jpeg()[:200], 422),
        (b"\xff\xd8\xff" + b"A" * 1000, 422),
        (png(100_000, 100_000), 413),
        (png(60_000, 1_000), 413),
        (png(2**31 - 1, 2**31 - 1), 413),
        (png(1000, 1000, bytes(100_000)), 422),
        (png(10, 10, bytes(30_000_000)), 200),  # 30 MB of zeros behind 30 kB: never unpacked whole
    ],
)
def test_uploads_that_are_no_images_are_refused(
    client: TestClient, content: bytes, status: int
) -> None:
    answer = client.post("/api/uploads", files={"file": ("a.jpg", content, "image/jpeg")})
    assert answer.status_code == status, answer.text
    if status != 200:
        assert set(answer.json()["error"]) == {"type", "message", "hint"}
        assert len(client.app.state.services.uploads.cache) == 0  # type: ignore[attr-defined]


def test_metadata_is_not_handed_on(client: TestClient) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0)}
    buffer = io.BytesIO()
    Image.new("RGB", (60, 30), "red").save(buffer, "JPEG", exif=exif, comment=b"secret")
    kept = client.post("/api/uploads", files={"file": buffer.getvalue()}).json()
    assert (kept["width"], kept["height"]) == (30, 60)
    shown = client.get(f"/api/uploads/{kept['upload']}").content
    assert b"secret" not in shown
    assert not Image.open(io.BytesIO(shown)).getexif()


FORMS = [
    (b"", "multipart/form-data"),
    (b"", "multipart/form-data; boundary="),
    (b"garbage", "multipart/form-data; boundary=x"),
    (b"--x\r\n\r\n\r\n--x--\r\n", "multipart/form-data; boundary=x"),
    (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n',
        "multipart/form-data; boundary=x",
    ),
    (b"file=a.jpg", "application/x-www-form-urlencoded"),
    (b"{}", "application/json"),
    (
        b'--x\r\nContent-Disposition: form-data; filename="a"\r\n\r\nA\r\n--x--\r\n',
        "multipart/form-data; boundary=x",
    ),
    (b"--x\r\n" + b"A: b\r\n" * 5000 + b"\r\nA\r\n--x--\r\n", "multipart/form-data; boundary=x"),
]


@pytest.mark.parametrize(("body", "kind"), FORMS)
def test_broken_forms(steady: TestClient, body: bytes, kind: str) -> None:
    answer = steady.post("/api/uploads", content=body, headers={"content-type": kind})
    assert answer.status_code == 422
    assert answer.json()["error"]["type"] == "RequestError"
    assert steady.post("/api/uploads").status_code == 422


def test_repeated_and_unknown_fields(client: TestClient) -> None:
    file = ("a.jpg", jpeg())
    for form in (
        [("file", file), ("file", file)],
        [("picture", file)],
        [("file", file), ("other", file)],
    ):
        assert client.post("/api/uploads", files=form).status_code == 422
    assert client.post("/api/uploads", files={"file": file}, data={"x": "y"}).status_code == 422
    assert client.post("/api/uploads", files={"file": file}).status_code == 200


WRONG: list[object] = [
    None,
    [],
    "red",
    5,
    {"text": 5},
    {"text": None},
    {"text": ["red"]},
    {"text": "red", "settings": []},
    {"text": "red", "settings": {"k": "3"}},
    {"text": "red", "settings": {"k": 2.5}},
    {"text": "red", "settings": {"k": True}},
    {"text": "red", "settings": {"k": 0}},
    {"text": "red", "settings": {"k": 10**30}},
    {"text": "red", "settings": {"alpha": float("nan")}},
    {"text": "red", "settings": {"alpha": float("inf")}},
    {"text": "red", "settings": {"alpha": 1.1}},
    {"text": "red", "settings": {"tau": 0}},
    {"text": "red", "settings": {"tau": -1e308}},
    {"text": "red", "settings": {"negative_weight": -1}},
    {"text": "red", "settings": {"min_score": float("-inf")}},
    {"text": "red", "settings": {"num_captions": 65}},
    {"text": "red", "settings": {"scorer": "best"}},
    {"text": "red", "settings": {"transition": "../../etc"}},
    {"text": "red", "settings": {"preset": "mine"}},
    {"text": "red", "settings": {"include": "x"}},
    {"text": "red", "settings": {"include": ["x" * 300]}},
    {"text": "red", "settings": {"rerank": 5}},
    {"text": "red", "settings": {"shortlist": 5}},
    {"text": "red", "more": 1},
    {"text": "\ud800"},
    {"text": "red", "negatives": ["\udfff"]},
    {"text": "red", "negatives": ["a"] * 101},
    {"reference": ["red.png"]},
    {"reference": {}},
    {"reference": {"id": ""}},
    {"reference": {"id": "\ud83d"}},
    {"reference": {"id": "red.png", "upload": "x"}},
    {"reference": {"path": "/etc/passwd"}},
    {"captions": "red"},
    {"captions": []},
    {"captions": [{"text": ""}]},
    {"captions": [{"text": "\u200b"}]},
    {"captions": [{"text": "red", "weight": float("nan")}]},
    {"captions": [{"text": "red", "weight": -1}]},
    {"captions": [{"text": "red", "weight": 0}]},
    {"captions": [{"text": "red", "weight": 1e308}]},
    {"captions": [{"text": "red"}] * 300},
    {"captions": [{"text": "red", "on": "yes"}]},
    {"text": "x" * 10_000},
    {"text": ""},
    {"text": "\0\x01\x02"},
    {"text": " \t\n"},
]


@pytest.mark.parametrize("ask", WRONG)
def test_wrong_questions(steady: TestClient, ask: object) -> None:
    body = json.dumps(ask).encode()
    for route in ("search", "sheet"):
        answer = steady.post(
            f"/api/{route}", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 422, answer.text
        assert set(answer.json()["error"]) == {"type", "message", "hint"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"1" * 10_000,
        b"nul",
        b'{"text":"\xff"}',
        b'{"text": "red", "text": "blue"',
    ],
)
def test_what_is_no_json(steady: TestClient, body: bytes) -> None:
    answer = steady.post("/api/search", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["type"] == "RequestError"


ODD = [
    "<script>alert(1)</script> in red",
    "red\0\x01\x1b[31m\x7f\r\n",
    "red \u202egnp.exe",
    "rød 赤 🔴 \U0001f469\u200d\U0001f680",
    "'; DROP TABLE items; --",
    "{{7*7}} ${7*7} %s %n",
    "red " * 450,
]


@pytest.mark.parametrize("text", ODD)
def test_odd_texts_are_texts(steady: TestClient, text: str) -> None:
    ask = {"reference": {"id": "red.png"}, "text": text, "settings": {"k": 1}}
    answer = steady.post("/api/search", json=ask)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    captions = answer.json()["results"]["composition"]["captions"]
    assert all(c["text"].isprintable() for c in captions)
    sheet = steady.post("/api/sheet", json=ask)
    assert "<script>alert" not in sheet.text
    assert steady.get("/api/images").json()["total"] == 3


def test_html_in_names_and_captions_stays_text(tmp_path: Path, paint) -> None:  # type: ignore[no-untyped-def]
    from stitch_cir.server import create_app

    name = "<img src=x onerror=alert(1)>.png"
    paint(name, "red")
    paint("other.png", "blue")
    captions = tmp_path / "c.jsonl"
    captions.write_text(json.dumps({"id": name, "captions": ["<b>bold</b> & co"]}) + "\n")
    st.index_folder(tmp_path / "photos", encoder=HashEncoder(), captions=captions)
    with TestClient(create_app(tmp_path / "photos", encoder=HashEncoder())) as client:
        listed = client.get("/api/images")
        assert listed.headers["content-type"] == "application/json"
        first = listed.json()["images"][0]
        assert (first["id"], first["captions"]) == (name, ["<b>bold</b> & co"])
        assert "<" not in first["image"]
        assert client.get(first["image"]).status_code == 200
        sheet = client.post("/api/sheet", json={"text": "red"}).text
        assert "<img src=x" not in sheet
        assert "<b>bold" not in sheet

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import stitch_cir as st
from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import Gallery
from stitch_cir.gallery.store import write_lock
from tests.gallery.fakes import to_schema
from tests.server.conftest import TOKEN, jpeg

KEY = {"authorization": f"Bearer {TOKEN}"}
ORANGE = jpeg((240, 140, 30))


@pytest.fixture
def writable(serve: Callable[..., TestClient]) -> TestClient:
    return serve(token=TOKEN)


def ids(client: TestClient) -> list[str]:
    return [image["id"] for image in client.get("/api/images").json()["images"]]


def test_without_token_nobody_writes(client: TestClient, folder: Path) -> None:
    for answer in (
        client.post("/api/images", files={"file": ("a.jpg", ORANGE)}, headers=KEY),
        client.delete("/api/images/red.png", headers=KEY),
    ):
        assert answer.status_code == 403
        assert answer.json()["error"]["type"] == "TokenError"
    assert not (folder / "added").exists()


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 401),
        ("", 401),
        ("Bearer ", 401),
        (f"Basic {TOKEN}", 401),
        ("Bearer wrong", 403),
        (f"Bearer {TOKEN}x", 403),
        ("Bearer \xff", 403),
        (f"Bearer {TOKEN}", 204),
    ],
)
def test_the_token(writable: TestClient, header: str | None, status: int) -> None:
    headers = {} if header is None else {b"authorization": header.encode("latin-1")}
    answer = writable.delete("/api/images/red.png", headers=headers)
    assert answer.status_code == status
    assert ("red.png" in ids(writable)) is (status != 204)
    assert (answer.headers.get("www-authenticate") == "Bearer") is (status == 401)


def test_added_images_are_hits_and_stay(writable: TestClient, folder: Path) -> None:
    assert writable.get("/api/gallery").json()["writable"] is True
    files = [
        ("file", ("../../évil<b>.exe", ORANGE)),
        ("file", ("a.jpg", b"no picture")),
        ("file", ("évil<b>.png", jpeg((125, 60, 170)))),
    ]
    captions = json.dumps([["an orange sun", " an  orange sun"], [], []])
    answer = writable.post("/api/images", files=files, data={"captions": captions}, headers=KEY)
    assert answer.status_code == 200
    added = answer.json()
    assert added["added"] == ["added/évil_b.jpg", "added/évil_b-2.jpg"]
    assert added["skipped"][0]["name"] == "a.jpg"
    assert "not an image" in added["skipped"][0]["reason"]
    assert sorted(p.name for p in (folder / "added").iterdir()) == ["évil_b-2.jpg", "évil_b.jpg"]
    hit = writable.post("/api/search", json={"text": "orange sun", "settings": {"k": 1}}).json()
    assert hit["results"]["hits"][0]["id"] == "added/évil_b.jpg"
    assert hit["results"]["hits"][0]["captions"] == ["an orange sun"]
    report = st.index_folder(folder, encoder=HashEncoder())
    assert (report.unchanged, report.added, report.removed, report.moved) == (10, 0, 0, 0)


def test_adding_touches_nothing_else(writable: TestClient, folder: Path) -> None:
    """Also not what the folder has gained, or lost, since it was indexed."""
    (folder / "blue.png").unlink()
    (folder / "later.jpg").write_bytes(jpeg((1, 2, 3)))
    twin = (folder / "red.png").read_bytes()
    added = writable.post("/api/images", files={"file": ("twin.png", twin)}, headers=KEY).json()
    assert added["added"] == ["added/twin.png"]
    assert set(ids(writable)) >= {"blue.png", "red.png", "added/twin.png"}
    assert "later.jpg" not in ids(writable)


def test_what_was_removed_stays_out(writable: TestClient, folder: Path) -> None:
    assert writable.delete("/api/images/pairs/red-blue.png", headers=KEY).status_code == 204
    assert (folder / "pairs" / "red-blue.png").exists()
    assert writable.get("/api/images/pairs/red-blue.png").status_code == 404
    assert writable.delete("/api/images/pairs/red-blue.png", headers=KEY).status_code == 404
    for rebuild in (False, True, False):
        report = st.index_folder(folder, encoder=HashEncoder(), rebuild=rebuild)
        assert report.kept_out == 1
        assert "1 removed by hand stay out" in report.summary()
        assert len(ids(writable)) == 7
    report = st.index_folder(folder, encoder=HashEncoder(), restore_removed=True)
    assert (report.kept_out, report.added) == (0, 1)
    assert "pairs/red-blue.png" in ids(writable)


def test_an_added_image_is_deleted_permanently(writable: TestClient, folder: Path) -> None:
    (added,) = writable.post("/api/images", files={"file": ("a.jpg", ORANGE)}, headers=KEY).json()[
        "added"
    ]
    assert writable.delete(f"/api/images/{added}", headers=KEY).status_code == 204
    assert list((folder / "added").iterdir()) == []
    again = writable.post("/api/images", files={"file": ("a.jpg", ORANGE)}, headers=KEY).json()
    assert again["added"] == [added]


def test_a_gallery_that_is_being_indexed_is_busy(writable: TestClient, folder: Path) -> None:
    with write_lock(folder / ".stitch"):
        answer = writable.post("/api/images", files={"file": ("a.jpg", ORANGE)}, headers=KEY)
        assert answer.status_code == 409
        assert writable.delete("/api/images/red.png", headers=KEY).status_code == 409
    assert not (folder / "added").exists()


def test_a_link_is_not_followed(writable: TestClient, folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder / "added").symlink_to(outside)
    answer = writable.post("/api/images", files={"file": ("a.jpg", ORANGE)}, headers=KEY)
    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "GalleryError"
    assert str(folder) not in answer.text
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    "captions", ["[[]", "{}", '[["a"], ["b"]]', "[[1]]", '[["\\ud800"]]', "[" * 5000, "[[NaN]]"]
)
def test_captions_that_are_none(writable: TestClient, folder: Path, captions: str) -> None:
    answer = writable.post(
        "/api/images", files={"file": ("a.jpg", ORANGE)}, data={"captions": captions}, headers=KEY
    )
    assert answer.status_code == 422
    assert not (folder / "added").exists()


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("", "image.jpg"),
        ("..", "image.jpg"),
        (".hidden.jpg", "hidden.jpg"),
        ("a/b\\c.jpg", "c.jpg"),
        ("nul\0byte.jpg", "nul_byte.jpg"),
        ("x" * 300 + ".jpg", "x" * 80 + ".jpg"),
        ("ü" * 300, "ü" * 40 + ".jpg"),
        ("line\nbreak", "line_break.jpg"),
        ("$(rm -rf ~).jpg", "(rm -rf _).jpg"),
    ],
)
def test_names_are_cleaned(folder: Path, name: str, kept: str) -> None:
    st.index_folder(folder, encoder=HashEncoder())
    added, skipped = Gallery.open(folder / ".stitch", encoder=HashEncoder()).add([(name, ORANGE)])
    assert (added, skipped) == ([f"added/{kept}"], [])
    Gallery.open(folder / ".stitch").remove(added[0])
    assert not (folder / added[0]).exists()


def test_nothing_is_left_when_recording_fails(folder: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    from stitch_cir.gallery.store import Store

    st.index_folder(folder, encoder=HashEncoder())

    def fail(*_: object) -> None:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr(Store, "put_captions", fail)
    with pytest.raises(RuntimeError):
        Gallery.open(folder / ".stitch", encoder=HashEncoder()).add([("a.jpg", ORANGE)])
    assert list((folder / "added").iterdir()) == []
    assert len(st.Gallery.open(folder, encoder=HashEncoder())) == 8


def test_a_gallery_of_the_first_schema_is_read_and_brought_up_to_date(folder: Path) -> None:
    st.index_folder(folder, encoder=HashEncoder())
    to_schema(folder / ".stitch", 1)
    assert len(st.Gallery.open(folder, encoder=HashEncoder())) == 8
    Gallery.open(folder / ".stitch").remove("red.png")
    assert st.index_folder(folder, encoder=HashEncoder()).kept_out == 1


def test_captions_only(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text('{"id": "a", "captions": ["x"]}\n{"id": "b", "captions": ["y"]}\n')
    st.index_captions(file, tmp_path / "g", encoder=HashEncoder())
    with pytest.raises(st.SettingError, match="captions only"):
        Gallery.open(tmp_path / "g", encoder=HashEncoder()).add([("a.jpg", ORANGE)])
    Gallery.open(tmp_path / "g").remove("a")
    report = st.index_captions(file, tmp_path / "g", encoder=HashEncoder())
    assert (report.images, report.kept_out) == (1, 1)

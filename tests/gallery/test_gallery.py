"""Opening, asking and verifying a gallery."""

from __future__ import annotations

import pkgutil
import shutil
import sqlite3
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stitch_cir.encoders
from stitch_cir import errors, gallery
from stitch_cir.errors import (
    GalleryDamagedError,
    GalleryError,
    GalleryMismatchError,
    GalleryMissingError,
)
from stitch_cir.gallery import Gallery, index_folder
from tests.gallery.fakes import FakeEncoder


@pytest.fixture
def indexed(folder: Path, encoder: FakeEncoder) -> Path:
    index_folder(folder, encoder=encoder)
    return folder


def spoil(folder: Path, statement: str, *values: Any) -> None:
    database = sqlite3.connect(folder / ".stitch" / "gallery.sqlite")
    with database:
        database.execute(statement, values)
    database.close()


def test_both_folders_open(indexed: Path, encoder: FakeEncoder) -> None:
    for path in (indexed, indexed / ".stitch", str(indexed)):
        with Gallery.open(path, encoder=encoder) as opened:
            assert len(opened) == 5
            assert opened.encoder is encoder
            assert opened.directory == indexed / ".stitch"


def test_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(GalleryMissingError) as caught:
        Gallery.open(tmp_path)
    assert f"stitch index {tmp_path}" in caught.value.hint
    with pytest.raises(GalleryMissingError):
        Gallery.open(tmp_path / "nowhere")


def test_the_recorded_encoder_is_loaded_when_needed(
    indexed: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []

    def load(name: str) -> FakeEncoder:
        names.append(name)
        return encoder

    monkeypatch.setattr(stitch_cir.encoders, "load_encoder", load)
    opened = Gallery.open(indexed)
    assert opened.ids
    assert names == []
    assert opened.encoder is opened.encoder is encoder
    assert names == ["fake"]


def test_a_recorded_name_with_other_weights_is_refused(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        stitch_cir.encoders, "load_encoder", lambda name: FakeEncoder("fake", "1" * 64)
    )
    with pytest.raises(GalleryMismatchError, match="1111"):
        _ = Gallery.open(indexed).encoder


def test_paths_and_ids(indexed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened = Gallery.open(indexed)
    assert opened.path("sub/c.png") == indexed / "sub" / "c.png"
    assert opened.path("nothing") is None
    assert opened.views("nothing") == []
    (tmp_path / "link").symlink_to(indexed)
    monkeypatch.chdir(indexed / "sub")
    for reference in (
        "sub/c.png",
        "c.png",
        Path("c.png"),
        "../sub/./c.png",
        indexed / "sub" / "c.png",
        tmp_path / "link" / "sub" / "c.png",
    ):
        assert opened.resolve(reference) == "sub/c.png"
    for reference in ("d", indexed, tmp_path / "x.png", "", "a\0b", "../../../../etc/passwd"):
        assert opened.resolve(reference) is None


def test_a_moved_folder_takes_its_gallery_along(
    indexed: Path, tmp_path: Path, encoder: FakeEncoder
) -> None:
    moved = tmp_path / "elsewhere"
    shutil.move(indexed, moved)
    opened = Gallery.open(moved)
    path = opened.path("a.png")
    assert path == moved / "a.png"
    assert opened.verify().missing_files == 0
    assert index_folder(moved, encoder=encoder).unchanged == 5


def test_a_gallery_beside_the_images(
    folder: Path, tmp_path: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    index_folder(folder.name, "index", encoder=encoder)
    monkeypatch.chdir("/")
    path = Gallery.open(tmp_path / "index").path("a.png")
    assert path is not None
    assert path.samefile(folder / "a.png")
    assert not (folder / ".stitch").exists()


def test_verify_counts_missing_and_changed_files(indexed: Path) -> None:
    report = Gallery.open(indexed).verify()
    assert (report.images, report.views, report.problems) == (5, 50, ())
    assert report.summary() == "5 images, 50 views checked: sound."
    (indexed / "a.png").unlink()
    (indexed / "b.png").write_bytes(b"changed")
    report = Gallery.open(indexed).verify()
    assert (report.missing_files, report.changed_files, report.problems) == (1, 1, ())
    assert "1 file is gone or unreadable, 1 file has changed" in report.summary()
    assert "sound" not in report.summary()


@pytest.mark.parametrize(
    ("blob", "match"),
    [
        (np.full((10, 13), np.nan, "<f4").tobytes(), "not finite"),
        (np.full((10, 13), 2.0, "<f4").tobytes(), "not of unit length"),
        (b"short", "not of 13 dimensions"),
        (b"", "no vectors"),
    ],
)
def test_verify_detects_bad_vectors(indexed: Path, blob: bytes, match: str) -> None:
    opened = Gallery.open(indexed)
    hash = opened.content_hash("b.png")
    spoil(indexed, "UPDATE contents SET vectors = ? WHERE hash = ?", blob, hash)
    report = opened.verify()
    assert any(problem.startswith("b.png") and match in problem for problem in report.problems)
    assert report.to_dict()["problems"] == list(report.problems)


def test_verify_detects_a_cache_that_differs(indexed: Path) -> None:
    Gallery.open(indexed).matrix()
    spoil(indexed, "DELETE FROM items WHERE id = 'b.png'")
    (problem,) = Gallery.open(indexed).verify().problems
    assert "does not hold what the database holds" in problem


def test_vectors_of_a_wrong_length_are_reported(indexed: Path) -> None:
    spoil(indexed, "UPDATE contents SET vectors = x'00'")
    with pytest.raises(GalleryDamagedError, match="--rebuild"):
        Gallery.open(indexed).matrix()


def test_a_file_that_is_no_database(indexed: Path, encoder: FakeEncoder) -> None:
    (indexed / ".stitch" / "gallery.sqlite").write_bytes(b"not a database" * 1000)
    for name in ("gallery.sqlite-wal", "gallery.sqlite-shm"):
        (indexed / ".stitch" / name).unlink(missing_ok=True)
    for act in (lambda: Gallery.open(indexed), lambda: index_folder(indexed, encoder=encoder)):
        with pytest.raises(GalleryDamagedError, match="is damaged") as caught:
            act()
        assert "your images are not touched" in caught.value.hint


def test_a_database_with_a_hole(indexed: Path) -> None:
    file = indexed / ".stitch" / "gallery.sqlite"
    spoil(indexed, "PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(file.read_bytes())
    for page in range(2, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    file.write_bytes(content)
    try:
        opened = Gallery.open(indexed)
    except GalleryDamagedError:
        return
    assert opened.verify().problems
    with pytest.raises(GalleryDamagedError):
        opened.matrix()


def test_schemas_of_other_versions(indexed: Path, tmp_path: Path, encoder: FakeEncoder) -> None:
    spoil(indexed, "PRAGMA user_version = 99")
    for act in (lambda: Gallery.open(indexed), lambda: index_folder(indexed, encoder=encoder)):
        with pytest.raises(GalleryError, match="newer version"):
            act()
    (tmp_path / "gallery.sqlite").touch()
    with pytest.raises(GalleryError, match="was never finished"):
        Gallery.open(tmp_path)


def test_threads_share_a_gallery(indexed: Path) -> None:
    opened = Gallery.open(indexed)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(20):
                assert len(opened.matrix().ids) == 5
                assert len(opened.views("a.png")) == 10
                assert opened.resolve("b.png") == "b.png"
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_everything_public_is_exported() -> None:
    drawers = {module.name for module in pkgutil.iter_modules(gallery.__path__)}
    public = {name for name in gallery.__dict__ if not name.startswith("_")}
    assert set(gallery.__all__) == public - drawers
    assert errors.GalleryError.__subclasses__()


def test_importing_and_opening_is_light(indexed: Path) -> None:
    code = (
        "import sys; from stitch_cir.gallery import Gallery, index_folder;"
        "Gallery.open(sys.argv[1]).matrix();"
        "heavy = ('onnxruntime', 'pydantic', 'pi_heif', 'tokenizers');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(indexed)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_what_an_open_gallery_keeps_is_dropped_when_it_is_closed(
    indexed: Path, encoder: FakeEncoder
) -> None:
    class Kept:
        pass

    opened = Gallery.open(indexed, encoder=encoder)
    kept = opened.resource(Kept)
    assert opened.resource(Kept) is kept
    assert Gallery.open(indexed, encoder=encoder).resource(Kept) is not kept
    reference = weakref.ref(kept)
    del kept
    opened.close()
    assert reference() is None

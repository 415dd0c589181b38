"""A cache of another content is never used, whatever its number says."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from stitch_cir.errors import GalleryMissingError
from stitch_cir.gallery import Gallery, index_folder
from tests.gallery.fakes import FakeEncoder, to_schema
from tests.gallery.states import equal, put_back, ranked, recorded, settled

Paint = Callable[..., Path]
OTHER_STATE = "The cache belonged to another state of the gallery"


def directory_of(folder: Path) -> Path:
    return folder / ".stitch"


def index(folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder)


def assert_right(folder: Path, *, note: str | None = OTHER_STATE) -> None:
    with Gallery.open(folder) as gallery:
        assert equal(ranked(gallery), recorded(gallery))
        assert [n.startswith(note or "") for n in gallery.notes] == ([True] if note else [])
        assert gallery.verify().problems == ()
    assert len(list((directory_of(folder) / "cache").iterdir())) == 1


@pytest.fixture
def indexed(folder: Path, encoder: FakeEncoder) -> Path:
    index(folder, encoder)
    Gallery.open(folder).matrix()
    return folder


def test_a_power_cut_that_loses_the_last_commits(
    indexed: Path, encoder: FakeEncoder, paint: Paint
) -> None:
    before = settled(directory_of(indexed))
    paint(indexed / "a.png", 50, (41, 30))
    index(indexed, encoder)
    Gallery.open(indexed).matrix()
    put_back(directory_of(indexed), before)
    paint(indexed / "a.png", 60, (42, 30))
    index(indexed, encoder)
    assert_right(indexed)


def test_a_restored_backup_with_one_added_image(
    indexed: Path, encoder: FakeEncoder, paint: Paint
) -> None:
    before = settled(directory_of(indexed))
    paint(indexed / "new.png", 50)
    index(indexed, encoder)
    Gallery.open(indexed).matrix()
    put_back(directory_of(indexed), before)
    (indexed / "new.png").unlink()
    paint(indexed / "newer.png", 60)
    index(indexed, encoder)
    assert_right(indexed)


def test_a_database_that_was_deleted_and_made_again(
    indexed: Path, encoder: FakeEncoder, paint: Paint
) -> None:
    for file in directory_of(indexed).glob("gallery.sqlite*"):
        file.unlink()
    for seed, file in enumerate(sorted(p for p in indexed.rglob("*.*") if p.suffix == ".png")):
        paint(file, 70 + seed)
    index(indexed, encoder)
    assert_right(indexed)


def test_a_log_that_a_cleaner_deleted(indexed: Path, encoder: FakeEncoder, paint: Paint) -> None:
    """Or a backup of the database without its log: the state before, and the cache of one after."""
    directory = directory_of(indexed)
    settled(directory)
    with sqlite3.connect(directory / "gallery.sqlite") as reader:
        reader.execute("BEGIN").execute("SELECT * FROM meta").fetchone()
        paint(indexed / "a.png", 50, (41, 30))
        index(indexed, encoder)
        Gallery.open(indexed).matrix()
        without_log = (directory / "gallery.sqlite").read_bytes()
    reader.close()
    put_back(directory, without_log)
    with Gallery.open(indexed) as gallery:
        assert equal(ranked(gallery), recorded(gallery))
    assert index_folder(indexed, encoder=encoder).changed == 1
    assert_right(indexed, note=None)


def test_a_folder_that_is_renamed_while_it_is_open(
    indexed: Path, encoder: FakeEncoder, paint: Paint
) -> None:
    gallery = Gallery.open(indexed)
    gallery.matrix()
    moved = indexed.rename(indexed.with_name("moved"))
    with pytest.raises(GalleryMissingError):
        gallery.matrix()
    assert not indexed.exists()
    assert len(Gallery.open(moved)) == 5


def test_two_servers_with_one_gallery_and_one_restored(
    indexed: Path, encoder: FakeEncoder, paint: Paint
) -> None:
    """Both keep what they have mapped; each finds out at its next search."""
    server_a, server_b = Gallery.open(indexed), Gallery.open(indexed)
    before = settled(directory_of(indexed))
    first = ranked(server_a)
    paint(indexed / "a.png", 50, (41, 30))
    index(indexed, encoder)
    assert equal(ranked(server_b), recorded(server_b))
    put_back(directory_of(indexed), before)
    for gallery in (server_a, server_b):
        assert equal(ranked(gallery), first)
        assert equal(ranked(gallery), recorded(gallery))


@pytest.fixture
def other(tmp_path: Path, encoder: FakeEncoder, paint: Paint) -> Path:
    """Another gallery of equal names and generation."""
    root = tmp_path / "others"
    for seed, name in enumerate(("a.png", "b.png", "sub/c.png", "sub/d.jpg", "sub/deep/e.webp")):
        paint(root / name, 80 + seed)
    index(root, encoder)
    Gallery.open(root).matrix()
    return root


def test_the_cache_of_another_gallery(indexed: Path, other: Path) -> None:
    shutil.rmtree(directory_of(indexed) / "cache")
    shutil.copytree(directory_of(other) / "cache", directory_of(indexed) / "cache")
    assert_right(indexed)


def test_the_database_of_another_gallery(indexed: Path, other: Path) -> None:
    put_back(directory_of(indexed), settled(directory_of(other)))
    assert_right(indexed)


def test_a_gallery_copied_whole_keeps_its_cache(indexed: Path, tmp_path: Path) -> None:
    shutil.copytree(indexed, tmp_path / "copy")
    assert_right(tmp_path / "copy", note=None)


def test_the_cache_of_a_lost_future_is_deleted(
    indexed: Path, encoder: FakeEncoder, paint: Paint
) -> None:
    before = settled(directory_of(indexed))
    for seed in (50, 51, 52):
        paint(indexed / "a.png", seed, (seed, 30))
        index(indexed, encoder)
    Gallery.open(indexed).matrix()
    put_back(directory_of(indexed), before)
    assert_right(indexed, note=None)


def test_an_open_gallery_follows_a_replaced_database(indexed: Path, other: Path) -> None:
    with Gallery.open(indexed) as gallery:
        first = ranked(gallery)
        put_back(directory_of(indexed), settled(directory_of(other)))
        assert not equal(ranked(gallery), first)
        assert equal(ranked(gallery), recorded(gallery))


def test_an_open_gallery_that_is_deleted_stays_deleted(
    indexed: Path, encoder: FakeEncoder, paint: Paint
) -> None:
    gallery = Gallery.open(indexed)
    paint(indexed / "a.png", 50, (41, 30))
    index(indexed, encoder)
    shutil.rmtree(directory_of(indexed))
    with pytest.raises(GalleryMissingError, match="deleted while it was open"):
        gallery.matrix()
    assert not directory_of(indexed).exists()


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_a_gallery_of_an_older_schema(
    indexed: Path, encoder: FakeEncoder, paint: Paint, version: int
) -> None:
    """Read as it is, its cache bound to its content; brought up to date when it is written."""
    shutil.rmtree(directory_of(indexed) / "cache")
    to_schema(directory_of(indexed), version)
    assert_right(indexed, note=None)
    cache = next((directory_of(indexed) / "cache").iterdir())
    before = cache.stat().st_mtime_ns
    assert_right(indexed, note=None)
    assert cache.stat().st_mtime_ns == before
    old = settled(directory_of(indexed))
    paint(indexed / "a.png", 50, (41, 30))
    index(indexed, encoder)
    assert_right(indexed, note=None)
    put_back(directory_of(indexed), old)
    with Gallery.open(indexed) as gallery:
        assert equal(ranked(gallery), recorded(gallery))

"""What other programs, disks and clocks do to a folder of photos."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from stitch_cir.errors import GalleryError, GalleryMismatchError, NotFoundError
from stitch_cir.gallery import Gallery, ProgressEvent, index_folder
from stitch_cir.gallery.index import Facts
from stitch_cir.gallery.store._schema import _MIGRATIONS
from stitch_cir.searcher import search
from tests.gallery.fakes import FakeEncoder, noise_image

Paint = Callable[..., Path]


def caption(folder: Path, encoder: FakeEncoder, id: str) -> None:
    file = folder.with_name("captions.jsonl")
    file.write_text(f'{{"id": "{id}", "caption": "kept"}}', encoding="utf-8")
    index_folder(folder, encoder=encoder, captions=file)


def test_a_disk_mounted_elsewhere(
    folder: Path, tmp_path: Path, encoder: FakeEncoder, other_encoder: FakeEncoder
) -> None:
    index_folder(folder, tmp_path / "g", encoder=encoder)
    elsewhere = tmp_path / "DISK1"
    shutil.copytree(folder, elsewhere)
    with pytest.raises(GalleryMismatchError, match="was made from"):
        index_folder(elsewhere, tmp_path / "g", encoder=encoder)  # the old one is there, too
    shutil.rmtree(folder)
    folder.mkdir()  # the mount point stays
    report = index_folder(elsewhere, tmp_path / "g", encoder=encoder)
    assert (report.unchanged, report.removed, encoder.encoded_images) == (5, 0, 5)
    assert "has moved" in report.notes[0]
    gallery = Gallery.open(tmp_path / "g")
    assert gallery.root == elsewhere.resolve()
    assert index_folder(elsewhere, tmp_path / "g", encoder=encoder).notes == ()


def test_another_disk_mounted_there(
    folder: Path, tmp_path: Path, encoder: FakeEncoder, paint: Paint
) -> None:
    index_folder(folder, tmp_path / "g", encoder=encoder)
    folder.rename(tmp_path / "away")
    paint(tmp_path / "other" / "x.png", 77, (60, 60))
    with pytest.raises(GalleryError, match="nothing was changed"):
        index_folder(tmp_path / "other", tmp_path / "g", encoder=encoder)
    with pytest.raises(GalleryMismatchError):
        index_folder(tmp_path / "other", tmp_path / "g", encoder=encoder, allow_missing=True)
    root = Gallery.open(tmp_path / "g").root
    assert root is not None
    assert root.name == "photos"
    # starting afresh from another folder is what --rebuild is for
    report = index_folder(tmp_path / "other", tmp_path / "g", encoder=encoder, rebuild=True)
    assert (report.images, report.vanished) == (1, 0)


@pytest.mark.parametrize("name", ["SUB", "Sub "])
def test_a_folder_renamed_in_case_only(folder: Path, encoder: FakeEncoder, name: str) -> None:
    caption(folder, encoder, "sub/c.png")
    (folder / "sub").rename(folder / "between")
    (folder / "between").rename(folder / name)
    report = index_folder(folder, encoder=encoder)
    assert (report.moved, report.removed, encoder.encoded_images) == (3, 0, 5)
    gallery = Gallery.open(folder)
    assert gallery.captions(f"{name}/c.png") == ["kept"]
    assert gallery.resolve(folder / name / "c.png") == f"{name}/c.png"


def test_times_that_shift_with_the_time_zone(folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder)
    for file in folder.rglob("*.*"):
        if file.is_file() and ".stitch" not in file.parts:
            hour = file.stat().st_mtime_ns + 3_600_000_000_000
            os.utime(file, ns=(hour, hour // 2_000_000_000 * 2_000_000_000))  # FAT's steps
    assert Gallery.open(folder).verify().sound
    report = index_folder(folder, encoder=encoder)
    assert (report.unchanged, report.changed, encoder.encoded_images) == (5, 0, 5)


def test_a_second_write_within_two_seconds_on_fat(
    folder: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = 1_700_000_000_000_000_000
    monkeypatch.setattr(time, "time", lambda: second / 1e9 + 1.5)
    monkeypatch.setattr("stitch_cir.gallery.index._scan._change_mark", lambda stat: second)
    file = folder / "x.bmp"
    noise_image(7).save(file)
    os.utime(file, ns=(second, second))
    index_folder(folder, encoder=encoder)
    noise_image(8).save(file)
    os.utime(file, ns=(second, second))  # the same step of two seconds
    assert index_folder(folder, encoder=encoder).changed == 1


def test_when_times_settle() -> None:
    facts = Facts(10, 1_700_000_000_000_000_000, 5)
    assert facts.settled(facts.mtime_ns + 1_999_999_999).mark == -1
    assert facts.settled(facts.mtime_ns + 2_000_000_000) == facts
    fine = Facts(10, 1_700_000_000_000_000_001, 5)
    assert fine.settled(fine.mtime_ns) == fine


def test_a_stub_of_icloud_keeps_the_image(folder: Path, encoder: FakeEncoder) -> None:
    caption(folder, encoder, "sub/d.jpg")
    (folder / "sub" / "d.jpg").rename(folder / "sub" / ".d.jpg.icloud")
    report = index_folder(folder, encoder=encoder)
    assert (report.images, report.removed) == (5, 0)
    assert report.skipped == (("sub/d.jpg", "is only in the cloud: download it to index it"),)
    (folder / "sub" / ".notes.txt.icloud").touch()
    assert len(index_folder(folder, encoder=encoder).skipped) == 1


def test_an_endless_file_is_not_read_to_its_end(
    folder: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (folder / "huge.jpg").open("wb") as stream:
        stream.truncate(1 << 40)  # sparse: a terabyte of zeros
    digest = hashlib.file_digest

    def guarded(stream: object, name: str) -> object:
        assert os.fstat(stream.fileno()).st_size < 1 << 30  # type: ignore[attr-defined]
        return digest(stream, name)  # type: ignore[arg-type]

    monkeypatch.setattr(hashlib, "file_digest", guarded)
    report = index_folder(folder, encoder=encoder)
    assert [id for id, _ in report.skipped] == ["huge.jpg"]
    assert report.images == 5


def test_conflicting_copies_are_separate_images(
    folder: Path, encoder: FakeEncoder, paint: Paint
) -> None:
    (folder / ".stfolder").mkdir()
    paint(folder / ".stversions" / "a~20240101-120000.png", 1)
    paint(folder / "a.sync-conflict-20240101-120000-ABCDEFG.png", 9)
    paint(folder / "a (Conflicted copy).png", 10)
    report = index_folder(folder, encoder=encoder)
    assert (report.images, report.skipped) == (7, ())
    report = index_folder(folder, encoder=encoder, exclude=["*.sync-conflict-*", "*conflicted*"])
    assert report.images == 5


def test_a_link_swapped_for_a_folder(folder: Path, tmp_path: Path, encoder: FakeEncoder) -> None:
    caption(folder, encoder, "sub/c.png")
    (folder / "sub").rename(tmp_path / "sub")
    (folder / "sub").symlink_to(tmp_path / "sub")
    report = index_folder(folder, encoder=encoder)
    assert (report.unchanged, report.removed) == (5, 0)
    # and the link's target goes away: nothing is lost
    (tmp_path / "sub").rename(tmp_path / "unmounted")
    report = index_folder(folder, encoder=encoder)
    assert (report.removed, report.images) == (0, 5)
    assert report.skipped[0][0] == "sub"
    assert Gallery.open(folder).captions("sub/c.png") == ["kept"]


def test_names_that_end_in_blanks_or_dots(folder: Path, encoder: FakeEncoder, paint: Paint) -> None:
    names = ("a.png ", " a.png", "b.png.", "c .png", "dir. /x.png")
    for seed, name in enumerate(names, 10):
        (folder / name).parent.mkdir(exist_ok=True)
        paint(folder / "made.png", seed).rename(folder / name)
    if {name for name in names if (folder / name).exists()} != set(names):
        pytest.skip("this file system has no such names")
    assert index_folder(folder, encoder=encoder).images == 10
    gallery = Gallery.open(folder)
    for name in names:
        assert gallery.resolve(name) == gallery.resolve(folder / name) == name
        path = gallery.path(name)
        assert path is not None
        assert path.is_file()


def test_paths_longer_than_the_system_allows(folder: Path, encoder: FakeEncoder) -> None:
    here = os.open(folder, os.O_RDONLY)
    try:
        for _ in range(20):
            os.mkdir("d" * 250, dir_fd=here)
            below = os.open("d" * 250, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(os.open("x.png", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    finally:
        os.close(here)
    report = index_folder(folder, encoder=encoder)
    assert report.images == 5
    [(id, reason)] = report.skipped
    assert id.startswith("ddd")
    assert "too long" in reason


def test_a_folder_that_is_there_twice(folder: Path, encoder: FakeEncoder) -> None:
    (folder / "again").symlink_to(folder / "sub")
    (folder / ".hidden").mkdir()
    (folder / "loop").symlink_to(folder)
    assert index_folder(folder, encoder=encoder).images == 5


def test_camera_raw_only(tmp_path: Path, encoder: FakeEncoder) -> None:
    root = tmp_path / "raw"
    root.mkdir()
    (root / "X.NEF").write_bytes(b"II*\0" + bytes(100))
    with pytest.raises(NotFoundError, match="1 camera raw, which is not read: export it as JPEG"):
        index_folder(root, encoder=encoder)


def test_vectors_stay_the_same_over_a_way_out_and_back(
    folder: Path, tmp_path: Path, encoder: FakeEncoder
) -> None:
    index_folder(folder, encoder=encoder)
    before = Gallery.open(folder).matrix().vectors.copy()
    (folder / "a.png").rename(tmp_path / "a.png")
    index_folder(folder, encoder=encoder)
    assert "a.png" not in Gallery.open(folder).matrix().ids
    (tmp_path / "a.png").rename(folder / "a.png")
    index_folder(folder, encoder=encoder)
    assert np.array_equal(Gallery.open(folder).matrix().vectors, before)


@pytest.mark.parametrize("schema", [1, 2])
def test_galleries_of_earlier_schemas(
    folder: Path, tmp_path: Path, encoder: FakeEncoder, schema: int
) -> None:
    caption(folder, encoder, "a.png")
    directory = folder / ".stitch"
    old = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(old)) as database:
        for migration in _MIGRATIONS[:schema]:
            database.executescript(migration)
        database.execute("ATTACH ? AS new", (str(directory / "gallery.sqlite"),))
        tables = database.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            columns = ", ".join(
                name for _, name, *_ in database.execute(f"PRAGMA main.table_info({table})")
            )
            database.execute(
                f"INSERT OR REPLACE INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}"
            )
        newer = "('survey', 'folder', 'commit', 'meta_digest')"
        database.execute(f"DELETE FROM meta WHERE key IN {newer}")
        database.execute(f"PRAGMA user_version = {schema}")
        database.commit()
    shutil.rmtree(directory)
    directory.mkdir()
    old.rename(directory / "gallery.sqlite")
    with Gallery.open(folder, encoder=encoder) as gallery:
        info = gallery.info()
        assert (info["images"], info["vanished"], info["complete"]) == (5, 0, None)
        assert gallery.verify(read_files=True).sound
        assert gallery.find("A.PNG") == (1, ["a.png"])
        assert len(search(gallery, reference="A.PNG")) == 4
    report = index_folder(folder, encoder=encoder)
    assert (report.unchanged, report.images) == (5, 5)
    assert Gallery.open(folder).captions("a.png") == ["kept"]


def test_every_skipped_file_is_reported_when_it_is_met(
    folder: Path, tmp_path: Path, encoder: FakeEncoder
) -> None:
    index_folder(folder, encoder=encoder)
    (folder / "sub" / "deep" / "e.webp").rename(tmp_path / "e.webp")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    (folder / "link.png").symlink_to("nowhere")
    reported: dict[str, str] = {}

    def tell(event: ProgressEvent) -> None:
        if event.skipped is not None:
            reported[str(event.path)] = event.skipped

    report = index_folder(folder, encoder=encoder, progress=tell)
    assert reported == dict(report.skipped)
    assert set(reported) == {"sub/deep", "broken.jpg", "link.png"}

"""What the file system says of a file: times out of range, changes behind an unchanged time."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from stitch_cir.gallery import Gallery, index_folder
from stitch_cir.gallery.index import facts_of, scan
from stitch_cir.gallery.store import Store
from tests.gallery.fakes import FakeEncoder, noise_image
from tests.gallery.faults import decoding, scanning

Paint = Callable[..., Path]
YEAR_2300 = 10_413_792_000_000_000_000


@pytest.mark.parametrize("name", ["a.png", "sub/notes.txt"])
def test_a_file_of_the_year_2300(folder: Path, encoder: FakeEncoder, name: str) -> None:
    index_folder(folder, encoder=encoder)
    file = folder / name
    file.touch()
    os.utime(file, ns=(YEAR_2300, YEAR_2300))
    if file.stat().st_mtime_ns != YEAR_2300:
        pytest.skip("this file system has no such times")
    report = index_folder(folder, encoder=encoder)
    assert (report.images, report.unchanged) == (5, 5)
    assert index_folder(folder, encoder=encoder).unchanged == 5
    assert Gallery.open(folder).verify().sound


@pytest.mark.parametrize("number", [-(2**63), 2**63 - 1, 2**63, -(2**70), 2**70])
@pytest.mark.parametrize("field", ["st_size", "st_mtime_ns", "st_ctime_ns"])
def test_numbers_beyond_64_bits(folder: Path, field: str, number: int) -> None:
    values = {"st_size": 1, "st_mtime_ns": 1, "st_ctime_ns": 1, "st_ino": 2**64 - 1}
    facts = facts_of(SimpleNamespace(**{**values, field: number}))  # type: ignore[arg-type]
    store = Store(folder, write=True)
    assert store.rows("SELECT ?, ?, ?", facts) == [tuple(facts)]


def overwrite(file: Path, image: Image.Image) -> None:
    with file.open("r+b") as stream:
        image.save(stream, "BMP")


def replace(file: Path, image: Image.Image) -> None:
    other = file.with_suffix(".new")
    image.save(other, "BMP")
    other.replace(file)


@pytest.mark.parametrize("change", [overwrite, replace])
def test_a_change_behind_an_unchanged_size_and_time(
    folder: Path, encoder: FakeEncoder, change: Callable[[Path, Image.Image], None]
) -> None:
    file = folder / "x.bmp"
    noise_image(7).save(file)
    index_folder(folder, encoder=encoder)
    before = file.stat()
    change(file, noise_image(8))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    report = Gallery.open(folder).verify()
    assert (report.changed_files, report.sound) == (1, False)
    assert "sound" not in report.summary()
    assert index_folder(folder, encoder=encoder).changed == 1
    assert Gallery.open(folder).verify().sound


def test_a_change_that_no_time_shows(folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder)
    Store(folder / ".stitch", write=True).rows(
        # as if the disk had turned a bit: the content is another one, all times are as they were
        "UPDATE items SET hash = (SELECT hash FROM items WHERE id = 'b.png') WHERE id = 'a.png'"
    )
    gallery = Gallery.open(folder)
    assert gallery.verify().changed_files == 0
    report = gallery.verify(read_files=True)
    assert (report.changed_files, report.sound, report.problems) == (1, False, ())
    assert report.to_dict()["read_files"] is True


def test_a_change_of_rights_or_links_is_no_change(folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder)
    generation = Gallery.open(folder).generation
    (folder / "a.png").chmod(stat.S_IRUSR)
    (folder / "hard.jpeg").hardlink_to(folder / "sub" / "d.jpg")
    assert Gallery.open(folder).verify().sound
    report = index_folder(folder, encoder=encoder)
    assert (report.unchanged, report.duplicates, encoder.encoded_images) == (5, 1, 5)
    assert Gallery.open(folder).generation > generation
    assert index_folder(folder, encoder=encoder).unchanged == 6


def test_an_older_gallery_learns_the_marks(folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder)
    store = Store(folder / ".stitch", write=True)
    for table in ("items", "others", "skipped"):
        store.rows(f"UPDATE {table} SET mark = NULL")
    generation = store.generation()
    assert Gallery.open(folder).verify().sound
    assert index_folder(folder, encoder=encoder).unchanged == 5
    assert store.value("SELECT COUNT(*) FROM items WHERE mark IS NULL") == 0
    # nothing that can be searched has changed, so no cache need be built anew
    assert store.generation() == generation


@pytest.mark.parametrize("name", ["broken.png", "notes"])
def test_what_was_left_out_is_looked_at_again(
    folder: Path, encoder: FakeEncoder, paint: Paint, name: str
) -> None:
    content = paint(folder / "new.png", 9).read_bytes()
    (folder / "new.png").unlink()
    file = folder / name
    file.write_bytes(bytes(len(content)))
    before = file.stat()
    index_folder(folder, encoder=encoder)
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert index_folder(folder, encoder=encoder).added == 1


def test_a_file_that_grows_while_it_is_read(
    folder: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "x.bmp"
    noise_image(7).save(file)
    decode = decoding.decode  # type: ignore[attr-defined]

    def slowly(*args: object, **options: object) -> Image.Image:
        image = decode(*args, **options)  # type: ignore[arg-type]
        if image.size == (40, 30) and file.stat().st_size < 10_000:
            with file.open("ab") as stream:
                stream.write(bytes(10_000))
        return image

    monkeypatch.setattr(decoding, "decode", slowly)
    report = index_folder(folder, encoder=encoder, only=["x.bmp"], workers=1)
    assert report.images == 0
    assert "written to while it was read" in report.skipped[0][1]
    monkeypatch.undo()
    assert index_folder(folder, encoder=encoder, only=["x.bmp"]).added == 1


@pytest.mark.parametrize(
    "facts",
    [{"st_flags": 0x40000000}, {"st_file_attributes": 0x00400020}],
    ids=["macOS", "Windows"],
)
def test_a_file_that_is_only_in_the_cloud(
    folder: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch, facts: dict[str, int]
) -> None:
    index_folder(folder, encoder=encoder)
    inode = (folder / "a.png").stat().st_ino
    real = scanning._is_in_the_cloud
    stub = SimpleNamespace(**{"st_flags": 0, "st_file_attributes": 0, **facts})
    monkeypatch.setattr(
        scanning,
        "_is_in_the_cloud",
        lambda stat: real(stub) if stat.st_ino == inode else real(stat),  # type: ignore[arg-type]
    )
    entries = scan(folder, leave_out=folder / ".stitch")
    [entry] = [entry for entry in entries if entry.path == b"a.png"]
    assert "only in the cloud" in str(entry.problem)
    report = index_folder(folder, encoder=encoder)
    assert (report.images, report.removed) == (5, 0), "what was indexed before stays"


def test_times_of_change_that_mean_nothing(
    folder: Path, encoder: FakeEncoder, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(20):
        paint(folder / f"{seed}.png", seed + 10)
    mounts = iter(range(1, 100))
    mount = [next(mounts)]
    monkeypatch.setattr(scanning, "_change_mark", lambda stat: mount[0])
    index_folder(folder, encoder=encoder)
    mount[0] = next(mounts)
    report = index_folder(folder, encoder=encoder)
    assert (report.unchanged, report.reread, encoder.encoded_images) == (25, 25, 25)
    assert "--no-change-times" in report.notes[0]
    for change_times in (False, None):  # it is remembered
        mount[0] = next(mounts)
        report = index_folder(folder, encoder=encoder, change_times=change_times)
        assert (report.unchanged, report.reread, report.notes) == (25, 0, ())
    assert Gallery.open(folder).info()["change_times"] is False
    assert Gallery.open(folder).verify().sound

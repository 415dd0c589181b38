"""Whatever lies in a folder, the run goes on and says in one line what was left out."""

from __future__ import annotations

import inspect
import io
import os
import shutil
import socket
import sys
import unicodedata
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stitch_cir.gallery import Gallery, index_folder
from stitch_cir.gallery.index import scan
from tests.gallery.fakes import FakeEncoder, noise_image
from tests.gallery.faults import decoding

Paint = Callable[..., Path]
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera stores an upright picture under each EXIF orientation."""


def test_one_of_each_kind(folder: Path, encoder: FakeEncoder) -> None:
    whole = (folder / "a.png").read_bytes()
    (folder / "text.jpg").write_text("not an image")
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").touch()
    # IHDR with 65,000 × 65,000 pixels
    big = bytearray(whole)
    big[16:24] = (65_000).to_bytes(4, "big") * 2
    big[29:33] = zlib.crc32(big[12:29]).to_bytes(4, "big")
    (folder / "bomb.png").write_bytes(big)
    (folder / "really a png.jpg").write_bytes(whole)
    Image.new("RGB", (1, 1), "red").save(folder / "dot.png")
    Image.new("RGB", (1, 20_000), "red").save(folder / "line.png")
    Image.new("CMYK", (20, 20), (0, 255, 255, 0)).save(folder / "cmyk.jpg")
    Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20)).save(folder / "deep.png")
    palette = Image.new("P", (20, 20), 0)
    palette.putpalette([255, 0, 0])
    palette.save(folder / "palette.png", transparency=b"\x40")
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    report = index_folder(folder, encoder=encoder)
    reasons = dict(report.skipped)
    assert sorted(reasons) == ["bomb.png", "cut.png", "empty.jpg", "text.jpg"]
    assert "not an image" in reasons["text.jpg"]
    assert "truncated" in reasons["cut.png"]
    assert "0 bytes" in reasons["empty.jpg"]
    assert "too large" in reasons["bomb.png"]
    assert all("\n" not in reason for reason in reasons.values())
    assert report.notes == ("really a png.jpg is a PNG by its content, whatever its name says",)
    assert report.added == 5 + 7
    gallery = Gallery.open(folder)
    assert gallery.size("line.png") == (1, 20_000)
    assert not gallery.verify().problems
    assert [id for id, _ in gallery.skipped()] == sorted(reasons)


@pytest.mark.parametrize("kind", ["grid", "random"])
def test_all_orientations_give_equal_vectors(
    tmp_path: Path, encoder: FakeEncoder, kind: Any
) -> None:
    from stitch_cir.views import ViewRecipe

    upright = noise_image(3, (200, 150))
    for number in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = number
        stored = upright.transpose(TURNS[number]) if number > 1 else upright
        stored.save(tmp_path / f"{number}.png", exif=exif)
        stored.save(tmp_path / f"{number}.jpg", exif=exif, quality=95, subsampling=0)
    recipe = ViewRecipe(kind, count=6)
    assert index_folder(tmp_path, encoder=encoder, recipe=recipe).added == 16
    gallery = Gallery.open(tmp_path)

    def vectors(id: str) -> np.ndarray:
        return np.stack([view.vector for view in gallery.views(id)])

    for number in range(2, 9):
        assert np.array_equal(vectors(f"{number}.png"), vectors("1.png"))
    for number in range(1, 9):
        assert gallery.size(f"{number}.jpg") == (200, 150)
        # a turned JPEG is not the same file: its random crops differ, the whole does not
        count = 6 if kind == "grid" else 1
        near = vectors(f"{number}.jpg")[:count] - vectors("1.png")[:count]
        assert np.abs(near).max() < 0.01


def test_skipped_files_are_tried_again_when_they_change(
    folder: Path, encoder: FakeEncoder, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = folder / "bad.png"
    bad.write_text("no picture")
    index_folder(folder, encoder=encoder)
    read: list[str] = []
    original = decoding.decode  # type: ignore[attr-defined]

    def remember(stream: Any, name: str, **options: Any) -> Image.Image:
        read.append(stream.name if isinstance(stream.name, str) else str(stream.name))
        return original(stream, name, **options)

    monkeypatch.setattr(decoding, "decode", remember)
    assert len(index_folder(folder, encoder=encoder).skipped) == 1
    assert read == []
    paint(bad, 50)
    report = index_folder(folder, encoder=encoder)
    assert (report.added, report.skipped, len(read)) == (1, (), 1)
    # and an image that breaks leaves
    bad.write_text("no picture again")
    report = index_folder(folder, encoder=encoder)
    assert [id for id, _ in report.skipped] == ["bad.png"]
    assert "bad.png" not in Gallery.open(folder).ids


def test_too_large_is_tried_again_when_more_is_allowed(folder: Path, encoder: FakeEncoder) -> None:
    Image.new("RGB", (100, 100), "red").save(folder / "large.png")
    for limit, skipped in ((5000, 1), (5000, 1), (4000, 1), (10_000, 0)):
        report = index_folder(folder, encoder=encoder, max_pixels=limit)
        assert len(report.skipped) == skipped
    assert report.added == 1


def test_a_file_that_cannot_be_read_is_tried_every_time(
    folder: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = os.open

    def refuse(path: Any, *rest: Any, **options: Any) -> int:
        if str(path).endswith("b.png"):
            raise PermissionError(13, "Permission denied")
        return original(path, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        report = index_folder(folder, encoder=encoder)
    assert report.skipped == (
        ("b.png", "the file cannot be read: Permission denied. Check the path and permissions."),
    )
    assert report.added == 4
    assert index_folder(folder, encoder=encoder).added == 1


def test_pipes_sockets_and_folders_named_like_images(
    folder: Path, encoder: FakeEncoder, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(folder / "pipe.jpg")
    os.mkfifo(folder / "pipe")
    paint(folder / "folder.jpg" / "inside.png", 9)
    monkeypatch.chdir(folder)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.png")
        report = index_folder(folder, encoder=encoder)
    assert [id for id, _ in report.skipped] == ["pipe.jpg", "socket.png"]
    assert "folder.jpg/inside.png" in Gallery.open(folder).ids


def test_links(folder: Path, tmp_path: Path, encoder: FakeEncoder, paint: Paint) -> None:
    (folder / "sub" / "loop").symlink_to(folder)
    (folder / "again").symlink_to(folder / "sub")
    (folder / "self").symlink_to("self")
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    (folder / "link.png").symlink_to("a.png")
    paint(tmp_path / "elsewhere" / "far.png", 8)
    (tmp_path / "elsewhere" / "back").symlink_to(folder)
    (folder / "outside").symlink_to(tmp_path / "elsewhere")
    report = index_folder(folder, encoder=encoder)
    assert sorted(id for id, _ in report.skipped) == ["gone.jpg", "self"]
    ids = Gallery.open(folder).ids
    assert ids == (
        "a.png",
        "b.png",
        "link.png",
        "outside/far.png",
        "sub/c.png",
        "sub/d.jpg",
        "sub/deep/e.webp",
    )
    assert report.duplicates == 1


def test_hidden_entries_and_galleries_are_left_out(
    folder: Path, encoder: FakeEncoder, paint: Paint
) -> None:
    paint(folder / ".hidden.png", 1)
    paint(folder / ".cache" / "thumbnail.png", 2)
    assert index_folder(folder, folder / "my gallery", encoder=encoder).added == 5
    assert index_folder(folder, folder / "my gallery", encoder=encoder).other_files == 0
    report = index_folder(folder, encoder=encoder)
    assert (report.added, report.other_files) == (5, 0)


def test_a_gallery_may_share_the_folder(folder: Path, encoder: FakeEncoder) -> None:
    assert index_folder(folder, folder, encoder=encoder).added == 5
    assert index_folder(folder, folder, encoder=encoder).unchanged == 5
    assert len(Gallery.open(folder)) == 5


def test_other_files_are_counted(folder: Path, encoder: FakeEncoder) -> None:
    shutil.copy(folder / "a.png", folder / "without ending")
    shutil.copy(folder / "b.png", folder / "b.backup")
    for name in ("notes.txt", "film.mp4", "empty"):
        (folder / name).write_bytes(b"" if name == "empty" else b"something else")
    report = index_folder(folder, encoder=encoder)
    assert (report.added, report.duplicates, report.other_files) == (7, 2, 3)
    assert report.skipped == ()
    shutil.copy(folder / "a.png", folder / "notes.txt")
    report = index_folder(folder, encoder=encoder)
    assert (report.added, report.other_files) == (1, 2)


def test_a_folder_that_cannot_be_read_loses_nothing(
    folder: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_folder(folder, encoder=encoder)
    original = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return original(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refuse)
        report = index_folder(folder, encoder=encoder)
    assert report.skipped == (("sub", "folder cannot be read: Permission denied"),)
    assert (report.removed, report.unchanged, report.images) == (0, 2, 5)


def test_an_unmounted_folder_behind_a_link_loses_nothing(
    folder: Path, tmp_path: Path, encoder: FakeEncoder
) -> None:
    shutil.move(folder / "sub", tmp_path / "disk")
    (folder / "sub").symlink_to(tmp_path / "disk")
    assert index_folder(folder, encoder=encoder).added == 5
    (tmp_path / "disk").rename(tmp_path / "unplugged")
    report = index_folder(folder, encoder=encoder)
    assert (report.removed, report.images) == (0, 5)
    assert [id for id, _ in report.skipped] == ["sub"]


def test_a_file_that_vanishes_meanwhile(folder: Path, encoder: FakeEncoder) -> None:
    def vanish(event: Any) -> None:
        (folder / "sub" / "deep" / "e.webp").unlink(missing_ok=True)

    report = index_folder(
        folder, encoder=encoder, progress=vanish, batch_size=1, workers=1, captions=None
    )
    # it may have been read ahead; either way the run goes on
    assert report.added + len(report.skipped) == 5


def test_odd_names(folder: Path, encoder: FakeEncoder, paint: Paint) -> None:
    composed = unicodedata.normalize("NFC", "café.png")
    decomposed = unicodedata.normalize("NFD", "café.png")
    names = [composed, decomposed, "犬 🐕.png", "new\nline.png", 'it\'s "quoted".png', "-rf.png"]
    for seed, name in enumerate(names):
        paint(folder / name, 100 + seed)
    raw = os.fsencode(folder) + b"/caf\xe9.png"
    content = io.BytesIO()
    noise_image(200).save(content, "PNG")
    Path(os.fsdecode(raw)).write_bytes(content.getvalue())
    report = index_folder(folder, encoder=encoder)
    assert report.added == 5 + len(names) + 1
    gallery = Gallery.open(folder)
    assert {*names, "caf\\xe9.png"} < set(gallery.ids)
    assert list(gallery.ids) == sorted(gallery.ids)
    path = gallery.path("caf\\xe9.png")
    assert path is not None
    assert path.read_bytes() == content.getvalue()
    assert gallery.resolve(path) == "caf\\xe9.png"
    assert gallery.resolve(os.fsdecode(raw)) == "caf\\xe9.png"
    assert gallery.resolve(folder / decomposed) == decomposed
    assert index_folder(folder, encoder=encoder).unchanged == report.added


def test_two_names_that_are_escaped_alike(folder: Path, encoder: FakeEncoder) -> None:
    for name in (b"caf\xe9.png", rb"caf\xe9.png"):
        shutil.copy(folder / "a.png", os.fsdecode(os.fsencode(folder) + b"/" + name))
    report = index_folder(folder, encoder=encoder)
    assert report.added == 6
    assert [reason for _, reason in report.skipped] == [
        "another file's name is escaped to the same id"
    ]


def test_folders_nested_deeper_than_python_recurses(tmp_path: Path, paint: Paint) -> None:
    paint(tmp_path.joinpath(*["d"] * 300, "x.png"), 1)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    try:
        (entry,) = scan(tmp_path, leave_out=tmp_path / ".stitch")
    finally:
        sys.setrecursionlimit(limit)
    assert entry.path == b"d/" * 300 + b"x.png"


def test_the_order_of_a_scan_is_fixed(folder: Path) -> None:
    entries = [entry.path for entry in scan(folder, leave_out=folder / ".stitch")]
    assert entries == [b"a.png", b"b.png", b"sub/c.png", b"sub/d.jpg", b"sub/deep/e.webp"]

"""What indexing makes of formats: camera raw, damaged files, colour profiles, large images."""

from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path

from PIL import Image

from stitch_cir.gallery import index_folder
from stitch_cir.gallery._store import Item, Store
from tests.gallery.fakes import FakeEncoder, picture


def test_camera_raw_is_no_image(folder: Path, encoder: FakeEncoder) -> None:
    names = ["X.NEF", "X.ARW", "X.CR2", "X.dng", "X.pef"]
    for name in names:
        Image.new("RGB", (160, 120)).save(folder / name, "TIFF")
    (folder / "Y.ARW").write_bytes(b"II*\0" + b"\xff" * 100)
    for _ in range(2):
        report = index_folder(folder, encoder=encoder)
        assert (report.images, report.other_files, report.skipped) == (5, len(names) + 1, ())


def test_camera_raw_that_an_earlier_version_left_out_is_no_image(
    folder: Path, encoder: FakeEncoder
) -> None:
    raw = folder / "X.NEF"
    raw.write_bytes(b"II*\0" + b"\xff" * 100)
    index_folder(folder, encoder=encoder)
    facts = raw.stat()
    with closing(Store(folder / ".stitch", write=True)) as store, store.transaction():
        store.rows("DELETE FROM others")
        left_out = Item("X.NEF", size=facts.st_size, mtime_ns=facts.st_mtime_ns)
        store.put_skipped(left_out, "truncated or damaged")
    report = index_folder(folder, encoder=encoder)
    assert (report.other_files, report.skipped) == (1, ())


def test_a_missing_part_is_noted(folder: Path, encoder: FakeEncoder) -> None:
    content = io.BytesIO()
    picture(9, (200, 150)).save(content, "JPEG")
    whole = content.getvalue()
    (folder / "whole.jpg").write_bytes(whole[:-2])
    (folder / "part.png").write_bytes(whole[: len(whole) * 3 // 4])
    report = index_folder(folder, encoder=encoder)
    assert (report.added, report.skipped) == (7, ())
    assert [note.split(":")[0] for note in report.notes] == [
        "part.png is a JPEG by its content, whatever its name says",
        "part.png is damaged or cut short",
    ]
    assert report.to_dict()["notes"] == list(report.notes)

"""What indexing makes of formats: camera raw, damaged files, colour profiles, large images."""

from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from stitch_cir.errors import SettingError
from stitch_cir.gallery import Gallery, index_folder
from stitch_cir.gallery.store import Item, Store
from stitch_cir.searcher import resolve_reference
from tests.gallery.fakes import FakeEncoder, noise_image
from tests.images.profiles import SWAPPED, rgb_profile


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
    noise_image(9, (200, 150)).save(content, "JPEG")
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


def vectors(root: Path, id: str) -> np.ndarray:
    return np.stack([view.vector for view in Gallery.open(root).views(id)])


def test_contents_of_an_earlier_version_get_their_colours(
    folder: Path, encoder: FakeEncoder
) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, profile in (("swapped.png", rgb_profile(SWAPPED)), ("srgb.png", srgb)):
        Image.new("RGB", (60, 60), "red").save(folder / name, icc_profile=profile)
    assert index_folder(folder, encoder=encoder).encoded == 7
    before = vectors(folder, "swapped.png")
    with closing(Store(folder / ".stitch", write=True)) as store, store.transaction():
        # as an earlier version would have left it
        store.rows("INSERT INTO outdated SELECT hash FROM contents")
        (row,) = store.rows("SELECT hash FROM items WHERE id = 'srgb.png'")
        wrong = store.value("SELECT vectors FROM contents WHERE hash = ?", row)
        (other,) = store.rows("SELECT hash FROM items WHERE id = 'swapped.png'")
        store.rows("UPDATE contents SET vectors = ? WHERE hash = ?", (wrong, other[0]))
    report = index_folder(folder, encoder=encoder)
    assert (report.encoded, report.unchanged, report.changed) == (1, 7, 0)
    assert report.notes == (
        "1 image has a colour profile, which earlier versions ignored: encoded again",
    )
    assert np.array_equal(vectors(folder, "swapped.png"), before)
    again = index_folder(folder, encoder=encoder)
    assert (again.encoded, again.notes) == (0, ())


def test_a_limit_that_was_raised_is_remembered(folder: Path, encoder: FakeEncoder) -> None:
    Image.new("RGB", (100, 100), "red").save(folder / "large.png")
    assert len(index_folder(folder, encoder=encoder, max_pixels=5000).skipped) == 1
    assert len(index_folder(folder, encoder=encoder).skipped) == 1
    assert index_folder(folder, encoder=encoder, max_pixels=10_000).added == 1
    Image.new("RGB", (100, 101), "red").save(folder / "larger.png")
    report = index_folder(folder, encoder=encoder, rebuild=True)
    assert [id for id, _ in report.skipped] == ["larger.png"]
    assert Gallery.open(folder).max_pixels == 10_000
    with pytest.raises(SettingError, match="max_pixels"):
        index_folder(folder, encoder=encoder, max_pixels=0)


def test_the_limit_of_pillow_is_raised_too(
    folder: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    Image.new("RGB", (100, 100), "red").save(folder / "large.png")
    Image.new("RGB", (100, 100), "red").save(folder / "large.tif")
    assert index_folder(folder, encoder=encoder, max_pixels=10_000).added == 7
    reference = resolve_reference(Gallery.open(folder, encoder=encoder), "large.png")
    assert reference is not None
    assert reference.image is not None
    assert reference.notes == ()

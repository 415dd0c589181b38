"""Files that vanish, because they were deleted or because their disk is away, and come back."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stitch_cir.errors import GalleryError, NotFoundError
from stitch_cir.gallery import Gallery, index_captions, index_folder
from tests.gallery.fakes import FakeEncoder, noise_image

Paint = Callable[..., Path]


def write_captions(file: Path, texts: dict[str, str]) -> Path:
    lines = [json.dumps({"id": id, "caption": text}) for id, text in texts.items()]
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def take_away(folder: Path, to: Path) -> None:
    """Leave the folder itself, empty, as an unmounted disk does; hidden entries stay."""
    to.mkdir()
    for entry in list(folder.iterdir()):
        if not entry.name.startswith("."):
            entry.rename(to / entry.name)


def bring_back(folder: Path, source: Path) -> None:
    for entry in source.iterdir():
        entry.rename(folder / entry.name)


@pytest.mark.parametrize("rebuild", [False, True])
def test_an_empty_root_is_refused(
    folder: Path, tmp_path: Path, encoder: FakeEncoder, rebuild: bool
) -> None:
    captions = write_captions(tmp_path / "c.jsonl", {"a.png": "a red thing"})
    index_folder(folder, tmp_path / "g", encoder=encoder, captions=captions)
    before = Gallery.open(tmp_path / "g").generation
    take_away(folder, tmp_path / "away")
    with pytest.raises(GalleryError, match=r"5 of the 5 images .* nothing was changed") as caught:
        index_folder(folder, tmp_path / "g", encoder=encoder, exclude=["x"], rebuild=rebuild)
    assert "--allow-missing" in caught.value.hint
    gallery = Gallery.open(tmp_path / "g")
    assert (gallery.generation, len(gallery), gallery.info()["exclude"]) == (before, 5, [])
    bring_back(folder, tmp_path / "away")
    assert index_folder(folder, tmp_path / "g", encoder=encoder).unchanged == 5
    assert encoder.encoded_images == 5


@pytest.mark.parametrize("consent", ["allow_missing", "forget"])
def test_an_empty_root_with_consent(
    folder: Path, tmp_path: Path, encoder: FakeEncoder, consent: str
) -> None:
    captions = write_captions(tmp_path / "c.jsonl", {"a.png": "red", "sub/c.png": "blue"})
    index_folder(folder, tmp_path / "g", encoder=encoder, captions=captions)
    vectors = [view.vector for view in Gallery.open(tmp_path / "g").views("a.png")]
    take_away(folder, tmp_path / "away")
    options: dict[str, Any] = {consent: True}
    report = index_folder(folder, tmp_path / "g", encoder=encoder, **options)
    kept = 0 if consent == "forget" else 5
    assert (report.images, report.removed, report.vanished) == (0, 5, kept)
    assert Gallery.open(tmp_path / "g").ids == ()
    assert Gallery.open(tmp_path / "g").info()["vanished"] == kept
    bring_back(folder, tmp_path / "away")
    report = index_folder(folder, tmp_path / "g", encoder=encoder)
    gallery = Gallery.open(tmp_path / "g")
    if consent == "forget":
        assert (report.added, encoder.encoded_images, gallery.captions("a.png")) == (5, 10, [])
        return
    assert (report.returned, report.unchanged, report.vanished) == (5, 0, 0)
    assert encoder.encoded_images == 5
    assert (gallery.captions("a.png"), gallery.captions("sub/c.png")) == (["red"], ["blue"])
    assert len(gallery.views("a.png")) == len(vectors)
    assert all(
        np.array_equal(now.vector, then)
        for now, then in zip(gallery.views("a.png"), vectors, strict=True)
    )
    assert index_folder(folder, tmp_path / "g", encoder=encoder).captioned == 0


def test_a_deleted_folder_comes_back_from_a_backup(
    folder: Path, tmp_path: Path, encoder: FakeEncoder
) -> None:
    captions = write_captions(tmp_path / "c.jsonl", {"sub/d.jpg": "a dog"})
    index_folder(folder, encoder=encoder, captions=captions)
    shutil.copytree(folder / "sub", tmp_path / "backup")  # new inodes, the old times
    (folder / "sub" / "c.png").unlink()
    shutil.move(folder / "sub" / "deep", tmp_path / "deep")
    assert index_folder(folder, encoder=encoder).removed == 2
    shutil.rmtree(folder / "sub")
    report = index_folder(folder, encoder=encoder)
    assert (report.removed, report.vanished, report.skipped) == (1, 3, ())
    shutil.copytree(tmp_path / "backup", folder / "sub")
    report = index_folder(folder, encoder=encoder)
    assert (report.returned, report.added, encoder.encoded_images) == (3, 0, 5)
    assert Gallery.open(folder).captions("sub/d.jpg") == ["a dog"]


def test_an_empty_mount_point_below_the_root_keeps_its_images(
    folder: Path, tmp_path: Path, encoder: FakeEncoder, paint: Paint
) -> None:
    for seed in range(2):
        paint(folder / "nas" / "2020" / f"{seed}.png", seed + 10)
    index_folder(folder, encoder=encoder)
    take_away(folder / "nas", tmp_path / "away")
    paint(folder / "new.png", 20)
    report = index_folder(folder, encoder=encoder)
    assert (report.removed, report.added, report.images) == (0, 1, 8)
    [(id, reason)] = report.skipped
    assert id == "nas"
    assert "2 images were: they are kept" in reason
    with pytest.raises(GalleryError, match="2 images .* cannot be read now") as caught:
        index_folder(folder, encoder=encoder, rebuild=True)
    assert "--allow-missing" in caught.value.hint
    report = index_folder(folder, encoder=encoder, allow_missing=True)
    assert (report.removed, report.skipped, report.images) == (2, (), 6)
    bring_back(folder / "nas", tmp_path / "away")
    report = index_folder(folder, encoder=encoder)
    assert (report.returned, encoder.encoded_images) == (2, 8)


def test_a_folder_that_was_moved_away_inside_is_not_away(
    folder: Path, encoder: FakeEncoder
) -> None:
    index_folder(folder, encoder=encoder)
    shutil.move(folder / "sub" / "deep" / "e.webp", folder / "e.webp")  # leaves deep/ empty
    report = index_folder(folder, encoder=encoder)
    assert (report.moved, report.skipped) == (1, ())


def test_everything_moved_is_not_missing(folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder)
    (folder / "all").mkdir()
    for name in ("a.png", "b.png", "sub"):
        (folder / name).rename(folder / "all" / name)
    report = index_folder(folder, encoder=encoder)
    assert (report.moved, report.removed, encoder.encoded_images) == (5, 0, 5)


def test_what_came_back_under_another_name_keeps_its_captions(
    folder: Path, tmp_path: Path, encoder: FakeEncoder
) -> None:
    captions = write_captions(tmp_path / "c.jsonl", {"b.png": "a bee"})
    index_folder(folder, encoder=encoder, captions=captions)
    (folder / "b.png").rename(tmp_path / "b.png")
    assert index_folder(folder, encoder=encoder).vanished == 1
    (tmp_path / "b.png").rename(folder / "sub" / "bee.png")
    report = index_folder(folder, encoder=encoder)
    assert (report.moved, report.vanished, encoder.encoded_images) == (1, 0, 5)
    assert Gallery.open(folder).captions("sub/bee.png") == ["a bee"]


def test_a_file_that_is_broken_for_a_while_keeps_its_captions(
    folder: Path, tmp_path: Path, encoder: FakeEncoder
) -> None:
    captions = write_captions(tmp_path / "c.jsonl", {"a.png": "an a"})
    index_folder(folder, encoder=encoder, captions=captions)
    whole = (folder / "a.png").read_bytes()
    (folder / "a.png").write_bytes(b"")  # a synchronisation that begins with an empty file
    report = index_folder(folder, encoder=encoder)
    assert (report.images, [id for id, _ in report.skipped]) == (4, ["a.png"])
    (folder / "a.png").write_bytes(whole)
    report = index_folder(folder, encoder=encoder)
    assert (report.returned, report.skipped, encoder.encoded_images) == (1, (), 5)
    assert Gallery.open(folder).captions("a.png") == ["an a"]


def test_another_image_of_the_same_name_is_encoded(folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder)
    (folder / "a.png").unlink()
    index_folder(folder, encoder=encoder)
    noise_image(33).save(folder / "a.png")
    report = index_folder(folder, encoder=encoder)
    assert (report.changed, report.returned, encoder.encoded_images) == (1, 0, 6)


def test_captions_of_vanished_images_can_be_changed_meanwhile(
    folder: Path, tmp_path: Path, encoder: FakeEncoder
) -> None:
    file = write_captions(tmp_path / "c.jsonl", {"a.png": "old", "b.png": "bee"})
    index_folder(folder, encoder=encoder, captions=file)
    (folder / "a.png").rename(tmp_path / "a.png")
    index_folder(folder, encoder=encoder)
    write_captions(file, {"a.png": "new"})
    assert index_folder(folder, encoder=encoder, captions=file).unknown_captions == ()
    (tmp_path / "a.png").rename(folder / "a.png")
    index_folder(folder, encoder=encoder)
    gallery = Gallery.open(folder)
    assert (gallery.captions("a.png"), gallery.captions("b.png")) == (["new"], [])


def test_a_rebuild_keeps_the_captions_of_what_is_away(
    folder: Path, tmp_path: Path, encoder: FakeEncoder, other_encoder: FakeEncoder
) -> None:
    file = write_captions(tmp_path / "c.jsonl", {"a.png": "an a", "b.png": "bee"})
    index_folder(folder, encoder=encoder, captions=file)
    for name in ("a.png", "b.png"):
        (folder / name).rename(tmp_path / name)
    index_folder(folder, encoder=encoder)
    report = index_folder(folder, encoder=other_encoder, rebuild=True)
    assert (report.images, report.vanished) == (3, 2)
    (tmp_path / "a.png").rename(folder / "a.png")
    report = index_folder(folder, encoder=other_encoder)
    # its vectors were another encoder's, so it is encoded
    assert (report.returned, other_encoder.encoded_images) == (1, 4)
    gallery = Gallery.open(folder)
    assert gallery.captions("a.png") == ["an a"]
    assert not gallery.verify().problems


@pytest.mark.parametrize(
    ("days", "kept"), [(29, True), (30, False), (-20_000, True)], ids=["29", "30", "clock back"]
)
def test_vanished_images_expire(
    folder: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch, days: int, kept: bool
) -> None:
    index_folder(folder, encoder=encoder)
    (folder / "a.png").unlink()
    index_folder(folder, encoder=encoder)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + days * 86_400)
    assert index_folder(folder, encoder=encoder).vanished == kept


def test_how_long_to_keep_is_remembered(
    folder: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_folder(folder, encoder=encoder, keep_days=400)
    (folder / "a.png").unlink()
    index_folder(folder, encoder=encoder)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 399 * 86_400)
    assert index_folder(folder, encoder=encoder).vanished == 1
    assert Gallery.open(folder).info()["keep_days"] == 400
    assert index_folder(folder, encoder=encoder, keep_days=0).vanished == 0


def test_a_clock_that_started_in_1970_forgets_nothing(
    folder: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    index_folder(folder, encoder=encoder)
    (folder / "a.png").unlink()
    with monkeypatch.context() as early:
        early.setattr(time, "time", lambda: 60.0)
        index_folder(folder, encoder=encoder)
    monkeypatch.setattr(time, "time", lambda: now + 86_400)
    assert index_folder(folder, encoder=encoder).vanished == 1


def test_a_captions_file_cut_short_is_refused(tmp_path: Path, encoder: FakeEncoder) -> None:
    file = write_captions(tmp_path / "c.jsonl", {str(n): f"thing {n}" for n in range(6)})
    index_captions(file, tmp_path / "g", encoder=encoder)
    write_captions(file, {"0": "thing 0", "1": "thing 1"})
    with pytest.raises(GalleryError, match=r"4 of the 6 images .* in the file"):
        index_captions(file, tmp_path / "g", encoder=encoder)
    assert len(Gallery.open(tmp_path / "g")) == 6
    index_captions(file, tmp_path / "g", encoder=encoder, allow_missing=True)
    assert Gallery.open(tmp_path / "g").ids == ("0", "1")


@pytest.mark.parametrize("content", [[], ["notes.txt"], ["@eaDir/x.jpg"]])
def test_a_folder_without_images(tmp_path: Path, encoder: FakeEncoder, content: list[str]) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    for name in content:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("no image")
    with pytest.raises(NotFoundError, match="There is no image in the folder") as caught:
        index_folder(root, encoder=encoder)
    assert "JPEG" in caught.value.hint
    assert not (root / ".stitch").exists()
    report = index_folder(root, encoder=encoder, allow_missing=True)
    assert report.images == 0
    assert Gallery.open(root).ids == ()


def test_a_skipped_file_that_is_gone_is_forgotten(folder: Path, encoder: FakeEncoder) -> None:
    (folder / "broken.png").write_bytes(b"")
    index_folder(folder, encoder=encoder)
    assert Gallery.open(folder).info()["skipped"] == 1
    (folder / "broken.png").unlink()
    assert index_folder(folder, encoder=encoder).skipped == ()
    assert Gallery.open(folder).skipped() == []


def test_nothing_is_added_to_an_empty_mount_point(
    folder: Path, tmp_path: Path, encoder: FakeEncoder
) -> None:
    index_folder(folder, tmp_path / "g", encoder=encoder)
    content = (folder / "a.png").read_bytes()
    take_away(folder, tmp_path / "away")
    with pytest.raises(GalleryError, match="is empty, where 5 images were: nothing was added"):
        Gallery.open(tmp_path / "g", encoder=encoder).add([("new.png", content)])
    assert list(folder.iterdir()) == []
    bring_back(folder, tmp_path / "away")
    index_folder(folder, tmp_path / "g", encoder=encoder)
    assert Gallery.open(tmp_path / "g", encoder=encoder).add([("new.png", content)])[0]
    report = index_folder(folder, tmp_path / "g", encoder=encoder)
    assert (report.unchanged, report.reread) == (6, 0)

"""What indexing leaves out by name: other programs' files, and what the user excludes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from stitch_cir.errors import SettingError
from stitch_cir.gallery import Gallery, index_folder
from tests.gallery.fakes import FakeEncoder

Paint = Callable[..., Path]

OTHERS = {
    "@eaDir/a.png/SYNOPHOTO_THUMB_M.jpg": "@eaDir",
    "#recycle/a.png": "#recycle",
    "sub/#snapshot/2024/a.png": "#snapshot",
    "@Recycle/a.png": "@Recycle",
    "$RECYCLE.BIN/S-1-5/$R1.jpg": "$RECYCLE.BIN",
    "$Recycle.Bin/x.jpg": "$RECYCLE.BIN",
    "System Volume Information/x.jpg": "System Volume Information",
    "lost+found/12.jpg": "lost+found",
    "__MACOSX/a.png": "__MACOSX",
    "Thumbs/a.png": "Thumbs",
    "upload/thumbs/ab/cd.webp": "Thumbs",
    "Catalog Previews.lrdata/0/a.jpg": "*.lrdata",
    "appdata_ocx1y2z3/preview/1/256-256-crop.jpg": "appdata_oc*",
    "P.photoslibrary/resources/derivatives/a.jpg": "*.photoslibrary",
    "sub/a.jpg.part": "*.part",
    "a.jpg.crdownload": "*.crdownload",
    "~syncthing~a.jpg.tmp": "*.tmp",
}


def test_files_of_other_programs_are_left_out(
    folder: Path, encoder: FakeEncoder, paint: Paint
) -> None:
    for name in OTHERS:
        path = folder / os.path.normpath(name)
        paint(path.with_name("x.png"), 7).replace(path)
    paint(folder / "P.photoslibrary" / "originals" / "0" / "keep.png", 8)
    report = index_folder(folder, encoder=encoder)
    assert set(Gallery.open(folder).ids) == {
        "P.photoslibrary/originals/0/keep.png",
        *("a.png", "b.png", "sub/c.png", "sub/d.jpg", "sub/deep/e.webp"),
    }
    assert set(report.excluded) == set(OTHERS.values())
    assert report.excluded["Thumbs"] == 2
    assert report.skipped == ()
    assert "left out (#recycle, " in report.summary()
    assert report.to_dict()["excluded"]["@eaDir"] == 1
    # they can be had
    report = index_folder(folder, encoder=encoder, default_excludes=False)
    assert (report.images, report.excluded) == (6 + len(OTHERS), {})
    assert index_folder(folder, encoder=encoder).excluded == {}, "it is remembered"
    info = Gallery.open(folder).info()
    assert (info["default_excludes"], info["exclude"]) == (False, [])


@pytest.mark.parametrize("marker", [".nomedia", ".noimage", "CACHEDIR.TAG", ".ppstorage"])
def test_a_folder_marked_to_be_left_out(folder: Path, encoder: FakeEncoder, marker: str) -> None:
    (folder / "sub" / marker).touch()
    report = index_folder(folder, encoder=encoder)
    assert (report.images, report.excluded) == (2, {marker: 1})
    # what is indexed on purpose is indexed
    (folder / marker).touch()
    assert index_folder(folder, encoder=encoder).images == 2


def test_patterns_are_remembered_and_changed(folder: Path, encoder: FakeEncoder) -> None:
    report = index_folder(folder, encoder=encoder, exclude=["*.WEBP", "sub/c*", "b.png"])
    assert Gallery.open(folder).ids == ("a.png", "sub/d.jpg")
    assert report.excluded == {"*.WEBP": 1, "sub/c*": 1, "b.png": 1}
    assert index_folder(folder, encoder=encoder).images == 2
    assert Gallery.open(folder).info()["exclude"] == ["*.WEBP", "sub/c*", "b.png"]
    assert index_folder(folder, encoder=encoder, exclude=["deep"]).images == 4
    assert index_folder(folder, encoder=encoder, exclude=[""]).images == 5
    assert Gallery.open(folder).info()["exclude"] == []
    assert encoder.encoded_images == 5


def test_excluding_most_images_needs_no_other_consent(
    folder: Path, tmp_path: Path, encoder: FakeEncoder
) -> None:
    captions = tmp_path / "c.jsonl"
    captions.write_text('{"id": "a.png", "caption": "an a"}', encoding="utf-8")
    index_folder(folder, encoder=encoder, captions=captions)
    report = index_folder(folder, encoder=encoder, exclude=["*.png", "deep/"])
    assert (report.images, report.removed) == (1, 4)
    report = index_folder(folder, encoder=encoder, exclude=[])
    assert (report.returned, encoder.encoded_images) == (4, 5)
    assert Gallery.open(folder).captions("a.png") == ["an a"]


def test_names_of_patterns_are_spelled_either_way(
    folder: Path, encoder: FakeEncoder, paint: Paint
) -> None:
    paint(folder / "Cafe\u0301" / "x.png", 5)
    report = index_folder(folder, encoder=encoder, exclude=["CAF\u00c9"])
    assert (report.images, report.excluded) == (5, {"CAF\u00c9": 1})


@pytest.mark.parametrize("pattern", ["*", "**", "./", "/", "**/*"])
def test_a_pattern_that_excludes_everything(
    folder: Path, encoder: FakeEncoder, pattern: str
) -> None:
    with pytest.raises(SettingError, match="excludes everything"):
        index_folder(folder, encoder=encoder, exclude=[pattern])


@pytest.mark.parametrize(
    ("pattern", "left_out"),
    [
        ("c.png", "abc"),
        ("/c.png", "a"),
        ("./c.png", "a"),
        ("sub/c.png", "b"),
        ("**/c.png", "abc"),
        ("**/deep/c.png", "c"),
        ("**/deep/**", "c"),
        ("**/sub/**", "bc"),
        ("sub/**", "bc"),
        ("deep/**", ""),
        ("deep/", "c"),
        ("sub/*", "bc"),
        ("s?b/", "bc"),
        ("[a-r]*", "abc"),
        ("photos/c.png", ""),
    ],
)
def test_what_patterns_mean(
    tmp_path: Path, encoder: FakeEncoder, paint: Paint, pattern: str, left_out: str
) -> None:
    root = tmp_path / "photos"
    names = {"a": "c.png", "b": "sub/c.png", "c": "sub/deep/c.png", "z": "z.png"}
    for seed, name in enumerate(names.values()):
        paint(root / name, seed)
    report = index_folder(root, encoder=encoder, exclude=[pattern])
    kept = {name for letter, name in names.items() if letter not in left_out}
    assert set(Gallery.open(root).ids) == kept
    assert bool(report.notes) == (not left_out)


def test_a_pattern_that_leaves_out_nothing_is_noted(folder: Path, encoder: FakeEncoder) -> None:
    report = index_folder(folder, encoder=encoder, exclude=["photos/sub", "*.gif"])
    assert [note.split(" left out")[0] for note in report.notes] == [
        "The pattern '*.gif'",
        "The pattern 'photos/sub'",
    ]
    assert index_folder(folder, encoder=encoder).notes == ()


def test_another_gallery_in_the_folder_is_counted(
    folder: Path, encoder: FakeEncoder, paint: Paint
) -> None:
    paint(folder / "index" / "cache" / "x.png", 9)
    (folder / "index" / "gallery.sqlite").touch()
    report = index_folder(folder, encoder=encoder)
    assert (report.images, report.excluded) == (5, {"gallery.sqlite": 1})


def test_a_rebuild_remembers(folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder, exclude=["deep"])
    assert index_folder(folder, encoder=encoder, rebuild=True).images == 4


def test_a_link_into_a_folder_that_is_left_out(folder: Path, encoder: FakeEncoder) -> None:
    (folder / "drafts").mkdir()
    (folder / "a.png").rename(folder / "drafts" / "a.png")
    (folder / "shown").symlink_to(folder / "drafts")
    index_folder(folder, encoder=encoder, exclude=["drafts"])
    assert "shown/a.png" in Gallery.open(folder).ids


def test_a_link_that_leads_nowhere_can_be_excluded(folder: Path, encoder: FakeEncoder) -> None:
    (folder / "gone.png").symlink_to(folder / "nowhere")
    assert len(index_folder(folder, encoder=encoder).skipped) == 1
    assert index_folder(folder, encoder=encoder, exclude=["gone.*"]).skipped == ()

"""Runs that ended early: what is there is found, what is missing is said, nothing is locked."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from stitch_cir.errors import GalleryMissingError
from stitch_cir.gallery import Gallery, ProgressEvent, index_captions, index_folder
from stitch_cir.searcher import search
from tests.gallery.fakes import FakeEncoder
from tests.gallery.faults import folder_run as indexing


def stop_at(stage: str, done: int) -> Callable[[ProgressEvent], None]:
    def tell(event: ProgressEvent) -> None:
        if event.stage == stage and event.done == done:
            raise KeyboardInterrupt

    return tell


def empty(directory: Path) -> None:
    directory.mkdir()
    (directory / "gallery.sqlite").touch()


def stopped_in_the_first_transaction(directory: Path) -> None:
    directory.mkdir()
    database = sqlite3.connect(directory / "gallery.sqlite")
    database.execute("PRAGMA journal_mode = WAL")
    database.close()


def tables_only(directory: Path) -> None:
    from stitch_cir.gallery.store import Store

    directory.mkdir()
    Store(directory, write=True).close()


@pytest.mark.parametrize("leave", [empty, stopped_in_the_first_transaction, tables_only])
def test_a_first_run_that_ended_at_once_locks_nothing(
    folder: Path, encoder: FakeEncoder, leave: Callable[[Path], None]
) -> None:
    leave(folder / ".stitch")
    with pytest.raises(GalleryMissingError, match="never finished"):
        Gallery.open(folder)
    assert index_folder(folder, encoder=encoder).added == 5
    assert Gallery.open(folder).verify().sound


@pytest.mark.parametrize("leave", [empty, stopped_in_the_first_transaction, tables_only])
def test_nor_does_a_rebuild(
    folder: Path, encoder: FakeEncoder, leave: Callable[[Path], None]
) -> None:
    leave(folder / ".stitch")
    assert index_folder(folder, encoder=encoder, rebuild=True).images == 5


def test_an_interrupted_run_reports_what_remains(folder: Path, encoder: FakeEncoder) -> None:
    with pytest.raises(KeyboardInterrupt):
        index_folder(
            folder, encoder=encoder, batch_size=2, workers=1, progress=stop_at("indexing", 2)
        )
    gallery = Gallery.open(folder, encoder=encoder)
    info = gallery.info()
    assert (info["images"], info["complete"], info["waiting"]) == (2, False, 3)
    report = gallery.verify()
    assert (report.problems, report.sound, report.waiting_files) == ((), False, 3)
    assert "3 files were never indexed" in report.summary()
    assert "3 files are not indexed yet" in " ".join(search(gallery, captions=["red"]).notes)
    index_folder(folder, encoder=encoder)
    assert gallery.info()["waiting"] == 0
    assert gallery.info()["complete"] is True
    assert gallery.verify().sound
    assert search(gallery, captions=["red"]).notes == ()


def test_an_interrupted_update_counts_only_what_is_new(
    folder: Path, encoder: FakeEncoder, paint: Callable[..., Path]
) -> None:
    index_folder(folder, encoder=encoder)
    for seed in range(4):
        paint(folder / f"z{seed}.png", 10 + seed)
    (folder / "a.png").unlink()
    with pytest.raises(KeyboardInterrupt):
        index_folder(
            folder, encoder=encoder, batch_size=1, workers=1, progress=stop_at("indexing", 5)
        )
    assert Gallery.open(folder).completeness() == {"complete": False, "waiting": 3}


def test_interrupted_before_the_files_are_counted(
    folder: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(indexing._survey, "note", interrupted)  # type: ignore[attr-defined]
    with pytest.raises(KeyboardInterrupt):
        index_folder(folder, encoder=encoder)
    gallery = Gallery.open(folder)
    assert gallery.completeness() == {"complete": False, "waiting": None}
    assert "some files are not indexed yet" in str(gallery.incomplete_note())
    assert not gallery.verify().sound


def test_interrupted_at_the_captions(folder: Path, tmp_path: Path, encoder: FakeEncoder) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text('{"id": "a.png", "caption": "an a"}', encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        index_folder(folder, encoder=encoder, captions=file, progress=stop_at("captions", 1))
    assert "did not come to its end" in str(Gallery.open(folder).incomplete_note())
    index_folder(folder, encoder=encoder, captions=file)
    assert Gallery.open(folder).incomplete_note() is None


def test_a_complete_gallery_is_left_as_it_is(folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder)
    generation = Gallery.open(folder).generation
    index_folder(folder, encoder=encoder)
    assert Gallery.open(folder).generation == generation


def test_captions_only_galleries_are_complete(tmp_path: Path, encoder: FakeEncoder) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text('{"id": "a", "caption": "an a"}', encoding="utf-8")
    index_captions(file, tmp_path / "g", encoder=encoder)
    assert Gallery.open(tmp_path / "g").completeness() == {"complete": True, "waiting": 0}


def test_a_gallery_of_an_older_version_does_not_know(folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder)
    database = sqlite3.connect(folder / ".stitch" / "gallery.sqlite")
    with database:
        database.execute("DELETE FROM meta WHERE key IN ('survey', 'folder', 'meta_digest')")
    database.close()
    gallery = Gallery.open(folder)
    assert gallery.completeness() == {"complete": None, "waiting": None}
    assert gallery.incomplete_note() is None
    assert gallery.verify().sound

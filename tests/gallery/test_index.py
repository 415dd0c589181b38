"""A folder becomes a gallery, and stays one: only what is new or changed is read and encoded."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stitch_cir import images
from stitch_cir.errors import NotFoundError, SettingError, VectorError
from stitch_cir.gallery import Gallery, IndexReport, ProgressEvent, index_folder
from stitch_cir.views import ViewRecipe
from tests.gallery.fakes import FakeEncoder
from tests.gallery.faults import decoding

Paint = Callable[..., Path]
ALL = ("a.png", "b.png", "sub/c.png", "sub/d.jpg", "sub/deep/e.webp")


def counts(report: IndexReport) -> dict[str, int]:
    """Only what is not zero."""
    names = ("added", "changed", "moved", "removed", "unchanged", "duplicates", "encoded")
    return {name: getattr(report, name) for name in names if getattr(report, name)}


def views(folder: Path, id: str) -> np.ndarray:
    return np.stack([view.vector for view in Gallery.open(folder).views(id)])


def touch(path: Path, seconds: int) -> None:
    facts = path.stat()
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns + seconds * 10**9))


def test_a_first_run(folder: Path, encoder: FakeEncoder) -> None:
    report = index_folder(folder, encoder=encoder)
    assert counts(report) == {"added": 5, "encoded": 5}
    assert report.images == 5
    assert report.skipped == ()
    gallery = Gallery.open(folder, encoder=encoder)
    assert gallery.ids == ALL
    assert len(gallery) == 5
    views = gallery.views("sub/c.png")
    assert tuple(view.box for view in views) == ViewRecipe().boxes(40, 30, b"")
    assert gallery.size("sub/c.png") == (40, 30)
    assert gallery.recipe == ViewRecipe()
    info = gallery.info()
    assert (info["images"], info["encoder"], info["weights_tag"]) == (5, "fake", "fake-tag")


def test_unchanged_files_are_not_opened(
    folder: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(folder / "a.png", folder / "no ending")
    (folder / "notes.txt").write_text("nothing to see")
    (folder / "bad.jpg").write_text("no picture")
    first = index_folder(folder, encoder=encoder)
    generation = Gallery.open(folder).info()["generation"]

    def refuse(*args: Any, **options: Any) -> Any:
        raise AssertionError(f"opened {args}")

    monkeypatch.setattr(decoding, "open_regular", refuse)
    monkeypatch.setattr(images, "decode", refuse)
    monkeypatch.setattr("stitch_cir.gallery.index._survey.sniff", refuse)
    again = index_folder(folder, encoder=encoder)
    assert counts(again) == {"unchanged": 6}
    assert again.other_files == first.other_files == 1
    assert again.skipped == first.skipped
    assert encoder.encoded_images == 5
    assert Gallery.open(folder).info()["generation"] == generation


def test_changed_files_are_encoded_again(folder: Path, encoder: FakeEncoder, paint: Paint) -> None:
    index_folder(folder, encoder=encoder)
    before = views(folder, "b.png")
    touch(paint(folder / "b.png", 77), 5)
    report = index_folder(folder, encoder=encoder)
    assert counts(report) == {"changed": 1, "encoded": 1, "unchanged": 4}
    assert not np.array_equal(views(folder, "b.png"), before)
    assert Gallery.open(folder).info()["distinct_images"] == 5


def test_touched_files_are_only_hashed(folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder)
    touch(folder / "b.png", 5)
    report = index_folder(folder, encoder=encoder)
    assert counts(report) == {"unchanged": 5}
    assert encoder.encoded_images == 5
    assert Gallery.open(folder).verify().changed_files == 0


def test_removed_files_leave(folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder)
    shutil.rmtree(folder / "sub")
    report = index_folder(folder, encoder=encoder, allow_missing=True)
    assert counts(report) == {"removed": 3, "unchanged": 2}
    gallery = Gallery.open(folder)
    assert gallery.ids == ("a.png", "b.png")
    assert gallery.info()["distinct_images"] == 2


def test_moved_files_keep_their_vectors(folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder)
    before = views(folder, "a.png")
    (folder / "a.png").rename(folder / "sub" / "renamed.jpeg")
    report = index_folder(folder, encoder=encoder)
    assert counts(report) == {"moved": 1, "unchanged": 4}
    assert encoder.encoded_images == 5
    assert np.array_equal(views(folder, "sub/renamed.jpeg"), before)
    assert "a.png" not in Gallery.open(folder).ids


def test_swapped_files_are_not_encoded(folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder)
    a, b = views(folder, "a.png"), views(folder, "b.png")
    (folder / "a.png").rename(folder / "x")
    (folder / "b.png").rename(folder / "a.png")
    (folder / "x").rename(folder / "b.png")
    touch(folder / "a.png", 1)
    touch(folder / "b.png", 2)
    report = index_folder(folder, encoder=encoder)
    assert counts(report) == {"changed": 2, "unchanged": 3}
    assert encoder.encoded_images == 5
    assert np.array_equal(views(folder, "a.png"), b)
    assert np.array_equal(views(folder, "b.png"), a)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_duplicates_are_encoded_once(folder: Path, encoder: FakeEncoder, batch_size: int) -> None:
    for number in range(4):
        shutil.copy(folder / "a.png", folder / f"copy {number}.png")
    report = index_folder(folder, encoder=encoder, batch_size=batch_size)
    assert counts(report) == {"added": 9, "duplicates": 4, "encoded": 5}
    assert encoder.encoded_images == 5
    gallery = Gallery.open(folder)
    copies = [f"copy {number}.png" for number in range(4)]
    assert gallery.duplicates("a.png") == copies
    assert gallery.duplicates("b.png") == []
    assert gallery.content_hash("copy 1.png") == gallery.content_hash("a.png")
    matrix = gallery.matrix()
    assert matrix.vectors.shape == (90, encoder.dim)
    assert np.array_equal(views(folder, "copy 3.png"), views(folder, "a.png"))
    # one of them leaves, the vectors stay
    (folder / "a.png").unlink()
    assert counts(index_folder(folder, encoder=encoder)) == {"removed": 1, "unchanged": 8}
    assert len(Gallery.open(folder).views("copy 0.png")) == 10


@pytest.mark.parametrize("batch_size", [1, 2, 64])
@pytest.mark.parametrize("workers", [1, 3])
def test_batches_and_workers_change_nothing(
    folder: Path, tmp_path: Path, encoder: FakeEncoder, batch_size: int, workers: int
) -> None:
    index_folder(folder, tmp_path / "one", encoder=encoder)
    index_folder(folder, tmp_path / "two", encoder=encoder, batch_size=batch_size, workers=workers)
    first, second = Gallery.open(tmp_path / "one").matrix(), Gallery.open(tmp_path / "two").matrix()
    assert first.ids == second.ids
    assert np.array_equal(first.vectors, second.vectors)
    assert max(encoder.batches[1:]) <= max(batch_size, 5)


def test_random_views_are_recorded_and_repeatable(folder: Path, encoder: FakeEncoder) -> None:
    recipe = ViewRecipe("random", count=4, seed=5)
    index_folder(folder, encoder=encoder, recipe=recipe)
    first = Gallery.open(folder).views("a.png")
    shutil.rmtree(folder / ".stitch")
    index_folder(folder, encoder=encoder, recipe=recipe)
    again = Gallery.open(folder).views("a.png")
    assert [view.box for view in first] == [view.box for view in again]
    assert len({view.box for view in first}) == 4


def test_vectors_that_are_no_unit_vectors_are_refused(folder: Path, encoder: FakeEncoder) -> None:
    for spoil, match in (
        (lambda v: v * np.nan, "not finite"),
        (lambda v: v * 2, "not of unit length"),
        (lambda v: v[:, :, :-1], "shape"),
    ):
        encoder.spoil = spoil
        with pytest.raises(VectorError, match=match):
            index_folder(folder, encoder=encoder)
    encoder.spoil = lambda v: v
    assert counts(index_folder(folder, encoder=encoder)) == {"added": 5, "encoded": 5}


def test_what_was_written_before_a_failure_is_kept(folder: Path, encoder: FakeEncoder) -> None:
    encoder.spoil = lambda v: v if encoder.encoded_images < 4 else v * np.nan
    with pytest.raises(VectorError, match=r"d\.jpg"):
        index_folder(folder, encoder=encoder, batch_size=1)
    assert Gallery.open(folder).ids == ALL[:3]
    encoder.spoil = lambda v: v
    report = index_folder(folder, encoder=encoder)
    assert counts(report) == {"added": 2, "encoded": 2, "unchanged": 3}


def test_progress_is_reported(folder: Path, encoder: FakeEncoder, capsys: Any) -> None:
    (folder / "bad.jpg").write_text("no picture")
    events: list[ProgressEvent] = []
    index_folder(folder, encoder=encoder, progress=events.append, batch_size=2)
    progress = [event for event in events if event.stage == "indexing"]
    assert [event.done for event in progress] == [1, 2, 3, 4, 5, 6]
    assert {event.total for event in progress} == {6}
    assert [event.path for event in progress if event.skipped] == ["bad.jpg"]
    assert capsys.readouterr() == ("", "")


def test_an_empty_folder(tmp_path: Path, encoder: FakeEncoder) -> None:
    report = index_folder(tmp_path, encoder=encoder, allow_missing=True)
    assert (report.images, report.summary()) == (0, "0 images in the gallery: nothing to do.")
    gallery = Gallery.open(tmp_path)
    assert gallery.ids == ()
    assert gallery.matrix().vectors.shape == (0, encoder.dim)
    assert Gallery.open(tmp_path).matrix().means.shape == (0, encoder.dim)
    assert not gallery.verify().problems


def test_wrong_calls(tmp_path: Path, encoder: FakeEncoder) -> None:
    with pytest.raises(NotFoundError, match="There is no folder"):
        index_folder(tmp_path / "nowhere", encoder=encoder)
    (tmp_path / "file").touch()
    with pytest.raises(NotFoundError, match="is not a folder"):
        index_folder(tmp_path / "file", encoder=encoder)
    for options in ({"batch_size": 0}, {"workers": 0}):
        with pytest.raises(SettingError):
            index_folder(tmp_path, encoder=encoder, **options)  # type: ignore[arg-type]
    assert not (tmp_path / ".stitch").exists()


def test_reports_are_json_ready(folder: Path, encoder: FakeEncoder) -> None:
    import json

    (folder / "bad.jpg").write_text("no picture")
    report = index_folder(folder, encoder=encoder)
    data = json.loads(json.dumps(report.to_dict()))
    assert data["added"] == 5
    assert data["skipped"][0]["path"] == "bad.jpg"
    assert "1 skipped" in report.summary()
    assert json.dumps(Gallery.open(folder).info())


def test_placeholders_are_not_numbered() -> None:
    """Python 3.14 refuses a sequence of values for them."""
    source = Path(images.__file__).parents[1]
    numbered = re.compile(r"""["' (=]\?[0-9]""")
    placeholders = [
        f"{path.relative_to(source)}:{number}"
        for path in source.rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if numbered.search(line) and any(w in line for w in ("SELECT", "WHERE", "LIMIT", "substr"))
    ]
    assert not placeholders

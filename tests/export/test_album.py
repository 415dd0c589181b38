"""Albums: the files of hits, copied or linked, and nothing of the user's overwritten."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import stitch_cir as st
from stitch_cir.export import HitRecords, records_of, save_album


@pytest.fixture
def hits(gallery: st.Gallery) -> HitRecords:
    """Return three hits: blue, and the pairs with blue."""
    return records_of(st.search(gallery, text="blue", settings=st.SearchSettings(k=3)))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_hits_are_copied_in_the_order_of_their_ranks(hits: HitRecords, tmp_path: Path) -> None:
    album = tmp_path / "new" / "album"
    report = save_album(hits, album)
    paths = [hit.path for hit in hits.hits if hit.path is not None]
    assert names(album) == [f"{n:02d}-{path.name}" for n, path in enumerate(paths, 1)]
    assert names(album)[0] == "01-blue.png"
    assert [path.name for path in report.added] == names(album)
    for hit, path in zip(hits.hits, report.added, strict=True):
        assert hit.path is not None
        assert path.read_bytes() == hit.path.read_bytes()
        assert path.stat().st_mtime_ns == hit.path.stat().st_mtime_ns
    assert report.summary() == f"3 images copied to {album}"


def test_links_lead_to_the_files(hits: HitRecords, tmp_path: Path) -> None:
    report = save_album(hits, tmp_path / "album", link=True)
    assert [path.resolve() for path in report.added] == [
        hit.path.resolve() for hit in hits.hits if hit.path is not None
    ]
    assert all(path.is_symlink() for path in report.added)
    again = save_album(hits, tmp_path / "album", link=True)
    assert (len(again.added), len(again.present)) == (0, 3)


def test_an_interrupted_album_goes_on_and_leaves_no_half_file(
    hits: HitRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copyfile, calls = shutil.copyfile, []

    def fail_second(source: Path, target: Path) -> None:
        calls.append(target)
        copyfile(source, target)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    album = tmp_path / "album"
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfile", fail_second)
        with pytest.raises(st.SettingError, match="1 of 3 are done") as caught:
            save_album(hits, album)
    assert "resumes" in caught.value.hint
    assert names(album) == ["01-blue.png"]
    report = save_album(hits, album)
    assert (len(report.added), len(report.present)) == (2, 1)
    assert len(names(album)) == 3


def test_no_room_is_noticed_before_anything_is_copied(
    hits: HitRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(st.SettingError, match="has no room"):
        save_album(hits, tmp_path / "album")
    assert names(tmp_path / "album") == []
    assert len(save_album(hits, tmp_path / "linked", link=True).added) == 3


def test_nothing_is_overwritten(hits: HitRecords, tmp_path: Path) -> None:
    album = tmp_path / "album"
    album.mkdir()
    (album / "notes.txt").write_text("mine")
    (album / "01-blue.png").write_text("another image")
    with pytest.raises(st.SettingError, match="01-blue.png") as caught:
        save_album(hits, album)
    assert "nothing is overwritten" in caught.value.hint
    assert (album / "01-blue.png").read_text() == "another image"
    (album / "01-blue.png").rename(album / "01-cat.png")
    with pytest.raises(st.SettingError, match=r"another album: 01-cat\.png"):
        save_album(hits, album)
    (album / "01-cat.png").unlink()
    save_album(hits, album)
    # a link where a copy stands is another file
    with pytest.raises(st.SettingError, match="other files"):
        save_album(hits, album, link=True)
    with pytest.raises(st.SettingError, match="is a file"):
        save_album(hits, album / "notes.txt")


def test_hits_without_a_file_are_listed_and_the_others_copied(
    hits: HitRecords, tmp_path: Path
) -> None:
    first, second, third = hits.hits
    assert second.path is not None
    gone = replace(second, path=tmp_path / "gone.png")
    captions = replace(third, path=None, size=None)
    report = save_album(HitRecords((first, gone, captions)), tmp_path / "album")
    assert [path.name for path in report.added] == ["01-blue.png"]
    assert report.missing == (
        (second.id, f"there is no file {tmp_path / 'gone.png'}"),
        (third.id, "it has captions only"),
    )
    assert "2 without a file" in report.summary()


def test_names_of_any_script_and_length_fit(hits: HitRecords, tmp_path: Path) -> None:
    first = hits.hits[0]
    assert first.path is not None
    renamed = []
    for rank, name in ((1, "Käse 日本 🦊.png"), (2, "ü" * 120 + ".png"), (1000, "same.png")):
        path = tmp_path / name
        shutil.copy(first.path, path)
        renamed.append(replace(first, rank=rank, id=name, path=path))
    report = save_album(HitRecords(tuple(renamed)), tmp_path / "album")
    assert report.added[0].name == "0001-Käse 日本 🦊.png"
    assert report.added[2].name == "1000-same.png"
    assert report.added[1].name.startswith("0002-ü")
    assert len(os.fsencode(report.added[1].name)) <= 255
    assert report.added[1].suffix == ".png"


def test_files_of_one_name_in_several_folders_stay_apart(hits: HitRecords, tmp_path: Path) -> None:
    copies = []
    for rank, folder in enumerate(("a", "b"), 1):
        path = tmp_path / folder / "same.png"
        path.parent.mkdir()
        path.write_text(folder)
        copies.append(replace(hits.hits[0], rank=rank, path=path))
    report = save_album(HitRecords(tuple(copies)), tmp_path / "album")
    assert [path.read_text() for path in report.added] == ["a", "b"]

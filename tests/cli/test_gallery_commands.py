"""``stitch index``, ``info`` and ``verify`` where a folder is empty, away, or only half indexed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import Result

from stitch_cir.gallery.store import Store
from tests.command import invoke

ENCODER = ("--encoder", "test")


def stitch(*arguments: object) -> Result:
    return invoke(arguments)


@pytest.fixture
def indexed(folder: Path) -> Path:
    assert stitch("index", folder, "-q", *ENCODER).exit_code == 0
    return folder


def test_a_disk_that_is_away(indexed: Path, tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    for entry in list(indexed.iterdir()):
        if not entry.name.startswith("."):
            entry.rename(tmp_path / "away" / entry.name)
    refused = stitch("index", indexed, "-q")
    assert refused.exit_code == 5, refused.output
    assert "8 of the 8 images" in refused.stderr
    assert "--allow-missing" in refused.stderr
    assert refused.stderr.count("error:") == 1
    taken = stitch("index", indexed, "-q", "--allow-missing")
    assert (taken.exit_code, "8 removed, 8 vanished but kept" in taken.stdout) == (0, True)
    assert "8 images gone or left out since" in stitch("info", indexed).stdout
    for entry in (tmp_path / "away").iterdir():
        entry.rename(indexed / entry.name)
    assert "8 back again" in stitch("index", indexed, "-q").stdout
    assert "0" in stitch("index", indexed, "-q", "--json").stdout


def test_an_empty_folder(tmp_path: Path) -> None:
    done = stitch("index", tmp_path, *ENCODER)
    assert done.exit_code == 3, done.output
    assert "There is no image in the folder" in done.stderr
    assert "JPEG" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_locks_nothing(folder: Path) -> None:
    (folder / ".stitch").mkdir()
    (folder / ".stitch" / "gallery.sqlite").touch()
    assert stitch("info", folder).exit_code == 3
    # the recorded encoder is asked for first: there is none
    done = stitch("index", folder, "-q", *ENCODER)
    assert (done.exit_code, "8 added" in done.stdout) == (0, True)


def test_patterns_are_shown_and_changed(folder: Path) -> None:
    done = stitch(
        "index",
        folder,
        "-q",
        *ENCODER,
        "--exclude",
        "pairs",
        "--exclude",
        "*.gif",
        "--keep-days",
        7,
    )
    assert "1 left out (pairs)" in done.stdout
    shown = stitch("info", folder).stdout
    assert "pairs · *.gif · files of other programs" in shown
    assert "7 days" in shown
    assert stitch("index", folder, "-q", "--exclude", "").exit_code == 0
    info = json.loads(stitch("info", folder, "--json").stdout)
    assert (info["images"], info["exclude"], info["keep_days"]) == (8, [], 7)
    wrong = stitch("index", folder, "-q", "--exclude", "*")
    assert (wrong.exit_code, "excludes everything" in wrong.stderr) == (2, True)
    assert stitch("index", folder, "-q", "--keep-days", "-1").exit_code == 2


def test_info_is_for_people(indexed: Path) -> None:
    shown = stitch("info", indexed).stdout
    assert "{" not in shown
    assert "10 an image, grid" in shown
    assert "complete    yes" in shown
    assert max(map(len, shown.replace("/", " ").split())) < 40, "no digest in full"
    assert len(json.loads(stitch("info", indexed, "--json").stdout)["fingerprint"]) == 64


def test_an_interrupted_run_reports_how_many_files_remain(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Store, "put_content", interrupted)
        stopped = stitch("index", folder, "-q", *ENCODER)
    assert stopped.exit_code == 130
    assert "8 files are not indexed yet" in stopped.stderr
    assert "complete  no: 8 files wait" in stitch("info", folder).stdout
    reported = stitch("verify", folder)
    assert "8 files were never indexed" in reported.stdout
    assert "sound" not in reported.stdout
    assert stitch("index", folder, "-q").exit_code == 0
    assert "complete    yes" in stitch("info", folder).stdout


def test_a_folder_below_a_gallery(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(indexed / "pairs")
    done = stitch("search", ".", "red")
    assert done.exit_code == 3
    assert str(indexed.resolve()) in done.stderr
    assert "--include 'pairs/*'" in done.stderr


def test_no_gallery_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my photos").mkdir()
    monkeypatch.chdir(tmp_path / "my photos")
    for directory in (".", ".."):
        done = stitch("info", directory)
        assert done.exit_code == 3
        assert ".." not in done.stderr.replace("stitch index ..", "")
    assert "stitch index 'my photos'" in stitch("info", "../my photos").stderr.replace("../", "")


def test_verify_is_honest(indexed: Path) -> None:
    assert "sound" in stitch("verify", indexed).stdout
    file = indexed / "red.png"
    before = file.stat()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1  # within the end mark: the pixels stay whole
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    reported = stitch("verify", indexed)
    assert "sound" not in reported.stdout
    assert "1 file has changed since indexing: run stitch index" in reported.stdout
    assert json.loads(stitch("verify", indexed, "--json", "--read-files").stdout)["read_files"]

"""Media that cannot be written, folders one may not enter, names with a meaning elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.errors import GalleryBusyError, GalleryError, GalleryMissingError
from stitch_cir.gallery import Gallery, index_folder
from tests.gallery.fakes import FakeEncoder
from tests.gallery.faults import reading
from tests.gallery.states import equal, ranked, recorded, run, settled

Paint = Callable[..., Path]


@pytest.fixture
def indexed(folder: Path, encoder: FakeEncoder) -> Path:
    index_folder(folder, encoder=encoder)
    Gallery.open(folder).matrix()
    return folder


@pytest.fixture
def with_log(indexed: Path, encoder: FakeEncoder, paint: Paint) -> Path:
    """A gallery whose last commit, one image more, lies in the log that a dead writer left."""
    directory = indexed / ".stitch"
    settled(directory)
    reader = sqlite3.connect(directory / "gallery.sqlite")
    reader.execute("BEGIN").execute("SELECT * FROM meta").fetchone()
    paint(indexed / "new.png", 50)
    index_folder(indexed, encoder=encoder)
    copy = directory.with_name("copy")
    shutil.copytree(directory, copy)
    reader.close()
    shutil.rmtree(directory)
    copy.rename(directory)
    (directory / "gallery.sqlite-shm").unlink()
    assert (directory / "gallery.sqlite-wal").stat().st_size > 0
    return indexed


@pytest.fixture
def unwritable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SQLite open nothing for reading in place, as where its files beside cannot be made."""
    original = sqlite3.connect

    def refuse(address: Any, *args: Any, **options: Any) -> sqlite3.Connection:
        if str(address).endswith("mode=ro"):
            raise sqlite3.OperationalError("unable to open database file")
        return original(address, *args, **options)

    monkeypatch.setattr(sqlite3, "connect", refuse)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary ones, of this process and of those that it starts."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def test_a_log_on_a_read_only_medium_is_read(
    with_log: Path, unwritable: None, scratch: Path
) -> None:
    before = {p.name: p.stat().st_mtime_ns for p in (with_log / ".stitch").iterdir()}
    with Gallery.open(with_log) as gallery:
        assert "new.png" in ranked(gallery)
        assert equal(ranked(gallery), recorded(gallery))
        (note,) = gallery.notes
        assert "private copy" in note
        (folder,) = scratch.iterdir()
        assert folder.name.startswith("stitch-copy-")
    after = {p.name: p.stat().st_mtime_ns for p in (with_log / ".stitch").iterdir()}
    assert after.keys() == before.keys()
    assert after["gallery.sqlite"] == before["gallery.sqlite"]
    del gallery
    assert not folder.exists()


def test_a_hot_journal_on_a_read_only_medium_is_rolled_back(
    indexed: Path, unwritable: None
) -> None:
    """A writer without a write-ahead log died: what it changed in the file is not committed."""
    directory = indexed / ".stitch"
    before = ranked(Gallery.open(indexed))
    writer = sqlite3.connect(directory / "gallery.sqlite", isolation_level=None)
    writer.execute("PRAGMA journal_mode = DELETE")
    writer.execute("PRAGMA cache_size = 1")
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE contents SET vectors = zeroblob(520), digest = zeroblob(16)")
    writer.execute("UPDATE items SET size = 0")
    shutil.copytree(directory, directory.with_name("copy"))
    writer.close()
    shutil.rmtree(directory)
    directory.with_name("copy").rename(directory)
    assert (directory / "gallery.sqlite-journal").stat().st_size > 0
    shutil.rmtree(directory / "cache")
    with Gallery.open(indexed) as gallery:
        assert equal(ranked(gallery), before)


def test_a_log_that_cannot_be_copied_is_one_clear_error(
    with_log: Path, unwritable: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(GalleryError, match="newest changes .* No space left") as caught:
        Gallery.open(with_log)
    assert "TMPDIR" in caught.value.hint


def test_a_log_that_changes_while_it_is_copied(
    with_log: Path, unwritable: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = shutil.copyfile
    log = with_log / ".stitch" / "gallery.sqlite-wal"

    def meanwhile(source: Path, target: Path) -> None:
        original(source, target)
        os.utime(log, ns=(1, log.stat().st_mtime_ns + 1))

    monkeypatch.setattr(shutil, "copyfile", meanwhile)
    with pytest.raises(GalleryBusyError, match="only a copy"):
        Gallery.open(with_log)


def test_a_locked_database_is_busy_and_not_read_as_unchangeable(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(address: str) -> sqlite3.Connection:
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise error

    monkeypatch.setattr(reading, "_connect", locked)
    with pytest.raises(GalleryBusyError):
        Gallery.open(indexed)


def test_what_changes_behind_an_unchangeable_database(
    indexed: Path, encoder: FakeEncoder, paint: Paint, unwritable: None
) -> None:
    settled(indexed / ".stitch")
    with Gallery.open(indexed) as gallery:
        assert len(gallery) == 5
        paint(indexed / "new.png", 50)
        index_folder(indexed, encoder=encoder)
        settled(indexed / ".stitch")
        assert len(gallery) == 6


SERVING = """
import sys
from stitch_cir.gallery import Gallery

gallery = Gallery.open(sys.argv[1])
gallery.matrix()
print(*gallery.notes, flush=True)
sys.stdin.read()
"""


def serve_elsewhere(gallery: Path) -> subprocess.Popen[str]:
    """Let another process pack the vectors into a temporary folder, and hold them."""
    command = [sys.executable, "-c", SERVING, str(gallery)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "temporary folder" in process.stdout.readline()
    return process


def test_temporary_folders_of_killed_processes_go_and_those_of_others_stay(
    indexed: Path, scratch: Path
) -> None:
    cache = indexed / ".stitch" / "cache"
    shutil.rmtree(cache)
    cache.write_text("in the way")
    killed = serve_elsewhere(indexed)
    (left,) = scratch.iterdir()
    with serve_elsewhere(indexed) as alive:
        killed.kill()
        killed.communicate()
        (scratch / "stitch-cache-unmarked").mkdir()
        (scratch / "stitch-cache-link").symlink_to(left)
        assert left.is_dir()
        others = {folder for folder in scratch.iterdir() if folder != left}
        with Gallery.open(indexed) as gallery:
            gallery.matrix()
            assert not left.exists()
            assert others <= set(scratch.iterdir())
            assert len(list(scratch.iterdir())) == len(others) + 1
        del gallery
        assert set(scratch.iterdir()) == others
        assert alive.communicate()[1] is None
    # who ends by itself leaves nothing
    assert {folder.name for folder in scratch.iterdir()} == {
        "stitch-cache-unmarked",
        "stitch-cache-link",
    }


def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **options: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)


def test_without_any_folder_to_write_to_vectors_are_in_memory(
    indexed: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = ranked(Gallery.open(indexed))
    shutil.rmtree(indexed / ".stitch" / "cache")
    no_room(monkeypatch)
    with Gallery.open(indexed, encoder=encoder) as gallery:
        assert equal(ranked(gallery), sound)
        (note,) = gallery.notes
        assert "in memory" in note
        assert gallery.matrix().codes is None
        with pytest.raises(ValueError, match="read-only"):
            gallery.matrix().vectors[:1] = 0
        import stitch_cir as st

        assert len(st.search(gallery, reference="a.png").hits) == 4


@pytest.mark.parametrize("rebuild", [False, True])
def test_a_first_run_that_never_began_locks_nothing(
    folder: Path, encoder: FakeEncoder, rebuild: bool
) -> None:
    (folder / ".stitch").mkdir()
    (folder / ".stitch" / "gallery.sqlite").touch()
    with pytest.raises(GalleryMissingError, match="never finished"):
        Gallery.open(folder)
    assert index_folder(folder, encoder=encoder, rebuild=rebuild).added == 5
    assert len(Gallery.open(folder)) == 5


def test_a_database_of_another_program(folder: Path, encoder: FakeEncoder) -> None:
    (folder / ".stitch").mkdir()
    run(folder / ".stitch", "CREATE TABLE meta (x)")
    for act in (lambda: Gallery.open(folder), lambda: index_folder(folder, encoder=encoder)):
        with pytest.raises(GalleryError, match="another program"):
            act()


def test_a_folder_one_may_not_enter(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(GalleryError, match="cannot be read: Permission denied"):
        Gallery.open(indexed)


def test_remains_of_a_rebuild_on_a_read_only_medium(
    indexed: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Path.unlink

    def refuse(self: Path, *args: Any, **options: Any) -> None:
        if self.name.startswith("rebuild"):
            raise OSError(30, "Read-only file system")
        original(self, *args, **options)

    monkeypatch.setattr(Path, "unlink", refuse)
    assert index_folder(indexed, encoder=encoder).unchanged == 5
    (indexed / ".stitch" / "rebuild.sqlite").touch()
    with pytest.raises(GalleryError, match=r"rebuild\.sqlite.* cannot be deleted: Read-only"):
        index_folder(indexed, encoder=encoder)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o664])
def test_a_cache_has_the_rights_of_its_database(indexed: Path, mode: int) -> None:
    (indexed / ".stitch" / "gallery.sqlite").chmod(mode)
    shutil.rmtree(indexed / ".stitch" / "cache")
    Gallery.open(indexed).matrix()
    cache = indexed / ".stitch" / "cache"
    (generation,) = cache.iterdir()
    readable = (mode & 0o444) >> 2
    for folder in (cache, generation):
        assert folder.stat().st_mode & 0o777 == mode | readable
    for file in generation.iterdir():
        assert file.stat().st_mode & 0o777 == mode


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away"
)
def test_root_leaves_the_cache_to_the_owner_of_the_database(indexed: Path) -> None:
    """A container as root beside a user's own commands: he must be able to replace the cache."""
    os.chown(indexed / ".stitch" / "gallery.sqlite", 12345, 12346)
    shutil.rmtree(indexed / ".stitch" / "cache")
    Gallery.open(indexed).matrix()
    cache = indexed / ".stitch" / "cache"
    (generation,) = cache.iterdir()
    for path in (cache, generation, *generation.iterdir()):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


def crafted(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    def act(body: bytes) -> bytes:
        manifest = json.loads(body)
        change(manifest)
        return json.dumps(manifest).encode()

    return act


@pytest.mark.parametrize(
    "craft",
    [
        lambda body: b"[" * 100_000,
        lambda body: b"7",
        crafted(lambda manifest: manifest.update(dim=14)),
        crafted(lambda manifest: manifest.update(dim=-13)),
        crafted(lambda manifest: manifest.update(dim="13")),
        crafted(lambda manifest: manifest.update(images=10**18)),
        crafted(lambda manifest: manifest.update(files=None)),
        crafted(lambda manifest: manifest["files"]["vectors"].update(words=[])),
        crafted(lambda manifest: manifest.update(damaged=7)),
    ],
)
def test_a_crafted_manifest(indexed: Path, craft: Callable[[bytes], bytes]) -> None:
    sound = ranked(Gallery.open(indexed))
    (cache,) = (indexed / ".stitch" / "cache").iterdir()
    body = craft((cache / "manifest").read_bytes().partition(b"\n")[2])
    (cache / "manifest").write_bytes(b"%d\n%s" % (zlib.crc32(body), body))
    assert Gallery.open(indexed).verify().problems
    with Gallery.open(indexed) as gallery:
        assert equal(ranked(gallery), sound)


@pytest.mark.parametrize("name", ["a?b#c%20d&mode=rw", "file:x", "naïve – ü", "x" * 200])
def test_folders_whose_names_mean_something_in_addresses(
    tmp_path: Path, encoder: FakeEncoder, paint: Paint, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(tmp_path / name / "a.png")
    monkeypatch.chdir(tmp_path)
    for rebuild in (False, True):
        index_folder(name, encoder=encoder, rebuild=rebuild)
    with Gallery.open(name) as gallery:
        assert len(gallery) == 1
        assert not gallery.verify().problems
    assert sorted(p.name for p in tmp_path.iterdir()) == [name]


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_folder_whose_name_is_no_utf8(
    tmp_path: Path, encoder: FakeEncoder, paint: Paint, unwritable: None
) -> None:
    root = tmp_path / os.fsdecode(b"caf\xe9")
    paint(root / "a.png")
    for rebuild in (False, True):
        index_folder(root, encoder=encoder, rebuild=rebuild)
    settled(root / ".stitch")
    assert len(Gallery.open(root)) == 1

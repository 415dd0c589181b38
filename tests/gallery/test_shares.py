"""Network shares: no write-ahead log, in the gallery's database and in the answer cache."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stitch_cir import _sqlite_files as sqlite_files
from stitch_cir.chat import AnswerCache
from stitch_cir.gallery import Gallery, index_folder
from tests.gallery.fakes import FakeEncoder
from tests.gallery.states import equal, ranked, recorded, run

Paint = Callable[..., Path]


def refuse_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every read of a database with a write-ahead log fail, as on many network shares."""
    original = sqlite_files._connect

    class Share(sqlite3.Connection):
        def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
            cursor = super().execute
            if statement in ("PRAGMA user_version", "PRAGMA journal_mode"):
                exclusive = cursor("PRAGMA locking_mode").fetchone()[0] == "exclusive"
                if not exclusive and cursor("PRAGMA journal_mode").fetchone()[0] == "wal":
                    error = sqlite3.OperationalError("disk I/O error")
                    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMMAP
                    raise error
            return cursor(statement, *values)

    def connect(file: Path, timeout: float) -> sqlite3.Connection:
        original(file, timeout).close()
        return sqlite3.connect(
            file, isolation_level=None, check_same_thread=False, timeout=timeout, factory=Share
        )

    monkeypatch.setattr(sqlite_files, "_connect", connect)


def test_a_share_without_shared_memory(
    folder: Path, encoder: FakeEncoder, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        refuse_shared_memory(patch)
        (note,) = index_folder(folder, encoder=encoder).notes
        assert "rollback journal" in note
        assert run(folder / ".stitch", "PRAGMA journal_mode") == [("delete",)]
        assert equal(ranked(Gallery.open(folder)), recorded(Gallery.open(folder)))
        paint(folder / "new.png", 50)
        assert index_folder(folder, encoder=encoder).added == 1
    # on a disk again, and back
    assert index_folder(folder, encoder=encoder).notes == ()
    assert run(folder / ".stitch", "PRAGMA journal_mode") == [("wal",)]
    with monkeypatch.context() as patch:
        refuse_shared_memory(patch)
        assert len(index_folder(folder, encoder=encoder).notes) == 1
    assert Gallery.open(folder).verify().problems == ()


@pytest.mark.parametrize(
    ("point", "kind", "network"),
    [
        ("{root}", "nfs4", True),
        ("{root}/photos", "cifs", True),
        ("{root}", "fuse.sshfs", True),
        ("{root}", "ext4", False),
        ("{root}/photos/other", "nfs4", False),
        ("{root}/photo", "nfs4", False),
    ],
)
def test_a_network_share_gets_a_rollback_journal_though_it_has_shared_memory(
    folder: Path,
    encoder: FakeEncoder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    point: str,
    kind: str,
    network: bool,
) -> None:
    """Two machines do not share it, and a write-ahead log would damage the database."""
    mounts = tmp_path / "mountinfo"
    where = point.format(root=os.path.realpath(tmp_path)).replace(" ", r"\040")
    mounts.write_text(
        "22 1 8:1 / / rw shared:1 - ext4 /dev/sda rw\n"
        f"30 22 0:50 / {where} rw,noatime shared:2 master:1 - {kind} host:/export rw\n"
    )
    index_folder(folder, encoder=encoder)
    with monkeypatch.context() as patch:
        patch.setattr(sqlite_files, "_MOUNTS", mounts)
        notes = index_folder(folder, encoder=encoder).notes
    assert [("network share" in note) for note in notes] == [True] * network
    mode = "delete" if network else "wal"
    assert run(folder / ".stitch", "PRAGMA journal_mode") == [(mode,)]
    assert not Gallery.open(folder).verify().problems


def test_the_cache_of_answers_on_a_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stitch_cir.chat import Reply

    refuse_shared_memory(monkeypatch)
    cache = AnswerCache(tmp_path / "answers.sqlite")
    cache.put({"model": "m"}, 0, [Reply("text")], {})
    assert cache.summary()["models"]["m"]["answers"] == 1
    cache.close()
    assert not (tmp_path / "answers.sqlite-wal").exists()

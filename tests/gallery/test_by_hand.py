"""Adding and removing by hand, cut off at every step: nothing half done stays, nothing comes back."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.errors import GalleryError
from stitch_cir.gallery import Gallery, index_folder
from stitch_cir.gallery.store import Database, Store
from tests.gallery.fakes import FakeEncoder, noise_image
from tests.gallery.faults import pending
from tests.gallery.states import equal, ranked, recorded, run


class Died(BaseException):
    """The process is gone: nothing after this runs."""


@pytest.fixture
def indexed(folder: Path, encoder: FakeEncoder) -> Path:
    index_folder(folder, encoder=encoder)
    Gallery.open(folder).matrix()
    return folder


@pytest.fixture
def content(tmp_path: Path) -> list[bytes]:
    files = []
    for seed in (90, 91):
        noise_image(seed).save(tmp_path / "x.png")
        files.append((tmp_path / "x.png").read_bytes())
    return files


@contextmanager
def dying(monkeypatch: pytest.MonkeyPatch, after: int) -> Iterator[list[str]]:
    """Let the process die at step ``after`` of those that touch files or commit.

    Nothing that is done after it has an effect: no clean-up, no roll-back by hand.
    """
    steps: list[str] = []
    dead = False

    def step(name: str, act: Callable[..., Any], *args: Any, **options: Any) -> Any:
        nonlocal dead
        if dead or len(steps) == after:
            dead = True
            raise Died(name)
        steps.append(name)
        return act(*args, **options)

    with monkeypatch.context() as patch:
        for kind, name in ((Path, "hardlink_to"), (Path, "unlink"), (os, "fsync")):
            original = getattr(kind, name)
            patch.setattr(
                kind,
                name,
                lambda *args, _act=original, _name=name, **options: step(
                    _name, _act, *args, **options
                ),
            )
        rows = Database.rows

        def execute(self: Database, statement: str, values: Any = ()) -> Any:
            if statement in ("BEGIN IMMEDIATE", "COMMIT"):
                return step(statement, rows, self, statement, values)
            return rows(self, statement, values)

        patch.setattr(Database, "rows", execute)
        with suppress(Died):
            yield steps


def add(folder: Path, encoder: FakeEncoder, content: list[bytes]) -> list[str]:
    images = [("new.png", data) for data in content]
    captions = [["the first"], ["the second"]]
    return Gallery.open(folder, encoder=encoder).add(images, captions=captions)[0]


def assert_clean(folder: Path, *, count: int) -> None:
    with Gallery.open(folder) as gallery:
        assert len(gallery) == count
        assert equal(ranked(gallery), recorded(gallery))
        assert not gallery.verify().problems
    added = folder / "added"
    names = sorted(p.name for p in added.iterdir()) if added.exists() else []
    assert not [name for name in names if name.startswith(".part")]
    assert run(folder / ".stitch", "SELECT COUNT(*) FROM pending") == [(0,)]


@pytest.mark.parametrize("step", range(17))
def test_an_addition_that_dies(
    indexed: Path,
    encoder: FakeEncoder,
    content: list[bytes],
    monkeypatch: pytest.MonkeyPatch,
    step: int,
) -> None:
    with dying(monkeypatch, step):
        add(indexed, encoder, content)
    report = index_folder(indexed, encoder=encoder)
    assert report.added == 0  # never taken in as files without captions
    with Gallery.open(indexed) as gallery:
        ids = gallery.find("new")[1]
        captions = [gallery.captions(id) for id in ids]
    assert ids in ([], ["added/new-2.png", "added/new.png"])
    assert captions in ([], [["the second"], ["the first"]])
    assert_clean(indexed, count=5 + len(ids))
    if not ids:
        # trying again gives the names that the first try would have given: no twins
        assert add(indexed, encoder, content) == ["added/new.png", "added/new-2.png"]
        assert_clean(indexed, count=7)


def test_the_steps_are_all_there_are(
    indexed: Path, encoder: FakeEncoder, content: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with dying(monkeypatch, 99) as steps:
        add(indexed, encoder, content)
    assert 12 <= len(steps) <= 17
    with dying(monkeypatch, 99) as steps:
        Gallery.open(indexed).remove("added/new.png")
    assert 5 <= len(steps) <= 9


@pytest.mark.parametrize("step", range(9))
def test_a_removal_that_dies(
    indexed: Path,
    encoder: FakeEncoder,
    content: list[bytes],
    monkeypatch: pytest.MonkeyPatch,
    step: int,
) -> None:
    add(indexed, encoder, content)
    with dying(monkeypatch, step):
        Gallery.open(indexed).remove("added/new.png")
    with Gallery.open(indexed) as gallery:
        removed = "added/new.png" not in gallery
    index_folder(indexed, encoder=encoder)
    with Gallery.open(indexed) as gallery:
        assert ("added/new.png" not in gallery) is removed
    assert (indexed / "added" / "new.png").exists() is not removed
    assert_clean(indexed, count=7 - removed)
    if removed:
        # the name is free again
        assert add_one(indexed, encoder, content[0]) == ["added/new.png"]


def add_one(folder: Path, encoder: FakeEncoder, content: bytes) -> list[str]:
    return Gallery.open(folder, encoder=encoder).add([("new.png", content)])[0]


def test_a_file_of_the_users_is_never_rolled_back(
    indexed: Path, encoder: FakeEncoder, content: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An intention was left; meanwhile somebody else put the same image there."""
    with dying(monkeypatch, 3):  # the part is written, the link not made
        add_one(indexed, encoder, content[0])
    (indexed / "added" / "new.png").write_bytes(content[0])
    assert index_folder(indexed, encoder=encoder).added == 1
    assert (indexed / "added" / "new.png").exists()
    assert_clean(indexed, count=6)


def test_another_file_at_a_removed_name_is_not_deleted(
    indexed: Path, encoder: FakeEncoder, content: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_one(indexed, encoder, content[0])

    def die(*_: Any) -> None:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(pending, "_delete", die)
        with pytest.raises(Died):
            Gallery.open(indexed).remove("added/new.png")
    noise_image(95, (60, 60)).save(indexed / "added" / "new.png")
    assert index_folder(indexed, encoder=encoder).added == 1
    assert_clean(indexed, count=6)


def test_a_file_that_cannot_be_deleted_stays_out(
    indexed: Path, encoder: FakeEncoder, content: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_one(indexed, encoder, content[0])
    original = Path.unlink

    def refuse(self: Path, *args: Any, **options: Any) -> None:
        if self.parent.name == "added":
            raise OSError(errno.EIO, "Input/output error")
        original(self, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(GalleryError, match=r"was taken out.* cannot be deleted: Input/output"):
            Gallery.open(indexed).remove("added/new.png")
        report = index_folder(indexed, encoder=encoder)
        assert (report.added, report.kept_out) == (0, 1)
    assert index_folder(indexed, encoder=encoder).kept_out == 0
    assert not (indexed / "added" / "new.png").exists()


def test_an_error_while_an_addition_is_undone_does_not_hide_the_first(
    indexed: Path, encoder: FakeEncoder, content: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the first error")

    def refuse(self: Path, *args: Any, **options: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "put_captions", fail)
        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(RuntimeError, match="the first error"):
            add_one(indexed, encoder, content[0])
    index_folder(indexed, encoder=encoder)
    assert_clean(indexed, count=5)
    assert list((indexed / "added").iterdir()) == []


@pytest.mark.parametrize("dies", [False, True])
def test_a_file_system_without_hard_links(
    indexed: Path,
    encoder: FakeEncoder,
    content: list[bytes],
    monkeypatch: pytest.MonkeyPatch,
    dies: bool,
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    if dies:
        with monkeypatch.context() as patch:
            patch.setattr(Store, "put_captions", lambda *_: (_ for _ in ()).throw(Died))
            patch.setattr("stitch_cir.gallery.index._edit.settle", lambda *_: None)
            with pytest.raises(Died):
                add_one(indexed, encoder, content[0])
        assert (indexed / "added" / "new.png").exists()
        assert index_folder(indexed, encoder=encoder).added == 0
    assert add_one(indexed, encoder, content[0]) == ["added/new.png"]
    assert (indexed / "added" / "new.png").read_bytes() == content[0]
    assert add_one(indexed, encoder, content[1]) == ["added/new-2.png"]
    assert_clean(indexed, count=7)


def test_parts_that_earlier_versions_left_are_swept(indexed: Path, encoder: FakeEncoder) -> None:
    (indexed / "added").mkdir()
    for name in (".part-0123456789abcdef", ".part-mine", ".hidden"):
        (indexed / "added" / name).write_bytes(b"x")
    index_folder(indexed, encoder=encoder)
    assert sorted(p.name for p in (indexed / "added").iterdir()) == [".hidden", ".part-mine"]


def test_intentions_do_not_outdate_the_cache(
    indexed: Path, encoder: FakeEncoder, content: list[bytes]
) -> None:
    with Gallery.open(indexed) as gallery:
        before = gallery.generation
        add_one(indexed, encoder, content[0])
        assert gallery.generation == before + 1

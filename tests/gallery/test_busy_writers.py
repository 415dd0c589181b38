"""Readers beside writers that are faster, and builders that died."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.gallery import Gallery, index_folder
from tests.gallery.fakes import FakeEncoder
from tests.gallery.faults import building
from tests.gallery.states import equal, ranked, recorded

Paint = Callable[..., Path]


@pytest.fixture
def indexed(folder: Path, encoder: FakeEncoder) -> Path:
    index_folder(folder, encoder=encoder)
    return folder


def test_a_cache_that_is_outdated_before_it_is_open_is_no_broken_disk(
    indexed: Path, encoder: FakeEncoder, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process commits, builds the next cache and deletes this one."""
    original = building.build
    overtaken = False

    def build(*args: Any, **options: Any) -> Path:
        nonlocal overtaken
        path = original(*args, **options)
        if not overtaken:
            overtaken = True
            paint(indexed / "a.png", 101, (41, 30))
            index_folder(indexed, encoder=encoder)
            with monkeypatch.context() as patch:
                patch.setattr("stitch_cir.gallery.cache._packed.build", original)
                Gallery.open(indexed).matrix()
            assert not path.exists()
        return path

    monkeypatch.setattr("stitch_cir.gallery.cache._packed.build", build)
    with Gallery.open(indexed) as gallery:
        with gallery.snapshot() as snapshot:
            before = ranked(snapshot)
            assert equal(before, recorded(snapshot))
            assert snapshot.notes == []
        assert overtaken
        assert not equal(before, ranked(gallery))
        assert equal(ranked(gallery), recorded(gallery))
        assert gallery.notes == []


def test_half_built_caches_go_as_soon_as_their_process_is_gone(indexed: Path) -> None:
    cache = indexed / ".stitch" / "cache"
    for name in ("building-dead", "building-alive", "building-old"):
        (cache / name).mkdir(parents=True)
    (cache / "building-dead" / "alive").touch()
    os.utime(cache / "building-old", (time.time() - 7200,) * 2)
    alive = sqlite3.connect(cache / "building-alive" / "alive", isolation_level=None)
    with closing(alive):
        alive.execute("BEGIN EXCLUSIVE")
        generation = Gallery.open(indexed).matrix().generation
        left = sorted(path.name for path in cache.iterdir())
    assert left == sorted(["building-alive", str(generation)])


def test_notes_are_of_the_present_state(indexed: Path, encoder: FakeEncoder, paint: Paint) -> None:
    Gallery.open(indexed).matrix()
    (cache,) = (indexed / ".stitch" / "cache").iterdir()
    (cache / "vectors").write_bytes(b"")
    with Gallery.open(indexed) as gallery:
        for _ in range(2):
            gallery.matrix()
            assert gallery.notes == ["The cache was damaged and has been rebuilt."]
        paint(indexed / "new.png", 50)
        index_folder(indexed, encoder=encoder)
        assert len(gallery) == 6
        assert gallery.notes == []

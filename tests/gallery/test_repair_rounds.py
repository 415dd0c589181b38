"""Damage that shows only when other damage is repaired, and ids that are no text any more."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

import stitch_cir as st
from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import GalleryDamagedError
from stitch_cir.gallery import Gallery, index_folder
from tests.conftest import COLOURS


@pytest.fixture
def indexed(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("red", "blue", "green"):
        Image.new("RGB", (40, 40), COLOURS[name]).save(folder / f"{name}.png")
    index_folder(folder, encoder=HashEncoder())
    return folder


def execute(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / ".stitch/gallery.sqlite")) as database:
        database.execute("PRAGMA writable_schema = ON")
        for statement in statements:
            database.execute(statement)
        database.commit()


def test_a_row_that_an_index_hid_is_repaired_in_the_same_run(indexed: Path) -> None:
    shutil.rmtree(indexed / ".stitch/cache", ignore_errors=True)
    with closing(sqlite3.connect(indexed / ".stitch/gallery.sqlite")) as database:
        row, hash = database.execute(
            "SELECT c.rowid, c.hash FROM contents c JOIN items i USING (hash) WHERE i.id = 'red.png'"
        ).fetchone()
    # the table's own bytes of the hash change, as a flipped bit changes them, its index stays
    file = indexed / ".stitch/gallery.sqlite"
    body = file.read_bytes()
    needle = hash.encode()
    positions = [n for n in range(len(body)) if body.startswith(needle, n)]
    changed = False
    for at in positions:
        flipped = bytearray(body)
        flipped[at] ^= 1
        file.write_bytes(flipped)
        with closing(sqlite3.connect(file)) as database:
            lines = [line for (line,) in database.execute("PRAGMA integrity_check")]
            kept = database.execute("SELECT hash FROM contents WHERE rowid = ?", (row,)).fetchone()
        if lines != ["ok"] and kept is not None and kept[0] != hash:
            changed = True
            break
    assert changed, row
    with Gallery.open(indexed, encoder=HashEncoder()) as gallery:
        report = gallery.verify(repair=True)
    assert not report.problems
    assert len(report.repaired) == 2  # the index, and the record that it led past
    with Gallery.open(indexed, encoder=HashEncoder()) as gallery:
        assert gallery.verify().sound


def test_views_of_an_item_that_nothing_leads_to_are_one_clear_error(indexed: Path) -> None:
    execute(indexed, "UPDATE items SET hash = NULL WHERE id = 'red.png'")
    with (
        Gallery.open(indexed, encoder=HashEncoder()) as gallery,
        pytest.raises(GalleryDamagedError, match=r"red\.png"),
    ):
        gallery.views("red.png")
    with (
        Gallery.open(indexed, encoder=HashEncoder()) as gallery,
        pytest.raises(GalleryDamagedError, match=r"red\.png"),
    ):
        st.search(gallery, reference="red.png")


def test_an_id_that_is_no_longer_text_is_left_out_and_noted(indexed: Path) -> None:
    shutil.rmtree(indexed / ".stitch/cache", ignore_errors=True)
    execute(indexed, "UPDATE items SET id = CAST('green.png' AS BLOB) WHERE id = 'green.png'")
    with Gallery.open(indexed, encoder=HashEncoder()) as gallery:
        results = st.search(gallery, text="green")
        assert {hit.id for hit in results} == {"red.png", "blue.png"}
        assert any("damaged" in note for note in results.notes)

"""Damage that shows only when other damage is repaired, and ids that are no text any more."""

from __future__ import annotations

import os
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


def repair(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what is repaired without a cache, and what is not."""
    shutil.rmtree(folder / ".stitch/cache", ignore_errors=True)
    with Gallery.open(folder, encoder=HashEncoder()) as gallery:
        report = gallery.verify(repair=True)
    return report.repaired, report.problems


LOSE_VIEWS = (
    "UPDATE contents SET vectors = zeroblob(length(vectors))"
    " WHERE hash = (SELECT hash FROM items WHERE id = 'red.png')"
)


def test_a_file_that_is_no_image_any_more_is_not_encoded_again(indexed: Path) -> None:
    execute(indexed, LOSE_VIEWS)
    file = indexed / "red.png"
    facts = file.stat()
    file.write_bytes(b"\x89PNG\r\n\x1a\n".ljust(facts.st_size, b"x"))
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    repaired, problems = repair(indexed)
    assert repaired == ()
    assert [problem for problem in problems if "its file cannot be encoded" in problem]


def test_a_folder_in_the_place_of_a_file_cannot_be_read(indexed: Path) -> None:
    execute(indexed, LOSE_VIEWS)
    (indexed / "red.png").unlink()
    (indexed / "red.png").mkdir()
    repaired, problems = repair(indexed)
    assert repaired == ()
    assert [problem for problem in problems if problem.startswith("red.png")]


@pytest.fixture
def captioned(indexed: Path) -> Path:
    captions = indexed / "captions.jsonl"
    captions.write_text('{"id": "red.png", "captions": ["a red square", "rot", "rouge"]}\n')
    index_folder(indexed, encoder=HashEncoder(), captions=captions)
    return indexed


def test_a_damaged_caption_is_encoded_again_and_the_views_stay(captioned: Path) -> None:
    execute(
        captioned,
        "UPDATE caption_vectors SET vector = zeroblob(length(vector)) WHERE text = 'rot'",
    )
    repaired, problems = repair(captioned)
    assert (repaired, problems) == (
        ("red.png: was damaged in the database; encoded again",),
        (),
    )
    with Gallery.open(captioned, encoder=HashEncoder()) as gallery:
        assert gallery.captions("red.png") == ["a red square", "rot", "rouge"]
        assert gallery.verify().sound


def test_captions_that_are_gone_are_said_to_be(captioned: Path) -> None:
    execute(captioned, LOSE_VIEWS, "DELETE FROM captions WHERE position = 0")
    repaired, _ = repair(captioned)
    assert "captions are lost: index their file again" in repaired[0]
    with Gallery.open(captioned, encoder=HashEncoder()) as gallery:
        assert gallery.captions("red.png") == ["rot", "rouge"]


def test_a_text_with_one_damaged_byte_is_put_right_by_its_vector(captioned: Path) -> None:
    execute(captioned, "UPDATE captions SET text = 'rouge!' WHERE text = 'rouge'")
    execute(captioned, "UPDATE captions SET text = 'sot' WHERE text = 'rot'")
    repaired, _ = repair(captioned)
    assert repaired
    with Gallery.open(captioned, encoder=HashEncoder()) as gallery:
        assert gallery.captions("red.png")[1] == "rot"

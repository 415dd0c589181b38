"""Attributes that rot on the disk: found, named, and taken out on request."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from stitch_cir.errors import GalleryBusyError
from stitch_cir.gallery import Gallery, index_folder
from stitch_cir.gallery.store import write_lock
from tests.gallery.fakes import FakeEncoder


@pytest.fixture
def gallery(folder: Path, encoder: FakeEncoder) -> Gallery:
    index_folder(folder, encoder=encoder, metadata=False)
    gallery = Gallery.open(folder, encoder=encoder)
    gallery.set_attributes(
        {"a.png": {"price": 5, "brand": "Acme", "tags": ["x", "y"]}, "b.png": {"price": 6.5}}
    )
    return gallery


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("UPDATE attribute_values SET value = 4 WHERE value = 5", "a.png: its attribute price"),
        ("UPDATE attribute_values SET value = 'Acne' WHERE value = 'Acme'", "attribute brand"),
        (
            "UPDATE attribute_values SET value = CAST(x'41ff' AS TEXT) WHERE value = 'Acme'",
            "attribute brand",
        ),
        ("UPDATE attribute_values SET value = x'0102' WHERE value = 6.5", "b.png: its attribute"),
        ("UPDATE attribute_values SET carried = 1 WHERE value = 'y'", "a.png: its attribute tags"),
        ("UPDATE attribute_values SET attribute = 99 WHERE value = 6.5", "attribute number 99"),
        ("DELETE FROM attribute_items WHERE id = 'b.png'", "item 2: its attribute price"),
    ],
)
def test_a_damaged_value_is_named_and_taken_out(
    gallery: Gallery, statement: str, line: str
) -> None:
    with closing(sqlite3.connect(gallery.directory / "gallery.sqlite")) as database:
        database.execute(statement)
        database.commit()
    report = gallery.verify()
    assert [line in problem for problem in report.problems] == [True]
    assert "stitch verify GALLERY --repair" in report.problems[0]
    with write_lock(gallery.directory):
        busy = gallery.verify(repair=True)
    assert "nothing can be repaired here" in busy.problems[0]
    repaired = gallery.verify(repair=True)
    assert repaired.sound
    assert "taken out, set it again" in repaired.repaired[0]
    assert gallery.verify().sound
    with gallery.snapshot() as snapshot:
        assert snapshot.attributes.rows("price = 4").tolist() == []


def test_a_damaged_schema_is_named(gallery: Gallery) -> None:
    with closing(sqlite3.connect(gallery.directory / "gallery.sqlite")) as database:
        database.execute("UPDATE attributes SET name = 'prise' WHERE name = 'price'")
        database.commit()
    (problem,) = gallery.verify(repair=True).problems
    assert "the attribute 'prise' is not what was written" in problem


def test_another_writer_is_waited_for_by_nobody(gallery: Gallery) -> None:
    with write_lock(gallery.directory), pytest.raises(GalleryBusyError):
        gallery.set_attributes({"a.png": {"price": 1}})
    assert gallery.attributes_of("a.png")["price"] == 5

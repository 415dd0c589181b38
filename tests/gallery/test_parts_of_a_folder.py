"""A folder indexed in parts that know nothing of one another: the records of one whole run."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import RecordError
from stitch_cir.gallery import Gallery, index_folder
from stitch_cir.gallery.index import FolderDivision, IndexSettings, PartState, index_part
from stitch_cir.gallery.store import (
    IdRecord,
    Store,
    attribute_kinds,
    put_records,
    read_records,
)
from tests.gallery.fakes import noise_image

ENCODER = HashEncoder()


class Parts:
    """Keeps the records that parts make of a folder, as a dataset on a cluster does."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self.root, self.scratch = root, scratch
        self.records: dict[str, IdRecord] = {}
        self.facts: dict[str, Any] = {}
        self.kinds: list[tuple[str, str]] = []
        self.runs = 0

    def run(self, length: int, **options: Any) -> FolderDivision:
        """Index what is new in parts of so many ids; return the division with its counts."""
        self.runs += 1
        folder = self.scratch / f"run-{self.runs}"
        folder.mkdir()
        if self.facts:
            with_records(folder, self.records.values(), self.facts, self.kinds)
        division = FolderDivision(self.root, folder, ENCODER, None, IndexSettings(**options))
        try:
            division.run_survey()
            facts = division.facts
            for number, (ids, part) in enumerate(division.parts(length)):
                before = [self.records[id] for id in ids if id in self.records]
                directory = folder / f"part-{number}"
                directory.mkdir()
                counters, after = index_part(
                    self.root,
                    part,
                    PartState(before, facts, self.kinds),
                    directory=directory,
                    encoder=ENCODER,
                    settings=IndexSettings(**{**options, "captions": None, "attributes": None}),
                )
                for id in ids:
                    self.records.pop(id, None)
                self.records.update((record.id, record) for record in after.records)
                self.kinds = [*self.kinds, *(k for k in after.kinds if k not in self.kinds)]
                division.count(
                    counters,
                    [
                        record.columns["hash"]
                        for record in after.records
                        if record.table == "items" and record.id not in {b.id for b in before}
                    ],
                )
            self.facts = facts
        finally:
            division.close()
        return division


def with_records(folder: Path, records: Any, facts: Any, kinds: Any) -> None:
    store = Store(folder, write=True)
    with store.transaction():
        store.set_meta(**facts)
        put_records(store, list(records), kinds)
    store.close()


def records_of(gallery: Path) -> dict[str, IdRecord]:
    with Gallery.open(gallery, encoder=ENCODER) as opened:
        store = Store(opened.directory)
        try:
            assert attribute_kinds(store) is not None
            return {record.id: record for record in read_records(store)}
        finally:
            store.close()


def timeless(records: dict[str, IdRecord]) -> dict[str, IdRecord]:
    """Leave out when an image was missed, and sort what has no order of its own."""
    cleaned = {}
    for id, record in records.items():
        columns = {name: each for name, each in record.columns.items() if name != "since"}
        cleaned[id] = replace(record, columns=columns, attributes=tuple(sorted(record.attributes)))
    return dict(sorted(cleaned.items()))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    (folder / "sub").mkdir(parents=True)
    for number in range(7):
        noise_image(number).save(folder / ("sub" if number % 3 == 0 else ".") / f"{number}.png")
    (folder / "twin.png").write_bytes((folder / "1.png").read_bytes())
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nand no more")
    (folder / "notes.txt").write_text("no image")
    described = noise_image(41)
    exif = described.getexif()
    exif[0x010E] = "a lake at dawn"
    described.save(folder / "described.jpg", exif=exif)
    return folder


@pytest.mark.parametrize("length", [1, 3, 100])
def test_parts_of_a_folder_make_the_records_of_one_run(
    images: Path, tmp_path: Path, length: int
) -> None:
    captions, attributes = tmp_path / "captions.jsonl", tmp_path / "shop.csv"
    captions.write_text(
        json.dumps({"id": "1.png", "captions": ["a red dog", "ein Hund"]})
        + '\n{"id": "BROKEN.png", "captions": ["x"]}\n{"id": "nowhere.png", "captions": ["x"]}\n'
    )
    attributes.write_text("id,price,brand\n2.png,3.50,Acme\ntwin.png,7,\nnowhere.png,1,\n")
    parts, whole = Parts(images, tmp_path), tmp_path / "whole"
    options: dict[str, Any] = {
        "captions": captions,
        "attributes": attributes,
        "captions_from_metadata": True,
    }
    first = parts.run(length, **options)
    report = index_folder(images, whole, encoder=ENCODER, **options)
    assert timeless(parts.records) == timeless(records_of(whole))
    counted = first.counters
    assert (counted.added, counted.duplicates) == (report.added, report.duplicates)
    assert sorted(counted.skipped) == sorted(report.skipped)
    assert set(counted.unknown_captions) == {"BROKEN.png", "nowhere.png"}
    assert counted.unknown_attributes == ["nowhere.png"]
    again = parts.run(length)
    index_folder(images, whole, encoder=ENCODER)
    assert (again.remaining, again.counters.unchanged) == (0, report.images)
    # changed, gone, new, moved with its captions, an image no more, other attributes
    noise_image(50).save(images / "2.png")
    (images / "4.png").unlink()
    noise_image(51).save(images / "new.png")
    (images / "1.png").rename(images / "moved.png")
    (images / "5.png").write_bytes(b"no image any more")
    (images / "notes.txt").write_text("another text")
    attributes.write_text("id,price,colour\n2.png,4,red\nnew.png,1,\n")
    changed = parts.run(length, attributes=attributes).counters
    report = index_folder(images, whole, encoder=ENCODER, attributes=attributes)
    assert timeless(parts.records) == timeless(records_of(whole))
    assert (changed.added, changed.changed, changed.moved, changed.removed) == (
        report.added,
        report.changed,
        report.moved,
        report.removed,
    )
    # what had gone comes back, captions are others, and what is forgotten leaves
    noise_image(4).save(images / "back.png")
    captions.write_text('{"id": "new.png", "captions": ["new"]}\n')
    parts.run(length, captions=captions, forget=True)
    index_folder(images, whole, encoder=ENCODER, captions=captions, forget=True)
    assert timeless(parts.records) == timeless(records_of(whole))
    assert "vanished" not in {record.table for record in parts.records.values()}


def test_images_that_were_removed_by_hand_return_when_that_is_requested(
    images: Path, tmp_path: Path
) -> None:
    parts, whole = Parts(images, tmp_path), tmp_path / "whole"
    index_folder(images, whole, encoder=ENCODER, metadata=False)
    with Gallery.open(whole, encoder=ENCODER) as gallery:
        gallery.remove("2.png")
    noise_image(2).save(images / "2.png")
    parts.run(3, metadata=False)
    parts.records = records_of(whole)
    restored = parts.run(3, metadata=False, restore_removed=True).counters
    report = index_folder(images, whole, encoder=ENCODER, metadata=False, restore_removed=True)
    assert restored.added == report.added == 1
    assert timeless(parts.records) == timeless(records_of(whole))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_what_lies_below_a_folder_that_cannot_be_read_stays(images: Path, tmp_path: Path) -> None:
    parts = Parts(images, tmp_path)
    parts.run(3)
    (images / "sub").chmod(0)
    try:
        assert parts.run(3).counters.vanished == 0
    finally:
        (images / "sub").chmod(0o700)
    assert parts.records["sub/0.png"].table == "items"


@pytest.mark.parametrize(
    ("lines", "says"),
    [("id,price\n1.png,1\n1.PNG,2\n", "names already"), ("id,price\nnowhere,1\n", "None of the 1")],
)
def test_attributes_that_no_part_can_take_are_refused_before_the_first(
    images: Path, tmp_path: Path, lines: str, says: str
) -> None:
    attributes = tmp_path / "shop.csv"
    attributes.write_text(lines)
    with pytest.raises(RecordError, match=says):
        Parts(images, tmp_path).run(3, attributes=attributes)

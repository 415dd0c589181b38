"""A gallery's tables as one record for each id: what another store keeps, and gives back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import GalleryError, RowDamagedError
from stitch_cir.gallery import Gallery, index_folder
from stitch_cir.gallery.store import (
    IdRecord,
    Store,
    attribute_kinds,
    delete_records,
    put_records,
    read_records,
    write_lock,
)
from tests.gallery.fakes import noise_image, to_schema

ENCODER = HashEncoder()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A gallery with captions, attributes, and files that were left out, vanished and removed."""
    folder = tmp_path / "source"
    folder.mkdir()
    for number, name in enumerate(("a", "b", "gone", "taken-out")):
        noise_image(number).save(folder / f"{name}.png")
    (folder / "twin.png").write_bytes((folder / "a.png").read_bytes())
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nand no more")
    captions = folder / "captions.jsonl"
    captions.write_text(json.dumps({"id": "a.png", "captions": ["a red square", "kırmızı"]}) + "\n")
    index_folder(folder, encoder=ENCODER, captions=captions)
    (folder / "gone.png").unlink()
    index_folder(folder, encoder=ENCODER)
    with Gallery.open(folder, encoder=ENCODER) as gallery:
        gallery.remove("taken-out.png")
        gallery.set_attributes(
            {
                "a.png": {"price": 12.5, "tags": ["a", "b"], "on": "2024-05-06"},
                "b.png": {"price": 3},
            }
        )
    return folder


def records_of(folder: Path) -> dict[str, IdRecord]:
    with Gallery.open(folder, encoder=ENCODER) as gallery:
        store = Store(gallery.directory)
        try:
            return {record.id: record for record in read_records(store)}
        finally:
            store.close()


def restored(source: Path, target: Path) -> Path:
    """Put all records of a gallery into a new one."""
    with Gallery.open(source, encoder=ENCODER) as gallery:
        there = Store(gallery.directory)
        records, kinds, facts = list(read_records(there)), attribute_kinds(there), there.meta()
        there.close()
    with write_lock(target):
        store = Store(target, write=True)
        with store.transaction():
            put_records(store, records, kinds)
            store.set_meta(**facts)
        store.close()
    return target


def test_records_hold_all_that_a_gallery_has_of_an_id(source: Path) -> None:
    records = records_of(source)
    assert list(records) == sorted(records)
    first = records["a.png"]
    assert (first.table, [text for text, _ in first.captions]) == (
        "items",
        ["a red square", "kırmızı"],
    )
    assert first.content is not None
    assert first.content == records["twin.png"].content
    assert {
        name: values for name, _, _, values in first.attributes if name in ("price", "tags")
    } == {
        "price": (12.5,),
        "tags": ("a", "b"),
    }
    assert records["gone.png"].table == "vanished"
    assert records["taken-out.png"].rows.keys() >= {"removed"}
    assert (records["broken.png"].table, records["broken.png"].content) == ("", None)
    assert "skipped" in records["broken.png"].rows


def test_records_make_the_same_gallery_again(source: Path, tmp_path: Path) -> None:
    back = restored(source, tmp_path / "back")
    assert records_of(back) == records_of(source)
    with Gallery.open(source) as before, Gallery.open(back) as after:
        assert (after.ids, after.captions("a.png")) == (before.ids, before.captions("a.png"))


@pytest.mark.parametrize(
    "ids", [["a.png"], ["twin.png", "b.png"], ["gone.png", "taken-out.png", "broken.png"], ["nope"]]
)
def test_records_are_deleted_with_what_no_other_id_has(
    ids: list[str], source: Path, tmp_path: Path
) -> None:
    back = restored(source, tmp_path / "back")
    with Gallery.open(source) as gallery:
        directory = gallery.directory
    records = records_of(source)
    store = Store(directory, write=True)
    with store.transaction():
        delete_records(store, ids)
    rest = {id: record for id, record in records.items() if id not in ids}
    assert {record.id: record for record in read_records(store)} == rest
    hashes = {record.columns["hash"] for record in rest.values() if record.content is not None}
    assert {hash for (hash,) in store.rows("SELECT hash FROM contents")} == hashes
    with store.transaction():
        put_records(store, [records[id] for id in ids if id in records], attribute_kinds(store))
    store.close()
    assert records_of(source) == records_of(back)
    with Gallery.open(source) as changed, Gallery.open(back) as whole:
        assert changed.matrix().vectors.tobytes() == whole.matrix().vectors.tobytes()


def test_a_gallery_from_before_attributes_has_records_without_them(source: Path) -> None:
    with Gallery.open(source) as gallery:
        directory = gallery.directory
    to_schema(directory, 4)
    records = records_of(source)
    assert [text for text, _ in records["a.png"].captions] == ["a red square", "kırmızı"]
    assert not any(record.attributes for record in records.values())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE contents SET vectors = zeroblob(length(vectors))",
        "UPDATE contents SET digest = NULL",
        "DELETE FROM contents",
        "UPDATE caption_vectors SET vector = zeroblob(length(vector))",
        "UPDATE captions SET position = position + 3",
    ],
)
def test_what_was_altered_is_not_read(source: Path, statement: str) -> None:
    with Gallery.open(source) as gallery:
        directory = gallery.directory
    store = Store(directory, write=True)
    with store.transaction():
        store.rows(statement)
    with pytest.raises(RowDamagedError, match=r"a\.png"):
        list(read_records(store))
    store.close()


def test_a_table_of_a_newer_version_is_refused(source: Path, tmp_path: Path) -> None:
    record = replace(records_of(source)["b.png"], rows={"auras": [{"colour": "red"}]})
    (tmp_path / "new").mkdir()
    store = Store(tmp_path / "new", write=True)
    with pytest.raises(GalleryError, match="newer version"), store.transaction():
        put_records(store, [record])
    store.close()

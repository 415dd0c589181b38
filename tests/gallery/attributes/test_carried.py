"""Attributes that images carry become those of the gallery, and what was set by hand counts more."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from stitch_cir.errors import RecordError
from stitch_cir.gallery import Gallery, index_captions, index_folder
from stitch_cir.images import read_metadata
from tests.gallery.fakes import FakeEncoder, noise_image
from tests.gallery.faults import carried


def save_image(path: Path, seed: int, camera: str, rating: int = 3) -> None:
    tags = Image.Exif()
    tags[0x0110], tags[0x4746] = camera, rating
    tags.get_ifd(0x8769)[0x9003] = f"2024:06:{seed + 1:02} 10:20:30"
    noise_image(seed, (40, 30)).save(path, exif=tags)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    for seed, name in enumerate(("a.jpg", "b.jpg", "c.jpg")):
        save_image(root / name, seed, "Z 6" if seed else "R5")
    noise_image(7, (30, 40)).save(root / "d.png")
    return root


def rows(gallery: Gallery, where: str) -> list[int]:
    with gallery.snapshot() as snapshot:
        return snapshot.attributes.rows(where).tolist()


def test_metadata_becomes_attributes(folder: Path, encoder: FakeEncoder) -> None:
    report = index_folder(folder, encoder=encoder)
    assert report.metadata_read == 4
    gallery = Gallery.open(folder, encoder=encoder)
    assert gallery.attributes_of("a.jpg") == {
        "width": 40,
        "height": 30,
        "orientation": "landscape",
        "taken": "2024-06-01T10:20:30",
        "camera": "R5",
        "rating": 3,
    }
    assert gallery.attributes_of("d.png") == {
        "width": 30, "height": 40, "orientation": "portrait"
    }  # fmt: skip
    assert rows(gallery, "camera = 'Z 6' and taken <= 2024-06-02") == [1]
    assert rows(gallery, "taken is missing or orientation = 'portrait'") == [3]
    again = index_folder(folder, encoder=encoder)
    assert (again.metadata_read, again.unchanged) == (0, 4)
    assert gallery.verify().sound


def test_what_was_set_by_hand_stays_when_a_file_changes(folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder)
    gallery = Gallery.open(folder, encoder=encoder)
    gallery.set_attributes({"a.jpg": {"rating": 5, "price": 9}})
    save_image(folder / "a.jpg", 20, "M11", rating=1)
    assert index_folder(folder, encoder=encoder).metadata_read == 1
    values = gallery.attributes_of("a.jpg")
    assert (values["rating"], values["price"], values["camera"]) == (5, 9, "M11")
    noise_image(21).save(folder / "a.jpg")
    index_folder(folder, encoder=encoder)
    values = gallery.attributes_of("a.jpg")
    assert (values["rating"], "camera" in values, "taken" in values) == (5, False, False)


def test_an_attribute_of_another_kind_is_left_alone(folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder, metadata=False)
    gallery = Gallery.open(folder, encoder=encoder)
    assert gallery.info()["attributes"] == []
    gallery.set_attributes({"a.jpg": {"Rating": "PG"}})
    # the choice is remembered
    assert index_folder(folder, encoder=encoder).metadata_read == 0
    report = index_folder(folder, encoder=encoder, metadata=True)
    assert report.metadata_read == 4
    assert "the gallery's rating is a text, and no number" in " ".join(report.notes)
    assert gallery.attributes_of("a.jpg")["Rating"] == "PG"
    assert gallery.attributes_of("b.jpg")["camera"] == "Z 6"


def test_a_rebuild_reads_nothing_twice(folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder)
    report = index_folder(folder, encoder=encoder, rebuild=True)
    assert (report.encoded, report.metadata_read) == (4, 0)
    assert Gallery.open(folder).attributes_of("a.jpg")["camera"] == "R5"


def test_attributes_from_a_file_while_indexing(
    folder: Path, encoder: FakeEncoder, tmp_path: Path
) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("id,price,camera\na.jpg,3,mine\nb.jpg,4,\nz.jpg,5,\n")
    report = index_folder(folder, encoder=encoder, attributes=file)
    assert (report.attributed, report.unknown_attributes) == (2, ("z.jpg",))
    assert "2 with attributes from the file" in report.summary()
    gallery = Gallery.open(folder, encoder=encoder)
    assert gallery.attributes_of("a.jpg")["camera"] == "mine"
    assert "camera" not in gallery.attributes_of("b.jpg")
    # a bad file is refused before anything is encoded
    file.write_text("id,price\na.jpg,cheap\n")
    encoder.encoded_images = 0
    save_image(folder / "new.jpg", 9, "x")
    with pytest.raises(RecordError, match="which is not a number"):
        index_folder(folder, encoder=encoder, attributes=file)
    assert encoder.encoded_images == 0
    assert "new.jpg" not in gallery


def test_attributes_of_captions(tmp_path: Path, encoder: FakeEncoder) -> None:
    captions, prices = tmp_path / "c.jsonl", tmp_path / "p.csv"
    captions.write_text('{"id": "a", "captions": ["x"]}\n{"id": "b", "captions": ["y"]}')
    prices.write_text("id,price\na,3\n")
    report = index_captions(captions, tmp_path / "g", encoder=encoder, attributes=prices)
    assert report.attributed == 1
    assert Gallery.open(tmp_path / "g").attributes_of("a") == {"price": 3}


def test_a_file_that_is_away_is_read_later(
    folder: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = read_metadata

    def read(stream: object) -> object:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(carried, "read_metadata", read)
    index_folder(folder, encoder=encoder)
    gallery = Gallery.open(folder, encoder=encoder)
    assert gallery.info()["attributes"] == []
    monkeypatch.setattr(carried, "read_metadata", real)
    assert index_folder(folder, encoder=encoder).metadata_read == 4
    assert gallery.attributes_of("a.jpg")["camera"] == "R5"

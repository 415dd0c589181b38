"""Captions that images carry become caption views by option, and follow the images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import stitch_cir as st
from stitch_cir.gallery import Gallery
from tests.conftest import CountingEncoder, noise

XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description>{}'
    "</dc:description><dc:subject><rdf:Bag>{}</rdf:Bag></dc:subject></rdf:Description>"
    "</rdf:RDF></x:xmpmeta>"
)


@pytest.fixture
def encoder() -> CountingEncoder:
    return CountingEncoder()


def save(path: Path, description: str = "", keywords: tuple[str, ...] = (), seed: int = 1) -> None:
    listed = "".join(f"<rdf:li>{word}</rdf:li>" for word in keywords)
    noise(seed, 60, 40).save(path, "JPEG", xmp=XMP.format(description, listed).encode())


@pytest.fixture
def carrying(tmp_path: Path) -> Path:
    folder = tmp_path / "carrying"
    folder.mkdir()
    save(folder / "boat.jpg", "A boat at the quay", ("boat", "harbour"), 1)
    save(folder / "tree.jpg", keywords=("tree",), seed=2)
    save(folder / "camera.jpg", "OLYMPUS DIGITAL CAMERA", seed=3)
    noise(4, 60, 40).save(folder / "plain.jpg")
    return folder


def captions(folder: Path) -> dict[str, list[str]]:
    with Gallery.open(folder, encoder=CountingEncoder()) as gallery:
        return {id: gallery.captions(id) for id in gallery.ids if gallery.captions(id)}


CARRIED = {"boat.jpg": ["A boat at the quay", "boat, harbour"], "tree.jpg": ["tree"]}


def test_descriptions_and_keywords_are_caption_views(
    carrying: Path, encoder: CountingEncoder
) -> None:
    st.index_folder(carrying, encoder=encoder)
    assert captions(carrying) == {}
    report = st.index_folder(carrying, encoder=encoder, captions_from_metadata=True)
    assert (report.captioned, report.encoded) == (2, 0)
    assert captions(carrying) == CARRIED
    with Gallery.open(carrying, encoder=encoder) as gallery:
        results = st.search(gallery, text="A boat at the quay")
        assert results[0].id == "boat.jpg"
        assert results[0].captions == tuple(CARRIED["boat.jpg"])
        assert gallery.info()["captions_from_metadata"] is True
    encoder.texts.clear()
    # remembered, and nothing is encoded again
    assert st.index_folder(carrying, encoder=encoder).captioned == 0
    assert encoder.texts == []
    assert captions(carrying) == CARRIED


def test_images_that_carry_nothing_or_only_spaces_get_no_captions(
    tmp_path: Path, encoder: CountingEncoder
) -> None:
    save(tmp_path / "spaces.jpg", "   ", (" ",))
    noise(2, 60, 40).save(tmp_path / "plain.jpg")
    report = st.index_folder(tmp_path, encoder=encoder, captions_from_metadata=True)
    assert (report.captioned, encoder.texts) == (0, [])
    assert captions(tmp_path) == {}


def test_images_that_all_have_captions_of_a_file_get_no_others(
    tmp_path: Path, encoder: CountingEncoder
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    save(folder / "boat.jpg", "A boat at the quay")
    file = tmp_path / "captions.jsonl"
    file.write_text(json.dumps({"id": "boat.jpg", "captions": ["a ship"]}) + "\n")
    st.index_folder(folder, encoder=encoder, captions=file)
    encoder.texts.clear()
    report = st.index_folder(folder, encoder=encoder, captions_from_metadata=True)
    assert (report.captioned, encoder.texts) == (0, [])
    assert captions(folder) == {"boat.jpg": ["a ship"]}


def test_they_follow_their_image(carrying: Path, encoder: CountingEncoder) -> None:
    st.index_folder(carrying, encoder=encoder, captions_from_metadata=True)
    save(carrying / "boat.jpg", "A ferry", seed=1)
    (carrying / "tree.jpg").rename(carrying / "old tree.jpg")
    st.index_folder(carrying, encoder=encoder)
    assert captions(carrying) == {"boat.jpg": ["A ferry"], "old tree.jpg": ["tree"]}
    save(carrying / "old tree.jpg", keywords=("oak",), seed=2)
    noise(1, 60, 40).save(carrying / "boat.jpg")
    st.index_folder(carrying, encoder=encoder)
    assert captions(carrying) == {"old tree.jpg": ["oak"]}
    st.index_folder(carrying, encoder=encoder, captions_from_metadata=False)
    assert captions(carrying) == {}


def test_captions_of_a_file_stand_alone(
    carrying: Path, tmp_path: Path, encoder: CountingEncoder
) -> None:
    file = tmp_path / "captions.jsonl"
    file.write_text(json.dumps({"id": "tree.jpg", "captions": ["an old oak"]}))
    st.index_folder(carrying, encoder=encoder, captions=file, captions_from_metadata=True)
    expected = {**CARRIED, "tree.jpg": ["an old oak"]}
    assert captions(carrying) == expected
    st.index_folder(carrying, encoder=encoder, rebuild=True)
    assert captions(carrying) == expected
    st.index_folder(carrying, encoder=encoder, captions_from_metadata=False)
    assert captions(carrying) == {"tree.jpg": ["an old oak"]}


def test_what_was_set_by_hand_counts_more(carrying: Path, encoder: CountingEncoder) -> None:
    st.index_folder(carrying, encoder=encoder)
    with Gallery.open(carrying, encoder=encoder) as gallery:
        gallery.set_attributes({"plain.jpg": {"description": "a plain wall"}})
    st.index_folder(carrying, encoder=encoder, captions_from_metadata=True)
    assert captions(carrying) == {**CARRIED, "plain.jpg": ["a plain wall"]}


def test_without_metadata_there_is_nothing_to_take(
    carrying: Path, encoder: CountingEncoder
) -> None:
    with pytest.raises(st.SettingError, match="metadata, which is not read"):
        st.index_folder(carrying, encoder=encoder, captions_from_metadata=True, metadata=False)
    assert not (carrying / ".stitch").exists()


def test_hostile_descriptions_are_texts_and_nothing_else(
    tmp_path: Path, encoder: CountingEncoder
) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    save(folder / "long.jpg", "word " * 9_000, seed=1)
    save(folder / "odd.jpg", "x'); DROP TABLE captions; --", ("a\u202eb",), seed=2)
    Image.new("RGB", (9, 9)).save(folder / "none.jpg")
    st.index_folder(folder, encoder=encoder, captions_from_metadata=True)
    kept = captions(folder)
    assert kept["odd.jpg"][0] == "x'); DROP TABLE captions; --"
    assert max(len(text) for texts in kept.values() for text in texts) <= 10_000

"""Captions that a model wrote stay with their image through every run of indexing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import stitch_cir as st
from stitch_cir.gallery import Gallery, ImageCaptions, write_captions
from stitch_cir.transport import ConditionalTransport
from tests.conftest import CountingEncoder, noise


class Other(CountingEncoder):
    fingerprint = "another"


def write(gallery: Gallery, *ids: str, weight: int = 1) -> list[str]:
    written = [
        ImageCaptions(
            id,
            gallery.content_hash(id) or "",
            (f"model on {id}",),
            {"colours": (Path(id).stem,), "setting": ("paper",)},
            "m",
            "describe-1",
            "key",
        )
        for id in ids
    ]
    return write_captions(gallery, written, weight=weight)


def test_captions_of_a_file_stand_before_them_and_change_without_them(
    folder: Path, gallery: Gallery, encoder: CountingEncoder
) -> None:
    write(gallery, "red.png", "blue.png", weight=2)
    file = folder.parent / "captions.jsonl"
    file.write_text(json.dumps({"id": "red.png", "captions": ["by hand", "and another"]}))
    st.index_folder(folder, encoder=encoder, captions=file)
    assert gallery.captions("red.png") == ["by hand", "and another", "model on red.png"]
    assert gallery.captions_by_model("red.png") == ["model on red.png"]
    file.write_text(json.dumps({"id": "green.png", "captions": ["by hand"]}))
    st.index_folder(folder, encoder=encoder, captions=file)
    assert gallery.captions("red.png") == ["model on red.png"]
    assert gallery.captions("blue.png") == ["model on blue.png"]
    assert len(gallery.views("red.png")) == len(gallery.views("white.png")) + 2
    encoder.texts.clear()
    st.index_folder(folder, encoder=encoder)
    assert encoder.texts == []
    assert gallery.verify().sound


def test_they_follow_a_file_that_moves_and_leave_one_that_changes(
    folder: Path, gallery: Gallery, encoder: CountingEncoder
) -> None:
    write(gallery, "red.png", "blue.png")
    gallery.set_attributes({"blue.png": {"colours": ["by hand"]}})
    (folder / "red.png").rename(folder / "moved.png")
    noise(9, 40, 40).save(folder / "blue.png")
    st.index_folder(folder, encoder=encoder)
    assert gallery.captions("moved.png") == ["model on red.png"]
    assert gallery.attributes_of("moved.png")["setting"] == ["paper"]
    assert gallery.captions("blue.png") == []
    # what was set by hand is the user's to take away
    assert gallery.attributes_of("blue.png")["colours"] == ["by hand"]
    assert "setting" not in gallery.attributes_of("blue.png")
    assert list(gallery.written_captions()) == ["moved.png"]
    assert gallery.verify().sound


def test_they_come_back_with_a_file_and_go_with_it_for_good(
    folder: Path, gallery: Gallery, encoder: CountingEncoder
) -> None:
    write(gallery, "red.png")
    content = (folder / "red.png").read_bytes()
    (folder / "red.png").unlink()
    st.index_folder(folder, encoder=encoder)
    (folder / "red.png").write_bytes(content)
    st.index_folder(folder, encoder=encoder)
    assert gallery.captions("red.png") == ["model on red.png"]
    (folder / "red.png").unlink()
    st.index_folder(folder, encoder=encoder, forget=True)
    assert gallery.written_captions() == {}


def test_they_are_encoded_again_with_another_encoder(
    folder: Path, gallery: Gallery, encoder: CountingEncoder
) -> None:
    file = folder.parent / "captions.jsonl"
    file.write_text(json.dumps({"id": "red.png", "captions": ["by hand"]}))
    st.index_folder(folder, encoder=encoder, captions=file)
    write(gallery, "red.png", "blue.png", weight=2)
    other = Other()
    st.index_folder(folder, encoder=other, switch_when_done=True)
    with Gallery.open(folder, encoder=other) as switched:
        assert switched.captions("red.png") == ["by hand", "model on red.png"]
        assert switched.info()["written_captions"][0]["items"] == 2
        assert [each.weight for each in switched.written_captions().values()] == [2, 2]
        assert switched.attributes_of("blue.png")["colours"] == ["blue"]
        assert switched.verify().sound


def test_metadata_is_read_beside_them(tmp_path: Path, encoder: CountingEncoder) -> None:
    folder = tmp_path / "carrying"
    folder.mkdir()
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<dc:description>A boat</dc:description></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    noise(1, 60, 40).save(folder / "boat.jpg", "JPEG", xmp=xmp.encode())
    st.index_folder(folder, encoder=encoder)
    gallery = Gallery.open(folder, encoder=encoder)
    write(gallery, "boat.jpg")
    st.index_folder(folder, encoder=encoder, captions_from_metadata=True)
    assert gallery.captions("boat.jpg") == ["A boat", "model on boat.jpg"]
    st.index_folder(folder, encoder=encoder, captions_from_metadata=False)
    assert gallery.captions("boat.jpg") == ["model on boat.jpg"]


def test_attributes_that_were_set_or_are_of_another_kind_stay(gallery: Gallery) -> None:
    gallery.set_attributes({"red.png": {"colours": ["crimson"]}, "blue.png": {"setting": 3}})
    write(gallery, "red.png", "blue.png")
    assert gallery.attributes_of("red.png")["colours"] == ["crimson"]
    assert gallery.attributes_of("blue.png")["colours"] == ["blue"]
    assert gallery.attributes_of("blue.png")["setting"] == 3


def test_what_was_written_of_another_content_is_left_out(gallery: Gallery) -> None:
    stale = ImageCaptions("red.png", "0" * 64, ("stale",))
    assert write_captions(gallery, [stale]) == []
    assert gallery.captions("red.png") == []


@pytest.mark.parametrize("weight", [1, 3])
def test_a_caption_scores_with_its_weight(gallery: Gallery, weight: int) -> None:
    write(gallery, *gallery.ids, weight=weight)
    hit = st.search(gallery, captions=["model on red.png"])[0]
    assert hit.id == "red.png"
    views = gallery.views("red.png")[: 1 - weight or None]
    query = gallery.encoder.encode_texts(["model on red.png"])
    similarities = query @ np.stack([view.vector for view in views]).T
    weights = [1.0] * (len(views) - 1) + [float(weight)]
    expected = ConditionalTransport().score_similarities(similarities, q=weights)
    assert hit.score == pytest.approx(float(expected), abs=1e-5)

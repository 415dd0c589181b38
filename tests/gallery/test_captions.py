"""Captions become views beside the image's, or a gallery of their own."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stitch_cir.errors import GalleryMismatchError, NotFoundError, RecordError, VectorError
from stitch_cir.gallery import Gallery, index_captions, index_folder
from stitch_cir.gallery.index import read_captions
from tests.gallery.fakes import FakeEncoder

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def lines(*records: Any, name: str = "captions.jsonl") -> Path:
        path = tmp_path / name
        spelled = (r if isinstance(r, str) else json.dumps(r) for r in records)
        path.write_text("\n".join(spelled), encoding="utf-8")
        return path

    return lines


def test_every_spelling_is_read(write: Write) -> None:
    file = write(
        {"id": "a.jpg", "captions": ["one", "  two \n words "]},
        "",
        {"image": "./b.jpg", "caption": "three"},
        {"path": "sub/c.jpg", "title": "four", "price": 12},
        {"id": "a.jpg", "text": ["one", "five"]},
        {"id": "d.jpg", "captions": [" ", ""]},
    )
    assert read_captions(file) == {
        "a.jpg": ("one", "two words", "five"),
        "b.jpg": ("three",),
        "sub/c.jpg": ("four",),
        "d.jpg": (),
    }


def test_the_list_form_is_read(write: Write) -> None:
    records = [{"candidate": "B001", "target": "B002", "captions": ["is red", "is longer"]}]
    file = write(json.dumps(records, indent=1), name="cap.json")
    assert read_captions(file) == {"B001": ("is red", "is longer")}
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert read_captions(file) == {"B001": ("is red", "is longer")}


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("{", r"captions\.jsonl:2 cannot be understood"),
        ('"a"', r"captions\.jsonl:2 .*dictionary"),
        ('{"captions": ["x"]}', r":2 .*id: Field required"),
        ('{"id": 7, "captions": ["x"]}', r":2 .*valid string"),
        ('{"id": "", "captions": ["x"]}', r":2 .*at least 1 character"),
        ('{"id": "a"}', r":2 .*captions: Field required"),
        ('{"id": "a", "captions": {"x": 1}}', r":2 .*valid list"),
        ('{"id": "a", "captions": ["x", 3]}', r":2 .*captions\.1: .*valid string"),
        ('{"id": "a", "captions": ["\\ud800"]}', r":2 .*surrogate"),
        ("[" * 100_000, r":2 .*"),
    ],
)
def test_a_malformed_line_is_named_before_anything_is_written(
    write: Write, folder: Path, encoder: FakeEncoder, line: str, match: str
) -> None:
    file = write({"id": "a.png", "captions": ["fine"]}, line)
    with pytest.raises(RecordError, match=match) as caught:
        index_folder(folder, encoder=encoder, captions=file)
    assert '{"id": "a.jpg"' in caught.value.hint
    assert not (folder / ".stitch").exists()
    assert encoder.encoded_images == 0


def test_other_damage(tmp_path: Path, write: Write) -> None:
    with pytest.raises(RecordError, match=r"cap\.json, entry 2 "):
        read_captions(write('[{"id": "a", "text": "b"}, 3]', name="cap.json"))
    with pytest.raises(RecordError, match=r"cap\.json:1 "):
        read_captions(write('[{"id": "a"', name="cap.json"))
    with pytest.raises(RecordError, match=r"cap\.json:1 .*deep"):
        read_captions(write("[" * 100_000, name="cap.json"))
    (tmp_path / "latin.jsonl").write_bytes(b'\n{"id": "caf\xe9"}')
    with pytest.raises(RecordError, match=r"latin\.jsonl:2 is not UTF-8"):
        read_captions(tmp_path / "latin.jsonl")
    with pytest.raises(NotFoundError, match="cannot be read"):
        read_captions(tmp_path / "nowhere.jsonl")
    with pytest.raises(NotFoundError, match="cannot be read"):
        read_captions(tmp_path)


def test_captions_join_the_view_set(write: Write, folder: Path, encoder: FakeEncoder) -> None:
    file = write(
        {"id": "a.png", "captions": ["a red dress", "a blue hat"]},
        {"id": "sub/c.png", "caption": "a red dress"},
        {"id": "unknown.png", "caption": "a ghost"},
    )
    report = index_folder(folder, encoder=encoder, captions=file)
    assert (report.added, report.captioned) == (5, 2)
    assert report.unknown_captions == ("unknown.png",)
    assert encoder.texts == ["a red dress", "a blue hat"]
    gallery = Gallery.open(folder, encoder=encoder)
    assert gallery.captions("a.png") == ["a red dress", "a blue hat"]
    assert gallery.captions("b.png") == []
    views = gallery.views("a.png")
    assert [view.caption for view in views[10:]] == ["a red dress", "a blue hat"]
    assert np.array_equal(views[11].vector, encoder.encode_texts(["a blue hat"])[0])
    matrix = gallery.matrix()
    assert matrix.offsets.tolist() == [0, 12, 22, 33, 43, 53]
    assert matrix.kinds[:12].tolist() == [0] * 10 + [1] * 2
    assert gallery.info()["captioned"] == 2
    assert gallery.info()["captions"]["file"] == "captions.jsonl"
    assert not gallery.verify().problems


def test_only_changed_captions_are_encoded(
    write: Write, folder: Path, encoder: FakeEncoder
) -> None:
    first = {"id": "a.png", "captions": ["one", "two"]}
    second = {"id": "b.png", "captions": ["three"]}
    index_folder(folder, encoder=encoder, captions=write(first, second))
    generation = Gallery.open(folder).info()["generation"]
    encoder.texts.clear()
    assert index_folder(folder, encoder=encoder, captions=write(first, second)).captioned == 0
    assert index_folder(folder, encoder=encoder).captioned == 0
    assert Gallery.open(folder).info()["generation"] == generation
    changed = {"id": "b.png", "captions": ["four", "one"]}
    assert index_folder(folder, encoder=encoder, captions=write(first, changed)).captioned == 1
    assert encoder.texts == ["four"]
    assert Gallery.open(folder).captions("b.png") == ["four", "one"]
    # the file is the truth: what it no longer says is gone
    index_folder(folder, encoder=encoder, captions=write(changed))
    assert Gallery.open(folder).captions("a.png") == []
    assert len(Gallery.open(folder).views("a.png")) == 10


def test_a_moved_image_keeps_its_captions(write: Write, folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder, captions=write({"id": "a.png", "text": "one"}))
    (folder / "a.png").rename(folder / "z.png")
    assert index_folder(folder, encoder=encoder).moved == 1
    assert Gallery.open(folder).captions("z.png") == ["one"]


def test_a_rebuild_encodes_the_captions_again(
    write: Write, folder: Path, encoder: FakeEncoder, other_encoder: FakeEncoder
) -> None:
    index_folder(folder, encoder=encoder, captions=write({"id": "a.png", "text": "one"}))
    index_folder(folder, encoder=other_encoder, rebuild=True)
    assert other_encoder.texts == ["one"]
    assert Gallery.open(folder, encoder=other_encoder).captions("a.png") == ["one"]


def test_ids_in_another_unicode_spelling(write: Write, folder: Path, encoder: FakeEncoder) -> None:
    (folder / "a.png").rename(folder / unicodedata.normalize("NFD", "é.png"))
    file = write({"id": unicodedata.normalize("NFC", "é.png"), "text": "one"})
    report = index_folder(folder, encoder=encoder, captions=file)
    assert report.unknown_captions == ()
    assert Gallery.open(folder).captions(unicodedata.normalize("NFD", "é.png")) == ["one"]


def test_a_gallery_of_captions_only(
    write: Write, tmp_path: Path, folder: Path, encoder: FakeEncoder
) -> None:
    texts_only = tmp_path / "texts"
    lines = [{"id": f"item {n:03}", "captions": [f"text {n}", "shared"]} for n in range(150)]
    report = index_captions(write(*lines, {"id": "none", "text": ""}), texts_only, encoder=encoder)
    assert (report.added, report.images, report.captioned) == (150, 150, 150)
    assert len(encoder.texts) == 151
    gallery = Gallery.open(texts_only, encoder=encoder)
    assert len(gallery) == 150
    assert gallery.path("item 000") is None
    assert gallery.content_hash("item 000") is None
    assert gallery.duplicates("item 000") == []
    assert gallery.size("item 000") is None
    assert gallery.root is None
    assert gallery.resolve("item 007") == "item 007"
    assert set(gallery.matrix().kinds) == {1}
    assert not gallery.verify().problems
    report = index_captions(write(*lines[1:]), texts_only, encoder=encoder)
    assert (report.removed, report.captioned, report.images) == (1, 0, 149)
    assert len(encoder.texts) == 151
    # images and bare captions are not mixed
    with pytest.raises(GalleryMismatchError, match="captions only"):
        index_folder(folder, texts_only, encoder=encoder)
    index_folder(folder, encoder=encoder)
    with pytest.raises(GalleryMismatchError, match="captions only"):
        index_captions(write(*lines), folder / ".stitch", encoder=encoder)


def test_bad_caption_vectors_are_refused(
    write: Write, tmp_path: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        encoder, "encode_texts", lambda texts: np.full((len(texts), 13), np.nan, np.float32)
    )
    with pytest.raises(VectorError, match=r"not finite .* for 'one'"):
        index_captions(write({"id": "a", "text": "one"}), tmp_path / "texts", encoder=encoder)

"""The head of ``mini``: its file, heads of one's own, the earlier edition, and what is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stitch_cir.concepts import Concept
from stitch_cir.encoders import MiniEncoder, encoder_notes, load_encoder
from stitch_cir.encoders.mini import MiniHead, data_file, join_concepts
from stitch_cir.errors import GalleryMismatchError, ModelError, SettingError
from stitch_cir.gallery import Gallery, index_folder
from stitch_cir.views import ViewBox
from tests.conftest import noise
from tests.encoders.mini_files import copy_files

WHOLE = [(ViewBox(),)]
WORDS = {
    "man": "people",
    "girls": "people",
    "riding a bicycle": "actions",
    "in the snow": "places",
    "ball": "things",
    "tree": "scenery",
}


def write_head(file: Path, seed: int = 0, share: float = 0.5) -> str:
    random = np.random.default_rng(seed)
    return MiniHead.save(
        file,
        (random.normal(size=(1752, 384)), random.normal(size=384)),
        share,
        WORDS,
        (random.normal(size=(1752, len(WORDS))) / 100, np.full(len(WORDS), 0.5)),
        (np.zeros(1752), np.full(1752, 0.1), 1.0),
    )


@pytest.fixture
def head_file(tmp_path: Path) -> Path:
    write_head(tmp_path / "head.npz")
    return tmp_path / "head.npz"


def test_a_head_is_read_as_it_was_written(head_file: Path) -> None:
    head = MiniHead.load(head_file)
    random = np.random.default_rng(0)
    weights = random.normal(size=(1752, 384))
    assert np.abs(head.weights - weights).max() <= np.abs(weights).max() / 127
    assert head.share == 0.5
    assert dict(zip(head.words, head.word_kinds, strict=True)) == WORDS
    scores = head.word_scores(np.zeros((2, 1752), np.float32))
    np.testing.assert_allclose(scores, np.clip([head.word_bias] * 2, 0, 1))


def test_no_word_is_scored_for_images_beyond_the_reach(head_file: Path) -> None:
    head = MiniHead.load(head_file)
    near, far = np.zeros((2, 1752), np.float32)
    near[3], far[3] = 9.9, 10.1
    scores = head.word_scores(np.stack([near, far]))
    assert scores[0].any()
    assert not scores[1].any()


def test_equal_numbers_give_equal_bytes(head_file: Path, tmp_path: Path) -> None:
    write_head(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == head_file.read_bytes()


def test_the_shipped_head_is_small_and_not_pickled() -> None:
    file = data_file("mini-head.npz")
    assert file.stat().st_size <= 1_000_000
    head = MiniHead.load(file)
    assert 0 < head.share <= 1
    assert {"man", "woman", "girl"} <= set(head.words)
    assert set(head.word_kinds) == {"people", "actions", "places", "things", "scenery"}


def rewrite(file: Path, **changed: object) -> None:
    with np.load(file) as archive:
        arrays = {name: archive[name] for name in archive.files}
    np.savez(file, **{**arrays, **changed})


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("weights", np.zeros((1408, 384), np.int8), "another size"),
        ("bias", np.zeros(512, np.float32), "another size"),
        ("weights", np.zeros((1752, 384), np.float64), "float64"),
        ("bias", np.zeros(384, np.float32), "altered"),
        ("words", np.array(list("abcdef")), "altered"),
        ("digest", np.array("0" * 64), "altered"),
        ("words", np.array([{}, 1, 2, 3, 4, 5], dtype=object), "no head"),
    ],
)
def test_a_head_of_another_size_or_hash_is_named(
    head_file: Path, name: str, array: object, message: str
) -> None:
    rewrite(head_file, **{name: array})
    with pytest.raises(ModelError, match=message) as caught:
        MiniHead.load(head_file)
    assert str(head_file) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"hello", None])
def test_a_file_that_is_no_head_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "head.npz"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ModelError, match=r"head\.npz"):
        load_encoder(f"mini:{file}")


def test_an_incomplete_head_is_refused(head_file: Path) -> None:
    np.savez(head_file, weights=np.zeros((1752, 384), np.int8))
    with pytest.raises(ModelError, match="it lacks"):
        MiniHead.load(head_file)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "head.npz").open("wb") as stream:
        stream.truncate(9_000_000)
    with pytest.raises(ModelError, match="too large"):
        MiniHead.load(tmp_path / "head.npz")


def test_mini_needs_a_file_after_its_colon() -> None:
    with pytest.raises(SettingError, match=r"mini: needs"):
        load_encoder("mini:")


def test_heads_differ_in_name_tag_fingerprint_and_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in (1, 2):
        write_head(tmp_path / f"{seed}.npz", seed)
    monkeypatch.chdir(tmp_path)
    encoders = [load_encoder(name) for name in ("mini", "mini-1", "mini:1.npz", "mini:2.npz")]
    assert encoders[2].name == f"mini:{tmp_path / '1.npz'}"
    for of in ("name", "weights_tag", "fingerprint"):
        assert len({getattr(encoder, of) for encoder in encoders}) == 4
    image = noise(1, 80, 60)
    first, second = (encoder.encode_views([image], WHOLE)[0, 0] for encoder in encoders[2:])
    assert first @ second < 0.999


def test_a_gallery_of_a_head_opens_with_it_and_refuses_another(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    noise(1, 60, 60).save(folder / "a.png")
    write_head(tmp_path / "mine.npz", 3)
    index_folder(folder, encoder=load_encoder(f"mini:{tmp_path / 'mine.npz'}"))
    with Gallery.open(folder) as gallery:
        assert gallery.encoder.name == f"mini:{tmp_path / 'mine.npz'}"
    with pytest.raises(GalleryMismatchError, match=r"mine\.npz"):
        Gallery.open(folder, encoder=load_encoder("mini"))
    write_head(tmp_path / "mine.npz", 4)
    with Gallery.open(folder) as gallery, pytest.raises(GalleryMismatchError):
        _ = gallery.encoder


def first_gallery(folder: Path) -> None:
    """Index as the first edition did, which was called mini."""
    folder.mkdir()
    noise(1, 60, 60).save(folder / "a.png")
    first = load_encoder("mini-1")
    first.name = "mini"  # type: ignore[misc]
    index_folder(folder, encoder=first)


def test_galleries_of_the_first_edition_stay_searchable(tmp_path: Path) -> None:
    first_gallery(tmp_path / "images")
    with Gallery.open(tmp_path / "images") as gallery:
        assert gallery.info()["encoder"] == "mini-1"
        assert gallery.encoder.name == "mini-1"
        (note,) = encoder_notes(gallery.encoder)
        assert "--encoder mini --switch-when-done" in note


def test_the_present_edition_cannot_open_them_and_gives_a_hint(tmp_path: Path) -> None:
    first_gallery(tmp_path / "images")
    with pytest.raises(GalleryMismatchError, match="mini-1") as caught:
        Gallery.open(tmp_path / "images", encoder=load_encoder("mini"))
    assert "Use the encoder mini-1, or" in str(caught.value.hint)


def head_with_scores(tmp_path: Path) -> MiniHead:
    write_head(tmp_path / "head.npz")
    return MiniHead.load(tmp_path / "head.npz")


BICYCLES = [Concept("mountain bike", "object", 0.4), Concept("unicycle", "object", 0.3)]
CONCEPTS = [Concept("green", "colour", 0.6), Concept("busy background", "background", 1.0)]


def joined(head: MiniHead, scores: list[float], objects: list[Concept]) -> list[tuple[str, str]]:
    """Join with scores of the first words; the others are unlikely."""
    filled = np.zeros(len(WORDS), np.float32)
    filled[: len(scores)] = scores
    concepts = join_concepts(objects, CONCEPTS, head, filled)
    for kind in ("object", "background"):
        assert sum(c.weight for c in concepts if c.kind == kind) <= 1 + 1e-6
    return [(concept.text, concept.kind) for concept in concepts]


def test_people_and_actions_become_a_phrase(tmp_path: Path) -> None:
    head = head_with_scores(tmp_path)
    assert joined(head, [0.7, 0.6, 0.6, 0.8], BICYCLES) == [
        ("man riding a bicycle", "object"),
        ("mountain bike", "object"),
        ("unicycle", "object"),
        ("in the snow", "background"),
    ]
    # what is not likely enough is not named
    assert joined(head, [0.3, 0.9, 0.2, 0.1], BICYCLES)[0] == ("girls", "object")
    assert joined(head, [0.3, 0.4, 0.2, 0.1], BICYCLES) == [
        *[(c.text, c.kind) for c in BICYCLES],
        *[(c.text, c.kind) for c in CONCEPTS],
    ]


def test_things_come_before_labels_that_are_unclear(tmp_path: Path) -> None:
    head = head_with_scores(tmp_path)
    ball = ("ball", "object")
    labels = [(c.text, c.kind) for c in BICYCLES]
    assert joined(head, [0, 0, 0, 0, 0.6], BICYCLES)[:3] == [ball, *labels]
    # a person does something first
    assert joined(head, [0.7, 0, 0.6, 0, 0.6], BICYCLES)[:2] == [
        ("man riding a bicycle", "object"),
        ball,
    ]
    dog = [Concept("dog", "object", 0.9)]
    assert joined(head, [0, 0, 0, 0, 0.6], dog)[:2] == [("dog", "object"), ball]
    # a label of the same name is named once
    named = joined(head, [0, 0, 0, 0, 0.6], [Concept("ball", "object", 0.5)])
    assert named.count(ball) == 1


def test_scenery_is_a_background_beside_the_location(tmp_path: Path) -> None:
    head = head_with_scores(tmp_path)
    assert joined(head, [0, 0, 0, 0.6, 0, 0.6], BICYCLES)[-2:] == [
        ("in the snow", "background"),
        ("tree", "background"),
    ]
    assert joined(head, [0, 0, 0, 0, 0, 0.6], BICYCLES)[-1] == ("tree", "background")


def test_a_clear_label_is_not_replaced_by_a_person(tmp_path: Path) -> None:
    head = head_with_scores(tmp_path)
    dog = [Concept("dog", "object", 0.9)]
    assert joined(head, [0.7, 0.9, 0.1, 0.1], dog) == [
        ("dog", "object"),
        *[(c.text, c.kind) for c in CONCEPTS],
    ]
    assert joined(head, [0.1, 0.2, 0.7, 0.1], dog)[0] == ("dog riding a bicycle", "object")
    coat = [Concept("coat", "object", 0.9)]
    assert joined(head, [0.1, 0.2, 0.7, 0.1], coat)[0] == ("coat", "object")


def test_clothes_come_before_whoever_wears_them_where_a_label_is_half_clear(
    tmp_path: Path,
) -> None:
    head = head_with_scores(tmp_path)
    coat = [Concept("coat", "object", 0.25)]
    assert joined(head, [0.7, 0, 0, 0], coat)[0] == ("coat", "object")
    faint = [Concept("coat", "object", 0.15)]
    assert joined(head, [0.7, 0, 0, 0], faint)[0] == ("man", "object")
    truck = [Concept("truck", "object", 0.25)]
    assert joined(head, [0.7, 0, 0, 0], truck)[0] == ("man", "object")


def test_a_thing_beside_a_person_is_no_second_reading_of_the_person(tmp_path: Path) -> None:
    scores = np.zeros(len(WORDS), np.float32)
    scores[[0, 4]] = 0.5, 0.45
    man, ball = join_concepts([], [], head_with_scores(tmp_path), scores)
    assert (man.text, ball.text) == ("man", "ball")
    assert ball.weight < 0.3 * man.weight


def test_colours_of_a_scene_are_those_of_its_surroundings_but_for_coats_of_animals(
    tmp_path: Path,
) -> None:
    head = head_with_scores(tmp_path)
    scores = np.zeros(len(WORDS), np.float32)
    scores[3] = 0.6
    appearance = [Concept("green", "colour", 0.5), Concept("brown", "colour", 0.3)]

    def colours(label: str, scores: np.ndarray) -> list[str]:
        read = join_concepts([Concept(label, "object", 0.9)], appearance, head, scores)
        return [each.text for each in read if each.kind == "colour"]

    assert colours("dog", scores) == ["brown"]
    assert colours("truck", scores) == []
    # nothing says that it is a scene
    assert colours("dog", 0 * scores) == ["green", "brown"]


@pytest.mark.parametrize("unlike", ["plain background", "drawing"])
def test_drawings_and_things_on_white_are_read_by_labels_alone(tmp_path: Path, unlike: str) -> None:
    concepts = [Concept("green", "colour", 0.6), Concept(unlike, "other", 1.0)]
    scores = np.ones(len(WORDS), np.float32)
    read = join_concepts(BICYCLES, concepts, head_with_scores(tmp_path), scores)
    assert read == (*BICYCLES, *concepts)


def test_an_altered_shipped_head_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = copy_files(tmp_path / "data", monkeypatch) / "mini-head.npz"
    content = bytearray(file.read_bytes())
    content[5000] ^= 1
    file.write_bytes(content)
    with pytest.raises(ModelError, match=r"mini-head\.npz was altered"):
        MiniEncoder().verify()

"""What a search says beside its hits: fewer than requested, and everything that went aside."""

from __future__ import annotations

from pathlib import Path

import pytest

import stitch_cir as st
from stitch_cir.composers import VerbatimComposer
from tests.conftest import CountingEncoder


def settings(**changes: object) -> st.SearchSettings:
    return st.SearchSettings.from_preset(**changes)  # type: ignore[arg-type]


def test_k_above_the_size_returns_all_images_with_a_note(gallery: st.Gallery) -> None:
    results = st.search(gallery, text="red", settings=settings(k=20))
    assert len(results) == 8
    assert results.notes[-1] == "k is 20, but only 8 images take part."
    assert results.to_dict()["notes"][-1] == results.notes[-1]
    assert [hit.id for hit in results] == [
        hit.id for hit in st.search(gallery, text="red", settings=settings(k=8))
    ]


def test_the_default_k_and_a_fitting_one_need_no_note(gallery: st.Gallery) -> None:
    for k in (None, 1, 8):
        results = st.search(gallery, text="red", settings=settings(k=k))
        assert len(results) == (8 if k is None else k)
        assert not [note for note in results.notes if "take part" in note]


def test_filters_and_the_reference_count(gallery: st.Gallery) -> None:
    results = st.search(gallery, text="red", settings=settings(k=5, include=("pairs/red*",)))
    assert len(results) == 1
    assert "k is 5, but only 1 image takes part of the 8 in the gallery." in results.notes
    like = st.search(gallery, reference="red.png", settings=settings(k=8))
    assert len(like) == 7
    assert "k is 8, but only 7 images take part of the 8 in the gallery." in like.notes


def test_neighbours_beyond_a_small_gallery_are_limited_and_recorded(gallery: st.Gallery) -> None:
    limited = settings(hubness_weight=0.4, hubness_neighbours=200)
    results = st.search(gallery, text="red", settings=limited)
    assert results.settings.hubness.neighbours == 5
    assert results.to_dict()["settings"]["hubness_neighbours"] == 5
    (note,) = (note for note in results.notes if note.startswith("Hubness averages over 5"))
    assert "instead of 200: of a gallery of 8" in note
    # what was recorded ranks the same, and there is nothing left to note
    again = st.search(gallery, text="red", settings=results.settings)
    assert [(hit.id, hit.score) for hit in again] == [(hit.id, hit.score) for hit in results]
    assert not [each for each in again.notes if "Hubness" in each]
    unused = st.search(gallery, text="red", settings=settings(hubness_neighbours=200))
    assert unused.settings.hubness.neighbours == 200
    assert not [each for each in unused.notes if "Hubness" in each]


def test_hits_below_the_minimal_score_are_counted(gallery: st.Gallery) -> None:
    whole = st.search(gallery, text="red", settings=settings(k=4))
    cut = st.search(gallery, text="red", settings=settings(k=4, min_score=whole[0].score))
    assert len(cut) == 1
    assert any(note.startswith("3 hits of 4 left out: scored below") for note in cut.notes)


def test_notes_of_the_gallery_and_the_reference_reach_the_results_once(
    folder: Path, encoder: CountingEncoder
) -> None:
    st.index_folder(folder, encoder=encoder)
    with st.Gallery.open(folder, encoder=encoder) as opened:
        opened.matrix()
    (manifest,) = folder.glob(".stitch/cache/*/manifest")
    manifest.write_bytes(b"torn")
    opened = st.Gallery.open(folder, encoder=encoder)
    (folder / "red.png").write_bytes(b"no image any more")
    results = st.search(opened, reference="red.png", text="in blue")
    assert len([note for note in results.notes if "rebuilt" in note]) == 1
    again = st.search(opened, reference="red.png", text="in blue")
    assert len([note for note in again.notes if "rebuilt" in note]) == 1
    gone = [note for note in results.notes if "reference's file could not be opened" in note]
    assert len(gone) == 1
    composed = st.compose(opened, reference="red.png", text="in blue")
    assert gone[0] in composed.notes
    assert results.query.composition is not None
    assert {*composed.notes} < {*results.notes}


def test_a_search_notes_a_rebuilt_cache(folder: Path, encoder: CountingEncoder) -> None:
    st.index_folder(folder, encoder=encoder)
    with st.Gallery.open(folder, encoder=encoder) as opened:
        opened.matrix()
    (manifest,) = folder.glob(".stitch/cache/*/manifest")
    manifest.write_bytes(b"torn")
    opened = st.Gallery.open(folder, encoder=encoder)
    assert any("rebuilt" in note for note in st.search(opened, text="red").notes)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("red-blue.png", "'pairs/red-blue.png'"),
        ("RED-BLUE.PNG", "'pairs/red-blue.png'"),
        ("elsewhere/red-blue.png", "'pairs/red-blue.png'"),
        ("yelow.png", "'yellow.png'"),
        ("pair/green-yellow.png", "'pairs/green-yellow.png'"),
    ],
)
def test_a_name_that_is_not_held_offers_what_was_meant(
    gallery: st.Gallery, name: str, meant: str
) -> None:
    for ask in (
        lambda: st.search(gallery, reference=name, text="in blue"),
        lambda: st.search(gallery, text="blue", negatives=[name]),
        lambda: st.Searcher(gallery).explain(st.Query(text="blue"), name),
    ):
        with pytest.raises(st.NotFoundError) as raised:
            ask()  # type: ignore[no-untyped-call]
        assert raised.value.hint == f"Did you mean {meant}?"


def test_several_and_none_are_offered_likewise(folder: Path, encoder: CountingEncoder) -> None:
    for name in "abcde":
        (folder / name).mkdir()
        (folder / name / "same.png").write_bytes((folder / "red.png").read_bytes())
    st.index_folder(folder, encoder=encoder)
    opened = st.Gallery.open(folder, encoder=encoder)
    with pytest.raises(st.NotFoundError) as raised:
        st.search(opened, reference="same.png")
    assert raised.value.hint == (
        "Did you mean 'a/same.png' or 'b/same.png' or 'c/same.png' (and 2 more)?"
    )
    for name in ("nothing like it", "", "\udce9", "100%"):
        with pytest.raises(st.NotFoundError, match="Give an id|Give a path"):
            st.Searcher(opened).explain(st.Query(text="red"), name)


def test_a_mistyped_path_offers_the_file(gallery: st.Gallery, tmp_path: Path) -> None:
    kept = tmp_path / "outside" / "holiday.png"
    kept.parent.mkdir()
    kept.write_bytes((tmp_path / "photos/red.png").read_bytes())
    with pytest.raises(st.NotFoundError) as raised:
        st.search(gallery, reference=tmp_path / "outsde/holiday.png", text="blue")
    assert raised.value.hint == f"Did you mean {str(kept)!r}?"


@pytest.mark.parametrize(
    ("make", "meant"),
    [
        (lambda: settings(scorer="conditionl"), "'conditional'"),
        (lambda: settings(transition="Linaer"), "'linear'"),
        (lambda: st.SearchSettings.from_preset("papr"), "'paper'"),
        (lambda: settings(preset="captoins"), "'captions'"),
        (lambda: st.load_encoder("minni"), "'mini'"),
    ],
)
def test_mistyped_names_of_settings_offer_the_right_one(make, meant: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(st.SettingError) as raised:
        make()
    assert raised.value.hint.startswith(f"Did you mean {meant}")


def test_a_name_with_another_kind_of_space_is_resolved(
    folder: Path, encoder: CountingEncoder
) -> None:
    """As macOS names its screenshots, and as they are typed."""
    name = "Screenshot 2026-04-15 at 1.01.11\u202fAM.png"
    (folder / name).write_bytes((folder / "red.png").read_bytes())
    st.index_folder(folder, encoder=encoder)
    opened = st.Gallery.open(folder, encoder=encoder)
    with pytest.raises(st.NotFoundError) as raised:
        st.search(opened, reference=name.replace("\u202f", " "))
    assert raised.value.hint == f"Did you mean '{name}'?"


def test_notes_of_the_composer_come_first(gallery: st.Gallery) -> None:
    results = st.search(gallery, text="red", composer=VerbatimComposer(), settings=settings(k=20))
    assert results.query.composition is not None
    count = len(results.query.composition.notes)
    assert results.notes[:count] == results.query.composition.notes

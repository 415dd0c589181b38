"""The user's name for what the reference shows, and texts that the encoder cannot read."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

import stitch_cir as st
from stitch_cir.composers import Reference
from stitch_cir.concepts import Concept
from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import QueryError
from stitch_cir.searcher import Query, Searcher


class Unsure(HashEncoder):
    """Takes everything for a T-shirt, or less surely for a dress."""

    languages = ("en",)

    def read_concepts(self, images: Sequence[Image.Image]) -> list[tuple[Concept, ...]]:
        shown = (Concept("t-shirt", "object", 0.4), Concept("dress", "object", 0.3))
        return [shown for _ in images]


@pytest.fixture
def searcher(folder: Path) -> Searcher:
    st.index_folder(folder, encoder=Unsure())
    return Searcher(st.Gallery.open(folder, encoder=Unsure()))


def test_the_alternative_is_named_and_choosing_it_rewrites_all_captions(searcher: Searcher) -> None:
    query = Query("red.png", "in blue")
    unsure = searcher.search(query)
    assert unsure.query.labels == ("in blue", "a blue t-shirt", "a blue dress")
    assert unsure.query.composition is not None
    assert unsure.query.composition.alternatives == ("dress",)
    note = "The reference may show a t-shirt (0.40) or a dress (0.30); choose with --object dress"
    assert note in unsure.notes
    chosen = searcher.search(Query("red.png", "in blue", object=" dress "))
    assert chosen.query.labels == ("in blue", "a blue dress")
    assert chosen.query.composition is not None
    assert chosen.query.composition.alternatives == ()
    assert chosen.query.composition.settings["object"] == "dress"
    assert not any("may show" in each for each in chosen.notes)
    assert searcher.explain(Query("red.png", "in blue", object="dress"), "blue.png")[0].rank >= 1


def test_the_named_object_stands_before_captions_and_recognised_objects() -> None:
    concepts = (Concept("bag", "object", 0.9), Concept("red", "colour", 0.8))
    named = Reference("a.jpg", captions=("a brown bag",), concepts=concepts).with_object("dress")
    assert named.captions == ()
    assert named.concepts == (Concept("dress", "object", 1.0), Concept("red", "colour", 0.8))


@pytest.mark.parametrize("name", ["x" * 61, "a\x07b"])
def test_an_object_is_a_short_name(name: str) -> None:
    with pytest.raises(QueryError, match="is no short name"):
        Query("red.png", "in blue", object=name)


def test_an_object_needs_a_reference() -> None:
    with pytest.raises(QueryError, match="no reference that shows it"):
        Query(None, "in blue", object="dress")


@pytest.mark.parametrize("text", ["红色的裙子", "👗"])
@pytest.mark.parametrize("reference", [None, "red.png"])
def test_what_the_encoder_cannot_read_is_refused_and_not_ranked(
    searcher: Searcher, text: str, reference: str | None
) -> None:
    with pytest.raises(QueryError, match="test reads English, and nothing of"):
        searcher.search(Query(reference, text))
    # whoever writes captions in English is answered
    answered = searcher.search(Query(reference, text, captions=("a red dress",)))
    assert answered.query.labels == ("a red dress",)


def test_another_language_is_noted(searcher: Searcher) -> None:
    notes = searcher.search(Query("red.png", "dasselbe in rot")).notes
    assert any(note.startswith("The text looks like German") for note in notes)
    assert searcher.compose(Query("red.png", "in red")).notes[-1] != notes[-1]

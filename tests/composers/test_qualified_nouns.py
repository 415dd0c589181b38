"""Colours and patterns before a noun are no participles, and notes say only what happened."""

from __future__ import annotations

import re

import pytest

from stitch_cir.composers import Composition, Reference, TemplateComposer
from stitch_cir.composers.rules._parser import read_modification
from stitch_cir.concepts import Concept

SHOE = Reference(
    "shoe.jpg",
    concepts=(
        Concept("shoe", "object", 0.5),
        Concept("knee pad", "object", 0.3),
        Concept("gray", "colour", 0.6),
    ),
)
SKIRT = Reference(
    "skirt.jpg",
    concepts=(
        Concept("skirt", "object", 0.6),
        Concept("leopard print", "pattern", 0.6),
        Concept("brown", "colour", 0.6),
    ),
)
RED_DRESS = Reference(
    "dress.jpg",
    concepts=(
        Concept("dress", "object", 0.6),
        Concept("t-shirt", "object", 0.5),
        Concept("sweater", "object", 0.4),
        Concept("red", "colour", 0.7),
    ),
)


def compose(reference: Reference | None, text: str, count: int = 5) -> Composition:
    return TemplateComposer().compose(reference, text, count)


# what is written, its kind of edit, and the first caption for a gray shoe
PHRASES = [
    ("red dress", "replace", "a red dress"),
    ("Red dress", "replace", "a red dress"),
    ("red hat", "replace", "a red hat"),
    ("red cap", "replace", "a red cap"),
    ("red bag", "replace", "a red bag"),
    ("red truck", "replace", "a red truck"),
    ("red truck instead", "replace", "a red truck"),
    ("red car", "replace", "a red car"),
    ("red shoes", "replace", "a pair of red shoes"),
    ("red kimono", "replace", "a red kimono"),
    ("blue kimono", "replace", "a blue kimono"),
    ("dark red dress", "replace", "a dark red dress"),
    ("red and white striped shirt", "replace", "a red and white striped shirt"),
    ("red-striped shirt", "replace", "a red striped shirt"),
    ("white dotted dress", "replace", "a white dotted dress"),
    ("striped shirt", "replace", "a striped shirt"),
    ("knitted hat", "replace", "a knitted hat"),
    ("dotted dress", "replace", "a dotted dress"),
    ("checked shirt", "replace", "a checked shirt"),
    ("checkered shirt", "replace", "a checkered shirt"),
    ("spotted dog", "replace", "a spotted dog"),
    ("polka dot dress", "replace", "a polka dot dress"),
    ("leopard print dress", "replace", "a leopard print dress"),
    ("quilted jacket", "replace", "a quilted jacket"),
    ("embroidered dress", "replace", "an embroidered dress"),
    ("printed shirt", "replace", "a printed shirt"),
    ("patterned dress", "replace", "a patterned dress"),
    ("sequined dress", "replace", "a sequined dress"),
    ("tailored jacket", "replace", "a tailored jacket"),
    ("hooded jacket", "replace", "a hooded jacket"),
    ("ripped jeans", "replace", "a pair of ripped jeans"),
    ("pleated skirt", "replace", "a pleated skirt"),
    ("unfinished table", "replace", "an unfinished table"),
    ("wedding dress", "replace", "a wedding dress"),
    ("swimming trunks", "replace", "a pair of swimming trunks"),
    ("sleeping bag", "replace", "a sleeping bag"),
    ("smaller red bag", "replace", "a smaller red bag"),
    ("more formal dress", "replace", "a formal dress"),
    ("something red", "colour", "a red shoe"),
    ("something in red", "colour", "a red shoe"),
    ("in red", "colour", "a red shoe"),
    ("in red instead", "colour", "a red shoe"),
    ("the red one", "colour", "a red shoe"),
    ("painted red", "colour", "a red shoe"),
    ("red tint", "colour", "a red shoe"),
    ("something striped", "pattern", "a gray striped shoe"),
    ("a striped one", "pattern", "a gray striped shoe"),
    ("in stripes", "pattern", "a gray shoe with stripes"),
    ("a longer one", "attribute", "a longer gray shoe"),
    ("bigger shoe", "attribute", "a bigger gray shoe"),
    ("bigger bag", "attribute", "a bigger gray bag"),
    ("red accents", "add", "a gray shoe with red accents"),
    ("curled up", "attribute", "a gray shoe curled up"),
    ("barking", "attribute", "a gray shoe barking"),
    ("holding shoes", "attribute", "a gray shoe holding shoes"),
]


@pytest.mark.parametrize(("text", "kind", "first"), PHRASES)
def test_a_quality_before_a_noun(text: str, kind: str, first: str) -> None:
    (edit,) = read_modification(text).edits
    assert edit.kind == kind
    made = compose(SHOE, text)
    assert made.texts[0] == first
    assert not made.notes[0].startswith("in no caption")


@pytest.mark.parametrize("text", [text for text, _, _ in PHRASES])
def test_alone_no_word_is_doubled(text: str) -> None:
    for caption in compose(None, text).texts:
        assert "something something" not in caption
        assert re.search(r"\b(\w+) \1\b", caption) is None


def test_a_colour_that_stays_is_in_every_caption() -> None:
    made = compose(RED_DRESS, "in red")
    assert made.notes == ("colour → red",)
    assert all("red" in text.split() or "red," in text for text in made.texts), made.texts


def test_what_was_to_be_kept_is_in_the_captions() -> None:
    made = compose(SKIRT, "the same pattern but a dress")
    assert made.notes[0] == "kept: pattern"
    assert made.texts[0] == "a dress with a leopard print"
    made = compose(SKIRT, "same colour but a dress")
    assert (made.notes[0], made.texts[0]) == ("kept: colour", "a brown dress")
    assert compose(SKIRT, "a dress instead").texts[0] == "a dress"


def test_what_is_not_known_cannot_be_kept() -> None:
    made = compose(RED_DRESS, "the same pattern but boots")
    assert made.notes[0] == "not known of the reference, so not kept: pattern"
    made = compose(None, "the same but red")
    assert made.notes[0] == "nothing to keep: the object of the reference is not known"


def test_a_change_that_was_cut_off_is_not_claimed() -> None:
    composer = TemplateComposer(max_words=6)
    text = "with long sleeves and a high collar and a wide belt and a lace hem"
    made = composer.compose(RED_DRESS, text, 5)
    missing = [note for note in made.notes if note.startswith("in no caption: added")]
    assert missing
    for note in missing:
        assert note.rpartition(" ")[2] not in " ".join(made.texts)

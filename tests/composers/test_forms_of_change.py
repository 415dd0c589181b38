"""What each way of saying a change must do to the captions."""

import re

import pytest

from stitch_cir.composers import Composition, Reference, TemplateComposer
from stitch_cir.concepts import Concept

DRESS = Reference(
    "dress.jpg",
    concepts=(
        Concept("dress", "object", 0.5),
        Concept("gown", "object", 0.3),
        Concept("blue", "colour", 0.6),
        Concept("white background", "background", 0.6),
    ),
)
DOG = Reference(
    "dog.jpg",
    concepts=(
        Concept("dog", "object", 0.8),
        Concept("wolf", "object", 0.1),
        Concept("brown", "colour", 0.6),
        Concept("grass", "background", 0.5),
    ),
)
SHOES = Reference(
    "shoes.jpg",
    concepts=(
        Concept("running shoes", "object", 0.5),
        Concept("boots", "object", 0.4),
        Concept("black", "colour", 0.8),
    ),
)
HAT_DOG = Reference(
    "told.jpg",
    captions=(
        "A brown dog with a hat sits on a sofa.",
        "The image shows a dog wearing a hat.",
        "A corgi dog is sitting next to a ball.",
    ),
)


def compose(reference: Reference | None, text: str, count: int = 5) -> Composition:
    return TemplateComposer().compose(reference, text, count)


def words(text: str) -> list[str]:
    return re.findall(r"[\w'-]+", text.lower())


# reference, modification, in the first caption, never outside the one with the user's own words
CHANGES = [
    (DRESS, "in red instead", "red dress", "blue"),
    (DRESS, "but red", "red dress", "blue"),
    (DRESS, "make it blue", "blue dress", "red"),
    (DRESS, "make it green", "green dress", "blue"),
    (DRESS, "the same in darker green", "darker green dress", "blue"),
    (DRESS, "same dress in red", "red dress", "blue"),
    (DRESS, "like this but green", "green dress", "blue"),
    (DRESS, "can you show me the same thing in yellow please", "yellow dress", "blue"),
    (DRESS, "the color is purple", "purple dress", "blue"),
    (DRESS, "change the color to orange", "an orange dress", "blue"),
    (DRESS, "red instead of blue", "red dress", "blue"),
    (DRESS, "replace blue with black", "black dress", "blue"),
    (DRESS, "black and white", "black and white dress", "blue"),
    (DRESS, "red and white stripes", "red and white", "blue"),
    (DRESS, "with red and white stripes", "with red and white stripes", "instead"),
    (DRESS, "is a darker blue and fitted", "darker blue dress", "gown on a dress"),
    (DRESS, "is longer and is red", "longer red dress", "blue"),
    (DRESS, "with long sleeves", "with long sleeves", "short"),
    (DRESS, "has shorter sleeves", "with shorter sleeves", "instead"),
    (DRESS, "has no sleeves and more colourful", "more colourful", "sleeves"),
    (DRESS, "no sleeves", "dress", "sleeves"),
    (DRESS, "does not have a collar", "dress", "collar"),
    (DRESS, "has a collar", "with a collar", "instead"),
    (DRESS, "is more formal", "more formal", "instead"),
    (DRESS, "longer", "longer", "instead"),
    (DRESS, "has a floral print", "floral", "instead"),
    (DRESS, "make the sleeves longer", "longer sleeves", "instead"),
    (DRESS, "a hat instead", "a hat", "dress"),
    (DRESS, "change the dress to a skirt", "skirt", "dress"),
    (DRESS, "make it a coat", "a coat", "dress"),
    (DRESS, "is a t shirt with short sleeves", "t shirt with short sleeves", "dress"),
    (DRESS, "background is plain red", "red background", "white"),
    (DOG, "instead of a dog a cat", "a cat", "dog"),
    (DOG, "cat instead of the dog", "a cat", "dog"),
    (DOG, "replace the dog with a cat", "a cat", "dog"),
    (DOG, "replace the dog by two cats", "two cats", "dog"),
    (DOG, "swap the dog for a horse", "a horse", "dog"),
    (DOG, "turn it into a cat", "a cat", "dog"),
    (DOG, "the dog becomes a bear", "a bear", "dog"),
    (DOG, "the dog is replaced by a fox", "a fox", "dog"),
    (DOG, "add a ball", "with a ball", "add"),
    (DOG, "plus a hat and also gloves", "a hat and a pair of gloves", "plus"),
    (DOG, "wearing sunglasses", "sunglasses", "instead"),
    (DOG, "two of them", "two brown dogs", "them"),
    (DOG, "three dogs instead of one", "three brown dogs", "instead"),
    (DOG, "3 dogs", "three brown dogs", "3"),
    (DOG, "only one dog", "one brown dog", "only"),
    (DOG, "another dog", "two brown dogs", "another"),
    (DOG, "more dogs", "several brown dogs", "more"),
    (DOG, "on a beach", "dog on a beach", "grass"),
    (DOG, "two of them on a beach", "two brown dogs on a beach", "grass"),
    (DOG, "keep the dog but in the snow", "dog in the snow", "grass"),
    (DOG, "at night", "at night", "instead"),
    (DOG, "indoors", "indoors", "grass"),
    (DOG, "remove the grass", "dog", "grass"),
    (DOG, "make the dog white", "white dog", "brown"),
    (DOG, "make the dog lie down", "lying down", "make"),
    (DOG, "closer", "closer", "instead"),
    (DOG, "from the side", "from the side", "instead"),
    (DOG, "zoomed in", "zoomed in", "instead"),
    (DOG, "Same dog but facing left", "facing left", "same"),
    (DOG, "as a drawing", "a drawing of a brown dog", "as a painting"),
    (DOG, "in black and white", "in black and white", "instead"),
    (DOG, "turn it into an oil painting", "oil painting", "instead"),
    (SHOES, "in white", "a pair of white running shoes", "black"),
    (SHOES, "two pairs", "two pairs of black running shoes", "instead"),
    (SHOES, "I want the same shoes but in brown leather", "brown leather", "same"),
    (HAT_DOG, "without the hat", "dog", "hat"),
    (HAT_DOG, "remove the hat and add a rabbit", "with a rabbit", "hat"),
    (HAT_DOG, "replace the dog with a cat", "a cat", "dog"),
    (HAT_DOG, "Same dog but on a beach", "on a beach", "sofa"),
    (HAT_DOG, "make it white", "white dog", "brown"),
]


@pytest.mark.parametrize(("reference", "text", "wanted", "unwanted"), CHANGES)
def test_changes(reference: Reference, text: str, wanted: str, unwanted: str) -> None:
    made = compose(reference, text)
    assert len(made.captions) == 5
    assert len({caption.lower() for caption in made.texts}) == 5
    assert any(wanted in caption.lower() for caption in made.texts[:3]), made.texts
    own = [caption for caption in made.captions if caption.origin != "template:words"]
    assert len(own) >= 3
    for caption in own:
        assert unwanted not in words(caption.text), caption.text
    assert made.notes


@pytest.mark.parametrize(
    "text",
    [
        "a woman in a red dress dancing on a beach",
        "Two animals face each other in the wild.",
        "Shows a man riding a horse through the forest",
    ],
)
def test_a_scene_that_stands_alone_takes_little_of_the_reference(text: str) -> None:
    made = compose(DOG, text)
    assert len(made.captions) == 5
    for caption in made.captions:
        assert "brown" not in caption.text
        assert caption.weight < 1 or "dog" not in words(caption.text)


def test_free_sentences_that_refer_back_are_edits() -> None:
    made = compose(HAT_DOG, "remove all but one dog and add a ball")
    assert "number of 'dog' → one" in made.notes
    assert "added: a ball" in made.notes
    made = compose(DOG, "Shows two dogs of the same breed running on grass")
    assert made.texts[0] == "two brown dogs running on grass"


def test_uncertain_objects_are_hedged_by_weight() -> None:
    made = compose(SHOES, "in white")
    weights = {caption.text: caption.weight for caption in made.captions}
    assert weights["a pair of white boots"] == pytest.approx(0.8)
    assert weights["a pair of white running shoes"] == 1.0


def test_what_the_user_names_is_believed_before_the_encoder() -> None:
    made = compose(SHOES, "same boots in white")
    assert all("running" not in caption for caption in made.texts)


def test_captions_people_wrote_are_kept_one_by_one() -> None:
    made = compose(HAT_DOG, "add a rabbit")
    assert made.texts[0] == "a brown dog with a hat sits on a sofa, with a rabbit"
    assert made.texts[2] == "a corgi dog is sitting next to a ball, with a rabbit"
    assert made.reference_captions[0] == HAT_DOG.captions[0]


def test_the_users_own_words_stay_in_one_caption() -> None:
    made = compose(HAT_DOG, "without the hat")
    assert [c for c in made.captions if c.text.endswith("without the hat")]
    made = compose(DRESS, "has no sleeves")
    assert "a dress that has no sleeves" in made.texts


def test_before_describes_the_unchanged_reference() -> None:
    assert compose(DRESS, "in red").reference_captions[0] == "a blue dress on a white background"
    assert "red" not in " ".join(compose(DRESS, "in red").reference_captions)

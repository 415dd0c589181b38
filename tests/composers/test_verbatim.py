"""The default composer's promises for any input, and its forms one by one."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stitch_cir.composers import Composer, Composition, Phrase, Reference, VerbatimComposer
from stitch_cir.concepts import Concept
from stitch_cir.errors import QueryError, SettingError

ANYTHING = st.text(st.characters(), max_size=200)
ENGLISH = st.lists(
    st.sampled_from(
        "a an the it dog cat red blue and but with without no not instead of replace remove add "
        "make change to in on beach two more only same as is are has , . longer sleeves by".split()
    ),
    max_size=14,
).map(" ".join)
CONCEPT = st.builds(
    Concept,
    st.one_of(ANYTHING, st.sampled_from(["dress", "dog", "red"])),
    st.sampled_from(["object", "colour", "light", "background", "medium", "pattern", "other"]),
    st.floats(0, 1),
)
REFERENCE = st.one_of(
    st.none(),
    st.builds(
        Reference,
        st.none(),
        st.none(),
        st.lists(st.one_of(ANYTHING, ENGLISH), max_size=4).map(tuple),
        st.lists(CONCEPT, max_size=5).map(tuple),
    ),
)
DRESS = Reference(
    "a.jpg",
    concepts=(
        Concept("t-shirt", "object", 0.4),
        Concept("dress", "object", 0.3),
        Concept("blue", "colour", 0.6),
    ),
)
CAPTIONED = Reference("b.jpg", captions=("The image shows a brown dog on a sofa", "a dog asleep"))


def texts(reference: Reference | None, text: str, count: int = 5) -> tuple[str, ...]:
    return VerbatimComposer().compose(reference, text, count).texts


@given(REFERENCE, st.one_of(ANYTHING, ENGLISH), st.integers(1, 12))
@settings(max_examples=100, deadline=None)
def test_any_input_gives_different_bounded_captions_again_and_again(
    reference: Reference | None, text: str, count: int
) -> None:
    composer = VerbatimComposer()
    try:
        made = composer.compose(reference, text, count)
    except QueryError:
        return
    assert 1 <= len(made.captions) <= count
    assert len({caption.casefold() for caption in made.texts}) == len(made.captions)
    for caption in made.captions:
        assert caption.text.strip()
        assert caption.text.isprintable()
        assert 0 < caption.weight <= 1
    if any(character.isalnum() for character in text):
        assert made.texts[0] == made.modification
    assert composer.compose(reference, text, count) == made
    assert Composition.from_dict(made.to_dict()) == made


def test_a_rule_that_covers_the_request_rewrites_it_for_each_likely_object() -> None:
    made = VerbatimComposer().compose(DRESS, "in red instead", 5)
    assert made.texts == ("in red instead", "a red t-shirt", "a red dress")
    assert [round(caption.weight, 2) for caption in made.captions] == [0.2, 1.0, 0.75]
    assert [caption.origin for caption in made.captions] == [
        "verbatim:request",
        *["verbatim:rule"] * 2,
    ]
    assert made.intent == "red"
    assert made.reference_captions == ("a t-shirt", "a dress")


def test_a_request_that_no_rule_covers_is_joined_verbatim() -> None:
    made = VerbatimComposer().compose(DRESS, "for a child", 5)
    assert made.texts == ("for a child", "a t-shirt for a child", "a dress for a child")
    assert made.intent == ""
    assert "it is used as written" in " ".join(made.notes)
    assert texts(DRESS, "something more elegant")[1] == "a t-shirt, something more elegant"


def test_what_is_to_vanish_is_forbidden_and_no_caption() -> None:
    made = VerbatimComposer().compose(DRESS, "remove the belt and make it longer", 5)
    assert made.roles.forbidden == (Phrase("belt", 1.0, "verbatim:rule"),)
    assert made.texts[1:] == ("a longer blue t-shirt", "a longer blue dress")
    assert "to vanish: belt" in made.notes
    assert VerbatimComposer().compose(DRESS, "in red", 5).roles.forbidden == ()


def test_the_users_name_for_the_object_counts() -> None:
    assert texts(DRESS, "the same coat but red") == ("the same coat but red", "a red coat")
    # the encoder sees a dress, less surely; the user says so
    assert texts(DRESS, "a dress for dancing, like this") == ("a dress for dancing, like this",)


def test_a_thing_that_is_named_may_be_a_part_of_the_object() -> None:
    made = VerbatimComposer().compose(DRESS, "make the collar white", 5)
    assert made.texts[1:] == ("a white collar", "a t-shirt with a white collar")


def test_a_replaced_thing_may_have_the_old_colour_or_not() -> None:
    made = VerbatimComposer().compose(DRESS, "change the shirt to a coat", 5)
    assert made.texts[1:] == ("a coat", "a blue coat")
    assert [each.text for each in made.roles.forbidden] == ["shirt"]


def shows(objects: str, colour: str) -> Reference:
    named = [Concept(each, "object", 0.6 - n / 5) for n, each in enumerate(objects.split(", "))]
    return Reference(concepts=(*named, Concept(colour, "colour", 0.6)))


@pytest.mark.parametrize(
    ("reference", "request_text", "captions", "forbidden"),
    [
        # a bare word is a thing only where what it replaces is one
        ("skirt", "knee-length instead of long", ["a knee-length gray skirt"], ["long"]),
        ("shirt", "short-sleeved instead of long-sleeved", ["a short-sleeved gray shirt"], ["long-sleeved"]),
        ("sunglasses", "round instead of square", ["sunglasses, round instead of square"], ["square"]),
        ("car", "truck instead of car", ["a truck", "a gray truck"], ["car"]),
        # what belongs to a thing leaves it what it is
        ("sweater", "swap the stripes for dots", ["a gray sweater with dots"], ["stripes"]),
        ("t-shirt", "replace the logo with a flower", ["a gray t-shirt with a flower"], ["logo"]),
        ("house", "replace the building with a church", ["a church", "a gray church"], ["building"]),
        # the object that is to vanish is in no caption
        (
            "bicycle",
            "with a red helmet and on a motorbike, not a bicycle",
            ["a red helmet, on a motorbike"],
            ["bicycle"],
        ),
        ("dog", "no collar on it", ["a gray dog"], ["collar"]),
        ("beach", "no people in it, just the beach at sunset", ["the beach at sunset"], ["people"]),
        # the user's name for the object, in passing
        ("bag", "a winter version of this hat", [], []),
        ("bag", "do you have this hat in a smaller size, in white?", ["a white hat in a smaller size"], []),
        ("bag", "do you have this with a zip?", ["a gray bag with a zip"], []),
        ("t-shirt", "this shirt in green", ["a green shirt"], []),
        ("jacket", "is this available in blue?", ["a blue jacket"], []),
        ("shoe", "got these in brown leather?", ["a gray shoe in brown leather"], []),
        ("dog", "this time on a beach", ["a dog, this time on a beach"], []),
        # what it does, how many there are
        ("dog running", "same dog but swimming", ["a gray dog swimming"], []),
        ("dog", "the dog is swimming", ["a gray dog swimming"], []),
        ("cat", "two of the same cat", ["two gray cats"], []),
        ("cat", "two of the same", ["two gray cats"], []),
    ],
)  # fmt: skip
def test_requests_are_read_by_rules_or_left_as_they_are(
    reference: str, request_text: str, captions: list[str], forbidden: list[str]
) -> None:
    made = VerbatimComposer().compose(shows(reference, "gray"), request_text, 5)
    assert list(made.texts[1:]) == captions
    assert [each.text for each in made.roles.forbidden] == forbidden


def test_captions_of_the_reference_follow_the_content() -> None:
    made = VerbatimComposer().compose(CAPTIONED, "Add a ball instead of a bone", 6)
    assert made.texts == (
        "Add a ball instead of a bone",
        "Add a ball, a brown dog on a sofa",
        "Add a ball, a dog asleep",
    ) or made.texts == (
        "Add a ball instead of a bone",
        "a ball, a brown dog on a sofa",
        "a ball, a dog asleep",
    )
    assert made.reference_captions == ("a brown dog on a sofa", "a dog asleep")


@pytest.mark.parametrize(
    ("request_text", "content", "forbidden"),
    [
        ("The target image shows two dogs on a lawn.", "two dogs on a lawn", ()),
        ("Make it a cat instead of a dog", "a cat", ("dog",)),
        ("Target on three puppies rather showing one", "three puppies", ("one",)),
        ("Change the pasta to pizza", "pizza", ("pasta",)),
        ("Change the colour of the car to blue", "blue car", ()),
        ("reduce the number of people to four, add a tree", "four people, a tree", ()),
        ("Number of birds reduced to two", "two birds", ()),
        ("Three dogs have changed to one goat.", "one goat", ("Three dogs",)),
        ("cat with kittens and not dog with puppy", "cat with kittens", ("dog with puppy",)),
        ("remove the hat", "", ("hat",)),
        ("no people", "", ("people",)),
        ("brighter sunshine", "brighter sunshine", ()),
    ],
)
def test_the_content_of_requests_in_the_manner_of_cirr(
    request_text: str, content: str, forbidden: tuple[str, ...]
) -> None:
    made = VerbatimComposer().compose(Reference(captions=("a street",)), request_text, 6)
    expected = (made.modification,) if not content else (made.modification, f"{content}, a street")
    assert made.texts[: len(expected)] == expected
    assert tuple(each.text for each in made.roles.forbidden) == forbidden


@pytest.mark.parametrize("reference", [None, Reference("a.jpg"), Reference(captions=(" \x00",))])
@pytest.mark.parametrize("text", ["", "  \n", "\u200b\x07"])
def test_nothing_is_an_error(reference: Reference | None, text: str) -> None:
    with pytest.raises(QueryError, match="nothing to compose"):
        VerbatimComposer().compose(reference, text, 5)


def test_a_reference_alone_is_described() -> None:
    made = VerbatimComposer().compose(DRESS, " ", 3)
    assert made.texts == ("a blue t-shirt", "a blue dress")
    assert "no modification: the captions describe the reference" in made.notes
    assert texts(CAPTIONED, "") == ("a brown dog on a sofa", "a dog asleep")


def test_a_text_alone_stays_alone() -> None:
    assert texts(None, "  A dog\ton a beach \n") == ("A dog on a beach",)
    assert texts(None, "show me a red dress") == ("show me a red dress", "a red dress")


def test_fewer_captions_than_requested_are_noted() -> None:
    assert " captions, not 5" in " ".join(VerbatimComposer().compose(DRESS, "in red", 5).notes)
    assert len(texts(DRESS, "in red", 2)) == 2


def test_the_alternative_object_is_noted_with_the_way_to_choose_it() -> None:
    note = "The reference may show a t-shirt (0.40) or a dress (0.30); choose with --object dress"
    assert note in VerbatimComposer().compose(DRESS, "in red", 5).notes
    sure = Reference(concepts=(Concept("dress", "object", 0.9), Concept("bag", "object", 0.05)))
    assert not any(
        "may show" in note for note in VerbatimComposer().compose(sure, "in red", 5).notes
    )


def test_the_alternative_is_noted_only_where_a_caption_depends_on_it() -> None:
    whole = VerbatimComposer().compose(DRESS, "a rider on a horse", 5)
    assert whole.texts == ("a rider on a horse",)
    assert whole.alternatives == ()
    assert not any("may show" in note for note in whole.notes)


@pytest.mark.parametrize(
    ("request_text", "caption"),
    [
        ("brown and bigger", "a dog, brown and bigger"),
        ("white and fluffy", "a dog, white and fluffy"),
        ("black or brown", "a dog, black or brown"),
        ("red with white dots", "a dog, red with white dots"),
        ("a black one please, and outdoors", "a dog, a black one please, and outdoors"),
        ("black and white dogs in a field", "black and white dogs in a field"),
        ("red shoes with a heel", "red shoes with a heel"),
    ],
)
def test_a_colour_without_its_thing_is_joined_to_the_object(
    request_text: str, caption: str
) -> None:
    dog = Reference(concepts=(Concept("dog", "object", 0.9),))
    assert texts(dog, request_text)[-1] == caption


def test_what_goes_on_elsewhere_keeps_what_it_is_done_with() -> None:
    cyclist = Reference(concepts=(Concept("man riding a bicycle", "object", 0.9),))
    assert (
        texts(cyclist, "riding through the woods")[1] == "a man riding a bicycle through the woods"
    )
    assert texts(cyclist, "climbing a rock")[1] == "a man climbing a rock"


def test_long_texts_are_cut_with_a_note() -> None:
    made = VerbatimComposer().compose(DRESS, "a red dog on a beach and " * 400, 5)
    assert "cut from 9,999 to 600 characters" in " ".join(made.notes)
    assert all(len(caption) <= 700 for caption in made.texts)


def test_tags_and_quotes_are_plain_text() -> None:
    assert texts(None, "“in <b>red</b>”", 1) == ("in <b>red</b>",)


def test_labels_lose_their_explanations() -> None:
    ram = Reference(concepts=(Concept("ram (adult male sheep)", "object", 0.9),))
    assert texts(ram, "three of them")[1] == "three rams"


def test_an_object_may_come_with_what_it_does() -> None:
    dog = Reference(concepts=(Concept("dog sitting", "object", 0.9),))
    assert texts(dog, "two of them")[1] == "two dogs sitting"
    assert texts(dog, "on a beach")[1] == "a dog sitting on a beach"
    # the user names the dog: nothing is joined to it a second time
    assert texts(dog, "the dog looks up") == ("the dog looks up",)


def test_settings_name_the_wording() -> None:
    composer = VerbatimComposer()
    assert isinstance(composer, Composer)
    assert composer.settings()["wording"] == "verbatim-6"
    assert composer.compose(None, "in red", 1).settings == composer.settings()


def test_no_caption_is_not_a_number_of_captions() -> None:
    with pytest.raises(SettingError, match="number of captions is 0"):
        VerbatimComposer().compose(None, "in red", 0)


LOCATIONS = (
    "on grass",
    "in the water",
    "under a tree",
    "from above",
    "next to the car",
    "outdoors",
)
ACTIONS = (
    "climbing a rock",
    "lying on a sofa",
    "running through the woods",
    "swimming",
    "sitting down",
)
ARTICLE = re.compile(
    r"\ban? (?:on|in|under|from|next|outdoors|with|climbing|lying|running|swimming|sitting)\b"
)
CYCLIST = Reference(
    concepts=(Concept("man riding a bicycle", "object", 0.6), Concept("red", "colour", 0.5))
)


@pytest.mark.parametrize("new", [*LOCATIONS, *ACTIONS])
@pytest.mark.parametrize(
    "form",
    [
        "{new}",
        "{new} instead",
        "{new} instead of {old}",
        "{new} rather than {old}",
        "instead of {old}, {new}",
        "change {old} to {new}",
        "replace {old} with {new}",
        "{old} is replaced by {new}",
        "{new}, not {old}",
        "add {new}",
        "put it {new}",
        "I want it {new}, please",
        "the target shows {new}",
        "remove the bag and make it {new}",
    ],
)
@pytest.mark.parametrize("reference", [DRESS, CYCLIST, CAPTIONED])
def test_a_place_or_an_action_never_has_an_article(
    form: str, new: str, reference: Reference
) -> None:
    for old in ("in the snow", "sitting on a bench", "standing"):
        for text in texts(reference, form.format(new=new, old=old)):
            assert not ARTICLE.search(text), text


def test_a_place_or_an_action_follows_the_object() -> None:
    dog = Reference(concepts=(Concept("dog", "object", 0.6),))
    made = VerbatimComposer().compose(dog, "on grass instead of in the water", 5)
    assert made.texts[1:] == ("a dog on grass",)
    assert [each.text for each in made.roles.forbidden] == ["water"]
    assert texts(dog, "climbing a rock instead")[1:] == ("a dog climbing a rock",)
    assert texts(dog, "from above instead of from below")[1:] == ("a dog from above",)
    # who climbs no longer rides
    assert texts(CYCLIST, "climbing a rock instead")[1:] == ("a red man climbing a rock",)
    assert texts(CYCLIST, "on a beach")[1:] == ("a red man riding a bicycle on a beach",)


def test_an_action_with_a_thing_may_be_a_thing_itself_and_stands_alone() -> None:
    assert texts(DRESS, "wedding dress instead of a t-shirt")[1:] == ("wedding dress",)
    assert texts(CYCLIST, "climbing ice instead of rock")[1:] == ("climbing ice",)


@pytest.mark.parametrize(
    ("noun", "phrase"),
    [
        ("unicycle", "a unicycle"),
        ("umbrella", "an umbrella"),
        ("sheep", "a sheep"),
        ("swimming pool", "a swimming pool"),
        ("jeans", "jeans"),
        ("jeans with holes", "jeans with holes"),
    ],
)
def test_what_is_recognised_has_the_article_that_it_needs(noun: str, phrase: str) -> None:
    assert texts(Reference(concepts=(Concept(noun, "object", 0.6),)), "") == (phrase,)


def test_of_a_clause_that_no_rule_covers_only_the_ends_are_left_out() -> None:
    street = Reference(captions=("a street",))
    made = VerbatimComposer().compose(street, "Have the dog look at it rather than sleep", 5)
    assert made.texts[1:] == ("the dog look at it, a street",)
    assert [each.text for each in made.roles.forbidden] == ["sleep"]
    assert (
        texts(street, "Two dogs instead of one, both asleep")[1]
        == "Two dogs, both asleep, a street"
    )

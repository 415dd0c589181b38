"""The composer's promises for any input."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stitch_cir.composers import Composer, Composition, Reference, TemplateComposer
from stitch_cir.composers._text import fold
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


@given(REFERENCE, st.one_of(ANYTHING, ENGLISH), st.integers(1, 12))
@settings(max_examples=250, deadline=None)
def test_any_input_gives_different_bounded_captions_again_and_again(
    reference: Reference | None, text: str, count: int
) -> None:
    composer = TemplateComposer()
    try:
        made = composer.compose(reference, text, count)
    except QueryError:
        return
    assert 1 <= len(made.captions) <= count
    assert len({fold(caption) for caption in made.texts}) == len(made.captions)
    for caption in made.captions:
        assert caption.text.strip()
        assert caption.text.isprintable()
        assert len(caption.text.split()) <= 40
        assert len(caption.text) <= 320
        assert 0 < caption.weight <= 1
    assert composer.compose(reference, text, count) == made
    assert Composition.from_dict(made.to_dict()) == made


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 16, 64])
@pytest.mark.parametrize("text", ["in red", "two dogs on a beach", "xyzzy"])
def test_as_many_captions_as_asked_for(text: str, count: int) -> None:
    assert len(TemplateComposer().compose(None, text, count).captions) == count


def test_a_text_alone_comes_first_in_its_own_words() -> None:
    made = TemplateComposer().compose(None, "  A dog\ton a beach \n", 5)
    assert made.texts[:2] == ("A dog on a beach", "a photo of a dog on a beach")
    assert made.reference_captions == ()


def test_a_reference_alone_is_described() -> None:
    reference = Reference("a.jpg", captions=("A brown dog sits on grass.",))
    made = TemplateComposer().compose(reference, " ", 3)
    assert made.texts[0] == "A brown dog sits on grass."
    assert len(made.captions) == 3
    assert "describe the reference" in made.notes[0]


@pytest.mark.parametrize("reference", [None, Reference("a.jpg"), Reference(captions=(" \x00",))])
@pytest.mark.parametrize("text", ["", "  \n", "\u200b\x07"])
def test_nothing_is_an_error(reference: Reference | None, text: str) -> None:
    with pytest.raises(QueryError, match="nothing to compose"):
        TemplateComposer().compose(reference, text, 5)


@pytest.mark.parametrize("text", ["rotes Kleid mit langen Ärmeln", "红色的裙子", "une robe rouge"])
def test_other_languages_are_used_word_for_word(text: str) -> None:
    reference = Reference(concepts=(Concept("dress", "object", 0.9),))
    made = TemplateComposer().compose(reference, text, 5)
    assert made.texts[0] == f"a dress, {text}"
    assert all(text in caption for caption in made.texts)
    assert "word for word" in made.notes[0]


def test_long_texts_are_cut_with_a_note() -> None:
    made = TemplateComposer().compose(None, "a red dog on a beach and " * 400, 5)
    assert "cut from 9,999 to 600 characters" in made.notes[0]
    assert all(len(caption.split()) <= 40 for caption in made.texts)


def test_tags_and_quotes_are_plain_text() -> None:
    made = TemplateComposer().compose(None, "“in <b>red</b>”", 1)
    assert made.texts == ("in <b>red</b>",)


def test_settings_name_the_grammar() -> None:
    composer = TemplateComposer(hypotheses=2)
    assert isinstance(composer, Composer)
    assert composer.settings()["grammar"] == "template-2"
    assert composer.compose(None, "in red", 1).settings == composer.settings()


@pytest.mark.parametrize(
    "options", [{"max_words": 4}, {"max_characters": 10_001}, {"hypotheses": 0}]
)
def test_settings_have_ranges(options: dict[str, int]) -> None:
    with pytest.raises(SettingError, match=next(iter(options))):
        TemplateComposer(**options)


def test_no_caption_is_not_a_number_of_captions() -> None:
    with pytest.raises(SettingError, match="number of captions is 0"):
        TemplateComposer().compose(None, "in red", 0)

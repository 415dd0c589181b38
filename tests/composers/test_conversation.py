"""Several references and several turns, by rules."""

from __future__ import annotations

import pytest

import stitch_cir as st
from stitch_cir.composers import Conversation, compose_conversation, find_mentions
from stitch_cir.concepts import Concept

DRESS = st.Reference(
    "dress", concepts=(Concept("dress", "object", 0.8), Concept("green", "colour", 0.7))
)
SOFA = st.Reference(
    "sofa", concepts=(Concept("sofa", "object", 0.8), Concept("red", "colour", 0.7))
)


def composed(
    *requests: str, references: tuple[st.Reference, ...] = (DRESS, SOFA)
) -> st.Composition:
    return st.VerbatimComposer().compose_conversation(Conversation(references, requests), 5)


@pytest.mark.parametrize(
    ("text", "caption", "reference"),
    [
        ("the dress of the first in the colour of the second", "a red dress", 1),
        ("the first's dress in the second's colour", "a red dress", 1),
        ("image 1 in the colour of image 2", "a red dress", 1),
        ("the first one in blue", "a blue dress", 1),
        ("make the second blue", "a blue sofa", 2),
        ("in the color of the last", "a red dress", 1),
        ("in the colour of the first", "a green sofa", 2),
        ("the dress in the colour of the sofa", "a red dress", 1),
        ("put the dress of the first on the sofa of the second", "a green dress on a red sofa", 1),
        ("the first next to the second", "a green dress next to a red sofa", 1),
        ("like the second but on a beach", "a red sofa on a beach", 2),
        ("in the style of the second", "a green dress in the style of a red sofa", 1),
        ("on the sofa", "a green dress on the sofa", 1),
    ],
)
def test_a_text_that_names_references_is_read_as_one_about_the_first_that_it_names(
    text: str, caption: str, reference: int
) -> None:
    made = composed(text)
    assert caption in made.texts
    assert made.modification == text
    assert any(
        note.startswith(f"read as a request about reference {reference}:") for note in made.notes
    )


@pytest.mark.parametrize("text", ["make the second blue", "on a beach"])
def test_only_the_first_reference_may_be_misread_since_a_query_names_only_its_object(
    text: str,
) -> None:
    unsure = st.Reference(
        "seat", concepts=(Concept("sofa", "object", 0.4), Concept("bed", "object", 0.3))
    )
    second = composed(text, references=(DRESS, unsure))
    assert second.alternatives == ()
    assert not any("may show" in note for note in second.notes)
    first = composed(text.replace("second", "first"), references=(unsure, DRESS))
    assert first.alternatives == ("bed",)
    assert any("--object bed" in note for note in first.notes)


def test_captions_of_references_are_words_too() -> None:
    dress = st.Reference("a", captions=("A green dress on a hanger.",))
    sofa = st.Reference("b", captions=("The image shows a red leather sofa.",))
    made = composed("the first in the colour of the second", references=(dress, sofa))
    assert "red, A green dress on a hanger" in made.texts
    beside = composed("the first beside the second", references=(dress, sofa))
    assert any("beside a red leather sofa" in text for text in beside.texts)


def test_an_aspect_without_words_stays_as_it_is_written_and_is_noted() -> None:
    unknown = st.Reference("b")
    made = composed("the first in the style of the second", references=(DRESS, unknown))
    assert "taken as written, no words are known for it: the style of the second" in made.notes


def test_a_text_that_names_none_is_applied_to_each_with_the_weights_of_the_references() -> None:
    heavy = st.Reference("dress", concepts=DRESS.concepts, weight=3.0)
    made = composed("on a beach", references=(heavy, SOFA))
    weights = {caption.text: caption.weight for caption in made.captions}
    assert weights["a green dress on a beach"] == pytest.approx(0.75)
    assert weights["a red sofa on a beach"] == pytest.approx(0.25)
    assert weights["on a beach"] == pytest.approx(0.2)
    assert "the text names none of the references: it is applied to each of them" in made.notes
    assert made.reference_captions == ("a dress", "a sofa")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("the first and the second", [1, 2]),
        ("the third one", [3]),
        ("picture 12", [12]),
        ("the 2nd, with the hat of the last", [2, 4]),
        ("add a second boat", []),
        ("the second boat", []),
        ("on the third floor", []),
        ("at first light", []),
    ],
)
def test_a_number_alone_names_a_reference(text: str, numbers: list[int]) -> None:
    assert [mention.number for mention in find_mentions(text, 4)] == numbers


@pytest.mark.parametrize(
    ("requests", "caption", "modification"),
    [
        (("red", "with long sleeves"), "a red dress with long sleeves", "red, with long sleeves"),
        (("red.", "with a belt", "on a beach"), "a red dress with a belt on a beach",
         "red, with a belt, on a beach"),
        (("on a beach", "at night"), "a green dress on a beach at night", "on a beach, at night"),
        (("red", "make it blue"), "a blue dress", "make it blue"),
        (("red", "with a belt", "blue"), "a blue dress with a belt", "with a belt, blue"),
    ],
)  # fmt: skip
def test_turns_add_up_and_a_later_colour_replaces_an_earlier_one(
    requests: tuple[str, ...], caption: str, modification: str
) -> None:
    made = composed(*requests, references=(DRESS,))
    assert caption in made.texts
    assert made.modification == modification


def test_a_replaced_turn_is_noted() -> None:
    assert "replaced by a later request: red" in composed("red", "blue", references=(DRESS,)).notes


def test_one_reference_and_one_turn_are_what_they_were() -> None:
    composer = st.VerbatimComposer()
    alone = composer.compose(DRESS, "in red with a belt", 5)
    assert (
        compose_conversation(composer, Conversation((DRESS,), ("in red with a belt",)), 5) == alone
    )
    assert composed("in red with a belt", references=(DRESS,)).texts == alone.texts


def test_a_composer_of_one_reference_gets_the_first_and_a_note_says_so() -> None:
    class Plain:
        name = "plain"

        def settings(self) -> dict[str, str]:
            return {}

        def compose(self, reference: st.Reference | None, text: str, count: int) -> st.Composition:
            assert reference is not None
            return st.Composition((st.Caption(f"{text} {reference.id}"),), text, "plain")

    made = compose_conversation(Plain(), Conversation((DRESS, SOFA), ("red", "with a belt")), 3)
    assert made.texts == ("red, with a belt dress",)
    assert made.notes == (
        "the composer plain reads one reference: of 2 only the first counts in the captions",
    )


def test_a_recorded_composition_is_kept_under_the_names_of_all_references(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from stitch_cir.composers import join_names, write_compositions

    file = tmp_path / "recorded.jsonl"
    made = composed("the first in the colour of the second")
    write_compositions(file, [(join_names(["dress", "sofa"]), made)])
    recorded = st.RecordedComposer(file)
    query = Conversation((DRESS, SOFA), ("The first in the colour of the second.",))
    assert compose_conversation(recorded, query, 5).texts == made.texts
    with pytest.raises(st.QueryError, match="no captions"):
        compose_conversation(recorded, Conversation((DRESS,), query.requests), 5)

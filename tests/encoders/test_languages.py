"""Which texts an encoder can read, and what is said of the others."""

import pytest

from stitch_cir.encoders import (
    HashEncoder,
    catalogue,
    check_readable,
    detect_language,
    language_notes,
    load_mini,
)
from stitch_cir.errors import QueryError
from tests.composers.test_real_requests import REQUESTS

MULTILINGUAL = "SigLIP2-base-hf"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("dasselbe in rot", "de"),
        ("mit langen Ärmeln", "de"),
        ("la même robe", "fr"),
        ("un vestido rojo", "es"),
        ("la stessa ma in blu", "it"),
        ("een rode jurk", "nl"),
        ("чёрное платье", "ru"),
        ("红色的裙子", "zh"),
        ("赤いドレス", "ja"),
        ("فستان أحمر", "ar"),
        ("the same but in black", "en"),
        ("red dress", "en"),
        ("a dress", ""),
        ("kimono", ""),
        ("👗", ""),
        ("", ""),
    ],
)
def test_a_language_is_named_where_it_is_certain(text: str, code: str) -> None:
    assert detect_language(text) == code


def test_no_english_request_is_taken_for_another_language() -> None:
    assert {detect_language(request.text) for request in REQUESTS} <= {"en", ""}


def test_another_language_is_noted_with_the_model_that_reads_it() -> None:
    mini = load_mini()
    (note,) = language_notes(mini, "dasselbe in rot")
    assert note.startswith("The text looks like German and is used as written; mini was trained")
    assert note.endswith(f"stitch models pull {MULTILINGUAL}.")
    assert MULTILINGUAL in catalogue()
    assert language_notes(mini, "red dress") == language_notes(mini, "") == ()
    assert language_notes(HashEncoder(), "dasselbe in rot") == ()


@pytest.mark.parametrize("text", ["红色的裙子", "чёрное платье", "👗❤️", "!?"])
def test_mini_refuses_what_it_cannot_read(text: str) -> None:
    with pytest.raises(QueryError, match="mini reads English") as caught:
        check_readable(load_mini(), [text])
    assert f"stitch models pull {MULTILINGUAL}" in caught.value.hint
    # captions in English make up for it, and other encoders may read everything
    check_readable(load_mini(), [text, "a red dress"])
    check_readable(HashEncoder(), [text])


@pytest.mark.parametrize("text", ["👗❤️ but green 💚", "rotes Kleid", "café", "4"])
def test_mini_reads_latin_letters_and_digits(text: str) -> None:
    check_readable(load_mini(), [text])

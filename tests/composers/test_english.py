import pytest

from stitch_cir.composers.rules._english import (
    article,
    gerund,
    is_plural,
    plural,
    singular,
    with_article,
)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("dress", "a"), ("apple", "an"), ("hour", "an"), ("honest man", "an"), ("unicorn", "a"),
        ("uniform", "a"), ("umbrella", "an"), ("university", "a"), ("European car", "a"),
        ("one-shouldered dress", "a"), ("SUV", "an"), ("USB stick", "a"), ("LED lamp", "an"),
        ("8-bit drawing", "an"), ("used car", "a"), ("orange ball", "an"), ("uninteresting", "an"),
        ("x-ray", "an"), ("T-shirt", "a"), ("igloo", "an"), ("", "a"),
    ],
)  # fmt: skip
def test_article_goes_by_the_sound(word: str, expected: str) -> None:
    assert article(word) == expected


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("dog", "dogs"), ("dress", "dresses"), ("box", "boxes"), ("puppy", "puppies"),
        ("toy", "toys"), ("man", "men"), ("woman", "women"), ("child", "children"),
        ("person", "people"), ("mouse", "mice"), ("goose", "geese"), ("sheep", "sheep"),
        ("fish", "fish"), ("wolf", "wolves"), ("leaf", "leaves"), ("scarf", "scarves"),
        ("tomato", "tomatoes"), ("photo", "photos"), ("bus", "buses"), ("tooth", "teeth"),
        ("policeman", "policemen"), ("mongoose", "mongooses"), ("shoe", "shoes"),
        ("hoodie", "hoodies"), ("giraffe", "giraffes"), ("wine bottle", "wine bottles"),
        ("golden retriever", "golden retrievers"), ("bench", "benches"), ("glass", "glasses"),
    ],
)  # fmt: skip
def test_plural_and_back(one: str, many: str) -> None:
    assert plural(one) == many
    assert singular(many) == one
    assert plural(many) == many
    assert singular(one) == one


def test_plurals_are_recognised() -> None:
    assert is_plural("two white dogs")
    assert is_plural("people")
    assert not is_plural("dress")
    assert not is_plural("bus")


@pytest.mark.parametrize(
    ("phrase", "noun", "expected"),
    [
        ("red shoes", "shoes", "a pair of red shoes"),
        ("jeans", "jeans", "a pair of jeans"),
        ("orange dress", "dress", "an orange dress"),
        ("dogs", "dogs", "dogs"),
        ("white bread", "bread", "white bread"),
    ],
)
def test_determiners(phrase: str, noun: str, expected: str) -> None:
    assert with_article(phrase, noun) == expected


@pytest.mark.parametrize(
    ("verb", "form"),
    [
        ("lie down", "lying down"), ("run", "running"), ("sits on it", "sitting on it"),
        ("smile", "smiling"), ("see", "seeing"), ("look up", "looking up"),
    ],
)  # fmt: skip
def test_gerund(verb: str, form: str) -> None:
    assert gerund(verb) == form

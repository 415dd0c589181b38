"""Conditions: the grammar, what is refused, and 10,000 of them against a plain evaluator."""

from __future__ import annotations

import datetime
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stitch_cir.errors import QueryError
from stitch_cir.gallery import Attribute, Attributes, Gallery, Near, Where, parse_where
from stitch_cir.gallery import attributes as nodes
from tests.gallery.attributes.catalogue import BRANDS, TAGS, draw_items, make_gallery

EXPRESSIONS = 4_000
IDS = [f"i{number:02}" for number in range(40)]


@pytest.fixture(scope="module")
def items() -> dict[str, dict[str, Any]]:
    return draw_items(np.random.default_rng(7), IDS)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory, items: dict[str, Any]) -> Gallery:
    gallery = make_gallery(tmp_path_factory.mktemp("where"), IDS)
    gallery.set_attributes(items)
    return gallery


@pytest.fixture(scope="module")
def attributes(gallery: Gallery) -> Attributes:
    return gallery.snapshot().attributes


# -- a plain evaluator, written from the documentation --------------------------------------------


def moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def span(value: Any) -> tuple[datetime.datetime, datetime.datetime]:
    """The time that a literal means: all of a year, a month, a day, a minute, a second."""
    text = value.text if isinstance(value, nodes.DateLiteral) else str(value)
    if "T" in text:
        step = {16: 60, 19: 1}[len(text)]
        return moment(text), moment(text) + datetime.timedelta(seconds=step)
    parts = [int(part) for part in text.split("-")]
    start = datetime.datetime(*[*parts, 1, 1][:3])  # type: ignore[arg-type]
    if len(parts) == 3:
        return start, start + datetime.timedelta(days=1)
    if len(parts) == 1:
        return start, datetime.datetime(start.year + 1, 1, 1)
    month = start.month % 12 + 1
    return start, datetime.datetime(start.year + (month == 1), month, 1)


def kilometres(item: dict[str, Any], near: Near) -> float:
    """The distance by the spherical law of cosines, not by the formula of the library."""
    a, b = math.radians(item["latitude"]), math.radians(near.latitude)
    turn = math.radians(item["longitude"] - near.longitude)
    cosine = math.sin(a) * math.sin(b) + math.cos(a) * math.cos(b) * math.cos(turn)
    return 6371.0088 * math.acos(max(-1.0, min(1.0, cosine)))


def holds(where: Where, item: dict[str, Any]) -> bool:
    if isinstance(where, nodes.AllOf):
        return all(holds(part, item) for part in where.parts)
    if isinstance(where, nodes.AnyOf):
        return any(holds(part, item) for part in where.parts)
    if isinstance(where, nodes.Not):
        return not holds(where.part, item)
    if isinstance(where, Near):
        return {"latitude", "longitude"} <= item.keys() and kilometres(item, where) <= where.km
    assert isinstance(where, nodes.AttributeComparison)
    value = item.get(where.attribute)
    if where.operator == "missing":
        return value is None
    if value is None:
        return False
    if where.operator == "true":
        return bool(value)
    if where.operator == "contains":
        expected = where.values[0]
        if isinstance(value, list):
            return expected in value
        return str(expected).casefold() in str(value).casefold()
    if where.attribute == "taken":
        time = moment(value)
        spans = [span(each) for each in where.values]
        low, high = spans[0]
        return {
            "=": low <= time < high,
            "!=": not low <= time < high,
            "<": time < low,
            "<=": time < high,
            ">": time >= high,
            ">=": time >= low,
            "in": any(start <= time < end for start, end in spans),
            "between": low <= time < spans[-1][1],
        }[where.operator]
    values: Any = where.values
    if where.operator == "in":
        return any(each in values for each in (value if isinstance(value, list) else [value]))
    first = values[0]
    return {
        "=": lambda: value == first,
        "!=": lambda: value != first,
        "<": lambda: value < first,
        "<=": lambda: value <= first,
        ">": lambda: value > first,
        ">=": lambda: value >= first,
        "between": lambda: first <= value <= values[-1],
    }[where.operator]()


# -- random conditions ----------------------------------------------------------------------------


def draw_literal(rng: np.random.Generator, name: str) -> str:
    if name in ("price", "stock"):
        return str(rng.choice(["0", "1", "2.5", "7.25", "-.5", "1e1", "+3"]))
    if name == "brand":
        brand = str(rng.choice(BRANDS))
        return f'"{brand}"' if rng.random() < 0.2 else "'" + brand.replace("'", "''") + "'"
    if name == "taken":
        return str(
            rng.choice(["2022", "2023-02", "2021-07-04", "'2024-01-15'", "2022-03-04T10:30"])
        )
    return "'" + str(rng.choice(TAGS)) + "'"


def draw_comparison(rng: np.random.Generator) -> str:
    name = str(rng.choice(["price", "stock", "brand", "taken", "tags", "sold_out"]))
    negation = "not " if rng.random() < 0.2 else ""
    roll = rng.random()
    if roll < 0.1:
        return f"{name} is {negation}missing"
    if name == "sold_out":
        return str(rng.choice(["sold_out", "sold_out = true", "SOLD_OUT != False", '"sold_out"']))
    if roll < 0.2:
        distance = rng.choice(["4000km", "900 mi", "250000m"])
        return f"near({rng.integers(-80, 80)}, {rng.integers(-170, 170)}.5, {distance})"
    if name == "tags":
        if roll < 0.6:
            return f"tags {negation}contains {draw_literal(rng, name)}"
        return f"tags {negation}IN ({draw_literal(rng, name)}, {draw_literal(rng, name)})"
    if name == "brand" and roll < 0.4:
        return f"brand {negation}contains '" + str(rng.choice(["a'", "SÖ'", "'''"]))
    if roll < 0.5:
        return f"{name} {negation}between {draw_literal(rng, name)} and {draw_literal(rng, name)}"
    if roll < 0.6:
        return f"{name} {negation}in ({draw_literal(rng, name)},{draw_literal(rng, name)})"
    sign = rng.choice(["=", "==", "!=", "<>", "<", "<=", ">", ">="])
    return f"{name}{sign}{draw_literal(rng, name)}"


def draw_condition(rng: np.random.Generator, depth: int = 0) -> str:
    roll = rng.random()
    if depth > 3 or roll < 0.4:
        return draw_comparison(rng)
    if roll < 0.55:
        return f"not ({draw_condition(rng, depth + 1)})"
    word = str(rng.choice([" and ", " or ", " AND\n"]))
    parts = [draw_condition(rng, depth + 1) for _ in range(rng.integers(2, 4))]
    joined = word.join(parts)
    return f"({joined})" if rng.random() < 0.5 else joined


def lower_name(where: Where) -> Where:
    """The same condition with names as the schema has them: their case does not matter."""
    if isinstance(where, nodes.AttributeComparison):
        return nodes.AttributeComparison(where.attribute.lower(), where.operator, where.values)
    if isinstance(where, nodes.Not):
        return nodes.Not(lower_name(where.part))
    if isinstance(where, (nodes.AllOf, nodes.AnyOf)):
        return type(where)(tuple(lower_name(part) for part in where.parts))
    return where


def test_thousands_of_conditions(attributes: Attributes, items: dict[str, dict[str, Any]]) -> None:
    """Each finds what a plain evaluator finds, spells itself, and damaged it is one clear error."""
    rng = np.random.default_rng(20261126)
    signs = [*" ()'\"<>=,;-%_\\\0é5aZ", " and ", " or ", " not ", "between", "';DROP TABLE"]
    sizes, refused = set(), 0
    for number in range(EXPRESSIONS):
        text = draw_condition(rng)
        if number % 2:
            position = int(rng.integers(0, len(text)))
            text = text[:position] + str(rng.choice(signs)) + text[position + rng.integers(0, 3) :]
        problem = None
        try:
            where = parse_where(text)
            rows = attributes.rows(where)
        except QueryError as error:
            problem = error
        if problem is not None:
            assert number % 2, f"{text!r}: {problem}"
            assert problem.message.endswith(".")
            assert problem.hint
            refused += 1
            continue
        assert parse_where(str(where)) == where, text
        if number % 2 and not is_plain(where):
            continue  # damaged into a literal that the evaluator does not read
        expected = [row for row, id in enumerate(IDS) if holds(lower_name(where), items[id])]
        assert rows.tolist() == expected, text
        sizes.add(len(expected))
    assert sizes >= set(range(41))
    assert 400 < refused < EXPRESSIONS / 2


def is_plain(where: Where) -> bool:
    if isinstance(where, nodes.Not):
        return is_plain(where.part)
    if isinstance(where, (nodes.AllOf, nodes.AnyOf)):
        return all(is_plain(part) for part in where.parts)
    if isinstance(where, Near):
        return True
    assert isinstance(where, nodes.AttributeComparison)
    texts = [each for each in where.values if isinstance(each, (str, nodes.DateLiteral))]
    if where.attribute.lower() == "taken":
        return False
    return all(
        isinstance(each, str) and each == " ".join(each.split()) and "\0" not in each
        for each in texts
    )


# -- single rules ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("prize < 50", "There is no attribute 'prize'", "Did you mean 'price'?"),
        ("colour = 'red'", "There is no attribute 'colour'", "Attributes: price, stock, brand"),
        ("price < 'cheap'", "price is a number, but is compared with 'cheap'", "12.50"),
        ("price = true", "compared with True, which is not a number", "12.50"),
        ("brand = 5", "brand is a text, but is compared with 5", "quotes"),
        ("brand = Acme", "has 'Acme' at character 9", "price < 50"),
        ("brand = ''", "an empty text", "brand is missing"),
        ("sold_out < true", "for which there is no '<'", "not sold_out"),
        ("brand", "there is no 'brand' alone", "brand = "),
        ("tags = 'new'", "tags is a list, for which there is no '='", "tags contains"),
        ("tags contains ''", "which is not text", "quotes"),
        ("brand contains 5", "which is not text", "quotes"),
        ("taken > 'soon'", "which is not a date", "2024-06-01"),
        ("taken > 2024-13", "which no calendar has", "2024-06-01"),
        ("taken > 2024-02-30", "which no calendar has", "2024-06-01"),
        ("near(91, 0, 1km)", "names no place on Earth", "near(52.5, 13.4, 10km)"),
        ("near(5, 0, 1)", "a unit: km, m or mi", "price < 50"),
        ("price < 1e999", "where a number", "price < 50"),
        ("price <", "The condition ends, where", "price < 50"),
        ("", "The condition ends, where the name", "price < 50"),
        ("price < 1 price > 2", "'and', 'or' or the end", "price < 50"),
        ("(price < 1", "where ')' was expected", "price < 50"),
        ("and", "the name of an attribute", "price < 50"),
        ("brand = 'a", "has \"'a\" at character 9", "price < 50"),
        ("price = 1; DROP TABLE items", "has '; DROP TABLE items' at", "price < 50"),
        ("(" * 4999 + "price", "nested more than 50 deep", "brackets"),
        ("not " * 2000 + "price", "nested more than 50 deep", "brackets"),
        ("(" * 10_001, "at most 10,000 are read", "Shorten"),
        ("price < 1 or " * 100_000, "1,300,000 characters", "Shorten"),
    ],
)  # fmt: skip
def test_what_is_refused(attributes: Attributes, text: str, message: str, hint: str) -> None:
    with pytest.raises(QueryError) as caught:
        attributes.rows(text)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert len(str(caught.value)) < 400


def test_conditions_from_python(attributes: Attributes) -> None:
    price, brand, taken = Attribute("price"), Attribute("brand"), Attribute("taken")
    for where, text in (
        ((price < 5) & (brand == "it's"), "price < 5 and brand = 'it''s'"),
        (~((price >= 2) | (price <= 1.5)), "not (price >= 2 or price <= 1.5)"),
        (taken > datetime.date(2023, 5, 1), "taken > 2023-05-01"),
        (
            taken.between(datetime.datetime(2021, 1, 2, 3, 4), datetime.date(2022, 1, 1)),
            "taken between 2021-01-02T03:04:00 and 2022-01-01",
        ),
        (brand.is_in(["Acme", "Zoë"]), "brand in ('Acme', 'Zoë')"),
        (Attribute("tags").contains("red"), "tags contains 'red'"),
        (price.is_missing() | (brand != "Acme"), "price is missing or brand != 'Acme'"),
        (Attribute("sold_out").is_true() & (price > 0), "sold_out and price > 0"),
        (Attribute("in").is_true(), '"in"'),
        (Attribute('camera "x" model') == "a", '"camera ""x"" model" = \'a\''),
        (Near(52.5, 13.4, 10), "near(52.5, 13.4, 10km)"),
    ):
        assert str(where) == text
        assert str(parse_where(text)) == text
    assert attributes.rows(price < 5).tolist() == attributes.rows("price < 5").tolist()
    assert (
        attributes.rows((price < 5) & (price < 4) & (price < 3)).tolist()
        == attributes.rows("price < 3").tolist()
    )
    with pytest.raises(TypeError, match="Combine conditions with &"):
        bool(price < 5)
    with pytest.raises(TypeError, match="cannot be compared with"):
        price == None  # noqa: B015, E711


def test_a_gallery_without_attributes(tmp_path: Path) -> None:
    gallery = make_gallery(tmp_path, ["a", "b"])
    with gallery.snapshot() as snapshot, pytest.raises(QueryError) as caught:
        snapshot.attributes.rows("price < 3")
    assert "this gallery has none" in caught.value.message
    assert "stitch attributes set" in caught.value.hint


def test_the_sizes_of_numbers(tmp_path: Path) -> None:
    """Whole numbers keep 64 bits; a whole float is the same value as the whole number."""
    gallery = make_gallery(tmp_path, ["a", "b", "c"])
    large = 2**53 + 1
    gallery.set_attributes({"a": {"n": large}, "b": {"n": large - 1}, "c": {"n": 3.0}})
    with gallery.snapshot() as snapshot:
        assert snapshot.attributes.rows(f"n = {large}").tolist() == [0]
        assert snapshot.attributes.rows(f"n < {large}").tolist() == [1, 2]
        assert snapshot.attributes.rows("n = 3").tolist() == [2]
        assert snapshot.attributes_of("c") == {"n": 3}

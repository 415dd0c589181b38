"""Counts and groups equal those of looking at every item."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stitch_cir.errors import QueryError
from stitch_cir.gallery import (
    Facet,
    FacetRequest,
    Gallery,
    facet_of,
    joined_occurrences,
)
from tests.gallery.attributes.catalogue import draw_items, make_gallery

IDS = [f"i{number:03}" for number in range(150)]
CONDITIONS = (None, "price < 5", "not sold_out", "brand = 'Acme' or stock >= 3", "price > 100")


@pytest.fixture(scope="module")
def items() -> dict[str, dict[str, Any]]:
    return draw_items(np.random.default_rng(3), IDS)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory, items: dict[str, Any]) -> Gallery:
    gallery = make_gallery(tmp_path_factory.mktemp("facets"), IDS)
    gallery.set_attributes(items)
    return gallery


@pytest.mark.parametrize("where", CONDITIONS)
def test_counts_equal_those_of_looking_at_every_item(
    gallery: Gallery, items: dict[str, dict[str, Any]], where: str | None
) -> None:
    with gallery.snapshot() as snapshot:
        attributes = snapshot.attributes
        rows = None if where is None else attributes.rows(where)
        counted = [items[id] for id in (IDS if rows is None else (IDS[row] for row in rows))]
        requests: list[str | FacetRequest] = [
            "brand", "stock", "sold_out", "tags", "price:0,2.5,5", "taken:year", "taken:month",
            "taken:day", "taken:2021-06,2022-01-15,2023-01-01T10:30", FacetRequest("price", limit=3),
        ]  # fmt: skip
        for facet in attributes.facets(requests, rows):
            name = facet.attribute
            values = [item[name] for item in counted if name in item]
            assert facet.total == len(counted)
            assert facet.missing == len(counted) - len(values)
            by_value = Counter(
                entry for value in values for entry in (value if name == "tags" else [value])
            )
            assert facet.distinct == len(by_value)
            for count in facet.counts:
                # what a count says is what its condition selects
                selected = attributes.rows(count.where)
                if rows is not None:
                    selected = np.intersect1d(selected, rows)
                assert len(selected) == count.count, count
            if name in ("brand", "stock", "sold_out", "tags"):
                assert {each.value: each.count for each in facet.counts} == by_value
            if name == "price" and facet.counts:
                assert facet.smallest == (min(values) if values else None)
                assert facet.largest == (max(values) if values else None)
        ranges = attributes.facets(["price:0,2.5,5"], rows)[0]
        prices = [item["price"] for item in counted if "price" in item]
        assert [(each.low, each.high, each.count) for each in ranges.counts] == [
            (None, 0.0, sum(price < 0 for price in prices)),
            (0.0, 2.5, sum(0 <= price < 2.5 for price in prices)),
            (2.5, 5.0, sum(2.5 <= price < 5 for price in prices)),
            (5.0, None, sum(price >= 5 for price in prices)),
        ]
        years = Counter(item["taken"][:4] for item in counted if "taken" in item)
        assert {
            each.value: each.count for each in attributes.facets(["taken:year"], rows)[0].counts
        } == years


def test_values_come_by_count_and_then_in_order(tmp_path: Path) -> None:
    gallery = make_gallery(tmp_path, ["a", "b", "c", "d", "e"])
    gallery.set_attributes({id: {"c": value} for id, value in zip("abcd", "yxzz", strict=True)})
    with gallery.snapshot() as snapshot:
        (facet,) = snapshot.attributes.facets([FacetRequest("c", limit=2)])
        assert facet.to_dict() == {
            "attribute": "c",
            "kind": "text",
            "total": 5,
            "missing": 1,
            "distinct": 3,
            "smallest": None,
            "largest": None,
            "counts": [
                {"value": "z", "count": 2, "where": "c = 'z'"},
                {"value": "x", "count": 1, "where": "c = 'x'"},
            ],
        }


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ("prices", "no attribute 'prices'"),
        ("prices:1,2", "no attribute 'prices'"),
        ("brand:1,2", "brand is a text, which has no ranges"),
        ("brand:year", "brand is a text, which has no year"),
        ("price:5,1", "cannot be counted between the edges"),
        ("price:a", "cannot be counted between the edges"),
        ("price:nan", "cannot be counted between the edges"),
        ("price:", "cannot be counted between the edges"),
        ("taken:2024-13", "cannot be counted between the edges"),
        ("price:" + ",".join(map(str, range(101))), "cannot be counted between the edges"),
        (FacetRequest("price", limit=0), "0 values of price"),
        (FacetRequest("price", limit=1001), "1001 values of price"),
    ],
)
def test_what_cannot_be_counted(
    gallery: Gallery, request_: str | FacetRequest, message: str
) -> None:
    with gallery.snapshot() as snapshot, pytest.raises(QueryError) as caught:
        snapshot.attributes.facets([request_])
    assert message in caught.value.message
    assert caught.value.hint


def test_groups(gallery: Gallery, items: dict[str, dict[str, Any]]) -> None:
    with gallery.snapshot() as snapshot:
        for name in ("brand", "stock", "sold_out", "taken"):
            labels, alone = snapshot.attributes.groups(name)
            expected = [items[id].get(name, ("none", id)) for id in IDS]
            assert alone == sum(name not in items[id] for id in IDS)
            assert labels.max() + 1 == len(set(expected))
            for row, label in enumerate(labels.tolist()):
                same = [other for other, value in enumerate(expected) if value == expected[row]]
                assert np.flatnonzero(labels == label).tolist() == same
        with pytest.raises(QueryError, match="tags is a list"):
            snapshot.attributes.groups("tags")


def test_a_facet_is_frozen(gallery: Gallery) -> None:
    with gallery.snapshot() as snapshot:
        (facet,) = snapshot.attributes.facets(["brand"])
    assert isinstance(facet, Facet)
    with pytest.raises(AttributeError):
        facet.total = 3  # type: ignore[misc]


@pytest.mark.parametrize("parts", [1, 2, 7])
def test_occurrences_in_parts_are_joined_into_the_facets_of_all(
    gallery: Gallery, parts: int
) -> None:
    requests = ["brand", "stock", "sold_out", "tags", "price:0,2.5,5", "taken:year"]
    with gallery.snapshot() as snapshot:
        attributes = snapshot.attributes
        whole = attributes.facets(requests)
        rows = np.array_split(np.random.default_rng(4).permutation(len(IDS)), parts)
        counted = [attributes.occurrences(requests, part) for part in rows]
    joined = [
        facet_of(of_request[0][0], joined_occurrences([each for _, each in of_request]))
        for of_request in zip(*counted, strict=True)
    ]
    assert joined == whole

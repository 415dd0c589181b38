"""What a gallery suggests to filter and to group by, from the values of its attributes alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.gallery import FacetRequest, Gallery, Suggestions
from tests.gallery.attributes.catalogue import make_gallery

IDS = [f"i{number:03}" for number in range(120)]


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return make_gallery(tmp_path, IDS)


def suggestions(gallery: Gallery, **columns: Callable[[int], Any]) -> Suggestions:
    """Set attributes, each by a function of the item's number (None: no value), and ask."""
    gallery.set_attributes(
        {
            id: {
                name: value for name, make in columns.items() if (value := make(number)) is not None
            }
            for number, id in enumerate(IDS)
        }
    )
    with gallery.snapshot() as snapshot:
        return snapshot.attributes.suggestions()


def requests(gallery: Gallery, **columns: Callable[[int], Any]) -> list[str]:
    return [str(request) for request in suggestions(gallery, **columns).facets]


def test_categories_are_listed_and_names_are_not(gallery: Gallery) -> None:
    assert requests(
        gallery,
        brand=lambda n: "ABC"[n % 3],
        title=lambda n: f"No. {n}",
        variant=lambda n: f"group {n // 4}",
        story=lambda n: ("A long story of a coat. " * 8)[n % 4 :],
        tags=lambda n: ["new", "red"][: 1 + n % 2],
        sold_out=lambda n: n % 7 == 0,
    ) == ["brand", "tags", "sold_out"]


def test_numbers_are_counted_between_round_edges(gallery: Gallery) -> None:
    assert requests(
        gallery,
        price=lambda n: 5 + 1.37 * n,
        votes=lambda n: 2 ** (n % 14),
        weight=lambda n: 0.1 + n / 1000,
        stars=lambda n: n % 5,
        depth=lambda n: 1000 if n else 7,
    ) == [
        "price:50,100,150",
        "votes:5,50,200,1000",
        "weight:0.12,0.14,0.16,0.18,0.2",
        "stars",
        "depth",
    ]


def test_dates_are_counted_by_the_widest_period_that_differs(gallery: Gallery) -> None:
    assert requests(
        gallery,
        printed=lambda n: f"{2020 + n % 4}-06-01",
        added=lambda n: f"2024-{1 + n % 12:02}-01",
        sold=lambda n: f"2024-05-{1 + n % 20:02}",
        made=lambda n: "2024-05-01",
    ) == ["printed:year", "added:month", "sold:day"]


def test_what_cannot_be_chosen_from_is_left_out(gallery: Gallery) -> None:
    assert (
        requests(gallery, shop=lambda n: "Acme", latitude=lambda n: n / 10, longitude=lambda n: n)
        == []
    )
    # a single value still divides the images where some lack it
    assert requests(gallery, label=lambda n: "organic" if n % 2 else None) == ["label"]


def test_what_images_say_of_themselves_and_what_few_have_comes_last(gallery: Gallery) -> None:
    assert requests(
        gallery,
        camera=lambda n: f"Camera {n % 3}",
        gift=lambda n: n % 2 == 0 if n < 10 else None,
        brand=lambda n: "ABC"[n % 3],
    ) == ["brand", "camera", "gift"]


def test_groupings_are_what_most_images_share_the_finest_first(gallery: Gallery) -> None:
    assert suggestions(
        gallery,
        brand=lambda n: "ABC"[n % 3],
        item_group_id=lambda n: n // 4,
        price=lambda n: n % 9,
        title=lambda n: f"No. {n}",
        edition=lambda n: "first" if n < 8 else None,
        tags=lambda n: ["new"],
    ).groupings == ("item_group_id", "brand")


def test_every_suggestion_can_be_counted_and_its_text_requests_the_same(gallery: Gallery) -> None:
    made = suggestions(
        gallery,
        price=lambda n: 3.5 * n,
        taken=lambda n: f"{2020 + n % 4}-06-01",
        kind=lambda n: "ab"[n % 2],
    )
    assert FacetRequest("price", (100.0, 200.0, 300.0)) in made.facets
    with gallery.snapshot() as snapshot:
        attributes = snapshot.attributes
        by_object = attributes.facets(made.facets)
        assert attributes.facets([str(request) for request in made.facets]) == by_object
        assert all(sum(each.count for each in facet.counts) == len(IDS) for facet in by_object)


def test_a_change_of_values_changes_the_suggestions(gallery: Gallery) -> None:
    assert requests(gallery, label=lambda n: "organic") == []
    assert requests(gallery, label=lambda n: "AB"[n % 2]) == ["label"]


def test_a_gallery_without_attributes_suggests_nothing(gallery: Gallery) -> None:
    assert suggestions(gallery) == Suggestions((), ())

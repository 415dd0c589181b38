"""Searches that filter by attributes, group, and count: equal to doing so by hand."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from stitch_cir.errors import GalleryEmptyError, QueryError, SettingError
from stitch_cir.gallery import Attribute, FacetRequest, Gallery
from stitch_cir.searcher import Query, Searcher, SearchSettings

VALUES: dict[str, dict[str, Any]] = {
    "black.png": {"price": 10, "brand": "Acme", "sold": False},
    "blue.png": {"price": 20, "brand": "Acme", "sold": True},
    "green.png": {"price": 30, "brand": "Bolt", "sold": False},
    "red.png": {"price": 40, "brand": "Bolt", "sold": False},
    "white.png": {"price": 50, "brand": "Acme"},
    "pairs/red-blue.png": {"price": 60},
}
QUERY = Query("red.png", "in blue")


@pytest.fixture
def catalogue(gallery: Gallery) -> Gallery:
    gallery.set_attributes(VALUES)
    return gallery


def ids(gallery: Gallery, query: Query = QUERY, **settings: object) -> list[str]:
    made = SearchSettings.from_preset(**settings)  # type: ignore[arg-type]
    return [hit.id for hit in Searcher(gallery, settings=made).search(query)]


def test_a_condition_filters_before_ranking(catalogue: Gallery) -> None:
    whole = ids(catalogue, k=100)
    kept = {id for id, values in VALUES.items() if values.get("price", 99) < 45}
    results = Searcher(catalogue, settings=SearchSettings(where="price<45", k=2)).search(QUERY)
    assert [hit.id for hit in results] == [id for id in whole if id in kept][:2]
    assert results.ranked == 3  # without the reference
    assert results.settings.to_dict()["where"] == "price < 45"
    assert results[0].attributes == catalogue.attributes_of(results[0].id)
    assert VALUES[results[0].id].items() <= dict(results[0].attributes).items()
    condition = (Attribute("price") < 45) & ~Attribute("sold").is_true()
    assert ids(catalogue, where=condition, k=9) == [
        id for id in whole if id in kept and not VALUES[id].get("sold")
    ]


def test_a_change_of_attributes_takes_effect_in_the_next_search(catalogue: Gallery) -> None:
    searcher = Searcher(catalogue, settings=SearchSettings(where="price > 55", k=9))
    assert [hit.id for hit in searcher.search(QUERY)] == ["pairs/red-blue.png"]
    with Gallery.open(catalogue.directory) as other:
        other.set_attributes({"white.png": {"price": 99}, "pairs/red-blue.png": {"price": 1}})
    assert [hit.id for hit in searcher.search(QUERY)] == ["white.png"]


def test_what_a_condition_cannot_be(catalogue: Gallery) -> None:
    with pytest.raises(QueryError, match="The condition ends"):
        SearchSettings(where="price <")
    with pytest.raises(QueryError, match="no attribute 'prize'"):
        ids(catalogue, where="prize < 3")
    with pytest.raises(GalleryEmptyError, match="No image is left to rank") as caught:
        ids(catalogue, where="price > 1000")
    assert "--where" in caught.value.hint
    with pytest.raises(SettingError, match="group_size is 0"):
        SearchSettings(group_size=0)
    with pytest.raises(QueryError, match="no attribute 'prize'"):
        Searcher(catalogue).search(Query("red.png", "in blue", facets=["prize"]))


def test_groups_are_shown_by_their_best_images(catalogue: Gallery) -> None:
    whole = ids(catalogue, k=100)
    group = {id: VALUES.get(id, {}).get("brand", id) for id in whole}
    expected = list(dict.fromkeys(group[id] for id in whole))
    settings = SearchSettings(group_by="brand", group_size=2, k=3)
    results = Searcher(catalogue, settings=settings).search(QUERY)
    assert [group[hit.id] for hit in results] == expected[:3]
    for hit in results:
        same = [id for id in whole if group[id] == group[hit.id]]
        assert [hit.id, *(member.id for member in hit.members)] == same[:2]
        assert hit.group_images == len(same)
    data = results.to_dict()
    assert data["settings"]["group_by"] == "brand"
    grouped = next(hit for hit in data["hits"] if hit.get("group_images", 1) > 1)
    assert grouped["members"][0]["rank"] == grouped["rank"]
    everything = Searcher(catalogue, settings=settings.with_(k=50)).search(QUERY)
    assert len(everything) == len(set(group.values()))
    assert f"k is 50, but only {len(whole)} images take part" in " ".join(everything.notes)
    few = Searcher(catalogue, settings=settings.with_(k=len(whole))).search(QUERY)
    assert f"but only {len(expected)} groups take part" in " ".join(few.notes)


def test_grouping_by_a_rare_attribute_is_noted(catalogue: Gallery) -> None:
    catalogue.set_attributes({"black.png": {"line": "x"}, "blue.png": {"line": "x"}})
    results = Searcher(catalogue, settings=SearchSettings(group_by="line", k=3)).search(QUERY)
    assert "5 of 7 images are alone in their group" in " ".join(results.notes)
    assert len(results) == 3


def test_facets_count_what_takes_part(catalogue: Gallery) -> None:
    query = Query("red.png", "in blue", facets=["brand", FacetRequest("price", (25.0,))])
    settings = SearchSettings(where="price < 55", k=1)
    brand, price = Searcher(catalogue, settings=settings).search(query).facets
    taking_part = [
        values for id, values in VALUES.items() if values["price"] < 55 and id != "red.png"
    ]
    assert {each.value: each.count for each in brand.counts} == Counter(
        values["brand"] for values in taking_part
    )
    assert [each.count for each in price.counts] == [2, 2]
    # over the hits that reach a minimal score
    whole = Searcher(catalogue, settings=SearchSettings(k=100)).search(QUERY)
    least = whole[3].score
    above = [VALUES.get(hit.id, {}).get("brand") for hit in whole if hit.score >= least]
    counted = Searcher(catalogue, settings=SearchSettings(k=1, min_score=least)).search(query)
    assert counted.facets[0].total == len(above)
    assert {each.value: each.count for each in counted.facets[0].counts} == Counter(
        brand for brand in above if brand is not None
    )
    assert counted.to_dict()["facets"][0]["attribute"] == "brand"

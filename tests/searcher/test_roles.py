"""Searching with roles: what is avoided loses, what is desired and kept gains, and hits say so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

import stitch_cir as st
from stitch_cir.encoders import HashEncoder
from stitch_cir.plugins import SCORERS
from stitch_cir.searcher import ComposedQuery, Searcher

COLOURS = {"red": (220, 30, 30), "green": (40, 160, 60), "blue": (40, 80, 210)}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> st.Gallery:
    """Return images of one colour and of two."""
    folder = tmp_path_factory.mktemp("roles")
    for first, of_first in COLOURS.items():
        for second, of_second in COLOURS.items():
            for size in (40, 48):
                image = Image.new("RGB", (size, size), of_first)
                image.paste(of_second, (size // 2, 0, size, size))
                image.save(folder / f"{first}-{second}-{size}.png")
    st.index_folder(folder, encoder=HashEncoder())
    return st.Gallery.open(folder, encoder=HashEncoder())


def scores(results: st.Results) -> dict[str, float]:
    return {hit.id: hit.score for hit in results}


@pytest.mark.parametrize("scorer", SCORERS.built_in)
def test_what_is_avoided_loses_with_every_scorer(gallery: st.Gallery, scorer: str) -> None:
    settings = st.SearchSettings.from_preset(scorer=scorer, k=18)
    plain = st.search(gallery, text="a red thing", settings=settings)
    avoided = st.search(gallery, text="a red thing", avoid=["blue"], settings=settings)
    lost = {id: score - scores(avoided)[id] for id, score in scores(plain).items()}
    without = np.mean([loss for id, loss in lost.items() if "blue" not in id])
    with_blue = np.mean([loss for id, loss in lost.items() if "blue" in id])
    assert with_blue > without
    assert avoided.to_dict()["query"]["avoid"] == ["blue"]
    off = st.search(
        gallery, text="a red thing", avoid="blue", settings=settings.with_(forbidden_weight=0)
    )
    if scorer != "roles":
        assert scores(off) == scores(plain)


def test_a_reference_alone_is_searched_without_what_is_avoided(gallery: st.Gallery) -> None:
    settings = st.SearchSettings(k=17)
    avoiding = st.search(gallery, reference="red-blue-40.png", avoid="blue", settings=settings)
    plain = st.search(gallery, reference="red-blue-40.png", settings=settings)
    rank = {hit.id: hit.rank for hit in avoiding}
    assert rank["red-red-40.png"] < {hit.id: hit.rank for hit in plain}["red-red-40.png"]


def test_the_default_ranking_does_not_use_the_composers_roles(gallery: st.Gallery) -> None:
    query = {"reference": "red-blue-40.png", "text": "without blue"}
    results = st.search(gallery, **query)  # type: ignore[arg-type]
    composition = results.query.composition
    assert composition is not None
    assert [each.text for each in composition.roles.forbidden] == ["blue"]
    assert results.query.to_dict()["avoid"] == []
    assert all(hit.roles == () for hit in results)
    by_roles = st.search(
        gallery,
        **query,  # type: ignore[arg-type]
        settings=st.SearchSettings.from_preset(scorer="roles"),
    )
    assert {each.role for each in by_roles[0].roles} >= {"global", "forbidden"}


@pytest.mark.parametrize("rule", ["sum", "product"])
@pytest.mark.parametrize("scorer", ["conditional", "roles"])
def test_the_shares_of_a_hit_sum_to_its_score(gallery: st.Gallery, scorer: str, rule: str) -> None:
    settings = st.SearchSettings.from_preset(scorer=scorer, role_rule=rule, k=5)
    results = st.search(
        gallery,
        reference="red-red-40.png",
        text="more green",
        avoid=["blue", st.Phrase("a frame", 0.5)],
        settings=settings,
    )
    for hit in results:
        assert sum(each.share for each in hit.roles) == pytest.approx(hit.score, abs=1e-6)
        forbidden = next(each for each in hit.roles if each.role == "forbidden")
        assert [match.text for match in forbidden.matches][:2] == ["blue", "a frame"]
        assert hit.to_dict(plan=True)["roles"][0]["role"] == "global"
    again = results.explain(results[3].id)
    assert (again.rank, again.roles) == (4, results[3].roles)


def test_the_reference_counts_where_something_is_preserved(gallery: st.Gallery) -> None:
    settings = st.SearchSettings.from_preset(scorer="roles", preserve_weight=1.0)
    kept = st.Roles(desired=("green",), preserve=("red",))  # type: ignore[arg-type]
    kept_too = st.search(
        gallery, reference="red-red-40.png", text="x", roles=kept, settings=settings
    )
    assert [each.role for each in kept_too[0].roles] == [
        "global",
        "desired",
        "preserve",
        "reference",
    ]
    changed = st.search(
        gallery,
        reference=["red-red-40.png", "blue-blue-40.png"],
        text="x",
        roles=st.Roles(desired=("green",)),  # type: ignore[arg-type]
        settings=settings,
    )
    assert [each.role for each in changed[0].roles] == ["global", "desired"]


def test_captions_and_roles_that_are_sent_back_rank_the_same(gallery: st.Gallery) -> None:
    settings = st.SearchSettings.from_preset(scorer="roles", k=10)
    query: dict[str, Any] = {"reference": "red-blue-40.png", "text": "without blue"}
    first = st.search(gallery, **query, settings=settings)
    composition = first.query.composition
    assert composition is not None
    sent_back: dict[str, Any] = {"captions": composition.captions, "roles": composition.roles}
    again = st.search(gallery, **query, **sent_back, settings=settings)
    assert scores(again) == scores(first)
    assert again.query.composition is not None
    assert again.query.composition.roles == composition.roles


def test_many_queries_are_ranked_as_one(gallery: st.Gallery) -> None:
    settings = st.SearchSettings.from_preset(scorer="roles", hubness_weight=0.3, k=18)
    searcher = Searcher(gallery, settings=settings)
    queries = [
        st.Query("red-red-40.png", "more green"),
        st.Query((), "a blue thing but no red", avoid=["green"]),
        st.Query("blue-red-48.png", avoid=["red"]),
    ]
    composed = []
    for query in queries:
        references = tuple(
            searcher.resolve_id(str(each.image)) for each in query.weighted_references
        )
        composition = searcher.compose(query) if query.text else None
        roles = (composition.roles if composition else st.Roles()).avoiding(query.avoided)
        composed.append(ComposedQuery(references, query.text, composition, roles=roles))
    ranker = searcher.ranker()
    encoded = [each.refine(settings.transition) for each in searcher.encode_many(composed)]
    rows = np.arange(len(ranker.matrix.ids))
    together = ranker.rank_many(encoded, rows, 18)
    for query, of_query, ranking in zip(queries, encoded, together, strict=True):
        assert ranking.rows.tolist() == ranker.rank(of_query, rows, 18).rows.tolist()
        with_reference = settings.with_(include_reference=True)
        alone = Searcher(gallery, settings=with_reference).search(query)
        assert [ranker.matrix.ids[row] for row in ranking.rows] == [hit.id for hit in alone]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"text": "a red dress", "avoid": ["\u200b"]}, "A phrase of avoid.*no visible"),
        ({"text": "in red", "avoid": ["red"]}, "'red' is to be avoided, and the query asks for"),
        ({"avoid": ["red"]}, "nothing to search for"),
        ({"text": "a", "avoid": [str(n) for n in range(17)]}, "17 phrases are to be avoided"),
        ({"text": "a", "avoid": [st.Phrase("b", -1)]}, "'b' of avoid weighs -1"),
    ],
)
def test_what_cannot_be_avoided_is_one_error(
    gallery: st.Gallery, query: dict[str, Any], message: str
) -> None:
    with pytest.raises(st.QueryError, match=message):
        st.search(gallery, **query)


def test_roles_that_are_no_roles_are_one_error(gallery: st.Gallery) -> None:
    written: Any = {"desired": ["red"]}
    with pytest.raises(st.QueryError, match="roles is dict, which holds no roles") as caught:
        st.search(gallery, text="a dress", roles=written)
    assert "Roles.from_dict" in caught.value.hint


def test_a_role_scorer_without_a_global_term_is_refused() -> None:
    with pytest.raises(st.SettingError, match="global_weight is 0"):
        st.SearchSettings.from_preset(scorer="roles", global_weight=0)


def test_the_bias_of_captions_is_taken_off(gallery: st.Gallery) -> None:
    settings = st.SearchSettings.from_preset(
        transition="anchor-debias", anchor_weight=0.3, debias_weight=0.7, scorer="mean", k=17
    )
    query: dict[str, Any] = {"reference": "red-red-40.png", "text": "more green"}
    results = st.search(gallery, **query, settings=settings)
    anchored = st.search(gallery, **query, settings=settings.with_(debias_weight=0))
    captions = st.search(gallery, **query, settings=settings.with_(transition="none"))
    alone = st.search(gallery, **query, settings=settings.with_(transition="text-only"))
    by_part = [scores(each) for each in (anchored, captions, alone)]
    for hit in results:
        whole, of_captions, of_text = (each[hit.id] for each in by_part)
        assert hit.score == pytest.approx(1.7 * whole - 0.7 * (of_captions - of_text), abs=1e-6)
        assert [each.role for each in hit.roles] == ["global", "captions", "modification"]
        assert sum(each.share for each in hit.roles) == pytest.approx(hit.score, abs=1e-6)
    assert anchored.hits != captions.hits


def test_scores_are_added_or_multiplied_and_not_both() -> None:
    with pytest.raises(st.SettingError, match="anchor-debias adds scores"):
        st.SearchSettings.from_preset(
            transition="anchor-debias", scorer="roles", role_rule="product"
        )


def test_a_drawing_has_a_bar_for_each_role(gallery: st.Gallery) -> None:
    plain = st.search(gallery, text="a red thing")[0]
    avoiding = st.search(gallery, text="a red thing", avoid=["stripes"])[0]
    assert st.draw_contributions(avoiding).height > st.draw_contributions(plain).height

"""What crosses a process: nothing the library returns is dropped, and nothing is declared twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

import stitch_cir as st
from stitch_cir import wire
from stitch_cir.encoders import HashEncoder

QUERY: dict[str, Any] = {"reference": "red.png", "text": "in blue"}


@pytest.fixture
def results(folder: Path) -> st.Results:
    st.index_folder(folder, encoder=HashEncoder())
    gallery = st.Gallery.open(folder, encoder=HashEncoder())
    settings = st.SearchSettings(k=2, composed_weight=0.1)
    return st.search(gallery, settings=settings, **QUERY)


def fields(model: type[BaseModel]) -> set[str]:
    return set(model.model_fields)


def test_no_field_of_the_library_is_dropped(results: st.Results) -> None:
    data = results.to_dict()
    composition = results.query.composition
    assert composition is not None
    assert set(data) == fields(wire.SearchResults)
    assert set(data["query"]) == fields(wire.QueryInfo)
    assert set(data["composition"]) <= fields(wire.CompositionInfo)
    assert set(data["composition"]["captions"][0]) == fields(wire.CaptionInfo)
    plan = results[0].plan.to_dict()
    assert set(plan) == fields(wire.PlanInfo)
    assert set(results[0].matches()[0].to_dict()) == fields(wire.MatchInfo)
    assert wire.PlanInfo.model_validate(plan).model_dump(mode="json") == plan


def test_a_tool_answers_the_first_part_of_the_api() -> None:
    assert fields(wire.RankedImage) < fields(wire.HitInfo)
    assert fields(wire.RankedImages) < fields(wire.SearchResults)
    assert fields(wire.ExplanationSummary) < fields(wire.Explanation)


def test_answers_are_immutable_finite_and_open_to_newer_servers() -> None:
    detail = wire.ErrorDetail.model_validate({"type": "T", "message": "m", "later": 1})
    assert detail.model_dump() == {"type": "T", "message": "m", "hint": ""}
    with pytest.raises(ValidationError):
        detail.message = "other"
    with pytest.raises(ValidationError, match="finite"):
        wire.CaptionInfo(text="x", weight=float("nan"))


def test_requests_refuse_what_they_do_not_know() -> None:
    settings = TypeAdapter(wire.QuerySettings)
    assert settings.validate_python({"k": 3, "alpha": None}) == {"k": 3, "alpha": None}
    for wrong in ({"K": 3}, {"k": "3"}, {"k": 1.5}, {"include": "*.jpg"}):
        with pytest.raises(ValidationError):
            settings.validate_python(wrong)
    with pytest.raises(ValidationError, match="tex"):
        wire.QueryRequest.model_validate({"tex": "red"})


def test_references_are_objects_or_ids_alone_or_several() -> None:
    def sent(**query: object) -> list[object]:
        return [
            each.model_dump() for each in wire.QueryRequest.model_validate(query).all_references()
        ]

    assert sent(reference="a.jpg") == [{"id": "a.jpg", "weight": 1.0}]
    assert sent(reference={"upload": "token"}) == [{"upload": "token", "weight": 1.0}]
    assert sent(text="red") == []
    assert sent(reference="a", references=["b", {"upload": "c", "weight": 2}]) == [
        {"id": "a", "weight": 1.0},
        {"id": "b", "weight": 1.0},
        {"upload": "c", "weight": 2.0},
    ]


@pytest.mark.parametrize("weight", [0, -1, 1e9, float("nan"), float("inf"), "1"])
def test_a_weight_is_a_positive_number(weight: object) -> None:
    with pytest.raises(ValidationError):
        wire.QueryRequest.model_validate({"references": [{"id": "a", "weight": weight}]})


def test_a_request_has_a_bounded_number_of_references_and_turns() -> None:
    wire.QueryRequest(
        text="red", references=["a"] * wire.MAX_REFERENCES, turns=["red"] * wire.MAX_TURNS
    )
    with pytest.raises(ValidationError, match="at most 16"):
        wire.QueryRequest(text="red", references=["a"] * 50)
    with pytest.raises(ValidationError, match="at most 16"):
        wire.QueryRequest(text="red", turns=["red"] * 17)

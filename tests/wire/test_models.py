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
    return st.search(gallery, settings=st.SearchSettings(k=2), **QUERY)


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


def test_a_reference_is_an_object_or_an_id() -> None:
    short = wire.QueryRequest.model_validate({"reference": "a.jpg"})
    assert short.reference_object() == wire.GalleryReference(id="a.jpg")
    sent = wire.QueryRequest.model_validate({"reference": {"upload": "token"}})
    assert sent.reference_object() == wire.UploadReference(upload="token")
    assert wire.QueryRequest(text="red").reference_object() is None

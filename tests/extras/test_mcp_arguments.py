"""Assistants that fill in every argument, odd values, and how large an answer becomes."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import stitch_cir as st
from stitch_cir.encoders import HashEncoder
from stitch_cir.mcp import create_server
from tests.conftest import noise

mcp = pytest.importorskip("mcp")
Call = Callable[..., Any]


@pytest.fixture
def call(gallery: st.Gallery) -> Call:
    """Call one tool of a server in this process."""

    def call(name: str, **arguments: Any) -> Any:
        async def run() -> Any:
            async with mcp.Client(create_server(gallery)) as client:
                return await client.call_tool(name, arguments)

        return asyncio.run(run())

    return call


def words(result: Any) -> str:
    return "\n".join(part.text for part in result.content if part.type == "text")


FILLED = [
    ("search", {"text": "a red ball", "images": None}, {"text": "a red ball"}),
    ("search", {"text": None, "reference": "red.png"}, {"reference": "red.png"}),
    ("search", {"text": "", "reference": "red.png"}, {"reference": "red.png"}),
    ("search", {"text": "blue", "reference": ""}, {"text": "blue"}),
    ("search", {"text": "blue", "reference": " "}, {"text": "blue"}),
    ("search", {"text": "blue", "negatives": ""}, {"text": "blue"}),
    ("search", {"text": "blue", "negatives": [""]}, {"text": "blue"}),
    (
        "search",
        {"text": "blue", "negatives": "red.png"},
        {"text": "blue", "negatives": ["red.png"]},
    ),
    ("search", {"text": "blue", "captions": ""}, {"text": "blue"}),
    ("search", {"text": "blue", "captions": ["", ""]}, {"text": "blue"}),
    ("search", {"text": "blue", "captions": [None]}, {"text": "blue"}),
    ("search", {"captions": "green"}, {"captions": ["green"]}),
    ("search", {"captions": '["green"]'}, {"captions": ["green"]}),
    ("search", {"text": "blue", "alpha": ""}, {"text": "blue"}),
    ("search", {"text": "blue", "alpha": "0.2"}, {"text": "blue", "alpha": 0.2}),
    ("search", {"text": "blue", "k": "3"}, {"text": "blue", "k": 3}),
    ("search", {"text": "blue", "k": 3.0}, {"text": "blue", "k": 3}),
    ("search", {"text": "blue", "k": ""}, {"text": "blue"}),
    ("search", {"text": "blue", "images": "1"}, {"text": "blue", "images": 1}),
    ("search", {"text": "blue", "images": 21}, {"text": "blue", "images": 20}),
    ("compose", {"text": "in blue", "num_captions": None}, {"text": "in blue"}),
    ("compose", {"text": "in blue", "num_captions": ""}, {"text": "in blue"}),
    ("compose", {"text": None, "reference": "red.png"}, {"text": "", "reference": "red.png"}),
    (
        "explain",
        {"id": "red.png", "text": "red", "image": None},
        {"id": "red.png", "text": "red"},
    ),
    ("explain", {"id": "red.png", "text": "red", "image": ""}, {"id": "red.png", "text": "red"}),
    (
        "explain",
        {"id": "red.png", "text": "red", "image": " Heatmap"},
        {"id": "red.png", "text": "red", "image": "heatmap"},
    ),
    (
        "explain",
        {"id": "blue.png", "text": None, "reference": "red.png", "captions": ["", ""]},
        {"id": "blue.png", "reference": "red.png"},
    ),
    ("search", {"text": "blue", "limit": 3, "unknown": "x"}, {"text": "blue"}),
]


@pytest.mark.parametrize(("name", "filled", "plain"), FILLED)
def test_nothing_is_nothing(
    call: Call, name: str, filled: dict[str, Any], plain: dict[str, Any]
) -> None:
    answer, meant = call(name, **filled), call(name, **plain)
    assert not answer.is_error, words(answer)
    assert answer.structured_content == meant.structured_content
    assert len(answer.content) == len(meant.content)


def test_the_schemas_allow_null(gallery: st.Gallery) -> None:
    async def run() -> Any:
        async with mcp.Client(create_server(gallery)) as client:
            return await client.list_tools()

    for tool in asyncio.run(run()).tools:
        for name, field in tool.input_schema["properties"].items():
            kinds = [kind.get("type") for kind in field.get("anyOf", [field])]
            assert name == "id" or "null" in kinds, f"{tool.name}: {name}"


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("search", {"text": "x", "k": 0}, "k: Input should be greater than or equal to 1"),
        ("search", {"text": "x", "k": "many"}, "k: Input should be a valid integer"),
        ("search", {"text": "x", "alpha": 2}, "alpha: Input should be less than or equal to 1"),
        ("search", {"text": "x" * 2001}, "text: String should have at most 2000 characters"),
        ("search", {"text": "x", "captions": 7}, "captions: Input should be a valid list"),
        ("explain", {"text": "x"}, "id: Field required"),
        ("explain", {"id": "red.png", "text": "x", "image": "map"}, "image: Input should be"),
    ],
)
def test_a_wrong_argument_is_one_plain_line(
    call: Call, name: str, arguments: dict[str, Any], said: str
) -> None:
    result = call(name, **arguments)
    assert result.is_error
    assert words(result).startswith(f"{name}: {said}")
    assert "\n" not in words(result)
    for raw in ("pydantic", "validation error", "Arguments"):
        assert raw not in words(result)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("search", {"text": "x", "reference": "nope.png"}),
        ("search", {"text": "x", "negatives": ["nope.png"]}),
        ("explain", {"id": "nope.png", "text": "x"}),
    ],
)
def test_no_path_of_this_machine_is_named(
    call: Call, folder: Path, name: str, arguments: dict[str, Any]
) -> None:
    result = call(name, **arguments)
    assert result.is_error
    assert "nope.png" in words(result)
    assert str(folder.parent) not in words(result)


def test_notes_of_the_gallery_are_returned(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = f"The cache below {folder} was damaged and has been rebuilt."
    monkeypatch.setattr(st.Gallery, "notes", property(lambda gallery: [message]))
    note = "The cache below photos was damaged and has been rebuilt."
    for name, arguments in (
        ("search", {"text": "red"}),
        ("compose", {"text": "red"}),
        ("explain", {"id": "red.png", "text": "red"}),
    ):
        result = call(name, **arguments)
        assert result.structured_content["notes"].count(note) == 1
        assert note in words(result)


def test_answers_stay_small(folder: Path) -> None:
    """Noise is the worst that a JPEG can be."""
    for number in range(12):
        noise(number, 1200, 900).effect_spread(40).save(folder / f"noise-{number}.png")
    st.index_folder(folder, encoder=HashEncoder())
    server = create_server(st.Gallery.open(folder, encoder=HashEncoder()))

    async def run(name: str, arguments: dict[str, Any]) -> int:
        async with mcp.Client(server) as client:
            result = await client.call_tool(name, arguments)
            assert not result.is_error
            assert any(part.type == "image" for part in result.content)
            return len(json.dumps(result.model_dump(mode="json")))

    for name, arguments in (
        ("search", {"reference": "noise-1.png", "images": 10}),
        ("explain", {"id": "noise-2.png", "reference": "noise-1.png", "text": "in blue"}),
        (
            "explain",
            {"id": "noise-2.png", "reference": "noise-1.png", "text": "red", "image": "all"},
        ),
    ):
        assert asyncio.run(run(name, arguments)) < 150_000


def encoded(folder: Path, name: str) -> str:
    return base64.b64encode((folder / name).read_bytes()).decode("ascii")


def test_several_references_may_be_ids_and_images_of_the_assistant(
    call: Call, folder: Path
) -> None:
    text = "the first in the colour of the second"
    by_id = call("search", text=text, references=["green.png", "red.png"])
    assert not by_id.is_error
    query = by_id.structured_content["query"]
    assert [each["name"] for each in query["references"]] == ["green.png", "red.png"]
    assert "read as a request about reference 1: in red" in words(by_id)
    sent = call(
        "search",
        text=text,
        references=[
            {"id": "green.png"},
            {"image": encoded(folder, "red.png"), "weight": 1},
        ],
    )
    hits = [(hit["id"], hit["score"]) for hit in sent.structured_content["hits"]]
    assert hits == [(hit["id"], hit["score"]) for hit in by_id.structured_content["hits"]]
    url = f"data:image/png;base64,{encoded(folder, 'red.png')}"
    alone = call("search", reference=url)
    assert "red.png" not in [hit["id"] for hit in alone.structured_content["hits"]]
    why = call("explain", id="blue.png", text=text, references=["green.png", url], image="none")
    assert "found because" in words(why).lower()


def test_turns_of_an_assistant_stay(call: Call) -> None:
    both = call("search", text="with a belt", turns=["red"], reference="green.png")
    assert both.structured_content["query"]["turns"] == ["red"]
    composed = call("compose", text="with a belt", turns="red", reference="green.png")
    assert composed.structured_content["modification"] == "red, with a belt"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"references": [{"image": "no base64!"}]}, "no base64"),
        ({"references": [{"image": "aGVsbG8="}]}, "NotAnImageError"),
        ({"reference": "data:image/png;base64,aGVsbG8="}, "NotAnImageError"),
        ({"references": [{}]}, "either an id or an image"),
        ({"references": [{"id": "red.png", "image": "aGVsbG8="}]}, "either an id or an image"),
        ({"references": [{"id": "red.png", "weight": 0}]}, "greater than 0"),
        ({"references": ["red.png"] * 17}, "at most 16"),
        ({"references": ["red.png", "nowhere.png"]}, "nowhere.png"),
        ({"references": ["red.png", "blue.png"], "text": "like the third"}, "only 2 references"),
        ({"references": [{"image": "A" * 25_000_000}]}, "16,777,216 bytes"),
        ({"reference": "/etc/hostname"}, "has no image"),
    ],
)
def test_a_reference_that_cannot_be_used_is_one_plain_line(
    call: Call, arguments: dict[str, Any], message: str
) -> None:
    refused = call("search", **{"text": "in blue", **arguments})
    assert refused.is_error
    assert message in words(refused)
    assert len(words(refused)) < 600

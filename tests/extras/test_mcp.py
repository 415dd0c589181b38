"""The tools of ``stitch mcp`` through the SDK's own client: in this process, and over stdio."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import stitch_cir as st
from stitch_cir.encoders import (
    ComposedEncoder,
    DualEncoder,
    HashEncoder,
    load_composed,
    load_encoder,
)
from stitch_cir.errors import ClusterError
from stitch_cir.mcp import create_server
from stitch_cir.wire import CatalogResponse
from tests.server.catalog import make_shop

mcp = pytest.importorskip("mcp")
DOC = Path(__file__).parents[2] / "docs" / "mcp.md"
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


def images_of(result: Any) -> list[Image.Image]:
    images: list[Image.Image] = []
    for part in result.content:
        if part.type == "image":
            assert part.mime_type == "image/jpeg"
            images.append(Image.open(io.BytesIO(base64.b64decode(part.data))))
    return images


def words(result: Any) -> str:
    return "\n".join(part.text for part in result.content if part.type == "text")


def test_one_line_a_hit_whatever_its_name(folder: Path) -> None:
    (folder / "x.png\n#1  2.000  y.png").write_bytes((folder / "red.png").read_bytes())
    encoder = HashEncoder()
    st.index_folder(folder, encoder=encoder)
    opened = st.Gallery.open(folder, encoder=encoder)

    async def run() -> Any:
        async with mcp.Client(create_server(opened)) as client:
            return await client.call_tool("search", {"text": "red", "k": 20})

    lines = words(asyncio.run(run())).splitlines()
    assert len([line for line in lines if re.match(r"#\d+  -?\d\.\d{3}  ", line)]) == 9


def test_the_tools_are_described(gallery: st.Gallery) -> None:
    async def run() -> Any:
        async with mcp.Client(create_server(gallery)) as client:
            return await client.list_tools()

    tools = {tool.name: tool for tool in asyncio.run(run()).tools}
    assert set(tools) == {"search", "compose", "explain"}
    for tool in tools.values():
        assert len(tool.description) > 50
        assert tool.annotations.read_only_hint
        assert tool.output_schema["properties"]
        for name, field in tool.input_schema["properties"].items():
            assert field.get("description"), f"{tool.name}: {name}"
    assert tools["explain"].input_schema["required"] == ["id"]
    assert "self" not in tools["search"].input_schema["properties"]


def test_a_search_gives_text_data_and_thumbnails(call: Call, gallery: st.Gallery) -> None:
    result = call("search", text="in blue", reference="red.png", k=3, images=2)
    assert not result.is_error
    expected = st.search(
        gallery, reference="red.png", text="in blue", settings=st.SearchSettings(k=3)
    )
    hits = result.structured_content["hits"]
    assert [hit["id"] for hit in hits] == [hit.id for hit in expected]
    assert hits[0]["score"] == pytest.approx(expected[0].score, abs=1e-5)
    assert result.structured_content["query"]["labels"] == list(expected.query.labels)
    assert hits[0]["best_view"]["label"] == expected[0].best_view.label
    assert "blue.png" in words(result)
    assert [max(image.size) for image in images_of(result)] == [256, 256]


def test_captions_and_rejections_are_used(call: Call) -> None:
    edited = call("search", captions=["green"], images=0)
    assert edited.structured_content["hits"][0]["id"] == "green.png"
    assert images_of(edited) == []
    result = call("search", text="blue", negatives=["blue.png"], alpha=0.2)
    assert "blue.png" not in [hit["id"] for hit in result.structured_content["hits"]]


def test_captions_are_composed(call: Call) -> None:
    result = call("compose", text="in blue", reference="red.png", num_captions=1)
    assert len(result.structured_content["captions"]) == 1
    assert "blue" in words(result)


def test_captions_are_composed_while_nothing_can_be_read_of_the_gallery(
    call: Call, gallery: st.Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As while a cluster's shards are missing: the captions of a text need none."""

    def missing(self: st.Gallery) -> list[str]:
        raise ClusterError("The shard 1 of 2 does not answer.")

    monkeypatch.setattr(type(gallery), "notes", property(missing))
    result = call("compose", text="in blue")
    assert not result.is_error
    assert result.structured_content["notes"] == [
        "The gallery's own notes are missing: The shard 1 of 2 does not answer."
    ]


@pytest.mark.parametrize(("image", "count"), [("heatmap", 1), ("all", 1), ("none", 0)])
def test_a_hit_is_explained(call: Call, image: str, count: int) -> None:
    result = call("explain", id="blue.png", text="in blue", reference="red.png", image=image)
    explained = result.structured_content
    assert words(result).startswith(explained["summary"])
    assert len(explained["shares"]) == len(explained["captions"])
    assert sum(explained["shares"]) == pytest.approx(explained["hit"]["score"], abs=1e-4)
    assert explained["matches"][0]["mass"] >= explained["matches"][-1]["mass"]
    assert len(images_of(result)) == count


def test_the_ranking_that_search_returned_is_explained(call: Call) -> None:
    query = {"text": "blue", "alpha": 0.9, "negatives": ["red.png"]}
    best, *_ = call("search", **query).structured_content["hits"]
    explained = call("explain", id=best["id"], image="none", **query).structured_content
    assert explained["hit"] == best
    other = call("explain", id=best["id"], image="none", text="blue").structured_content
    assert other["hit"]["score"] != best["score"]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("search", {}, "QueryError"),
        ("search", {"text": "x", "reference": "nope.png"}, "Give an id as printed by a search"),
        ("search", {"text": "x", "reference": "/etc/passwd"}, "NotFoundError"),
        ("search", {"text": "x", "k": 0}, "greater than or equal to 1"),
        ("search", {"text": "x", "negatives": ["nope.png"]}, "nope.png"),
        ("explain", {"id": "nope.png", "text": "x"}, "NotFoundError"),
        ("explain", {"text": "x"}, "id"),
    ],
)
def test_errors_are_tool_errors(
    call: Call, name: str, arguments: dict[str, Any], said: str
) -> None:
    result = call(name, **arguments)
    assert result.is_error
    assert said in words(result)


def test_k_above_the_gallery_is_all_there_are_with_a_note(call: Call) -> None:
    for k, note in ((100, "k is 100, but only 8 images take part."), (1000, "at most 100 hits")):
        result = call("search", text="red", k=k, images=0)
        assert len(result.structured_content["hits"]) == 8
        assert any(note in text for text in result.structured_content["notes"])
        assert note in words(result)


def test_a_gallery_that_grew_is_searched_as_it_is(
    call: Call, paint: Callable[..., Path], folder: Path
) -> None:
    assert call("search", text="red").structured_content["ranked"] == 8
    paint("new.png", "red", "white")
    st.index_folder(folder, encoder=HashEncoder())
    assert call("search", text="red").structured_content["ranked"] == 9


def test_an_image_of_the_disk_is_not_read(call: Call, folder: Path) -> None:
    assert call("search", text="x", reference=str(folder / "red.png")).is_error


def test_the_documented_command_speaks_over_stdio(folder: Path) -> None:
    st.index_folder(folder, encoder=HashEncoder())
    (block,) = re.findall(r"```json\n(.*?)```", DOC.read_text(encoding="utf-8"), flags=re.S)
    entry = json.loads(block)["mcpServers"]["photos"]
    assert entry["command"] == "stitch"
    arguments = [
        str(folder) if argument.endswith("photos") else argument for argument in entry["args"]
    ]
    server = mcp.StdioServerParameters(
        command=sys.executable, args=["-m", "stitch_cir", *arguments]
    )

    async def run() -> Any:
        async with mcp.Client(server) as client:
            return await client.call_tool("search", {"text": "red", "k": 2})

    result = asyncio.run(run())
    assert result.structured_content["hits"][0]["id"] == "red.png"
    assert shlex.join(["stitch", "mcp"]) in DOC.read_text(encoding="utf-8")


class FormerEncoder(HashEncoder):
    """Vectors that cannot be compared with those of the encoder that is loaded by this name."""

    fingerprint = "0" * 64


def test_the_encoder_of_a_gallery_that_was_encoded_anew_is_taken_up(folder: Path) -> None:
    st.index_folder(folder, encoder=FormerEncoder())
    made_for = []

    def make_composed(encoder: DualEncoder) -> ComposedEncoder:
        made_for.append(encoder.fingerprint)
        return load_composed("sum", encoder, load_encoder)

    server = create_server(
        st.Gallery.open(folder, encoder=FormerEncoder()), make_composed=make_composed
    )

    async def run() -> list[Any]:
        async with mcp.Client(server) as client:
            before = await client.call_tool("search", {"text": "red", "k": 3})
            st.index_folder(folder, encoder=HashEncoder(), rebuild=True)
            return [before, await client.call_tool("search", {"text": "red", "k": 3})]

    before, after = (each.structured_content["hits"] for each in asyncio.run(run()))
    with st.Gallery.open(folder, encoder=HashEncoder()) as gallery:
        expected = st.Searcher(gallery, settings=st.SearchSettings(k=3)).search(
            st.Query(text="red")
        )
    assert [hit["id"] for hit in after] == [hit.id for hit in expected]
    assert len(before) == 3
    assert made_for == [FormerEncoder.fingerprint, HashEncoder.fingerprint]


def test_search_catalog_of_a_shop(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop")
    content = (shop.folder / "images/dress-2-red.png").read_bytes()
    image = base64.b64encode(content).decode()
    opened = shop.open()

    def answer(**catalog: Any) -> Any:
        async def run() -> Any:
            async with mcp.Client(create_server(opened)) as client:
                arguments = {"catalog": catalog, "meta": {"ucp-agent": {"profile": "x"}}}
                return await client.call_tool("search_catalog", arguments)

        return asyncio.run(run())

    result = answer(query="a dress", pagination={"limit": 3}, facets=["brand"])
    data = CatalogResponse.model_validate(result.structured_content)
    assert len(data.products) == 3
    assert data.pagination.has_next_page
    assert "3 of 6 products." in words(result)
    filters = {"price": {"max": 2000}, "brand": "Acme"}
    cheap = answer(query="a dress", filters=filters, context={"currency": "EUR"})
    assert [each["id"] for each in cheap.structured_content["products"]] == ["hat"]
    by_id = answer(query="in blue", reference={"id": "dress-2-red"}).structured_content
    by_image = answer(query="in blue", reference={"image": image}).structured_content
    assert by_id == by_image
    for wrong, message in (
        ({}, "neither a query nor a reference"),
        ({"query": "x", "filters": {"brnad": "Acme"}}, "Did you mean 'brand'"),
        ({"query": "x", "reference": {"upload": "y"}}, "Uploads belong to the HTTP API"),
        ({"query": "x", "reference": "nothing"}, "nothing"),
        ({"query": 3}, "query"),
    ):
        refused = answer(**wrong)
        assert refused.is_error
        assert message in words(refused)
        assert str(tmp_path) not in words(refused)

"""The client against the real application, in this process."""

from __future__ import annotations

import asyncio
import inspect
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pydantic
import pytest
from PIL import Image

import stitch_cir as st
from stitch_cir.client import (
    ApiError,
    AsyncClient,
    CaptionInfo,
    Client,
    EditedCaption,
    UnreachableError,
)
from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import index_folder
from stitch_cir.server import ServerSettings, create_app

TOKEN = "a-token-for-tests-only"


@pytest.fixture
def connect(folder: Path) -> Iterator[Callable[..., Client]]:
    """Make clients of an application that serves ``photos``."""
    from fastapi.testclient import TestClient

    index_folder(folder, encoder=HashEncoder())
    opened: list[Any] = []

    def connect(token: str | None = None, **settings: Any) -> Client:
        settings = {"token": token, "rate": 0, "batch_seconds": 0, **settings}
        app = create_app(folder, encoder=HashEncoder(), settings=ServerSettings(**settings))
        server = TestClient(app)
        server.__enter__()
        client = Client("http://testserver", token=token, transport=server._transport)
        opened.append((client, server))
        return client

    yield connect
    for client, server in opened:
        client.close()
        server.__exit__(None, None, None)


@pytest.fixture
def client(connect: Callable[..., Client]) -> Client:
    return connect()


def decoded(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_the_gallery_is_described(client: Client) -> None:
    info = client.gallery()
    assert info.images == 8
    assert info.encoder == "test"
    (scorer,) = [each for each in info.settings if each.name == "scorer"]
    assert "conditional" in scorer.choices
    assert info.limits["k"] == 500
    assert not info.writable
    assert client.health().images == 8
    with pytest.raises(pydantic.ValidationError):
        info.images = 9


def test_images_are_listed_and_shown(client: Client) -> None:
    page = client.images("red", limit=1)
    assert page.total == 2
    assert [image.id for image in page.images] == ["pairs/red-blue.png"]
    shown = client.image("pairs/red-blue.png")
    assert (shown.width, shown.height) == (40, 40)
    assert len(shown.views) == 10
    assert shown.views[0].box == (0.0, 0.0, 1.0, 1.0)
    assert decoded(client.thumbnail("pairs/red-blue.png", side=64)).format == "JPEG"
    assert decoded(client.file("red.png")).format == "JPEG"


def test_images_are_filtered_and_counted_by_their_attributes(client: Client, folder: Path) -> None:
    with st.Gallery.open(folder) as gallery:
        gallery.set_attributes({"red.png": {"price": 5, "line": "a"}, "blue.png": {"line": "b"}})
    assert [image.id for image in client.images(where="price < 9").images] == ["red.png"]
    suggested = client.facets(where="line is not missing")
    assert suggested.total == 2
    assert {facet.request for facet in suggested.facets} >= {"line"}
    (counted,) = client.facets("price:1,9").facets
    assert [count.count for count in counted.counts] == [0, 1, 0]


def test_a_search_is_that_of_the_library(client: Client, folder: Path) -> None:
    gallery = st.Gallery.open(folder, encoder=HashEncoder())
    expected = st.search(
        gallery, reference="red.png", text="in blue", settings=st.SearchSettings(k=3)
    )
    results = client.search("in blue", reference="red.png", settings={"k": 3})
    assert [hit.id for hit in results] == [hit.id for hit in expected]
    assert [hit.score for hit in results] == pytest.approx(
        [hit.score for hit in expected], abs=1e-5
    )
    assert results[0].best_view.label == expected[0].best_view.label
    assert results.query.labels == expected.query.labels
    assert results.composition is not None
    assert expected.query.composition is not None
    assert [caption.text for caption in results.composition.captions] == list(
        expected.query.composition.texts
    )
    assert len(results) == 3
    assert results.settings["k"] == 3


def test_captions_go_back_edited(client: Client) -> None:
    made = client.compose("in blue", reference="red.png", settings={"num_captions": 3})
    assert len(made.captions) == 2
    edited: list[EditedCaption | CaptionInfo] = [
        EditedCaption(text="all green"),
        EditedCaption(text="something else", on=False),
        made.captions[0],
    ]
    results = client.search("in blue", reference="red.png", captions=edited)
    assert results.query.labels == ("all green", made.captions[0].text)
    assert client.search(captions=["green"])[0].id == "green.png"


def test_a_hit_is_the_next_reference_and_another_is_rejected(client: Client) -> None:
    first = client.search("blue")[0]
    results = client.search("in red", reference=first, negatives=["white.png"])
    assert results.query.reference == first.id
    assert results.query.negatives == ("white.png",)
    assert "white.png" not in [hit.id for hit in results]


@pytest.mark.parametrize("kind", ["path", "text", "bytes"])
def test_an_upload_is_a_reference(client: Client, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "mine.png"
    Image.new("RGB", (50, 30), (200, 40, 30)).save(path)
    sent: Any = {"path": path, "text": str(path), "bytes": path.read_bytes()}[kind]
    upload = client.upload(sent)
    assert (upload.width, upload.height, upload.gallery_id) == (50, 30, None)
    results = client.search("in blue", reference=upload)
    assert results.query.reference == "(upload)"
    assert client.upload(tmp_path / "photos/red.png").gallery_id == "red.png"


def test_a_hit_is_explained(client: Client) -> None:
    query: Any = {"reference": "red.png", "settings": {"num_captions": 4}}
    why = client.explain("blue.png", "in blue", **query)
    assert why.hit.id == "blue.png"
    assert len(why.captions) == len(why.plan.forward) == 2
    assert len(why.views) == len(why.plan.forward[0]) == 10
    assert sum(map(sum, why.plan.joint)) == pytest.approx(1, abs=1e-3)
    assert sum(why.shares) == pytest.approx(why.hit.score, abs=1e-4)
    assert why.matches[0].mass >= why.matches[-1].mass
    assert why.summary.startswith("Found because ")
    drawn = client.explanation_image("blue.png", "in blue", kind="heatmap", **query)
    assert decoded(drawn).format == "PNG"
    assert "data:image/jpeg" in client.sheet("in blue", **query)


def test_images_are_added_and_removed(connect: Callable[..., Client], tmp_path: Path) -> None:
    client = connect(TOKEN)
    path = tmp_path / "new.png"
    Image.new("RGB", (40, 40), (250, 140, 0)).save(path)
    added = client.add_images([path, b"no picture"], captions=[["an orange square"], []])
    (new,) = added.added
    assert [skipped.name for skipped in added.skipped] == ["image-2"]
    assert client.image(new).captions == ("an orange square",)
    client.remove_image(new)
    with pytest.raises(st.NotFoundError):
        client.image(new)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda c: c.search(), st.QueryError, "nothing"),
        (lambda c: c.search("x", settings={"alpha": 2.0}), st.SettingError, "alpha"),
        (lambda c: c.search("x", reference="nope.png"), st.NotFoundError, "nope.png"),
        (lambda c: c.image("../../etc/passwd"), st.NotFoundError, "no such image"),
        (lambda c: c.upload(b"no picture"), st.NotAnImageError, "image"),
        (lambda c: c.upload("/nowhere/a.png"), st.NotFoundError, "cannot be read"),
        (lambda c: c.explain("nope", "red"), st.NotFoundError, "nope"),
    ],
)
def test_errors_are_those_of_the_library(
    client: Client, call: Callable[[Client], object], kind: type[st.StitchError], words: str
) -> None:
    with pytest.raises(kind) as caught:
        call(client)
    assert type(caught.value) is kind
    assert words.lower() in str(caught.value).lower()
    assert caught.value.hint


def test_errors_that_only_a_server_raises(client: Client) -> None:
    with pytest.raises(ApiError) as caught:
        client.remove_image("red.png")
    assert (caught.value.type, caught.value.status) == ("TokenError", 403)
    assert "request id" in caught.value.__notes__[0]
    with pytest.raises(ApiError) as caught:
        client.search("x", settings={"k": 1.5})  # type: ignore[typeddict-item]
    assert (caught.value.type, caught.value.status) == ("RequestError", 422)


def test_a_busy_server_is_retried(connect: Callable[..., Client], monkeypatch: Any) -> None:
    waited: list[float] = []
    monkeypatch.setattr("stitch_cir.client._client.time.sleep", waited.append)
    client = connect(rate=0.001, burst=1)
    client.gallery()
    with pytest.raises(ApiError) as caught:
        client.gallery()
    assert caught.value.type == "RateError"
    assert len(waited) == 2


@pytest.mark.parametrize("url", ["nonsense", "ftp://a.b", "http://", ""])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(st.SettingError, match="address"):
        Client(url)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx2.Response(502, text="<html>Bad gateway</html>"), "another form"),
        (httpx2.Response(200, text="<html>Hello</html>"), "JSON"),
        (httpx2.Response(200, json={"status": "ok"}), "version"),
        (httpx2.Response(302, headers={"location": "http://else"}), "another address"),
    ],
)
def test_a_server_of_another_kind_is_named(answer: httpx2.Response, words: str) -> None:
    with Client("http://a.test", transport=httpx2.MockTransport(lambda _: answer)) as client:
        with pytest.raises(ApiError, match=words) as caught:
            client.health()
        assert caught.value.type == "AnswerError"


def test_nobody_answers() -> None:
    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    client = Client("http://a.test", transport=httpx2.MockTransport(refuse))
    with pytest.raises(UnreachableError, match="refused"):
        client.health()

    def dawdle(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout("late")

    client = Client("http://a.test", transport=httpx2.MockTransport(dawdle))
    with pytest.raises(UnreachableError, match="in time"):
        client.health()


@pytest.mark.parametrize(
    ("id", "path"),
    [
        ("a b/ü?.jpg", "/api/images/a%20b/%C3%BC%3F.jpg"),
        ("a/../b", "/api/images/a%2F%2E%2E%2Fb"),
        ("..", "/api/images/%2E%2E"),
        ("//x", "/api/images/%2F%2Fx"),
    ],
)
def test_addresses_of_odd_ids(id: str, path: str) -> None:
    sent: list[bytes] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request.url.raw_path)
        return httpx2.Response(404, json={})

    with (
        Client("http://a.test", transport=httpx2.MockTransport(answer)) as client,
        pytest.raises(st.StitchError),
    ):
        client.image(id)
    assert sent[-1] == path.encode()


def test_the_asynchronous_client(folder: Path) -> None:
    index_folder(folder, encoder=HashEncoder())
    settings = ServerSettings(rate=0, batch_seconds=0)
    app = create_app(folder, encoder=HashEncoder(), settings=settings)

    async def session() -> None:
        transport = httpx2.ASGITransport(app)
        async with AsyncClient("http://a.test", transport=transport) as client:
            many = await asyncio.gather(*(client.search(text) for text in ("red", "blue", "green")))
            assert [results[0].id for results in many] == ["red.png", "blue.png", "green.png"]
            assert (await client.gallery()).images == 8
            why = await client.explain("red.png", "red")
            assert why.hit.rank == 1
            with pytest.raises(st.NotFoundError):
                await client.image("nope")
            upload = await client.upload(folder / "red.png")
            assert upload.gallery_id == "red.png"

    asyncio.run(session())


def test_both_clients_have_the_same_methods() -> None:
    names = {name for name in dir(Client) if not name.startswith("_")}
    assert names == {name for name in dir(AsyncClient) if not name.startswith("_")}


def test_methods_are_documented_with_their_signatures() -> None:
    assert str(inspect.signature(Client("http://a.test").images)) == (
        "(q: 'str' = '', *, offset: 'int' = 0, limit: 'int' = 60, where: 'str | None' = None,"
        " order: 'str' = 'id', partial: 'bool' = False) -> 'ImagePage'"
    )
    for name in ("search", "upload", "add_images"):
        blocking, awaited = getattr(Client, name), getattr(AsyncClient, name)
        assert inspect.signature(blocking) == inspect.signature(awaited)
        assert blocking.__doc__ == awaited.__doc__
        assert blocking.__name__ == name

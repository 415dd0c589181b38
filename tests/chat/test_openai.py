"""The OpenAI-compatible back end against a server that misbehaves."""

from __future__ import annotations

import base64
import io
import logging
import re
import tomllib
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stitch_cir.chat import ImagePart, Message, OpenAIChat, Sampling
from stitch_cir.errors import EndpointError, SettingError
from tests.chat.fake_server import (
    Handler,
    breaks_off,
    completion,
    fails,
    first,
    half_json,
    says,
    serving,
    sleeps,
)

KEY = "sk-very-secret-0123456789"
ASK = [Message("user", ("What is it?",))]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("STITCH_API_KEY", KEY)


def texts(replies: Any) -> Any:
    return [reply.text for reply in replies]


def test_k_samples_are_one_request_with_the_sampling_of_the_paper() -> None:
    with serving(says("a", "b", "c", "d", "e")) as server:
        replies = OpenAIChat("m", base_url=server.url).sample(ASK, 5, Sampling(seed=3), 1)
    assert texts(replies) == ["e", "a", "b", "c", "d"]
    (request,) = server.requests
    assert request["n"] == 5
    assert request["seed"] == 4
    assert (request["temperature"], request["top_p"], request["top_k"]) == (0.7, 0.8, 50)
    assert request["max_tokens"] == 70
    assert server.keys == [f"Bearer {KEY}"]


def test_an_end_point_without_n_gets_concurrent_requests_in_order() -> None:
    def single(handler: Handler, body: dict[str, Any]) -> None:
        handler.send(200, completion(f"sample {body['seed']}"))

    with serving(single) as server:
        chat = OpenAIChat("m", base_url=server.url, concurrency=2)
        assert texts(chat.sample(ASK, 5, Sampling(), 0)) == [f"sample {i}" for i in range(5)]
        assert server.busiest <= 2
        assert texts(chat.sample(ASK, 2, Sampling(), 5)) == ["sample 5", "sample 6"]
    assert [request.get("n") for request in server.requests] == [5] + [None] * 6


@pytest.mark.parametrize("name", ["top_k", "n", "seed", "max_tokens"])
def test_a_refused_parameter_is_left_out_from_then_on_and_noted(name: str) -> None:
    def answer(handler: Handler, body: dict[str, Any]) -> None:
        if name in body:
            handler.send(400, {"error": {"message": f"Unsupported parameter: '{name}'"}})
        else:
            says("x")(handler, body)

    with serving(answer) as server:
        chat = OpenAIChat("m", base_url=server.url)
        assert texts(chat.sample(ASK, 2, Sampling(), 0)) == ["x", "x"]
        count = len(server.requests)
        chat.sample(ASK, 1, Sampling(), 0)
        assert len(server.requests) == count + 1
    noted = name in ("top_k", "seed")
    assert chat.notes() == ((f"the end point does not take {name}",) if noted else ())
    if name == "max_tokens":
        assert server.requests[-1]["max_completion_tokens"] == 70


@pytest.mark.parametrize("trouble", [fails(429), fails(500), fails(503), breaks_off])
def test_passing_troubles_are_tried_again(trouble: Any) -> None:
    with serving(first(trouble, says("fine"))) as server:
        chat = OpenAIChat("m", base_url=server.url)
        assert texts(chat.sample(ASK, 1, Sampling(), 0)) == ["fine"]
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("trouble", "message", "hint"),
    [
        (fails(401, f"bad key {KEY}"), "refuses the key", "STITCH_API_KEY"),
        (fails(404, "no such model"), "has no model 'm'", "--model"),
        (fails(429, "slow down"), "still refusing requests after 2 tries", "--concurrency"),
        (fails(500, "out of memory"), "cannot be used: .*out of memory", "server's own log"),
        (fails(400, "context too long"), "cannot be used: .*context too long", "prompt"),
        (breaks_off, "cannot be reached", "same command again"),
        (half_json, "cannot be used", "server"),
        (lambda h, b: h.send(200, {"choices": []}), "no completion", "server"),
        (lambda h, b: h.send(200, ["x"]), "cannot be used", "server"),
        (
            lambda h, b: h.send(200, b"<html>hi</html>", content_type="text/html"),
            "no completion",
            "server",
        ),
        (sleeps(1.0), "no answer within 0.1 seconds", "--concurrency"),
    ],
)
def test_persistent_failures_are_one_clear_error_without_the_key(
    trouble: Any, message: str, hint: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(trouble) as server:
        chat = OpenAIChat(
            "m", base_url=server.url, retries=1, timeout=0.1 if "0.1" in message else 9
        )
        with pytest.raises(EndpointError, match=message) as caught:
            chat.sample(ASK, 1, Sampling(), 0)
    assert hint in caught.value.hint
    assert "127.0.0.1" in caught.value.message
    assert KEY not in str(caught.value)
    assert KEY not in caplog.text
    assert KEY not in repr(chat.settings())


@pytest.mark.parametrize("content", [None, ["a", "list"], 7, {"a": 1}])
def test_a_reply_that_is_no_text_is_a_reply_without_text(content: Any) -> None:
    with serving(says(content)) as server:
        (reply,) = OpenAIChat("m", base_url=server.url).sample(ASK, 1, Sampling(), 0)
    assert reply.text is None


def test_a_megabyte_of_prose_arrives_whole() -> None:
    prose = "word " * 200_000
    with serving(says(prose)) as server:
        (reply,) = OpenAIChat("m", base_url=server.url).sample(ASK, 1, Sampling(), 0)
    assert reply.text == prose


def test_images_are_sent_in_order_as_small_jpegs() -> None:
    image = ImagePart.of(Image.new("RGB", (2000, 1000), "red"))
    message = Message("user", ("before", image, "after"))
    with serving(says("x")) as server:
        OpenAIChat("m", base_url=server.url).sample([message], 1, Sampling(), 0)
    parts = server.requests[0]["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url", "text"]
    head, data = parts[1]["image_url"]["url"].split(",")
    assert head == "data:image/jpeg;base64"
    sent = Image.open(io.BytesIO(base64.b64decode(data)))
    assert sent.size == (768, 384)
    assert sent.getpixel((0, 0))[0] > 250  # type: ignore[index]


def test_no_key_is_an_error_for_a_distant_end_point_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STITCH_API_KEY")
    for url, name in ((None, "api.openai.com"), ("https://far.example/v1", "far.example")):
        with pytest.raises(EndpointError, match=f"no key for {name}") as caught:
            OpenAIChat("m", base_url=url).sample(ASK, 1, Sampling(), 0)
        assert "STITCH_API_KEY" in caught.value.hint
    with serving(says("x")) as server:
        assert OpenAIChat("m", base_url=server.url).sample(ASK, 1, Sampling(), 0)
    # nobody listens there any more
    with pytest.raises(EndpointError, match="cannot be reached"):
        OpenAIChat("m", base_url=server.url, retries=0).sample(ASK, 1, Sampling(), 0)


def test_settings_never_hold_user_password_or_query() -> None:
    chat = OpenAIChat("m", base_url="https://user:word@host.example:81/v1?token=abc")
    assert chat.settings()["host"] == "host.example:81"
    assert "word" not in str(chat.settings())
    assert "abc" not in str(chat.settings())


def test_unusable_options_are_refused() -> None:
    unusable: list[dict[str, Any]] = [{"concurrency": 0}, {"retries": -1}, {"timeout": 0}]
    for options in unusable:
        with pytest.raises(SettingError):
            OpenAIChat("m", **options)
    with pytest.raises(SettingError, match="No model"):
        OpenAIChat(" ")


@pytest.mark.parametrize(
    "values",
    [
        {"temperature": -1},
        {"temperature": float("nan")},
        {"top_p": 0},
        {"top_p": 1.5},
        {"top_k": -1},
        {"max_tokens": 0},
        {"seed": -1},
        {"seed": True},
    ],
)
def test_sampling_outside_its_range_is_refused(values: Any) -> None:
    with pytest.raises(SettingError, match=next(iter(values))):
        Sampling(**values)


def test_sampling_presets_can_be_overridden_one_by_one() -> None:
    assert Sampling.from_preset("paper") == Sampling(0.7, 0.8, 50, 70, 0)
    assert Sampling.from_preset("public-code").temperature == 0.8
    assert Sampling.from_preset("public-code", seed=4, top_p=None).to_dict() == {
        "temperature": 0.8,
        "top_p": 0.8,
        "top_k": 50,
        "max_tokens": 70,
        "seed": 4,
    }
    with pytest.raises(SettingError, match="no sampling preset"):
        Sampling.from_preset("mine")
    with pytest.raises(SettingError, match="no such parameter"):
        Sampling.from_preset("paper", warmth=1)


@pytest.mark.parametrize(
    "url", ["localhost:8000/v1", "http://", "ftp://a/v1", "http://[::1", "/v1"]
)
def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(SettingError, match="not the address") as caught:
        OpenAIChat("m", base_url=url)
    assert "http://localhost:8000/v1" in caught.value.hint


def test_an_address_may_include_its_path() -> None:
    with serving(says("x")) as server:
        for url in (f"{server.url}/chat/completions", f" {server.url}/ "):
            assert texts(OpenAIChat("m", base_url=url).sample(ASK, 1, Sampling(), 0)) == ["x"]


@pytest.mark.parametrize("key", ["sk-abc\ndef", "sk-ключ"])
def test_a_malformed_key_is_an_error_that_does_not_show_it(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("STITCH_API_KEY", key)
    with pytest.raises(EndpointError, match="STITCH_API_KEY holds") as caught:
        OpenAIChat("m", base_url="http://127.0.0.1:9/v1").sample(ASK, 1, Sampling(), 0)
    assert key not in str(caught.value)


def test_half_a_surrogate_pair_in_a_question_travels_as_a_question_mark() -> None:
    with serving(says("x")) as server:
        chat = OpenAIChat("m", base_url=server.url)
        assert texts(chat.sample([Message("user", ("lone \ud800 half",))], 1, Sampling(), 0)) == [
            "x"
        ]
    assert server.requests[0]["messages"][0]["content"] == "lone ? half"


def test_tls_to_a_server_without_it_is_named() -> None:
    with serving(says("x")) as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(EndpointError, match="cannot be reached") as caught:
            OpenAIChat("m", base_url=url, retries=0).sample(ASK, 1, Sampling(), 0)
    assert "http://" in caught.value.hint


def test_the_declared_client_works_with_its_installed_dependencies() -> None:
    """Before 3.0 the client used another HTTP library, whose newest release broke it."""
    declared = Path(__file__).parents[2] / "pyproject.toml"
    dependencies = tomllib.loads(declared.read_text())["project"]["dependencies"]
    (openai,) = [line for line in dependencies if line.startswith("openai")]
    assert int(re.findall(r">=(\d+)", openai)[0]) >= 3
    assert any(need.startswith("httpx2") for need in requires("openai") or ())

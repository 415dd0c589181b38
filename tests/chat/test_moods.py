"""What the back end makes of the ways in which real end points refuse."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from stitch_cir.chat import Chat, ImagePart, Message, OpenAIChat, Sampling
from stitch_cir.composers import ChatComposer, Reference
from stitch_cir.errors import EndpointError, PromptTooLargeError
from tests.chat.fake_server import Handler, completion, serving
from tests.chat.moods import answers, images, mood
from tests.chat.moods_failing import FAILS, IMAGE_LIMITS
from tests.chat.moods_learned import LEARNED

RED = Image.new("RGB", (32, 24), "red")
TEXT = [Message("system", ("Be brief.",)), Message("user", ("What is it?",))]
SEEING = [Message("user", ("What is it?", ImagePart.of(RED)))]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "STITCH_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", LEARNED)
def test_the_form_of_request_that_an_end_point_takes_is_remembered(name: Any) -> None:
    answer, missing, noted = LEARNED[name]
    sampling = Sampling(max_tokens=8)
    with serving(answer) as server:
        chat = OpenAIChat("m", base_url=server.url)
        replies = chat.sample(TEXT, 3, sampling, 0)
        assert [reply.text for reply in replies if reply.text] == [reply.text for reply in replies]
        assert len(replies) == 3
        if "seed" not in missing:
            assert [reply.text for reply in replies] == [
                f"A red dress, take {i}." for i in range(3)
            ]
        before = len(server.requests)
        chat.sample(TEXT, 3, sampling, 3)
        again = server.requests[before:]
        assert len(again) == (3 if "n" in missing else 1)
        assert not missing & set().union(*again)
    assert set(chat.settings().get("left_out", ())) <= missing
    notes = "; ".join(chat.notes())
    assert all(word in notes for word in noted)
    assert bool(noted) == bool(notes)


@pytest.mark.parametrize("name", FAILS)
def test_a_permanent_refusal_is_one_error_with_reason_and_hint(name: Any) -> None:
    status, body, message, hint = FAILS[name]
    with (
        serving(lambda handler, _: handler.send(status, body, retry_after_ms="1")) as server,
        pytest.raises(EndpointError, match=message) as caught,
    ):
        OpenAIChat("m", base_url=server.url).sample(SEEING, 3, Sampling(), 0)
    assert hint in caught.value.hint
    assert len(server.requests) <= 2


@pytest.mark.parametrize("name", IMAGE_LIMITS)
def test_a_limit_on_images_is_read_and_the_examples_are_left_out(name: Any) -> None:
    status, body, most = IMAGE_LIMITS[name]
    limited = mood(lambda request: (status, body) if images(request) > most else None)
    with serving(limited) as server:
        chat = OpenAIChat("m", base_url=server.url)
        with pytest.raises(PromptTooLargeError, match=rf"at most {most} image") as caught:
            chat.sample([Message("user", (ImagePart.of(RED),) * 3)], 2, Sampling(), 0)
        assert caught.value.most_images == most
        composer = ChatComposer(Chat(chat))
        made = composer.compose(Reference("a.png", RED), "in red", 3)
        assert {caption.origin for caption in made.captions} == {"chat:m"}
        assert made.settings["prompt_examples"] == "left out"
        assert any(f"takes at most {most} image(s)" in note for note in made.notes)
        before = len(server.requests)
        composer.compose(Reference("b.png", RED), "in blue", 3)
        assert [images(request) for request in server.requests[before:]] == [1]


@pytest.mark.parametrize("prompt", ["edit-1", "fashion-1"])
def test_every_prompt_with_example_images_has_a_form_for_one(prompt: str) -> None:
    status, body, _ = IMAGE_LIMITS["vLLM"]
    with serving(mood(lambda request: (status, body) if images(request) > 1 else None)) as server:
        composer = ChatComposer(Chat(OpenAIChat("m", base_url=server.url)), prompt=prompt)
        made = composer.compose(Reference("a.png", RED), "in red", 2)
    assert made.settings["prompt"] == prompt
    assert [images(request) for request in server.requests] == [3, 1]


def test_examples_are_left_out_where_the_context_is_too_small() -> None:
    message = "the request exceeds the available context size. try increasing the context size"
    error = {"code": 400, "message": message, "type": "exceed_context_size_error", "n_ctx": 256}
    with serving(
        mood(lambda request: (400, {"error": error}) if images(request) > 1 else None)
    ) as server:
        made = ChatComposer(Chat(OpenAIChat("m", base_url=server.url))).compose(
            Reference("a.png", RED), "in red", 2
        )
    assert {caption.origin for caption in made.captions} == {"chat:m"}
    assert any("the end point finds it too long" in note for note in made.notes)


def test_a_refused_content_is_no_answer_and_no_error() -> None:
    azure = {
        "error": {
            "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
            "type": None,
            "param": "prompt",
            "code": "content_filter",
            "status": 400,
            "innererror": {"code": "ResponsibleAIPolicyViolation"},
        }
    }
    with serving(lambda handler, _: handler.send(400, azure)) as server:
        chat = OpenAIChat("m", base_url=server.url)
        replies = chat.sample(SEEING, 2, Sampling(), 0)
        made = ChatComposer(Chat(chat)).compose(Reference("a.png", RED), "a red dress", 2)
    assert [(reply.text, reply.finish) for reply in replies] == [(None, "content_filter")] * 2
    assert "4 blocked by a content filter" in made.notes[0]
    assert all(caption.origin.startswith("verbatim:") for caption in made.captions)


def test_an_overload_in_a_body_of_status_200_is_tried_again() -> None:
    busy = {
        "error": {
            "message": "Provider returned error",
            "code": 429,
            "metadata": {"raw": "error code: 1015"},
        }
    }
    requests = []

    def answer(handler: Handler, body: dict[str, Any]) -> None:
        requests.append(body)
        handler.send(
            200, busy if len(requests) < 3 else completion("A red dress."), retry_after_ms="1"
        )

    with serving(answer) as server:
        (reply,) = OpenAIChat("m", base_url=server.url).sample(TEXT, 1, Sampling(), 0)
    assert reply.text == "A red dress."
    assert len(requests) == 3


def test_a_model_that_is_still_loading_is_waited_for() -> None:
    loading = {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}
    requests = []

    def answer(handler: Handler, body: dict[str, Any]) -> None:
        requests.append(body)
        if len(requests) < 4:
            handler.send(503, loading, retry_after_ms="1")
        else:
            handler.send(200, answers(body))

    with serving(answer) as server:
        assert len(OpenAIChat("m", base_url=server.url).sample(TEXT, 3, Sampling(), 0)) == 3
    # a passing trouble teaches nothing: the last request still asks for all at once
    assert requests[-1]["n"] == 3


def test_surplus_choices_are_dropped_and_put_in_order() -> None:
    def answer(handler: Handler, body: dict[str, Any]) -> None:
        data = completion("third", "second", "first", "fourth")
        for choice, index in zip(data["choices"], (2, 1, 0, 3), strict=True):
            choice["index"] = index
        handler.send(200, data)

    with serving(answer) as server:
        replies = OpenAIChat("m", base_url=server.url).sample(TEXT, 3, Sampling(), 0)
    assert [reply.text for reply in replies] == ["first", "second", "third"]


def test_azure_addresses_keep_their_version_and_servers_nearby_need_no_key() -> None:
    paths = []

    def answer(handler: Handler, body: dict[str, Any]) -> None:
        paths.append(handler.path)
        handler.send(200, answers(body))

    with serving(answer) as server:
        url = server.url.replace("/v1", "/openai/deployments/gpt?api-version=2024-10-21")
        OpenAIChat("gpt", base_url=url).sample(TEXT, 1, Sampling(), 0)
    assert paths == ["/openai/deployments/gpt/chat/completions?api-version=2024-10-21"]

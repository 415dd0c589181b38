"""Answers that cannot be used are asked for again, and can be forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stitch_cir.chat import (
    AnswerCache,
    Chat,
    Message,
    OpenAIChat,
    Reply,
    Sampling,
    ScriptedChat,
    export_answers,
    forget_answers,
    has_text,
    import_answers,
)
from stitch_cir.composers import ChatComposer, Reference
from stitch_cir.errors import NotFoundError
from tests.chat.fake_server import Handler, completion, serving

ASK = [Message("user", ("What is it?",))]
REFERENCE = Reference("a.png", Image.new("RGB", (32, 24), "red"), content="ab" * 32)
GOOD = [f"A red dress, take {i}." for i in range(20)]


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Any]:
    cache = AnswerCache(tmp_path / "answers.sqlite")
    yield cache
    cache.close()


@pytest.mark.parametrize(
    "bad",
    [
        Reply(None),
        Reply(""),
        Reply(" \n"),
        Reply(None, "length"),
        Reply(None, "content_filter"),
        Reply(None, "refusal"),
        Reply("<think>The user wants", "length"),
        Reply("I'm sorry, I can't help with that."),
        Reply("A dress that goes on and", "length"),
    ],
)
def test_unusable_answers_are_requested_again_and_replaced(cache: Any, bad: Any) -> None:
    broken = ChatComposer(Chat(ScriptedChat([bad]), cache)).compose(REFERENCE, "in red", 3)
    assert all(caption.origin.startswith("verbatim:") for caption in broken.captions)
    healthy = Chat(ScriptedChat(GOOD), cache)
    made = ChatComposer(healthy).compose(REFERENCE, "in red", 3)
    assert made.texts == tuple(GOOD[:3])
    assert healthy.usage().requested == 3
    # and what it says now is final
    again = Chat(ScriptedChat(["never"]), cache)
    assert ChatComposer(again).compose(REFERENCE, "in red", 3) == made
    assert again.usage().requested == 0


def test_offline_the_record_of_a_failed_run_gives_the_same_run(cache: Any) -> None:
    said = ["A cat.", None, "A dog.", "", "A fox."]
    first = ChatComposer(Chat(ScriptedChat(said), cache)).compose(REFERENCE, "an animal", 3)
    offline = Chat(ScriptedChat(["never"]), cache, offline=True)
    assert ChatComposer(offline).compose(REFERENCE, "an animal", 3) == first


def test_only_missing_answers_are_requested_and_priced(cache: Any) -> None:
    Chat(ScriptedChat(["A cat.", None, "A dog."]), cache).samples(ASK, 3, Sampling())
    chat = Chat(ScriptedChat(GOOD), cache)
    assert chat.missing(ASK, 3, Sampling()) == 1
    assert chat.peek(ASK, 3, Sampling()) is None
    texts = [reply.text for reply in chat.samples(ASK, 3, Sampling())]
    assert texts == ["A cat.", GOOD[1], "A dog."]
    assert (chat.usage().requested, chat.usage().cached) == (1, 2)
    assert chat.missing(ASK, 3, Sampling()) == 0


def test_a_cache_of_an_older_version_with_empty_answers_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    old = AnswerCache(path)
    Chat(ScriptedChat(["A cat."]), old).samples(ASK, 1, Sampling())
    old.close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE answers SET text = NULL, finish = 'stop'")
    db.close()
    cache = AnswerCache(path)
    chat = Chat(ScriptedChat(["A dog."]), cache)
    assert chat.samples(ASK, 1, Sampling())[0].text == "A dog."
    assert chat.samples(ASK, 1, Sampling())[0].text == "A dog."
    assert chat.usage().requested == 1
    cache.close()


def test_an_import_fills_in_what_holds_no_text(cache: Any, tmp_path: Path) -> None:
    Chat(ScriptedChat([None, "ours"]), cache).samples(ASK, 2, Sampling())
    theirs = AnswerCache(tmp_path / "t.sqlite")
    Chat(ScriptedChat(["theirs"]), theirs).samples(ASK, 2, Sampling())
    export_answers(theirs, tmp_path / "t.jsonl")
    theirs.close()
    report = import_answers(cache, tmp_path / "t.jsonl")
    assert report.to_dict() == {"read": 2, "added": 1, "differing": 1}
    key = Chat(ScriptedChat(["x"])).key(ASK, Sampling())
    assert [cache.get(key, i).text for i in range(2)] == ["theirs", "ours"]


def test_answers_are_forgotten_by_model_or_when_they_hold_none(cache: Any) -> None:
    Chat(ScriptedChat(["A cat.", None, "<think>no"]), cache).samples(ASK, 3, Sampling())
    Chat(ScriptedChat(["A dog."], model="other"), cache).samples(ASK, 1, Sampling())
    assert forget_answers(cache).to_dict() == {"forgotten": 2, "kept": 2}
    assert forget_answers(cache).forgotten == 0
    assert forget_answers(cache, model="other", everything=True).to_dict() == {
        "forgotten": 1,
        "kept": 1,
    }
    assert list(cache.summary()["models"]) == ["scripted"]
    with pytest.raises(NotFoundError, match="no answers of 'other'") as caught:
        forget_answers(cache, model="other")
    assert "scripted" in caught.value.hint
    assert forget_answers(cache, everything=True).to_dict() == {"forgotten": 1, "kept": 0}
    assert cache.summary()["models"] == {}


def test_what_an_end_point_did_not_take_is_recorded_with_its_answers(
    cache: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STITCH_API_KEY", "none")

    def answer(handler: Handler, body: dict[str, Any]) -> None:
        if "top_k" in body:
            handler.send(
                422,
                {
                    "detail": [
                        {"type": "extra_forbidden", "loc": ["body", "top_k"], "msg": "Extra inputs"}
                    ]
                },
            )
        else:
            handler.send(200, completion(*GOOD[: body.get("n", 1)]))

    with serving(answer) as server:
        online = Chat(OpenAIChat("m", base_url=server.url), cache)
        made = ChatComposer(online).compose(REFERENCE, "in red", 2)
    assert made.settings["left_out"] == ["top_k"]
    assert made.notes == ("the end point does not take top_k",)
    offline = Chat(OpenAIChat("m", base_url=server.url), cache, offline=True)
    replayed = ChatComposer(offline).compose(REFERENCE, "in red", 2)
    assert replayed.captions == made.captions
    assert replayed.notes == made.notes


def test_examples_left_out_are_left_out_again_from_the_cache(
    cache: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STITCH_API_KEY", "none")

    def answer(handler: Handler, body: dict[str, Any]) -> None:
        parts = body["messages"][-1]["content"]
        if sum(part["type"] == "image_url" for part in parts) > 1:
            handler.send(400, {"message": "At most 1 image(s) may be provided in one request."})
        else:
            handler.send(200, completion(*GOOD[: body.get("n", 1)]))

    with serving(answer) as server:
        made = ChatComposer(Chat(OpenAIChat("m", base_url=server.url), cache)).compose(
            REFERENCE, "in red", 2
        )
        assert len(server.requests) == 2
        again = ChatComposer(Chat(OpenAIChat("m", base_url=server.url), cache)).compose(
            REFERENCE, "in red", 2
        )
        assert len(server.requests) == 2
    offline = Chat(OpenAIChat("m", base_url=server.url), cache, offline=True)
    replayed = ChatComposer(offline).compose(REFERENCE, "in red", 2)
    assert made.captions == again.captions == replayed.captions
    for composition in (made, again, replayed):
        assert composition.settings["prompt_examples"] == "left out"
        assert "sent without the examples of the prompt edit-1" in composition.notes[0]


def test_what_counts_as_text() -> None:
    assert has_text(Reply("A cat.", "length"))
    assert not any(map(has_text, (Reply(None), Reply(" "), Reply("<think>x"), Reply("<|im_end|>"))))


def test_what_another_process_stored_meanwhile_stays(cache: Any) -> None:
    key = Chat(ScriptedChat(["x"])).key(ASK, Sampling())

    def script(messages: Any, number: Any) -> Any:
        if number == 0:  # another process is quicker
            Chat(ScriptedChat(["theirs"]), cache).samples(ASK, 1, Sampling())
        return "ours"

    Chat(ScriptedChat(script), cache).samples(ASK, 2, Sampling())
    assert [cache.get(key, i).text for i in range(2)] == ["theirs", "ours"]

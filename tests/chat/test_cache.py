"""The cache of answers, and handing it on."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.chat import (
    AnswerCache,
    Chat,
    ImagePart,
    Message,
    Reply,
    Sampling,
    ScriptedChat,
    default_cache,
    export_answers,
    import_answers,
)
from stitch_cir.errors import CacheError, EndpointError, NotFoundError

ASK = [Message("user", ("What is it?",))]


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Any]:
    cache = AnswerCache(tmp_path / "deep" / "answers.sqlite")
    yield cache
    cache.close()


def test_an_answer_is_requested_once_and_only_missing_samples_are_added(cache: Any) -> None:
    backend = ScriptedChat(lambda messages, number: f"answer {number}")
    chat = Chat(backend, cache)
    assert [r.text for r in chat.samples(ASK, 2, Sampling())] == ["answer 0", "answer 1"]
    assert [r.text for r in chat.samples(ASK, 4, Sampling())][2:] == ["answer 2", "answer 3"]
    assert [(first, count) for _, first, count in backend.requests] == [(0, 2), (2, 2)]
    assert (chat.usage().requested, chat.usage().cached) == (4, 2)
    again = Chat(ScriptedChat(["other"]), cache, offline=True)
    assert [r.text for r in again.samples(ASK, 4, Sampling())][3] == "answer 3"


@pytest.mark.parametrize(
    "change",
    [
        {"sampling": Sampling(seed=1)},
        {"sampling": Sampling(temperature=0.1)},
        {"messages": [Message("user", ("What is that?",))]},
        {"messages": [Message("system", ("What is it?",))]},
        {"messages": [Message("user", ("What is it?", ImagePart("00")))]},
        {"model": "another"},
    ],
)
def test_whatever_shapes_an_answer_is_part_of_its_key(cache: Any, change: Any) -> None:
    Chat(ScriptedChat(["first"]), cache).samples(ASK, 1, Sampling())
    other = Chat(ScriptedChat(["second"], model=change.pop("model", "scripted")), cache)
    request = {"messages": ASK, "sampling": Sampling(), **change}
    assert other.samples(request["messages"], 1, request["sampling"])[0].text == "second"


def test_images_are_keyed_by_content_not_by_decoded_pixels() -> None:
    from PIL import Image

    red, blue = Image.new("RGB", (4, 4), "red"), Image.new("RGB", (4, 4), "blue")
    chat = Chat(ScriptedChat(["x"]))

    def key(image: Any) -> Any:
        return chat.key([Message("user", (image,))], Sampling())

    assert key(ImagePart.of(red)) == key(ImagePart.of(red.copy())) != key(ImagePart.of(blue))
    assert key(ImagePart.of(red, "ab")) == key(ImagePart("ab"))


def test_where_a_model_runs_is_recorded_but_shapes_no_answer(cache: Any) -> None:
    class Moved(ScriptedChat):
        def settings(self) -> Any:
            return {**super().settings(), "host": "elsewhere:80", "device": "cuda"}

    Chat(ScriptedChat(["first"]), cache).samples(ASK, 1, Sampling())
    assert Chat(Moved(["second"]), cache).samples(ASK, 1, Sampling())[0].text == "first"


def test_offline_a_missing_answer_is_an_error_with_a_hint(cache: Any) -> None:
    chat = Chat(ScriptedChat(["x"]), cache, offline=True)
    with pytest.raises(EndpointError, match=r"not in the cache .*answers\.sqlite") as caught:
        chat.samples(ASK, 3, Sampling())
    assert "import" in caught.value.hint
    assert chat.usage().requested == 0


def test_an_interruption_keeps_what_was_answered_and_nothing_half(cache: Any) -> None:
    def script(messages: Any, number: Any) -> Any:
        if messages[0].parts == ("third",):
            raise KeyboardInterrupt
        return "fine"

    chat = Chat(ScriptedChat(script), cache)
    for word in ("first", "second"):
        chat.samples([Message("user", (word,))], 2, Sampling())
    with pytest.raises(KeyboardInterrupt):
        chat.samples([Message("user", ("third",))], 2, Sampling())
    (counts,) = cache.summary()["models"].values()
    assert counts["answers"] == 4
    assert counts["requests"] == 2


def test_equal_concurrent_requests_are_sent_once(cache: Any) -> None:
    event = threading.Event()

    def slow(messages: Any, number: Any) -> Any:
        event.wait(5)
        return "x"

    backend = ScriptedChat(slow)
    chat = Chat(backend, cache)
    threads = [threading.Thread(target=chat.samples, args=(ASK, 1, Sampling())) for _ in range(4)]
    for thread in threads:
        thread.start()
    event.set()
    for thread in threads:
        thread.join()
    assert len(backend.requests) == 1


def test_a_back_end_that_gives_too_few_is_an_error_and_nothing_is_kept(cache: Any) -> None:
    class Short(ScriptedChat):
        def sample(self, messages: Any, count: Any, sampling: Any, first: Any = 0) -> Any:
            return [Reply("x")] * (count - 1)

    with pytest.raises(EndpointError, match="1 answers instead of 2"):
        Chat(Short(["x"]), cache).samples(ASK, 2, Sampling())
    assert cache.summary()["models"] == {}


def test_odd_texts_are_kept(cache: Any) -> None:
    odd = ["", "a\x00b", "lone \ud800 half", "😀" * 10]
    chat = Chat(ScriptedChat([*odd, None]), cache)
    chat.samples(ASK, 5, Sampling())
    kept = [cache.get(chat.key(ASK, Sampling()), i).text for i in range(5)]
    assert kept == ["", "a\x00b", "lone ? half", "😀" * 10, None]


def test_export_and_import_carry_the_exact_answers(cache: Any, tmp_path: Path) -> None:
    chat = Chat(ScriptedChat(["a", "b", None]), cache)
    chat.samples(ASK, 3, Sampling())
    manifest = export_answers(cache, tmp_path / "a.jsonl")
    assert (manifest["answers"], manifest["requests"]) == (3, 1)
    assert manifest["models"] == ["scripted"]
    content = (tmp_path / "a.jsonl").read_bytes()
    other = AnswerCache(tmp_path / "b.sqlite")
    assert import_answers(other, tmp_path / "a.jsonl").added == 3
    assert import_answers(other, tmp_path / "a.jsonl").added == 0
    replies = Chat(ScriptedChat(["z"]), other, offline=True).samples(ASK, 3, Sampling())
    assert [reply.text for reply in replies] == ["a", "b", None]
    export_answers(other, tmp_path / "c.jsonl")
    assert (tmp_path / "c.jsonl").read_bytes() == content
    other.close()


def test_a_conflicting_import_keeps_our_answer_and_notes_it(cache: Any, tmp_path: Path) -> None:
    Chat(ScriptedChat(["ours"]), cache).samples(ASK, 1, Sampling())
    theirs = AnswerCache(tmp_path / "t.sqlite")
    Chat(ScriptedChat(["theirs"]), theirs).samples(ASK, 2, Sampling())
    export_answers(theirs, tmp_path / "t.jsonl")
    theirs.close()
    report = import_answers(cache, tmp_path / "t.jsonl")
    assert report.to_dict() == {"read": 2, "added": 1, "differing": 1}


def test_a_file_cut_short_or_altered_is_refused_whole(cache: Any, tmp_path: Path) -> None:
    Chat(ScriptedChat(["a", "b"]), cache).samples(ASK, 2, Sampling())
    path = tmp_path / "a.jsonl"
    export_answers(cache, path)
    whole = path.read_bytes()
    other = AnswerCache(tmp_path / "o.sqlite")
    head, body = whole.split(b"\n", 1)
    forged = {**json.loads(head), "version": 2}
    for content in (
        whole[:-20],
        whole.replace(b'"a"', b'"x"'),
        b"",
        b"prose\n",
        json.dumps(forged).encode() + b"\n" + body,
    ):
        path.write_bytes(content)
        with pytest.raises(CacheError, match=r"a\.jsonl"):
            import_answers(other, path)
    assert other.summary()["models"] == {}
    other.close()
    with pytest.raises(NotFoundError):
        import_answers(cache, tmp_path / "none.jsonl")
    with pytest.raises(CacheError, match="cannot be written"):
        export_answers(cache, tmp_path / "no" / "folder.jsonl")


def test_files_that_are_no_cache_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello " * 1000)
    with pytest.raises(CacheError, match="text cannot be used"):
        AnswerCache(tmp_path / "text")
    for name, statement in (("other", "CREATE TABLE t (x)"), ("newer", "PRAGMA user_version=9")):
        db = sqlite3.connect(tmp_path / name)
        db.execute(statement)
        db.commit()
        db.close()
        with pytest.raises(CacheError, match=name):
            AnswerCache(tmp_path / name)
    with pytest.raises(CacheError):
        AnswerCache(tmp_path)


def test_the_default_folder_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STITCH_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "answers.sqlite"
    monkeypatch.delenv("STITCH_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "x"))
    assert default_cache() == tmp_path / "x" / "stitch" / "answers.sqlite"

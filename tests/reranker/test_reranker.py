"""The reranker: what it sends to the model, how it parses replies and reorders hits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stitch_cir import Query, Searcher, SearchSettings
from stitch_cir.chat import AnswerCache, Chat, ImagePart, Reply, ScriptedChat
from stitch_cir.errors import PromptTooLargeError, QueryError, SettingError
from stitch_cir.reranker import Candidate, ChatReranker, Reranker, Verdict

RED = Image.new("RGB", (8, 8), "red")


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("yes", 1.0),
        ("Yes.", 1.0),
        (" **No**, it is blue", 0.0),
        ("Answer: no", 0.0),
        ("It does. Yes!", 1.0),
        ("maybe", 0.5),
        ("nothing known", 0.5),
        ("Hm, no red there.</think>Yes.", 1.0),
        ("<think>Is it red? No, wait", 0.5),
        ("<|channel|>analysis<|message|>no<|end|><|channel|>final<|message|>yes", 1.0),
        ('{"answer": "no"}', 0.0),
        ("", 0.5),
        (None, 0.5),
    ],
)
def test_replies_are_read(text: str | None, yes: float) -> None:
    red, blue = (Candidate(name, captions=(f"a {name} dress",)) for name in ("red", "blue"))
    (verdict,) = ChatReranker(Chat(ScriptedChat([text]))).judge(red, "in blue", [blue])
    assert verdict.yes == yes


def test_images_are_sent_where_both_have_them_else_captions() -> None:
    backend = ScriptedChat(["yes"])
    reranker = ChatReranker(Chat(backend))
    assert isinstance(reranker, Reranker)
    reference = Candidate("r", RED, ("a red cup",), "00")
    verdicts = reranker.judge(
        reference, "in blue", [Candidate("a", RED, (), "11"), Candidate("b", None, ("a blue cup",))]
    )
    assert verdicts == [Verdict("a", 1.0, ("yes",)), Verdict("b", 1.0, ("yes",))]
    requests = {str(messages[-1].parts) for messages, _, _ in backend.requests}
    parts = next(
        messages for messages, _, _ in backend.requests if ImagePart("11") in messages[-1].parts
    )
    assert parts[-1].parts.index(ImagePart("00")) < parts[-1].parts.index(ImagePart("11"))
    assert any("a red cup" in text and "a blue cup" in text for text in requests)
    with pytest.raises(QueryError, match="neither images nor captions"):
        reranker.judge(Candidate("r", RED), "in blue", [Candidate("b", None, ("a cup",))])
    assert reranker.judge(reference, "in blue", []) == []


def test_several_samples_make_a_share_of_yes_and_are_priced(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "a.sqlite")
    reranker = ChatReranker(Chat(ScriptedChat(["yes", "no", "no", "?"]), cache), samples=4)
    reference, candidate = Candidate("r", RED, (), "00"), Candidate("a", RED, (), "11")
    assert reranker.estimate(reference, "in blue", [candidate]).answers == 4
    (verdict,) = reranker.judge(reference, "in blue", [candidate])
    assert verdict.yes == pytest.approx(0.375)
    assert reranker.estimate(reference, "in blue", [candidate]).cached == 4
    assert reranker.settings()["samples"] == 4
    cache.close()
    with pytest.raises(SettingError):
        ChatReranker(Chat(ScriptedChat(["yes"])), samples=0)


@pytest.fixture
def run(gallery: Any) -> Any:
    reference = gallery.ids[0]

    def run(reranker: Any = None, **settings: Any) -> Any:
        searcher = Searcher(
            gallery, reranker=reranker, settings=SearchSettings.from_preset(k=3, **settings)
        )
        return searcher.search(Query(reference, "in blue instead"))

    return run


def only(*ids: Any) -> Any:
    """Answer yes to the candidates with these contents."""

    def script(messages: Any, number: Any) -> Any:
        return "yes" if messages[-1].parts[-2].content in ids else "no"

    return ChatReranker(Chat(ScriptedChat(script)))


def test_a_yes_comes_before_a_no_each_in_transport_order(run: Any, gallery: Any) -> None:
    plain = run()
    last = plain[2].id
    content = gallery.content_hash(last)
    judged = run(only(content), rerank=3)
    assert [hit.id for hit in judged] == [last, plain[0].id, plain[1].id]
    assert [hit.rank for hit in judged] == [1, 2, 3]
    assert judged[0].verdict.yes == 1.0
    assert judged[0].score == plain[2].score
    assert judged[0].fused == pytest.approx(plain[2].score + 1)
    assert judged[1].fused == pytest.approx(plain[0].score - 1)
    assert judged.usage["reranker"]["requested"] == 3
    assert judged.reranker["model"] == "scripted"
    data = judged.to_dict()
    assert data["settings"]["rerank"] == 3
    assert data["hits"][0]["verdict"] == {"yes": 1.0, "replies": ["yes"]}


def test_hits_beyond_the_judged_ones_stay_behind_and_more_than_k_may_be_judged(
    run: Any, gallery: Any
) -> None:
    plain = run()
    first = run(only("none"), rerank=1)
    assert [hit.id for hit in first] == [hit.id for hit in plain]
    assert first[1].verdict is None
    assert "verdict" not in first[1].to_dict()
    count = min(5, len(gallery) - 1)
    wide = run(ChatReranker(Chat(ScriptedChat(["no"]))), rerank=count)
    assert len(wide) == 3
    assert wide.usage["reranker"]["requested"] == count


def test_weight_zero_changes_nothing_and_off_sends_no_request(run: Any, gallery: Any) -> None:
    plain = run()
    content = gallery.content_hash(plain[2].id)
    assert [h.id for h in run(only(content), rerank=3, rerank_weight=0)] == [h.id for h in plain]
    off = run(only(content))
    assert off.reranker is None
    assert off[0].verdict is None


def test_a_reranker_needs_a_change_to_check(gallery: Any, run: Any) -> None:
    reranker = ChatReranker(Chat(ScriptedChat(["yes"])))
    searcher = Searcher(
        gallery, reranker=reranker, settings=SearchSettings.from_preset(k=2, rerank=2)
    )
    for query in (Query(text="a red thing"), Query(gallery.ids[0])):
        with pytest.raises(QueryError, match="needs a reference and a text"):
            searcher.search(query)
    with pytest.raises(SettingError, match="no reranker"):
        run(rerank=2)
    for wrong in ({"rerank": -1}, {"rerank_weight": -1.0}, {"rerank_weight": float("nan")}):
        with pytest.raises(SettingError):
            SearchSettings.from_preset(**wrong)


def limited(most: Any, *, captions: Any = False) -> Any:
    """A reranker whose end point takes ``most`` images a request, and what it was sent."""
    sent = []

    class Limited(ScriptedChat):
        def sample(self, messages: Any, count: Any, sampling: Any, first: Any = 0) -> Any:
            images = sum(isinstance(part, ImagePart) for part in messages[-1].parts)
            sent.append(images)
            if images > most:
                raise PromptTooLargeError(f"It takes at most {most} image(s).", most_images=most)
            return super().sample(messages, count, sampling, first)

    reranker = ChatReranker(Chat(Limited(["yes"])))
    texts = ("a cup",) if captions else ()
    reference = Candidate("r", RED, texts, "00")
    candidates = [Candidate(name, RED, texts, name) for name in ("11", "22", "33")]
    return reranker, reference, candidates, sent


def test_examples_are_left_out_where_an_end_point_takes_two_images() -> None:
    reranker, reference, candidates, sent = limited(2)
    assert [v.yes for v in reranker.judge(reference, "in blue", candidates)] == [1.0] * 3
    assert sent.count(6) <= 3
    assert sent.count(2) == 3
    assert reranker.settings()["prompts"][0]["prompt_examples"] == "left out"
    assert any("without the examples of the prompt rerank-1" in note for note in reranker.notes())
    sent.clear()
    reranker.judge(reference, "in green", candidates[:1])
    assert sent == [2]


def test_captions_are_read_where_an_end_point_takes_one_image_else_the_limit_is_named() -> None:
    reranker, reference, candidates, sent = limited(1, captions=True)
    assert [v.yes for v in reranker.judge(reference, "in blue", candidates)] == [1.0] * 3
    assert reranker.settings()["reads"] == "captions"
    assert any("from captions, not images" in note for note in reranker.notes())
    sent.clear()
    reranker.judge(reference, "in green", candidates)
    assert sent == [0, 0, 0]
    reranker, reference, candidates, _ = limited(1)
    with pytest.raises(PromptTooLargeError, match="shows two images a question") as caught:
        reranker.judge(reference, "in blue", candidates)
    assert "--rerank-model" in caught.value.hint


def test_answers_without_a_verdict_are_noted_not_kept_and_reach_the_results(
    run: Any, tmp_path: Path
) -> None:
    cache = AnswerCache(tmp_path / "a.sqlite")
    thinking = ChatReranker(Chat(ScriptedChat([Reply("<think>Is it", "length")]), cache))
    judged = run(thinking, rerank=3)
    assert {hit.verdict.yes for hit in judged} == {0.5}
    (note,) = [note for note in judged.notes if note.startswith("reranker:")]
    assert "3 of 3 answers were neither yes nor no" in note
    assert "8 tokens" in note
    assert "--max-tokens" in note
    healthy = Chat(ScriptedChat(["yes"]), cache)
    judged = run(ChatReranker(healthy), rerank=3)
    assert {hit.verdict.yes for hit in judged} == {1.0}
    assert healthy.usage().requested == 3
    assert not any(note.startswith("reranker:") for note in judged.notes)
    more = ChatReranker(Chat(ScriptedChat(["yes"])), max_tokens=500)
    assert more.settings()["sampling"]["max_tokens"] == 500
    cache.close()

"""The composers that ask a model: what they ask, what they make of replies, how they fall back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stitch_cir.chat import AnswerCache, Chat, ImagePart, Sampling, ScriptedChat
from stitch_cir.composers import (
    ChatComposer,
    Composer,
    CostEstimator,
    Reference,
    TwoStageComposer,
    VerbatimComposer,
    composer_by_name,
    waits_for_model,
)
from stitch_cir.concepts import Concept
from stitch_cir.errors import EndpointError, QueryError, SettingError

RED = Image.new("RGB", (64, 48), "red")
REFERENCE = Reference("a.png", RED, content="ab" * 32)


def test_one_stage_shows_the_reference_and_keeps_k_samples() -> None:
    backend = ScriptedChat([f"A red dress number {i}." for i in range(9)])
    composer = ChatComposer(Chat(backend), sampling=Sampling(seed=7))
    assert isinstance(composer, Composer)
    assert isinstance(composer, CostEstimator)
    made = composer.compose(REFERENCE, "in red", 5)
    assert made.texts == tuple(f"A red dress number {i}." for i in range(5))
    assert {caption.origin for caption in made.captions} == {"chat:scripted"}
    assert made.notes == ()
    ((messages, first, count),) = backend.requests
    assert (first, count) == (0, 5)
    assert messages[-1].parts[-2] == ImagePart("ab" * 32)
    assert "in red" in str(messages[-1].parts[-1])
    assert made.settings["sampling"]["seed"] == 7
    assert made.settings["prompt"] == "edit-1"
    assert len(made.settings["answers"]) == 1


def test_unusable_replies_are_retried_within_the_budget() -> None:
    said = ["A cat.", "", "A cat!", "I'm sorry, I cannot see it.", "A dog.", "A fox.", "A cow."]
    backend = ScriptedChat(said)
    made = ChatComposer(Chat(backend)).compose(REFERENCE, "an animal", 4)
    assert made.texts == ("A cat.", "A dog.", "A fox.", "A cow.")
    assert [(first, count) for _, first, count in backend.requests] == [(0, 4), (4, 3)]
    assert made.notes == ("of 7 replies 3 could not be used: 1 empty, 1 refused, 1 repeated",)


def test_what_is_then_missing_is_written_by_the_verbatim_composer_and_marked() -> None:
    reference = Reference("a.png", RED, ("a blue dress",))
    backend = ScriptedChat(["A red dress."])
    made = ChatComposer(Chat(backend), retries=2).compose(reference, "in red", 3)
    assert sum(count for _, _, count in backend.requests) == 5
    assert len(set(made.texts)) == 3
    assert made.captions[0].origin == "chat:scripted"
    assert all(caption.origin.startswith("verbatim:") for caption in made.captions[1:])
    assert "2 of 3 captions were written by the verbatim composer" in made.notes
    assert any("4 repeated" in note for note in made.notes)


def test_a_model_that_only_refuses_leaves_the_verbatim_composer_alone() -> None:
    made = ChatComposer(Chat(ScriptedChat([None]))).compose(REFERENCE, "a dog on a beach", 3)
    assert made.texts == ("a dog on a beach",)
    assert made.captions[0].origin == "verbatim:request"


def test_from_the_cache_the_same_captions_come_again_without_the_model(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "a.sqlite")
    said = ["A cat.", "", "A dog.", None, "A fox."]
    first = ChatComposer(Chat(ScriptedChat(said), cache)).compose(REFERENCE, "an animal", 3)
    offline = Chat(ScriptedChat(["never"]), cache, offline=True)
    # the colleague has the image's hash, and needs no pixels
    blind = Reference("a.png", None, content=REFERENCE.content)
    assert ChatComposer(offline).compose(blind, "an animal", 3) == first
    with pytest.raises(EndpointError):
        ChatComposer(offline).compose(REFERENCE, "another animal", 3)
    cache.close()


def test_one_stage_needs_an_image_and_falls_back_to_the_template_without_a_reference() -> None:
    composer = ChatComposer(Chat(ScriptedChat(["x"])))
    with pytest.raises(QueryError, match="has no image") as caught:
        composer.compose(Reference("a", None, ("a dress",)), "in red", 2)
    assert "two-stage" in caught.value.hint
    made = composer.compose(None, "two dogs on a beach", 2)
    assert made.composer == "verbatim"
    assert "no reference" in made.notes[0]
    with pytest.raises(SettingError):
        composer.compose(REFERENCE, "in red", 0)


def test_reference_captions_are_requested_where_a_transition_needs_them() -> None:
    def script(messages: Any, number: Any) -> Any:
        plain = "Description:" in str(messages[-1].parts[-1])
        return f"{'A plain picture' if plain else 'A changed picture'}, take {number}."

    chat = Chat(ScriptedChat(script))
    made = ChatComposer(chat, num_reference_captions=2).compose(REFERENCE, "in red", 3)
    assert made.reference_captions == ("A plain picture, take 0.", "A plain picture, take 1.")
    assert len(made.settings["answers"]) == 2
    with pytest.raises(SettingError):
        ChatComposer(chat, num_reference_captions=-1)


def rewriting(messages: Any, number: Any) -> Any:
    words = messages[-1].parts[0].split("\n")
    return f"{words[0].removeprefix('Caption: ')} but {words[1]} ({number})"


def test_two_stage_rewrites_each_caption_of_the_gallery_in_turn() -> None:
    backend = ScriptedChat(rewriting)
    reference = Reference("a.png", None, ("a dress", "a blue gown"))
    made = TwoStageComposer(Chat(backend)).compose(reference, "in red", 5)
    assert made.texts == (
        "a dress but Instruction: in red (0)",
        "a blue gown but Instruction: in red (0)",
        "a dress but Instruction: in red (1)",
        "a blue gown but Instruction: in red (1)",
        "a dress but Instruction: in red (2)",
    )
    assert made.reference_captions == ("a dress", "a blue gown")
    assert "rewritten from the gallery's captions" in made.notes
    assert sorted(count for _, _, count in backend.requests) == [2, 3]


def test_two_stage_asks_a_captioner_where_there_are_no_captions() -> None:
    eyes = Chat(ScriptedChat(["A dress on a hanger.", "A long dress."], model="eyes"))
    made = TwoStageComposer(Chat(ScriptedChat(rewriting)), captioner=eyes).compose(
        REFERENCE, "red", 2
    )
    assert made.reference_captions == ("A dress on a hanger.", "A long dress.")
    assert "rewritten from captions by eyes" in made.notes
    assert made.settings["captioner"]["model"] == "eyes"


def test_two_stage_else_takes_what_the_encoder_saw_else_gives_up() -> None:
    composer = TwoStageComposer(Chat(ScriptedChat(rewriting)))
    recognised = Reference("a.png", RED, (), (Concept("dress", "object", 0.8),))
    made = composer.compose(recognised, "in red", 2)
    assert "rewritten from what the encoder saw" in made.notes
    assert "dress" in made.texts[0]
    with pytest.raises(QueryError, match="Nothing can be said") as caught:
        composer.compose(REFERENCE, "in red", 2)
    assert "--captioner" in caught.value.hint
    assert composer.compose(None, "a dog", 1).composer == "verbatim"


def test_two_stage_says_what_else_the_reference_may_show() -> None:
    composer = TwoStageComposer(Chat(ScriptedChat(rewriting)))
    unsure = (Concept("t-shirt", "object", 0.4), Concept("dress", "object", 0.3))
    made = composer.compose(Reference("a.png", RED, (), unsure), "in red", 2)
    assert made.alternatives == ("dress",)
    note = "The reference may show a t-shirt (0.40) or a dress (0.30); choose with --object dress"
    assert note in made.notes
    captioned = composer.compose(Reference("a.png", RED, ("a gown",), unsure), "in red", 2)
    assert captioned.alternatives == ()
    assert note not in captioned.notes


def test_a_price_is_estimated_before_and_falls_with_the_cache(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "a.sqlite")
    chat = Chat(ScriptedChat([f"A cat number {i}." for i in range(9)]), cache)
    composer = ChatComposer(chat, num_reference_captions=1)
    price = composer.estimate(REFERENCE, "in red", 5)
    assert (price.queries, price.requests, price.answers, price.cached) == (1, 2, 6, 0)
    assert price.completion_tokens == 6 * 70
    assert price.prompt_tokens > 100
    composer.compose(REFERENCE, "in red", 5)
    after = composer.estimate(REFERENCE, "in red", 5)
    assert (after.requests, after.answers, after.cached, after.prompt_tokens) == (0, 0, 6, 0)
    assert chat.usage().requested == 6
    assert composer.estimate(None, "in red", 5).answers == 0
    cache.close()


def test_a_price_of_two_stages_counts_both_before_the_first_is_known(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "a.sqlite")
    eyes = Chat(ScriptedChat(["A dress.", "A long dress."], model="eyes"), cache)
    hands = Chat(ScriptedChat(rewriting), cache)
    composer = TwoStageComposer(hands, captioner=eyes)
    assert composer.estimate(REFERENCE, "in red", 2).answers == 4
    composer.compose(REFERENCE, "in red", 2)
    assert composer.estimate(REFERENCE, "in red", 2).to_dict()["cached"] == 4
    assert composer.estimate(Reference("b", None, ("a cat",)), "x", 2).requests == 1
    cache.close()


def test_only_a_composer_with_a_model_and_a_reference_waits_for_it() -> None:
    assert not waits_for_model(None, with_reference=True)
    assert not waits_for_model(VerbatimComposer(), with_reference=True)
    for name in ("chat", "two-stage"):
        composer = composer_by_name(name, model="m", base_url="http://localhost:1/v1", cache=False)
        assert waits_for_model(composer, with_reference=True)
        assert not waits_for_model(composer, with_reference=False)


def test_composers_are_found_by_name_and_need_a_model(tmp_path: Path) -> None:
    made = composer_by_name("chat", model="m", base_url="http://localhost:1/v1", cache=False)
    assert made.settings()["model"] == "m"
    two = composer_by_name(
        "two-stage",
        model="m",
        captioner="eyes",
        base_url="http://localhost:1/v1",
        cache=tmp_path / "c",
    )
    assert two.settings()["captioner"]["model"] == "eyes"
    two.chat.cache.close()  # type: ignore[attr-defined]
    for name in ("chat", "two-stage"):
        with pytest.raises(SettingError, match="needs a model"):
            composer_by_name(name)
    with pytest.raises(SettingError, match="cannot be made"):
        composer_by_name("chat", model="m", spam=1)

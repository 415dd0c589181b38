"""Several references and several turns with the composers that ask a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from stitch_cir.chat import AnswerCache, Chat, ImagePart, Message, ScriptedChat
from stitch_cir.composers import (
    ChatComposer,
    Conversation,
    ConversationalComposer,
    Reference,
    TwoStageComposer,
    compose_conversation,
    estimate_conversation,
)
from stitch_cir.concepts import Concept
from stitch_cir.errors import EndpointError, QueryError

DRESS = Reference(
    "dress.png",
    Image.new("RGB", (64, 48), "green"),
    concepts=(Concept("dress", "object", 0.9),),
    content="ab" * 32,
)
SOFA = Reference(
    "sofa.png",
    Image.new("RGB", (48, 64), "red"),
    concepts=(Concept("sofa", "object", 0.9), Concept("red", "colour", 0.8)),
    content="cd" * 32,
)
BOTH = Conversation((DRESS, SOFA), ("the first in the colour of the second", "with long sleeves"))


def query_of(messages: tuple[Message, ...]) -> str:
    """Return the last message, its images by their contents."""
    return "".join(
        f"<{part.content[:2]}>" if isinstance(part, ImagePart) else part
        for part in messages[-1].parts
    )


def test_a_model_that_sees_gets_all_images_and_all_turns() -> None:
    backend = ScriptedChat([f"A red dress number {i}." for i in range(9)])
    composer = ChatComposer(Chat(backend))
    assert isinstance(composer, ConversationalComposer)
    made = compose_conversation(composer, BOTH, 3)
    assert made.texts == tuple(f"A red dress number {i}." for i in range(3))
    ((messages, _, count),) = backend.requests
    assert count == 3
    assert query_of(messages).endswith(
        "Picture 1: <ab>\nPicture 2: <cd>\nInstructions:\n"
        "1. the first in the colour of the second\n2. with long sleeves\nDescription:"
    )
    assert made.modification == "the first in the colour of the second, with long sleeves"
    assert made.settings["prompt"] == "conversation-1"
    assert len(made.settings["prompt_sha256"]) == 64
    # the transition encodes what the rules can say without the numbers of images
    assert made.intent == "in red, with long sleeves"


def test_one_reference_and_one_turn_use_the_prompt_of_before() -> None:
    plain, conversation = (ScriptedChat(["A red dress."]) for _ in range(2))
    alone = ChatComposer(Chat(plain), retries=0).compose(DRESS, "in red", 1)
    several = Conversation((DRESS,), ("in red",))
    assert compose_conversation(ChatComposer(Chat(conversation), retries=0), several, 1) == alone
    assert conversation.requests == plain.requests
    assert alone.settings["prompt"] == "edit-1"


def test_answers_are_cached_under_all_images_and_all_turns(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "a.sqlite")
    first = compose_conversation(
        ChatComposer(Chat(ScriptedChat(["A cat."]), cache), retries=0), BOTH, 1
    )
    offline = ChatComposer(Chat(ScriptedChat(["never"]), cache, offline=True), retries=0)
    assert compose_conversation(offline, BOTH, 1) == first
    others = (
        replace(BOTH, references=(SOFA, DRESS)),
        replace(BOTH, references=(DRESS, replace(SOFA, content="ef" * 32))),
        replace(BOTH, requests=BOTH.requests[:1]),
        replace(BOTH, requests=BOTH.requests[::-1]),
    )
    for other in others:
        with pytest.raises(EndpointError):
            compose_conversation(offline, other, 1)
    cache.close()


def test_what_a_model_leaves_out_is_written_by_the_rules_from_all_references() -> None:
    made = compose_conversation(ChatComposer(Chat(ScriptedChat([None])), retries=0), BOTH, 2)
    assert "a red dress with long sleeves" in made.texts
    assert any("were written by the verbatim composer" in note for note in made.notes)


def test_turns_without_a_reference_are_composed_by_rules() -> None:
    made = compose_conversation(
        ChatComposer(Chat(ScriptedChat(["x"]))), Conversation((), ("a dress", "on a beach")), 2
    )
    assert made.composer == "verbatim"
    assert made.modification == "a dress, on a beach"
    assert "no reference image" in made.notes[0]


def test_a_reference_without_an_image_cannot_be_shown() -> None:
    blind = Reference("words", captions=("a sofa",))
    with pytest.raises(QueryError, match="'words' has no image"):
        compose_conversation(
            ChatComposer(Chat(ScriptedChat(["x"]))), replace(BOTH, references=(DRESS, blind)), 2
        )


def test_a_text_model_gets_captions_of_all_references() -> None:
    dress = replace(DRESS, captions=("a green dress", "a long dress"))
    backend = ScriptedChat(["A red dress.", "A dress.", "A gown."])
    composer = TwoStageComposer(Chat(backend), retries=0)
    assert isinstance(composer, ConversationalComposer)
    made = compose_conversation(composer, replace(BOTH, references=(dress, SOFA)), 2)
    queries = [query_of(messages) for messages, _, _ in backend.requests]
    assert len(queries) == 2
    assert queries[0].startswith(
        "Picture 1: a green dress\nPicture 2: a red sofa\nInstructions:\n1."
    )
    assert queries[1].startswith("Picture 1: a long dress\nPicture 2: a red sofa\n")
    assert made.reference_captions == ("a green dress", "a long dress", "a red sofa")
    assert made.settings["prompt"] == "conversation-text-1"
    assert made.notes[0] == "rewritten from the gallery's captions and what the encoder saw"


@pytest.mark.parametrize("kind", [ChatComposer, TwoStageComposer])
def test_a_conversation_is_priced_by_the_requests_that_it_makes(
    kind: type[ChatComposer | TwoStageComposer],
) -> None:
    backend = ScriptedChat([f"A red dress number {i}." for i in range(9)])
    composer = kind(Chat(backend), retries=0)
    estimate = estimate_conversation(composer, BOTH, 3)
    compose_conversation(composer, BOTH, 3)
    assert estimate.queries == 1
    assert estimate.answers == sum(count for _, _, count in backend.requests)
    assert estimate_conversation(composer, Conversation((), ("a", "b")), 3).answers == 0

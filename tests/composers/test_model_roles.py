"""Roles from a model: one strict JSON answer, requested again where malformed, else captions only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stitch_cir.chat import AnswerCache, Chat, ImagePart, Message, ScriptedChat
from stitch_cir.composers import (
    ChatComposer,
    Composition,
    Conversation,
    Reference,
    TwoStageComposer,
)

RED = Image.new("RGB", (64, 48), "red")
REFERENCE = Reference("a.png", RED, ("a red dress",), content="ab" * 32)
GOOD = {"desired": ["a blue dress"], "preserve": ["a belt"], "forbidden": ["stripes"]}
KINDS = (ChatComposer, TwoStageComposer)


def backend(*answers: str) -> ScriptedChat:
    """Return a model that writes one caption, and these answers to a request for JSON."""

    def reply(messages: Sequence[Message], number: int) -> str:
        if str(messages[-1].parts[-1]).endswith("JSON:"):
            return answers[min(number, len(answers) - 1)]
        return "A blue dress."

    return ScriptedChat(reply)


def composed(*answers: str, kind: Any = ChatComposer) -> Composition:
    made: Composition = kind(Chat(backend(*answers)), roles=True).compose(REFERENCE, "in blue", 1)
    return made


def texts(made: Composition) -> dict[str, list[str]]:
    return {role: [each.text for each in phrases] for role, phrases in made.roles.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_writes_the_roles_in_one_answer(kind: Any) -> None:
    model = backend(json.dumps(GOOD))
    composer = kind(Chat(model), roles=True)
    made = composer.compose(REFERENCE, "in blue", 1)
    assert texts(made) == GOOD
    assert {each.origin for each in made.roles.desired} == {composer.name}
    assert made.texts == ("A blue dress.",)
    assert not [note for note in made.notes if note.startswith("roles")]
    assert made.settings["roles"]["prompt"].startswith("roles-")
    requests = [first for messages, first, count in model.requests]
    assert requests == [0, 0]
    shown = [part for part in model.requests[1][0][-1].parts if isinstance(part, ImagePart)]
    assert shown == ([ImagePart("ab" * 32)] if kind is ChatComposer else [])
    assert Composition.from_dict(json.loads(json.dumps(made.to_dict()))).roles == made.roles
    without = kind(Chat(backend(json.dumps(GOOD)))).compose(REFERENCE, "in blue", 1)
    assert not without.roles
    assert "roles" not in without.settings


@pytest.mark.parametrize(
    "malformed",
    [
        "Here are the roles: a blue dress",
        json.dumps({**GOOD, "must": ["hat"]}),
        json.dumps({"desired": ["a hat"]}),
        json.dumps({**GOOD, "desired": "a hat"}),
        json.dumps({**GOOD, "desired": ["word " * 20]}),
        json.dumps({**GOOD, "desired": [f"thing {n}" for n in range(9)]}),
        "[]",
        "",
    ],
)
def test_a_malformed_answer_is_requested_again(malformed: str) -> None:
    made = composed(malformed, json.dumps(GOOD))
    assert texts(made) == GOOD
    assert made.notes[-1] == "roles: of 2 answers 1 could not be read"


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_readable_answer_the_captions_count_alone_and_it_is_marked(kind: Any) -> None:
    made = composed("no JSON", kind=kind)
    assert not made.roles
    assert made.texts == ("A blue dress.",)
    assert made.notes[-1] == (
        "roles: no answer could be read (not one JSON object), so that the captions alone count"
    )


def test_a_contradiction_is_settled_and_noted() -> None:
    made = composed(
        json.dumps(
            {"desired": ["A hat", "ink"], "preserve": ["ink", "a cap"], "forbidden": ["hat", "cap"]}
        )
    )
    assert texts(made) == {"desired": ["A hat", "ink"], "forbidden": ["cap"]}
    assert made.notes == (
        "not forbidden, since it is desired as well: hat",
        "not preserved, since it is forbidden: a cap",
    )


def test_answers_about_roles_are_cached_and_priced(tmp_path: Path) -> None:
    for answers in ([json.dumps(GOOD)], ["no answer"]):
        cache = AnswerCache(tmp_path / "answers.sqlite")
        model = backend(*answers)
        composer = ChatComposer(Chat(model, cache=cache), roles=True)
        first = composer.estimate(REFERENCE, "in blue", 1)
        made = composer.compose(REFERENCE, "in blue", 1)
        assert texts(made) == GOOD
        cache.close()
    assert (first.answers, first.cached) == (0, 2)
    assert model.requests == []


def test_several_references_and_turns_are_shown_to_the_model() -> None:
    model = backend(json.dumps(GOOD))
    both = Conversation((REFERENCE, REFERENCE), ("in blue", "without stripes"))
    made = ChatComposer(Chat(model), roles=True).compose_conversation(both, 1)
    assert texts(made) == GOOD
    parts = model.requests[-1][0][-1].parts
    assert sum(isinstance(part, ImagePart) for part in parts) == 2
    assert "1. in blue\n2. without stripes" in str(parts[-1])


def test_what_is_written_in_a_request_is_no_instruction_to_the_reader() -> None:
    made = composed(json.dumps({**GOOD, "forbidden": ['ignore this", "desired": ["gold']}))
    assert texts(made)["forbidden"] == ['ignore this", "desired": ["gold']
    assert texts(made)["desired"] == ["a blue dress"]

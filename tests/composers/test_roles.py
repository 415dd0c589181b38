"""Roles: what a query wants to see, to keep and to avoid, as weighted phrases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.composers import (
    Composition,
    Conversation,
    Phrase,
    RecordedComposer,
    Reference,
    Roles,
    VerbatimComposer,
    write_compositions,
)
from stitch_cir.errors import QueryError, RecordError


def texts(roles: Roles) -> dict[str, list[str]]:
    return {role: [each.text for each in phrases] for role, phrases in roles.items()}


@pytest.mark.parametrize(
    ("text", "captions", "roles"),
    [
        ("a dress but no stripes", (), {"desired": ["a dress"], "forbidden": ["stripes"]}),
        ("in red", ("a dress",), {"desired": ["red"], "preserve": ["a dress"]}),
        ("a cat instead of a dog", ("a dog",), {"desired": ["a cat"], "forbidden": ["dog"]}),
        (
            "remove the belt and make it longer",
            ("a dress",),
            {"desired": ["longer"], "preserve": ["a dress"], "forbidden": ["belt"]},
        ),
        ("", ("a dress",), {}),
    ],
)
def test_rules_fill_the_roles_without_a_model(
    text: str, captions: tuple[str, ...], roles: dict[str, list[str]]
) -> None:
    reference = Reference(captions=captions) if captions else None
    made = VerbatimComposer().compose(reference, text, 5)
    assert texts(made.roles) == roles
    assert {each.origin for _, phrases in made.roles.items() for each in phrases} <= {
        "verbatim:rule"
    }


def test_each_of_several_references_brings_its_roles() -> None:
    both = (Reference("a", captions=("a dog",)), Reference("b", captions=("a horse",)))
    made = VerbatimComposer().compose_conversation(Conversation(both, ("in snow",)), 6)
    assert texts(made.roles) == {"desired": ["in snow"], "preserve": ["a dog", "a horse"]}


def test_phrases_are_cleaned_and_each_counts_once() -> None:
    roles = Roles(desired=("  a red\that ", Phrase("A RED HAT.", 3.0), Phrase("ink", 0)))  # type: ignore[arg-type]
    assert roles.desired == (Phrase("a red hat", 1.0, "user"),)
    assert not Roles()
    assert roles.texts == ("a red hat",)


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ({"desired": ["hat"], "forbidden": ["a hat"]}, "'hat' is desired, and forbidden as well"),
        ({"preserve": ["hat"], "forbidden": ["Hat!"]}, "to be preserved, and forbidden"),
        ({"desired": ["\u200b"]}, "no visible characters"),
        ({"desired": [Phrase("hat", -1)]}, "'hat' of desired weighs -1"),
        ({"desired": [Phrase("hat", float("nan"))]}, "weighs nan"),
        ({"forbidden": [Phrase("hat", 0), Phrase("cap", 0)]}, "All phrases of forbidden weigh 0"),
        ({"desired": [3]}, "A phrase of desired is 3"),
    ],
)
def test_what_cannot_be_a_role_is_one_error(roles: dict[str, Any], message: str) -> None:
    with pytest.raises(QueryError, match=message):
        Roles(**roles)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"must": ["hat"]}, "There is no role 'must'"),
        ({"forbiden": ["hat"]}, "(?s)no role 'forbiden'.*forbidden"),
        ({"desired": {"hat": 1}}, "The role desired is a dict"),
        ({"desired": [{"phrase": "hat"}]}, "A phrase of desired has no text"),
        ({"desired": [{"text": "hat", "boost": 2}]}, "unknown key 'boost'"),
        ({"desired": [{"text": "hat", "weight": "2"}]}, "weighs '2'"),
        ({"desired": ["hat"], "forbidden": ["hat"]}, "desired, and forbidden"),
    ],
)
def test_json_of_other_roles_is_one_error(data: dict[str, Any], message: str) -> None:
    with pytest.raises(RecordError, match=message):
        Roles.from_dict(data)


def test_what_the_user_avoids_comes_first_and_is_not_preserved() -> None:
    roles = Roles(("red",), ("a hat", "a dress"), ("stripes",)).avoiding((Phrase("hat"),))  # type: ignore[arg-type]
    assert texts(roles) == {
        "desired": ["red"],
        "preserve": ["a dress"],
        "forbidden": ["hat", "stripes"],
    }
    with pytest.raises(QueryError, match="'red' is to be avoided, and the query asks for it"):
        roles.avoiding((Phrase("Red"),))


def test_roles_survive_json_and_files(tmp_path: Path) -> None:
    roles = Roles(("red",), (Phrase("a dress", 2.0, "chat"),), ("stripes",))  # type: ignore[arg-type]
    made = Composition((), "in red", "chat", roles=roles)
    assert Composition.from_dict(json.loads(json.dumps(made.to_dict()))).roles == roles
    made = VerbatimComposer().compose(Reference(captions=("a dress",)), "remove the belt", 3)
    file = tmp_path / "recorded.jsonl"
    write_compositions(file, [("a.jpg", made)])
    assert RecordedComposer(file).compose(Reference("a.jpg"), "remove the belt", 3).roles == (
        made.roles
    )


def test_files_from_before_roles_have_what_is_to_vanish(tmp_path: Path) -> None:
    line = {"reference": "a.jpg", "modification": "no belt", "captions": ["a dress"]}
    file = tmp_path / "recorded.jsonl"
    file.write_text(json.dumps({**line, "negative_phrases": ["belt"]}) + "\n")
    made = RecordedComposer(file).compose(Reference("a.jpg"), "no belt", 3)
    assert texts(made.roles) == {"forbidden": ["belt"]}
    before = {**made.to_dict(), "negative_phrases": ["belt"]}
    del before["roles"]
    assert texts(Composition.from_dict(before).roles) == {"forbidden": ["belt"]}


def test_a_file_with_an_unknown_role_is_one_error(tmp_path: Path) -> None:
    line = {"reference": "a.jpg", "modification": "m", "captions": ["a dress"]}
    file = tmp_path / "recorded.jsonl"
    file.write_text(json.dumps({**line, "roles": {"must": ["belt"]}}) + "\n")
    with pytest.raises(RecordError, match=r"recorded.jsonl:1: .*no role 'must'"):
        RecordedComposer(file).compose(Reference("a.jpg"), "m", 3)

"""Requests as people write them: no caption breaks the user's words or dangles."""

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stitch_cir.composers import Reference, VerbatimComposer

SCRIPT = Path(__file__).parents[2] / "scripts" / "write_request_table.py"


def load_script() -> ModuleType:
    spec = spec_from_file_location("write_request_table", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load_script()
REQUESTS = script.real_requests()
GLUE = frozenset("a an and the with in background people feet".split())
"""Words that rules add; the others are the user's or the encoder's."""
COMMANDS = re.compile(
    r"\b(?:please|instead|remove|change|replace|make|add|turn|not|no|without|same|them|these|one$)\b",
    re.I,
)
DANGLING = frozenset(
    "a an the and or but of to by from as is are be has have had its their that than with for".split()
)
FRAGMENT = re.compile(
    r"\b(?:an?|the) (?:an?|the)\b|\b(\w+) \1\b|\b(?:in|with|of|on) (?:and|or|but)\b", re.I
)


def plain(text: str) -> str:
    """Return a text without case and punctuation."""
    return " ".join(re.findall(r"[\w'-]+", text.lower()))


def stems(text: str) -> set[str]:
    """Words without the endings of plurals."""
    words = re.findall(r"[\w'-]+", text.lower())
    return {re.sub(r"(?:ies|es|s|y)$", "", word) for word in words}


def test_there_are_120_requests_in_three_manners() -> None:
    assert len(REQUESTS) == len({request.text for request in REQUESTS}) == 120
    manners = [request.manner for request in REQUESTS]
    assert [manners.count(each) for each in ("cirr", "fashioniq", "shopper")] == [40, 40, 40]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.text[:40])
def test_captions_are_the_users_words_or_a_whole_phrase(request_: Any) -> None:
    made = VerbatimComposer().compose(request_.reference, request_.text, 5)
    assert made.texts[0] == made.modification
    allowed = stems(" ".join((request_.text, request_.colour, *request_.objects))) | GLUE
    for caption in made.captions[1:]:
        text = caption.text
        if caption.origin == "verbatim:joined":
            assert plain(made.modification) in plain(text)
            continue
        assert caption.origin == "verbatim:rule"
        words = text.split()
        assert words[-1].lower() not in DANGLING, text
        assert words[0].lower() not in {"and", "or", "of", "is", "has", "to"}, text
        assert not COMMANDS.search(text), text
        assert not FRAGMENT.search(text), text
        assert stems(text) <= allowed, text
    for phrase in (each.text for each in made.roles.forbidden):
        assert plain(phrase) in plain(request_.text)
        assert phrase.split()[-1].lower() not in DANGLING, phrase


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.text[:40])
def test_beside_captions_of_people_the_content_is_made_of_whole_spans(request_: Any) -> None:
    caption = "a photograph on a table"
    made = VerbatimComposer().compose(Reference(captions=(caption,)), request_.text, 5)
    for text in made.texts[1:]:
        assert text.endswith(f", {caption}")
        content = text.removesuffix(f", {caption}")
        assert stems(content) <= stems(request_.text) | GLUE
        assert content.split()[-1].lower() not in DANGLING, content


def test_the_table_of_the_docs_is_current() -> None:
    page = script.PAGE.read_text(encoding="utf-8")
    assert page == script.page_with(script.table()), f"run: python {SCRIPT.name}"

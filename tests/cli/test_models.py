"""Composing with models from the command line: one query, many, prices, caches, second opinions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from tests.chat.fake_server import fails, first, says, serving
from tests.command import invoke

CAPTIONS = [f"A blue square, take {number}." for number in range(20)]


def stitch(*arguments: object) -> Result:
    return invoke(arguments)


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STITCH_HOME", str(tmp_path / "home"))
    for name in ("STITCH_API_KEY", "OPENAI_API_KEY", "STITCH_MODEL", "STITCH_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def indexed(folder: Path) -> Path:
    assert stitch("index", folder, "-q", "--encoder", "test").exit_code == 0
    return folder


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    path = tmp_path / "queries.jsonl"
    lines = [
        {"reference": "red.png", "modification": "in blue"},
        {"reference": "green.png", "text": "in blue", "id": 7},
        {"reference": "red.png", "modification": "in green"},
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    return path


def chat(server: Any) -> tuple[str, ...]:
    return ("--composer", "chat", "--model", "m", "--base-url", server.url)


def test_a_search_with_a_model_shows_its_captions_and_sends_one_request(indexed: Path) -> None:
    with serving(says(*CAPTIONS)) as server:
        ask = ("search", indexed, "in blue", "-r", "red.png", "-k", 2, *chat(server))
        result = stitch(*ask, "--preset", "public-code", "--top-p", 0.9)
        assert result.exit_code == 0, result.output
        shown = " ".join(result.stdout.split())
        assert "A blue square, take 4." in shown
        assert "prompt edit-1, temperature 0.8, top-p 0.9, top-k 50, at most 70 tokens" in shown
        assert "5 answers requested, 0 from the cache" in shown
        again = stitch(*ask, "--preset", "public-code", "--top-p", 0.9)
        assert "0 answers requested, 5 from the cache" in " ".join(again.stdout.split())
        assert len(server.requests) == 1
    offline = stitch(*ask, "--preset", "public-code", "--top-p", 0.9, "--offline")
    assert offline.exit_code == 0
    other = stitch(*ask, "--seed", 9, "--offline")
    assert other.exit_code == 6
    assert "not in the cache" in other.stderr


def test_many_queries_are_priced_composed_saved_and_searched(
    indexed: Path, queries: Path, tmp_path: Path
) -> None:
    saved = tmp_path / "made.jsonl"
    with serving(says(*CAPTIONS)) as server:
        ask = ("compose", indexed, "--queries", queries, *chat(server), "-K", 3)
        price = json.loads(stitch(*ask, "--dry-run", "--json").stdout)["estimate"]
        assert (price["queries"], price["requests"], price["answers"]) == (3, 3, 9)
        assert server.requests == []
        made = stitch(*ask, "--save", saved)
        assert made.exit_code == 0, made.output
        assert "3 of 3 queries composed" in made.stdout
        assert len(server.requests) == 3
        free = stitch(*ask, "--dry-run")
        assert "0 requests for 0 answers (9 more are in the cache)" in " ".join(free.stdout.split())
    assert len(saved.read_text().splitlines()) == 3
    stitch(*ask, "--save", saved, "--offline")
    assert len(saved.read_text().splitlines()) == 3
    result = stitch("search", indexed, "in blue", "-r", "green.png", "--recorded", saved, "--json")
    captions = json.loads(result.stdout)["composition"]["captions"]
    assert captions[0] == {"text": CAPTIONS[0], "weight": 1.0, "origin": "chat:m"}


def test_an_aborted_run_resumes(indexed: Path, queries: Path) -> None:
    with serving(first(says(*CAPTIONS), fails(401))) as server:
        ask = ("compose", indexed, "--queries", queries, *chat(server), "--concurrency", 1)
        broken = stitch(*ask)
        assert broken.exit_code == 6
        assert "refuses the key" in broken.stderr
        assert "Traceback" not in broken.output
    with serving(says(*CAPTIONS)) as server:
        again = stitch("compose", indexed, "--queries", queries, *chat(server))
        assert again.exit_code == 0
        assert len(server.requests) == 2


def test_queries_that_cannot_be_composed_are_named_and_the_others_done(
    indexed: Path, tmp_path: Path
) -> None:
    path = tmp_path / "q.jsonl"
    queries = [
        {"reference": "red.png", "modification": "in blue"},
        {"reference": "gone.png", "modification": "in blue", "id": "q2"},
        {"reference": None, "modification": ""},
    ]
    path.write_text("\n".join(map(json.dumps, queries)))
    made = stitch("compose", indexed, "--queries", path, "--save", tmp_path / "out.jsonl")
    assert made.exit_code == 7
    assert "1 of 3 queries composed" in made.stdout
    assert "q2" in made.stdout
    answer = json.loads(stitch("compose", indexed, "--queries", path, "--json").stdout)
    assert [failure["id"] for failure in answer["failed"]] == ["q2", None]
    priced = stitch("compose", indexed, "--queries", path, "--dry-run")
    assert priced.exit_code == 0  # the verbatim composer costs nothing and looks at nothing


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "no query"),
        ("{", "not JSON"),
        ("[1]", "object is expected"),
        ('{"reference": "a"}', "must be texts"),
        ('{"reference": 1, "text": "a"}', "must be texts"),
        ('{"reference": "a", "text": "a", "id": []}', "id must be"),
        ('{"reference": "a", "text": "a", "spam": 1}', "unknown key 'spam'"),
    ],
)
def test_a_malformed_query_file_is_one_clear_error(
    indexed: Path, tmp_path: Path, line: str, message: str
) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(line)
    made = stitch("compose", indexed, "--queries", path)
    assert made.exit_code == 2
    assert message in made.stderr


def test_a_reranker_judges_the_best_hits(indexed: Path) -> None:
    with serving(says("yes")) as server:
        ask = ("search", indexed, "in blue", "-r", "red.png", "-k", 3, "--model", "m")
        result = stitch(*ask, "--base-url", server.url, "--rerank", 2)
    assert result.exit_code == 0, result.output
    shown = " ".join(result.stdout.split())
    assert "yes 100%" in shown
    assert "reranked 2 by m, weight 1" in shown
    assert "reranker: 2 answers requested" in shown
    assert len(server.requests) == 2
    assert stitch("search", indexed, "in blue", "-r", "red.png", "--rerank", 2).exit_code == 2


def test_options_that_would_be_ignored_are_refused(indexed: Path, tmp_path: Path) -> None:
    for options in (
        ("--top-p", 0.5),
        ("--prompt", "edit-1"),
        ("--composer", "chat"),
        ("--composer", "chat", "--model", "m", "--temperature", 3),
        ("--composer", "chat", "--model", "m", "--prompt", "rewrite-1"),
        ("--composer", "recorded"),
        ("--composer", "chat", "--recorded", tmp_path / "x"),
    ):
        wrong = stitch("search", indexed, "in blue", "-r", "red.png", *options)
        assert wrong.exit_code == 2, options
        assert "error:" in wrong.stderr
    both = stitch("compose", indexed, "in blue", "--queries", tmp_path / "q")
    assert both.exit_code == 2


def test_a_missing_key_is_noted_and_a_missing_prompt_is_not_found(indexed: Path) -> None:
    ask = ("search", indexed, "in blue", "-r", "red.png", "--composer", "chat", "--model", "m")
    keyless = stitch(*ask)
    assert keyless.exit_code == 6
    assert "no key for api.openai.com" in keyless.stderr
    assert stitch(*ask, "--prompt", "haiku-1").exit_code == 3


def test_answers_are_shown_handed_on_and_taken_over(indexed: Path, tmp_path: Path) -> None:
    assert "no answers yet" in stitch("answers", "info").stdout
    with serving(says(*CAPTIONS)) as server:
        ask = ("compose", indexed, "in blue", "-r", "red.png", *chat(server))
        assert "5 answers requested" in stitch(*ask).stdout
    assert "m: requests 1, answers 5" in stitch("answers", "info").stdout
    handed = tmp_path / "answers.jsonl"
    assert "5 answers to 1 requests of m" in stitch("answers", "export", handed).stdout
    other = ("--cache", tmp_path / "other.sqlite")
    assert "5 of 5 answers are new" in stitch("answers", "import", handed, *other).stdout
    assert stitch(*ask, *other, "--offline").exit_code == 0
    assert json.loads(stitch("answers", "info", "--json", *other).stdout)["models"]["m"]
    handed.write_bytes(handed.read_bytes()[:-9])
    cut = stitch("answers", "import", handed, *other)
    assert cut.exit_code == 6
    assert "cut short" in cut.stderr


def test_prompts_are_listed_and_shown() -> None:
    listed = stitch("prompts")
    assert "edit-1" in listed.stdout
    shown = stitch("prompts", "edit-1").stdout
    assert "<boat.png>" in shown
    assert "Instruction: {modification}" in shown
    assert json.loads(stitch("prompts", "--json").stdout)[0]["sha256"]
    assert json.loads(stitch("prompts", "edit-1", "--json").stdout)["kind"] == "edit"


def test_published_compositions_are_converted_both_ways(tmp_path: Path) -> None:
    source = tmp_path / "ldre.json"
    entry = {"reference_img_id": 5, "relative_caption": "red", "multi_gpt-3.5_opt": ["a red cup"]}
    source.write_text(json.dumps([entry]))
    made = stitch("convert", source, tmp_path / "ours.jsonl")
    assert made.exit_code == 0, made.output
    assert stitch("convert", tmp_path / "ours.jsonl", tmp_path / "back.json").exit_code == 0
    assert json.loads((tmp_path / "back.json").read_text())[0]["reference_img_id"] == 5
    assert stitch("convert", source, tmp_path / "odd.txt").exit_code == 2
    assert stitch("convert", tmp_path / "none", tmp_path / "x.jsonl").exit_code == 3

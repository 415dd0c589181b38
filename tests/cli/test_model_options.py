"""Options of models on the command line: time-outs, tries, budgets, forgetting, who needs a model."""

from __future__ import annotations

import json
import re
import shlex
import threading
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from stitch_cir.chat import make_chat
from stitch_cir.errors import SettingError
from tests.chat.fake_server import Handler, completion, fails, says, serving
from tests.command import invoke

CAPTIONS = [f"A blue square, take {number}." for number in range(20)]


def stitch(*arguments: object) -> Result:
    return invoke(arguments)


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STITCH_HOME", str(tmp_path / "home"))
    names = ("STITCH_API_KEY", "OPENAI_API_KEY", "STITCH_MODEL", "STITCH_BASE_URL")
    for name in (*names, "STITCH_MODEL_TIMEOUT", "STITCH_MODEL_RETRIES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def indexed(folder: Path) -> Path:
    assert stitch("index", folder, "-q", "--encoder", "test").exit_code == 0
    return folder


def asking(folder: Path, server: object) -> tuple[object, ...]:
    url = getattr(server, "url")  # noqa: B009
    chat = ("--composer", "chat", "--model", "m", "--base-url", url)
    return ("compose", folder, "in blue", "-r", "red.png", *chat)


def test_a_model_that_never_answers_is_abandoned_after_the_time_out(indexed: Path) -> None:
    released = threading.Event()

    def wait(handler: Handler, body: dict[str, Any]) -> None:
        released.wait(30)

    with serving(wait) as server:
        late = stitch(*asking(indexed, server), "--model-timeout", 0.2, "--model-retries", 0)
        released.set()
    assert late.exit_code == 6
    assert "within 0.2 seconds (1 try)" in late.stderr
    assert "--model-timeout" in late.stderr


def test_tries_are_an_option_and_a_variable(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(fails(503, "busy")) as server:
        broken = stitch(*asking(indexed, server), "--model-retries", 1)
        assert "2 tries" in broken.stderr
        monkeypatch.setenv("STITCH_MODEL_RETRIES", "2")
        assert "3 tries" in stitch(*asking(indexed, server)).stderr
        assert stitch(*asking(indexed, server), "--model-retries", -1).exit_code == 2
        assert stitch(*asking(indexed, server), "--model-timeout", 0).exit_code == 2


@pytest.mark.parametrize("command", ["search", "compose", "explain", "serve", "mcp"])
def test_every_command_that_composes_takes_the_options(command: str) -> None:
    shown = invoke([command, "--help"], env={"COLUMNS": "200"}).output
    assert "--model-timeout" in shown
    assert "--model-retries" in shown


def test_a_reranker_without_a_model_is_called_so(indexed: Path) -> None:
    wrong = stitch("search", indexed, "in blue", "-r", "red.png", "--rerank", 3)
    assert wrong.exit_code == 2
    assert "--rerank-model" in wrong.stderr
    assert "omposer" not in wrong.stderr
    with pytest.raises(SettingError, match="The reranker needs a model") as caught:
        make_chat(None, role="reranker")
    assert "--rerank-model" in caught.value.hint


def test_a_reranker_that_thinks_gets_more_tokens(indexed: Path) -> None:
    def answer(handler: Handler, body: dict[str, Any]) -> None:
        enough = body["max_tokens"] > 100
        text, finish = ("yes", "stop") if enough else ("<think>Is it", "length")
        handler.send(200, completion(text, finish=finish))

    with serving(answer) as server:
        chosen = ("--rerank", 2, "--model", "m", "--base-url", server.url)
        ask = ("search", indexed, "in blue", "-r", "red.png", *chosen, "--json")
        unclear = json.loads(stitch(*ask).stdout)
        assert unclear["hits"][0]["verdict"]["yes"] == 0.5
        assert any("--max-tokens" in note for note in unclear["notes"])
        clear = json.loads(stitch(*ask, "--max-tokens", 500).stdout)
    assert clear["hits"][0]["verdict"]["yes"] == 1.0
    assert stitch("search", indexed, "in blue", "--max-tokens", 500).exit_code == 2


def test_unusable_answers_are_requested_again_and_forgotten_on_demand(indexed: Path) -> None:
    with serving(says(None)) as server:
        broken = stitch(*asking(indexed, server))
        assert "could not be used: 10 no text" in " ".join(broken.stdout.split())
    forgotten = stitch("answers", "forget")
    assert "10 unusable answers forgotten, 0 answers kept" in forgotten.stdout
    with serving(says(None)) as server:
        stitch(*asking(indexed, server))
    with serving(says(*CAPTIONS)) as server:
        healthy = stitch(*asking(indexed, server))
    assert CAPTIONS[0] in healthy.stdout
    left = json.loads(stitch("answers", "forget", "--model", "m", "--all", "--json").stdout)
    assert left == {"forgotten": 10, "kept": 0}
    assert stitch("answers", "forget", "--model", "m").exit_code == 3


def test_the_documented_ranking_of_all_hits_runs(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "composers.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^stitch (search .* --verify-mode .*)$", page, flags=re.M)
    monkeypatch.chdir(indexed.parent)
    (indexed / "red.png").rename(indexed / "dress.jpg")
    assert stitch("index", indexed, "-q").exit_code == 0

    def rank(handler: Handler, body: dict[str, Any]) -> None:
        images = [part for part in body["messages"][-1]["content"] if part["type"] == "image_url"]
        assert len(images) == 1
        count = int(re.findall(r"from 1 to (\d+)", str(body["messages"][-1]))[0])
        assert body["max_tokens"] > 4 * count
        handler.send(200, completion(json.dumps({"ranking": list(range(1, count + 1))})))

    with serving(rank) as server:
        monkeypatch.setenv("STITCH_BASE_URL", server.url)
        shown = stitch(*shlex.split(command))
        assert shown.exit_code == 0, shown.output
        assert len(server.requests) == 2
        alone = stitch("search", indexed, "in red", "-r", "dress.jpg", "--verify-mode", "list")
    assert "standing 50%" in shown.output
    assert "disagree on 100% of the pairs" in " ".join(shown.output.split())
    assert alone.exit_code == 2
    assert "--rerank 10" in alone.stderr

"""``stitch caption`` as it is run: its file, its exit codes, and the commands of its page."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.gallery import Gallery
from tests.chat.fake_server import Handler, completion, fails, serving
from tests.command import invoke

PAGE = Path(__file__).parents[2] / "docs" / "captions.md"


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STITCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STITCH_MODEL", "m")
    for name in ("STITCH_API_KEY", "OPENAI_API_KEY", "STITCH_CACHE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def indexed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder.parent)
    assert invoke(["index", "photos", "-q", "--encoder", "test"]).exit_code == 0
    return folder


def described(handler: Handler, body: dict[str, Any]) -> None:
    (image,) = [part for part in body["messages"][-1]["content"] if part["type"] == "image_url"]
    assert image["image_url"]["url"].startswith("data:image/jpeg;base64,")
    lists = {"subject": ["square"], "colours": ["red"], "materials": [], "setting": []}
    text = json.dumps({"captions": ["A square\u202e of one colour."], "attributes": lists})
    handler.send(200, completion(text))


def test_the_commands_of_the_page_run(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S)
    with serving(described) as server:
        monkeypatch.setenv("STITCH_BASE_URL", server.url)
        outputs = []
        for line in block.splitlines():
            done = invoke(shlex.split(line.split("#")[0])[1:])
            assert done.exit_code == 0, f"{line}\n{done.output}"
            outputs.append(done.output)
        assert len(server.requests) == 8
    assert "8 images: 8 requests" in outputs[0]
    assert "8 images captioned" in outputs[1]
    assert "8 had captions already" in outputs[3]
    lines = Path("captions.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0]) == {
        "id": "black.png",
        "captions": ["A square of one colour."],
        "attributes": {"subject": ["square"], "colours": ["red"], "materials": [], "setting": []},
        "model": "m",
        "prompt": "describe-1",
    }
    shown = invoke(["info", "photos"]).output
    assert "of 8 by m, each 3 times" in shown


def test_the_file_of_captions_can_be_indexed_elsewhere(indexed: Path) -> None:
    with serving(described) as server:
        done = invoke(["caption", "photos", "--base-url", server.url, "--weight", "0", "-o", "c"])
    assert done.exit_code == 0, done.output
    assert invoke(["index", "photos", "-q", "--captions", "c"]).exit_code == 0
    assert Gallery.open("photos").captions("red.png") == ["A square of one colour."]


def test_nothing_written_is_a_failure_and_a_part_is_said_to_be_one(indexed: Path) -> None:
    with serving(lambda handler, body: handler.send(200, completion("A square."))) as server:
        done = invoke(["caption", "photos", "--base-url", server.url, "--retries", "0"])
    assert done.exit_code == 6
    assert "None of 8 images could be captioned" in done.stderr
    with serving(fails(503, "busy")) as server:
        done = invoke(["caption", "photos", "--base-url", server.url, "--model-retries", "0"])
    assert done.exit_code == 6
    assert "busy" in done.stderr
    (indexed / "red.png").unlink()
    with serving(described) as server:
        done = invoke(["caption", "photos", "--base-url", server.url, "--model", "n"])
    assert done.exit_code == 7
    assert "red.png" in done.stderr
    assert "7 images captioned, 1 without" in done.output


def test_a_wrong_option_is_refused_before_any_request(indexed: Path) -> None:
    with serving(described) as server:
        for wrong in (
            ("--weight", "11"),
            ("--retries", "-1"),
            ("--out", str(indexed)),
            ("--out", str(indexed / "red.png")),
            ("--prompt", "edit-1"),
            ("--temperature", "9"),
        ):
            done = invoke(["caption", "photos", "--base-url", server.url, *wrong])
            assert done.exit_code == 2, f"{wrong}: {done.output}"
        assert server.requests == []

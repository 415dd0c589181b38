"""docs/shop.md: its commands, its Python, and its requests, run as they stand there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import stitch_cir.client
from stitch_cir.encoders import HashEncoder
from stitch_cir.server import ServerSettings, create_app
from tests.command import invoke
from tests.server.catalog import make_shop

PAGE = (Path(__file__).parents[2] / "docs" / "shop.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.S)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_shop(tmp_path / "shop")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_and_the_python_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = [
        shlex.split(line, comments=True)[1:]
        for line in blocks("sh")[0].splitlines()
        if line.startswith("stitch ") and not line.startswith("stitch serve")
    ]
    assert [words[0] for words in commands] == ["index", "search", "sync", "sync"]
    for words in commands:
        encoder = ["--encoder", "test"] if words[0] == "index" else []
        done = invoke([*words, *encoder])
        assert done.exit_code == 0, f"{words}\n{done.output}"
    exec(compile(blocks("python")[0], "shop.md", "exec"), {})
    assert "11 unchanged" in capsys.readouterr().out


def test_the_requests_are_answered(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ServerSettings(rate=0, batch_seconds=0)
    app = create_app(folder / "shop/gallery", encoder=HashEncoder(), settings=settings)
    with TestClient(app) as client:
        words = shlex.split(blocks("sh")[1].replace("\\\n", " "))
        body = json.loads(words[words.index("-d") + 1])
        answer = client.post("/catalog/search", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["products"]

        def connect(address: str, **options: Any) -> stitch_cir.client.Client:
            return original(address, transport=client._transport)

        original = stitch_cir.client.Client
        monkeypatch.setattr(stitch_cir.client, "Client", connect)
        exec(compile(blocks("python")[1], "shop.md", "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) == 6

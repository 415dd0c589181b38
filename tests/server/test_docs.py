"""The requests of docs/server.md, sent as they stand there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from tests.server.conftest import TOKEN, jpeg

PAGE = (Path(__file__).parents[2] / "docs" / "server.md").read_text(encoding="utf-8")
HOST = "http://127.0.0.1:8000"


def commands() -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.S)
    lines = "\n".join(blocks).replace("\\\n", " ").replace("$TOKEN", TOKEN).splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("curl ")]


def sent(client: TestClient, words: list[str], folder: Path) -> Any:
    """Do what curl does with these words."""
    method = address = ""
    more: dict[str, Any] = {"headers": {}, "files": [], "data": {}}
    rest = iter(words)
    for word in rest:
        if word == "-s":
            continue
        if word.startswith(HOST):
            address = word.removeprefix(HOST)
            continue
        value = next(rest)
        if word == "-X":
            method = value
        elif word == "-H":
            name, _, text = value.partition(": ")
            more["headers"][name] = text
        elif word == "-d":
            more["content"] = value
        elif word == "-F":
            name, _, text = value.partition("=")
            if text.startswith("@"):
                more["files"].append((name, (text[1:], (folder / text[1:]).read_bytes())))
            else:
                more["data"][name] = text
        else:
            assert word == "-o", word
    body = {name: value for name, value in more.items() if value}
    return client.request(
        method or ("POST" if {"content", "files"} & set(body) else "GET"), address, **body
    )


def test_the_requests_work(serve: Callable[..., TestClient], folder: Path) -> None:
    (folder / "new.jpg").write_bytes(jpeg((240, 140, 30)))
    client = serve(token=TOKEN)
    requests = commands()
    assert len(requests) == 10
    for words in requests:
        answer = sent(client, words, folder)
        assert answer.status_code in (200, 204), (words, answer.text)
    assert client.get("/api/images/added/new.jpg").json()["captions"] == ["an orange sun"]
    assert client.get("/api/images/red.png").status_code == 404


def test_every_route_and_option_is_documented(client: TestClient) -> None:
    for path in client.get("/openapi.json").json()["paths"]:
        assert path.replace("{token}", "{upload}") in PAGE, path
    for option in (
        "--max-upload-mb",
        "--max-upload-megapixels",
        "--model-threads",
        "--model-deadline",
        "--grace",
        "--cors",
        "--rate",
        "--threads",
        "--queue",
        "--deadline",
        "--allow-host",
        "--trust-proxy",
        "--log-text",
        "--token-file",
    ):
        assert option in PAGE

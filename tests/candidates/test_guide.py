"""docs/candidates.md does what it says, against a server that speaks Qdrant's REST interface."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import stitch_cir as st
from stitch_cir.candidates import QdrantSource
from tests.candidates.fake_qdrant import Qdrant, serving
from tests.command import invoke

PAGE = (Path(__file__).parents[2] / "docs" / "candidates.md").read_text(encoding="utf-8")


def block(language: str, number: int = 1) -> str:
    """Return one of the page's blocks of a language, the first by default."""
    return PAGE.split(f"```{language}\n")[number].split("```")[0]


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    st.index_folder(folder, encoder=st.load_encoder("test"))
    with serving(Qdrant()) as address:
        yield address


def test_the_guide_fills_a_collection_and_searches_with_it(
    url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    code = (
        block("python")
        .replace("http://localhost:6333", url)
        .replace("shortlist=256", "k=2, shortlist=3")
    )
    names: dict[str, object] = {}
    exec(compile(code, "candidates.md", "exec"), names)
    assert capsys.readouterr().out.startswith("False ")
    words = block("sh").split('"')
    command = [*words[0].split()[1:], words[1], *words[2].split()]
    command[command.index("256")] = "3"
    done = invoke([*command, "-k", "2", "--encoder", "test", "--candidate-option", f"url={url}"])
    assert done.exit_code == 0, done.output
    assert "not exact: a shortlist by qdrant" in done.output.replace(os.linesep, " ")


def test_a_server_ranks_what_the_database_names_and_says_so(url: str, folder: Path) -> None:
    with st.Gallery.open(folder, encoder=st.load_encoder("test")) as gallery:
        matrix = gallery.matrix()
        QdrantSource(url, "photos").fill(list(matrix.ids), matrix.means)
    words = block("sh", 2).split()
    words[words.index("256")] = "3"
    more = ["--encoder", "test", "--candidate-option", f"url={url}", "--port", "0"]
    command = [sys.executable, "-m", "stitch_cir", *words[1:], *more]
    with subprocess.Popen(command, cwd=folder.parent, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            address = re.search(r"at (http://\S+)", line)
            assert address, line
            body = json.dumps({"text": "a red coat", "settings": {"k": 2}}).encode()
            request = urllib.request.Request(
                f"{address[1]}/api/search", body, {"content-type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                results = json.loads(answer.read())["results"]
        finally:
            process.send_signal(signal.SIGINT)
    assert (results["exact"], results["scored"], len(results["hits"])) == (False, 3, 2)
    assert results["candidate_source"] == {"source": "qdrant"}
    assert any("only the 3 images that qdrant named" in note for note in results["notes"])
    assert results["next_cursor"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "the settings have none"),
        (("--shortlist", "3", "--cluster", "local"), "A cluster searches exactly"),
    ],
)
def test_a_server_refuses_a_database_that_cannot_help(
    options: tuple[str, ...], message: str, folder: Path
) -> None:
    named = ("--candidates", "qdrant", "--candidate-option", "collection=photos")
    done = invoke(["serve", str(folder), *named, *options])
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())

"""docs/candidates.md does what it says, against a server that speaks Qdrant's REST interface."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import stitch_cir as st
from tests.candidates.fake_qdrant import Qdrant, serving
from tests.command import invoke

PAGE = (Path(__file__).parents[2] / "docs" / "candidates.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """Return the page's first block of a language."""
    return PAGE.split(f"```{language}\n")[1].split("```")[0]


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

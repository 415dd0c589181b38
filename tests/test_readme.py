"""What the README says must work: its Python session and its commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.command import invoke

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.S)


def test_the_python_session_runs(folder: Path, monkeypatch, capsys) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(folder.parent)
    (session,) = blocks("python")
    exec(compile(session, "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert "8 images in the gallery" in out
    assert "1 " in out
    assert (folder.parent / "why.png").stat().st_size > 10_000


def test_the_commands_run(folder: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(folder.parent)
    (folder / "red.png").rename(folder / "dress.jpg")
    (folder / "blue.png").rename(folder / "gown.jpg")
    commands = [
        line.split("#")[0].replace("…", "").strip()
        for block in blocks("sh")
        for line in block.splitlines()
        if line.startswith("stitch ")
    ]
    assert len(commands) >= 9
    for command in commands:
        arguments = shlex.split(command)[1:]
        done = invoke(arguments)
        assert done.exit_code == 0, f"{command}\n{done.output}"


@pytest.mark.parametrize("page", [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"])
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name}: {target}"

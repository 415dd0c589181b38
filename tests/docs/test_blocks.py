"""Every command and every Python block of the documentation runs, page by page, in its order."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command import command_tree, invoke
from tests.docs.blocks import ROOT, Block, blocks_of, pages
from tests.docs.scenes import SCENES

BLOCKS = [block for page in pages() for block in blocks_of(page)]
SESSIONS = {
    page.relative_to(ROOT).as_posix(): session
    for page in pages()
    if (session := [block for block in blocks_of(page) if block.how in ("", "file")])
}
EXTRAS = frozenset(
    tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
)
LASTING = ("serve", "mcp")
"""Commands that end when they are stopped: their options are parsed."""


@pytest.mark.parametrize("page", SESSIONS)
def test_a_page_works_as_it_stands(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare: Callable[[Path], None] = SCENES[page]
    prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    for block in SESSIONS[page]:
        if block.how == "file":
            Path(block.what).write_text(block.code, encoding="utf-8")
        elif block.language == "python":
            exec(compile(block.code, block.name, "exec"), namespace)
        else:
            for words in block.commands():
                run(words, block)


def run(words: list[str], block: Block) -> None:
    """Run one command in this process, as quickly as a test allows."""
    program, *arguments = words
    where = f"{block.name}: {' '.join(words)}"
    if (program, *arguments[:1]) == ("pip", "install"):
        extras = re.findall(r"\w[\w-]*", re.sub(r"[^\[]*\[?", "", arguments[1], count=1))
        assert set(extras) <= EXTRAS, where
        return
    assert program == "stitch", f"{where}: say how it is run, or why not"
    if arguments[0] in LASTING:
        parsed(arguments)
        return
    if "--encoder" in arguments:
        arguments[arguments.index("--encoder") + 1] = "test"
    elif arguments[0] == "index":
        arguments += ["--encoder", "test"]
    done = invoke(arguments)
    assert done.exit_code == 0, f"{where}\n{done.output}"


def parsed(words: list[str]) -> None:
    """Parse the options of a command without running it."""
    command = command_tree()
    context = command.make_context("stitch", [], resilient_parsing=True)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        name, *words = words
        command = command.get_command(context, name)
        assert command is not None, f"no such command: {name}"
        is_group = hasattr(command, "commands")
        context = command.make_context(
            name, [] if is_group else list(words), parent=context, resilient_parsing=is_group
        )


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.how == "not run"], ids=lambda block: block.name
)
def test_what_is_not_run_says_why(block: Block) -> None:
    assert len(block.what.split()) >= 3
    for words in block.commands() if block.language == "sh" else ():
        # what it says exists all the same; --config reads its file while it is parsed
        if words[0] == "stitch" and "--config" not in words:
            parsed(words[1:])
    pytest.skip(block.what)


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.how == "run by"], ids=lambda block: block.name
)
def test_what_another_test_runs_is_read_there(block: Block) -> None:
    test = (ROOT / block.what).read_text(encoding="utf-8")
    assert block.page.name in test


def test_help_is_written_for_every_command_of_the_reference() -> None:
    text = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    for name in ("index", "search", "bench run", "models pull", "attributes set"):
        assert f"## stitch {name}\n" in text
    assert "`--near-duplicates" in text


def test_the_reference_is_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "reference.py"), "--check"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr

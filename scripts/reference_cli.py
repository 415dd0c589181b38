"""The command line as a page of the reference and as a manual page, from its commands."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import typer

from stitch_cir import __version__
from stitch_cir.cli._app import app
from stitch_cir.cli._exit import EPILOG

__all__ = ["manual", "page"]

Rows = list[tuple[str, str]]


@dataclass
class Sections:
    """The lists of a help page, by heading: what a command writes to a formatter."""

    lists: dict[str, Rows] = field(default_factory=dict)
    heading: str = ""

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Begin a list."""
        self.heading = name
        yield

    def write_dl(self, rows: Rows) -> None:
        """Take the entries of a list."""
        self.lists.setdefault(self.heading, []).extend(rows)


@dataclass
class Command:
    """One command as its help describes it."""

    name: str
    usage: str
    text: str
    sections: dict[str, Rows]


def commands() -> list[Command]:
    """Return ``stitch`` and all commands below it, in the order of its help."""
    root = typer.main.get_command(app)
    return list(walk(root, root.make_context("stitch", [], resilient_parsing=True)))


def walk(command: Any, context: Any) -> Iterator[Command]:
    """Yield a command and those below it."""
    sections = Sections()
    command.format_options(context, sections)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    text = inspect.cleandoc(command.help or "").replace("\b", "")
    usage = re.sub(r"\{(\w+)\}", r"\1", usage)
    yield Command(context.command_path, usage, text, sections.lists)
    for name in getattr(command, "commands", {}):
        below = command.get_command(context, name)
        if not below.hidden:
            inner = below.make_context(name, [], parent=context, resilient_parsing=True)
            yield from walk(below, inner)


def page() -> str:
    """Return the page of the reference."""
    blocks = [
        "# Command line",
        "<!-- Written by scripts/generate.py from the commands: do not edit. -->",
        "Every command with every option, as `stitch COMMAND --help` shows them. What commands "
        "print, and their exit codes, are described in [Output and exit codes](../cli.md).",
    ]
    for command in commands():
        blocks += [f"## {command.name}", f"```text\n{command.usage}\n```"]
        if command.name != "stitch":
            blocks.append(command.text)
        for heading, rows in command.sections.items():
            blocks.append(f"**{heading}**")
            blocks.append("| | |\n|---|---|\n" + "\n".join(row(*each) for each in rows))
    return "\n\n".join(blocks) + "\n"


def row(name: str, text: str) -> str:
    """Return one row of a table; what is code is marked as such."""
    return f"| `{cell(name)}` | {cell(text).replace('<', '&lt;').replace('*', chr(92) + '*')} |"


def cell(text: str) -> str:
    """Return a text that a cell of a table can hold."""
    return " ".join(text.split()).replace("|", "\\|")


def manual() -> str:
    """Return the manual page ``stitch.1``."""
    root, *others = commands()
    lines = [
        '.\\" Written by scripts/generate.py from the commands: do not edit.',
        f'.TH STITCH 1 "" "stitch {__version__}" "User Commands"',
        ".SH NAME",
        "stitch \\- search a folder of images by an image and the words that change it",
        ".SH SYNOPSIS",
        f".B {roff(root.usage)}",
        ".SH DESCRIPTION",
        roff(root.text),
        *definitions(root),
        ".SH COMMANDS",
    ]
    for command in others:
        lines += [f".SS {roff(command.usage)}", *paragraphs(command.text), *definitions(command)]
    codes = [roff(code) for code in EPILOG.removeprefix("Exit codes: ").split(" · ")]
    lines += [".SH EXIT STATUS"]
    for code in codes:
        number, _, meaning = code.partition(" ")
        lines += [".TP", f".B {number}", meaning]
    return "\n".join(lines) + "\n"


def definitions(command: Command) -> Iterator[str]:
    """Yield the lines of a command's lists."""
    for heading, rows in command.sections.items():
        if heading == "Commands":
            continue
        yield from (".PP", f".I {roff(heading)}:")
        for name, text in rows:
            yield from (".TP", f".B {roff(name)}", roff(" ".join(text.split())) or "\\&")


def paragraphs(text: str) -> Iterator[str]:
    """Yield the lines of a help text; what is indented stays as it is."""
    for block in re.split(r"\n\s*\n", text):
        if block.startswith("    "):
            yield from (".PP", ".nf", roff(inspect.cleandoc(block)), ".fi")
        else:
            yield from (".PP", roff(" ".join(block.split())))


def roff(text: str) -> str:
    """Return a text without what troff would obey."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^(?=[.'])", "\\\\&", text, flags=re.MULTILINE)

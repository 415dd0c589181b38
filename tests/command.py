"""The command line, run in this process."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any
from unittest.mock import patch

import typer
from typer.testing import CliRunner, Result

from stitch_cir.cli._app import app


def invoke(words: Iterable[object], env: Mapping[str, str] | None = None) -> Result:
    """Run ``stitch`` with these words; return exit code and output."""
    # made anew each time, the commands would take longer than most of what they do here
    with patch.object(typer.testing, "_get_command", lambda _: command_tree()):
        return CliRunner().invoke(app, [str(word) for word in words], env=env)


@functools.cache
def command_tree() -> Any:
    """Return the command ``stitch`` with its parameters and the commands below it."""
    return typer.main.get_command(app)

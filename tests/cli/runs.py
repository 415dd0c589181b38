"""Running the command as its users do: with streams of any kind, here or as a process."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import dataclass

import pytest
import typer

from stitch_cir.cli import main
from tests.command import command_tree

START = (sys.executable, "-c", "from stitch_cir.cli import main; main()")


@dataclass
class Run:
    code: object
    out: str
    err: str


def run_here(monkeypatch: pytest.MonkeyPatch, *arguments: object, encoding: str = "utf-8") -> Run:
    """Run ``stitch`` in this process, with streams of an encoding that is strict."""
    commands = command_tree()
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    with monkeypatch.context() as patched:
        patched.setattr(typer.main, "get_command", lambda _: commands)
        patched.setattr(sys, "argv", ["stitch", *map(str, arguments)])
        patched.setattr(sys, "stdout", streams[0])
        patched.setattr(sys, "stderr", streams[1])
        with pytest.raises(SystemExit) as end:
            main()
        texts = []
        for stream in streams:
            stream.flush()
            texts.append(stream.buffer.getvalue().decode(encoding))
    return Run(end.value.code or 0, *texts)


def process(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
    """Start ``stitch`` as a process of its own; stdout and stderr are pipes unless given."""
    environment = {**os.environ, **options.pop("env", {})}  # type: ignore[dict-item]
    return subprocess.Popen(
        [*START, *map(str, arguments)],
        env=environment,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},  # type: ignore[call-overload]
    )

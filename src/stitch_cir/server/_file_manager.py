"""Asking the file manager of this machine to show a file in its folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from stitch_cir.server._errors import RevealError

__all__ = ["Reveal", "file_manager"]

Reveal = Callable[[Path], None]
"""Shows a file in its folder. Raises ``RevealError`` where that does not work."""


def file_manager() -> Reveal | None:
    """Return how a file is shown in its folder here; ``None`` where nobody could look at it."""
    if sys.platform == "darwin":
        return lambda path: _start(["open", "-R", os.fspath(path)])
    if sys.platform == "win32":
        return lambda path: _start(["explorer", f"/select,{path}"])
    opener = shutil.which("xdg-open")
    has_screen = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    if opener is None or not has_screen:
        return None
    return lambda path: _start([opener, os.fspath(path.parent)])


def _start(command: list[str]) -> None:
    try:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise RevealError(
            "The file manager could not be started.", hint="Open the folder by hand."
        ) from error

"""The command ``stitch``.

Importing this package imports hardly anything, so that :func:`main` sees to Ctrl-C first.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # importing typing takes longer than importing all of this
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

__all__ = ["main"]


def main() -> None:
    """Run the command line with streams that any terminal takes, and leave with its exit code.

    Ctrl-C raises ``KeyboardInterrupt`` as usual, except while a module is being imported. A job in
    the background ignores Ctrl-C, and stays so.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        _run()
    signal.signal(signal.SIGINT, _interrupt)
    try:
        _run()
    finally:
        signal.signal(signal.SIGINT, before)


def _run() -> NoReturn:
    import threading

    code: object = 1
    before = threading.enumerate()
    try:
        from stitch_cir.cli._app import app
        from stitch_cir.cli._streams import prepare

        prepare()
        try:
            app(prog_name="stitch")
        except SystemExit as end:
            code = end.code
        code = _finish(code)
        for thread in threading.enumerate():
            if thread not in before and not thread.daemon:
                thread.join()  # here, where Ctrl-C ends in a word and not in a traceback
    except KeyboardInterrupt:
        _leave()
    sys.exit(code)  # type: ignore[arg-type]


def _interrupt(signum: int, frame: FrameType | None) -> None:
    """Raise ``KeyboardInterrupt``; end at once where an import could swallow or rewrite it."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib."):
            _leave()
        frame = frame.f_back
    raise KeyboardInterrupt


def _leave() -> NoReturn:
    if sys.stderr is not None:
        sys.stderr.write("interrupted; what was finished is kept\n")
        sys.stderr.flush()
    os._exit(130)


def _finish(code: object) -> object:
    """Flush the output, and return the exit code: another one where it cannot be written."""
    from stitch_cir.cli._exit import exit_code, show_error
    from stitch_cir.errors import StitchError

    try:
        sys.stdout.flush()
    except StitchError as error:
        if code in (0, None):
            show_error(error)
            return exit_code(error)
    except ValueError:  # whoever spoke on stdout (an MCP server) has closed it
        pass
    return code

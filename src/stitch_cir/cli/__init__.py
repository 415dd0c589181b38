"""The command ``stitch``."""

from __future__ import annotations

import os
import signal
import sys
import threading

__all__ = ["main"]


def main(*, interruptible: bool = False) -> None:
    """Run the command line with streams that any terminal takes, and leave with its exit code.

    ``interruptible`` restores Ctrl-C, which the launcher turned off while it imported.
    """
    code: object = 1
    before = threading.enumerate()
    try:
        from stitch_cir.cli._app import app
        from stitch_cir.cli._streams import prepare

        prepare()
        if interruptible:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            app(prog_name="stitch")
        except SystemExit as end:
            code = end.code
        code = _finish(code)
        for thread in threading.enumerate():
            if thread not in before and not thread.daemon:
                thread.join()  # here, where Ctrl-C ends in a word and not in a traceback
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; what was finished is kept\n")
        sys.stderr.flush()
        os._exit(130)
    sys.exit(code)  # type: ignore[arg-type]


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

"""Start the command ``stitch``: end quietly on Ctrl-C while the library is being imported.

A module of its own, because importing any part of ``stitch_cir`` imports the whole library first.
"""

from __future__ import annotations

import os
import signal
import sys

__all__ = ["main"]


def main() -> None:
    """Import the command line and run it; until it runs, Ctrl-C ends the process with code 130."""
    handler = signal.getsignal(signal.SIGINT)
    # a job in the background ignores Ctrl-C, and stays so
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    from stitch_cir.cli import main as run

    run(interruptible=handler is signal.default_int_handler)


def _leave(signum: int, frame: object) -> None:
    """End at once: an exception could be swallowed or rewritten by whatever is being imported."""
    if sys.stderr is not None:
        sys.stderr.write("interrupted\n")
        sys.stderr.flush()
    os._exit(130)

"""What a session of Ray, run as a program of its own, tells the tests: JSON lines."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from stitch_cir.errors import StitchError


def report(name: str, **values: Any) -> None:
    """Write one line for the tests."""
    sys.stdout.write(json.dumps({"name": name, **values}) + "\n")
    sys.stdout.flush()


def refusal(work: Callable[[], Any]) -> str:
    """Return the class and the text of the error that is expected."""
    try:
        work()
    except StitchError as error:
        return f"{type(error).__name__}: {error}"
    return "nothing was raised"


def session_port() -> int:
    """Return a port that no other session here takes, below those that connections are given."""
    return 20_000 + os.getpid() % 10_000

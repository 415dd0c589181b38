"""A process that has everything imported and forks a child for each fault: ``python -m …zygote``.

Reads one JSON request a line, ``{"scene", "root", "at", "mode"}``, and answers with one: how the
child ended, how many calls it counted, and what it wrote to stderr. It never opens a gallery
itself, so that every child starts from the same clean state.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import tempfile
import traceback
from pathlib import Path

from tests.chaos.scenes import SCENES, images


def warm() -> None:
    """Import everything that a scene imports on its way, in a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        images(Path(folder))
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)


def child(request: dict[str, object], faults: ctypes.CDLL, out: int) -> None:
    root = Path(str(request["root"]))
    faults.chaos_arm(str(root).encode(), int(str(request["at"])), int(str(request["mode"])))
    status, said = 0, ""
    try:
        SCENES[str(request["scene"])].act(root)
    except BaseException as error:
        from stitch_cir.errors import StitchError

        status = 2 if isinstance(error, StitchError) else 1
        said = "".join(traceback.format_exception(error))
    answer = {"status": status, "calls": faults.chaos_count(), "said": said}
    os.write(out, json.dumps(answer).encode())
    os._exit(0)


def main() -> None:
    faults = ctypes.CDLL(os.environ["LD_PRELOAD"])
    faults.chaos_arm.argtypes = [ctypes.c_char_p, ctypes.c_long, ctypes.c_int]
    faults.chaos_count.restype = ctypes.c_long
    warm()
    for line in sys.stdin:
        request = json.loads(line)
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            child(request, faults, writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as stream:
            body = stream.read()
        _, ended = os.waitpid(pid, 0)
        answer = json.loads(body) if body else {"status": None, "calls": None, "said": ""}
        answer["killed"] = os.WIFSIGNALED(ended)
        print(json.dumps(answer), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()

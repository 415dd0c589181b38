"""What goes wrong on a node, on request: installed in every process of Ray's when it starts.

A file in the folder ``STITCH_TEST_FAULTS`` switches a fault on; those that happen once delete it.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = "STITCH_TEST_FAULTS"


def install() -> None:
    import stitch_cir
    from stitch_cir.encoders import HashEncoder

    folder = Path(os.environ[FOLDER])
    version, clock, lexists = stitch_cir.__version__, time.time, os.path.lexists
    encode, make = HashEncoder.encode_views, tempfile.mkdtemp

    class OtherVersion(ModuleType):
        @property
        def __version__(self) -> str:
            return "0.0.1" if (folder / "other-version").exists() else version

    def encode_or_die(self: HashEncoder, images: Sequence[Any], boxes: Sequence[Any]) -> Any:
        if (folder / "die-always").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        if (folder / "die-once").exists():
            (folder / "die-once").unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return encode(self, images, boxes)

    def make_or_fail(*args: Any, **options: Any) -> str:
        if (folder / "disk-full").exists():
            reason = os.strerror(errno.ENOSPC)
            raise OSError(errno.ENOSPC, reason, tempfile.gettempdir())
        made = make(*args, **options)
        if (folder / "no-database").exists():
            Path(made, "gallery.sqlite").mkdir()
        return made

    def fingerprint(self: HashEncoder) -> str:
        return "f" * 64 if (folder / "other-weights").exists() else recorded

    recorded = HashEncoder.fingerprint
    sys.modules["stitch_cir"].__class__ = OtherVersion
    HashEncoder.encode_views = encode_or_die  # type: ignore[method-assign]
    HashEncoder.fingerprint = property(fingerprint)  # type: ignore[assignment]
    tempfile.mkdtemp = make_or_fail  # type: ignore[assignment]
    time.time = lambda: clock() + (3600 if (folder / "clock").exists() else 0)
    os.path.lexists = lambda path: not (folder / "no-images").exists() and lexists(path)

"""The files that ship with mini, in a folder where a test may damage them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stitch_cir.encoders.mini import _files, _vocabulary


def copy_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy mini's files to ``folder`` and have mini read them there, anew; return the folder."""
    shutil.copytree(_files._folder(), folder)
    monkeypatch.setattr(_files, "_folder", lambda: folder)
    fresh: Callable[[], object] = _files.manifest.__wrapped__
    monkeypatch.setattr(_files, "manifest", fresh)
    monkeypatch.setattr(_vocabulary, "load_vocabulary", _vocabulary.load_vocabulary.__wrapped__)
    return folder

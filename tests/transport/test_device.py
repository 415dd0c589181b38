"""Choosing where to score, without torch."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from stitch_cir.errors import ModelError, SettingError
from stitch_cir.transport import Chamfer, PointSets, open_device, score_sets_torch


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.mark.parametrize("name", ["gpu", "", "cuda:", "cuda:x", "cpu:1", "CUDA"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(SettingError, match="no device"):
        open_device(name)


def test_without_torch_only_the_cpu_is_there(no_torch: None) -> None:
    assert (open_device("cpu"), open_device("auto")) == ("cpu", "cpu")
    with pytest.raises(ModelError, match=r"needs torch.*\[torch\]"):
        open_device("cuda")
    sets = PointSets(np.eye(3, dtype=np.float32)[None])
    with pytest.raises(ModelError, match="needs torch"):
        score_sets_torch(sets, sets, Chamfer())


def test_importing_the_package_imports_no_torch() -> None:
    import subprocess

    code = "import sys, stitch_cir.searcher, stitch_cir.transport; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

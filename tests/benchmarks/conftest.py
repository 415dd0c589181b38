"""A small data set with images, and a run on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stitch_cir.datasets import Benchmark, load_benchmark
from tests.benchmarks import layouts
from tests.benchmarks.runs import make_run, paint


@pytest.fixture
def circo(tmp_path: Path) -> Benchmark:
    layouts.circo(tmp_path)
    return load_benchmark("circo", tmp_path, "val")


@pytest.fixture
def run(tmp_path: Path, circo: Benchmark) -> Path:
    paint(circo)
    return make_run(tmp_path / "runs/mine", circo)


@pytest.fixture(autouse=True)
def no_plots(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes most of a report's time: only tests marked so draw."""
    if "draws" not in request.keywords:
        monkeypatch.setattr("stitch_cir.benchmarks.report._write.plots_of", lambda section: [])

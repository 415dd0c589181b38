"""What a run says of the numbers of its method: recorded, and noted where they do not suffice."""

from __future__ import annotations

from pathlib import Path

from stitch_cir.benchmarks import RunOptions, run_benchmark
from stitch_cir.datasets import Benchmark
from stitch_cir.encoders import HashEncoder
from stitch_cir.searcher import SearchSettings
from tests.conftest import noise

MAIN_ONLY = RunOptions(controls=False, sweeps=False)


def paint(data: Benchmark) -> None:
    """Draw every image in several colours, so that its views differ."""
    for task in data.tasks:
        task.images.mkdir(parents=True, exist_ok=True)
        for number, id in enumerate(task.gallery):
            noise(number, 60, 40).save(task.images / task.files[id])


def test_a_run_with_sinkhorn_notes_what_did_not_converge(circo: Benchmark, tmp_path: Path) -> None:
    paint(circo)
    settings = SearchSettings.from_preset(scorer="sinkhorn", epsilon=1e-5)
    run = run_benchmark(
        circo,
        tmp_path / "run",
        encoder=HashEncoder(),
        settings=settings,
        options=MAIN_ONLY,
    )
    assert run.main.settings["epsilon"] == 1e-5
    (note,) = [note for note in run.main.notes if "converge" in note]
    assert note.startswith("Sinkhorn did not converge for a hit among the first 10 of ")
    gentle = run_benchmark(
        circo,
        tmp_path / "gentle",
        encoder=HashEncoder(),
        settings=settings.with_(epsilon=0.1),
        options=MAIN_ONLY,
    )
    assert not any("converge" in note for note in gentle.main.notes)


def test_a_run_with_pdv_records_its_numbers(circo: Benchmark, tmp_path: Path) -> None:
    paint(circo)
    run = run_benchmark(
        circo,
        tmp_path / "run",
        encoder=HashEncoder(),
        settings=SearchSettings.from_preset(transition="pdv"),
        options=MAIN_ONLY,
    )
    assert (run.main.settings["scale"], run.main.settings["image_weight"]) == (1.4, 0.25)
    assert run.manifest["settings"]["image_weight"] == 0.25

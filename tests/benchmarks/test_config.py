"""``stitch bench run --config``: a manifest is run again, and files written by hand are checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.benchmarks import read_run
from tests.benchmarks import layouts
from tests.benchmarks.images import circo_images
from tests.command import invoke

COUNT = 30
RUN = ["bench", "run"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    circo_images(layouts.circo(tmp_path, gallery=COUNT), COUNT)
    return tmp_path


def finished(out: Path, *arguments: str) -> Any:
    shown = invoke([*RUN, *arguments, "--out", str(out), "--json"])
    assert shown.exit_code == 0, shown.output
    return json.loads(shown.stdout)


def test_a_manifest_is_run_again_as_it_is(root: Path, tmp_path: Path) -> None:
    options = [
        "circo",
        "--root",
        str(root),
        "--encoder",
        "test",
        "--views",
        "3",
        "--view-seed",
        "4",
    ]
    options += ["--view-kind", "random", "--transition", "away", "--beta", "0.2", "--tau", "0.05"]
    options += ["--scorer", "chamfer", "--depth", "20", "--sample", "1", "--sample-seed", "3"]
    options += ["--no-sweeps", "-K", "3", "--hubness-weight", "0.1"]
    first = finished(tmp_path / "first", *options)
    manifest = tmp_path / "first/manifest.json"
    again = finished(tmp_path / "again", "--config", str(manifest))
    assert again["variants"] == first["variants"]
    # the same run to the last digit of its key, which is what a resumed run is recognised by
    keys = [read_run(tmp_path / name).manifest["key"] for name in ("first", "again")]
    assert keys[0] == keys[1]
    finished(tmp_path / "first", "--config", str(manifest))


def test_what_is_written_on_the_command_line_wins(root: Path, tmp_path: Path) -> None:
    finished(tmp_path / "first", "circo", "--root", str(root), "--encoder", "test", "--no-sweeps")
    config = str(tmp_path / "first/manifest.json")
    other = finished(tmp_path / "other", "--config", config, "--alpha", "0.9", "--no-controls")
    assert set(other["variants"]) == {"main", "image-only", "text-only"}
    assert read_run(tmp_path / "other").manifest["settings"]["alpha"] == 0.9


def test_a_file_in_yaml_has_the_same_sections(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(
        f"""
benchmark: {{name: circo, root: {root}, sample: {{count: 1, seed: 2}}}}
encoder: test
recipe: {{kind: grid, count: 2}}
composer: verbatim
settings: {{preset: public-code}}
options: {{sweeps: false, controls: false}}
"""
    )
    finished(tmp_path / "run", "--config", str(file))
    manifest = read_run(tmp_path / "run").manifest
    assert manifest["settings"]["preset"] == "public-code"
    assert manifest["recipe"]["count"] == 2
    assert manifest["benchmark"]["sample"] == {"count": 1, "seed": 2}


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("benchmark: [", 2, "neither JSON nor YAML"),
        ("- a\n- b", 2, "holds no sections"),
        ("benchmarks: {name: circo}", 2, "has a section 'benchmarks'"),
        ("benchmark: {names: circo}", 2, "Did you mean 'name'?"),
        ("settings: {alpha: 2}", 2, "alpha"),
        ("settings: {alhpa: 0.2}", 2, "Did you mean 'alpha'?"),
        ("settings: {k: 5}", 2, "which a benchmark does not have"),
        ("recipe: {scale: [0.5, 1.0]}", 2, "recipe.scale"),
        ("encoder: 5", 2, "holds no options but 5"),
        ("options: {verbose: true}", 2, "sets verbose"),
        ("composer: {composer: verbatim, prompt: edit-1}", 2, "--prompt is for composers"),
    ],
)
def test_a_mistaken_file_is_one_clear_error(
    root: Path, tmp_path: Path, text: str, code: int, said: str
) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(text)
    command = [*RUN, "circo", "--root", str(root), "--out", str(tmp_path / "run")]
    shown = invoke([*command, "--encoder", "test", "--config", str(file)])
    assert shown.exit_code == code, shown.output
    assert said in " ".join(shown.output.split())
    assert not (tmp_path / "run").exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    shown = invoke([*RUN, "--config", str(tmp_path / "no.yaml"), "--out", str(tmp_path / "run")])
    assert shown.exit_code == 3
    assert "no.yaml cannot be read" in shown.output

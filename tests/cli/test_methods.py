"""``--method`` on the command line: one option for a published method."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import stitch_cir as st
from tests.benchmarks import layouts
from tests.benchmarks.images import circo_images
from tests.command import invoke


def search(gallery: st.Gallery, *options: str) -> dict:  # type: ignore[type-arg]
    red = str(gallery.root / "red.png") if gallery.root is not None else "red.png"
    shown = invoke(
        [
            "search",
            str(gallery.directory),
            "blue",
            "-r",
            red,
            "--encoder",
            "test",
            "--json",
            *options,
        ]
    )
    assert shown.exit_code == 0, shown.output
    data: dict = json.loads(shown.stdout)  # type: ignore[type-arg]
    return data


def test_a_method_sets_everything_and_written_options_win(gallery: st.Gallery) -> None:
    plain = search(gallery, "--method", "weimocir")
    assert plain["settings"]["transition"] == "image-text"
    assert plain["settings"]["scorer"] == "mixed"
    assert plain["notes"][-1] == "Method weimocir (Wu et al., 2024, arXiv 2409.04918)."
    other = search(gallery, "--method", "weimocir", "--alpha", "0.5")
    assert other["settings"]["alpha"] == 0.5
    assert other["notes"][-1].endswith("but with alpha 0.5.")


@pytest.mark.parametrize("name", ["cirevl", "osrcir", "stitch"])
def test_a_method_that_needs_a_model_without_one_is_one_clear_error(
    gallery: st.Gallery, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STITCH_MODEL", raising=False)
    arguments = ["search", str(gallery.directory), "blue", "--encoder", "test", "--method", name]
    shown = invoke(arguments)
    assert shown.exit_code == 2
    assert f"The method {name} needs a language model" in shown.stderr
    assert "--composer verbatim" in shown.stderr
    assert invoke([*arguments, "--composer", "verbatim"]).exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "cirvl"], "no method 'cirvl'"),
        (["--method", "sum", "--preset", "paper"], "--method and --preset"),
        (["--composed", "sum"], "has no weight"),
        (["--composed", "summ", "--composed-weight", "1"], "no composed-query encoder 'summ'"),
        (["--composed-weight", "1.5"], "composed_weight is 1.5"),
    ],
)
def test_what_contradicts_itself_is_refused(
    gallery: st.Gallery, options: list[str], message: str
) -> None:
    shown = invoke(["search", str(gallery.directory), "blue", "--encoder", "test", *options])
    assert shown.exit_code == 2
    assert message in shown.stderr


def test_a_composed_vector_is_chosen_and_weighed(gallery: st.Gallery) -> None:
    data = search(gallery, "--composed", "sum", "--composed-weight", "1")
    assert data["query"]["composed"] == {"composed": "sum", "encoder": "test", "weight": 1.0}
    assert data["hits"][0]["id"] == "pairs/red-blue.png"


def test_several_methods_on_a_benchmark_share_encoding_and_composition(tmp_path: Path) -> None:
    base = layouts.circo(tmp_path, gallery=20)
    circo_images(base, 20)
    arguments = ["bench", "run", "circo", "--root", str(base), "--encoder", "test", "--json"]
    arguments += ["--method", "sum,basic,weimocir", "--no-controls", "--no-sweeps"]
    shown = invoke([*arguments, "--out", str(tmp_path / "runs")])
    assert shown.exit_code == 0, shown.output
    figures = json.loads(shown.stdout)
    assert list(figures) == ["sum", "basic", "weimocir"]
    folders = [Path(each["run"]) for each in figures.values()]
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        "basic", "galleries", "sum", "weimocir",
    ]  # fmt: skip
    compositions = [(folder / "compositions.jsonl").read_bytes() for folder in folders]
    assert compositions[0] == compositions[1] == compositions[2]
    manifest = json.loads((folders[1] / "manifest.json").read_text())
    assert manifest["method"]["name"] == "basic"
    assert manifest["seconds"]["compose"] < 5
    reported = invoke(["bench", "report", *map(str, folders), "--out", str(tmp_path / "report")])
    assert reported.exit_code == 0, reported.output
    refused = invoke([*arguments[:-3], "cirevl", "--out", str(tmp_path / "other")])
    assert refused.exit_code == 2
    assert not (tmp_path / "other").exists()

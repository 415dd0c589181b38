"""``stitch bench reproduce``: what is missing is said together; what is there runs to its report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.benchmarks import read_run, reproduction, reproductions
from stitch_cir.datasets import load_dataset
from stitch_cir.errors import SettingError
from stitch_cir.plugins import DATASETS
from stitch_cir.searcher import METHODS
from tests.benchmarks import layouts
from tests.benchmarks.images import circo_images
from tests.command import invoke

COUNT = 12
WEIMOCIR = 16.5
"""R@1 of weimocir on cirr-captions, docs/methods.md."""


def reproduce(*arguments: str) -> Any:
    return invoke(["bench", "reproduce", *arguments])


def captions_only(root: Path) -> Path:
    layouts.cirr(root, gallery=COUNT)
    names = [f"dev-{number}-0-img0" for number in range(COUNT)]
    words = "dog cat car tree boat house bird horse cup chair lamp shoe".split()
    layouts.put(
        root / "captions/cirr_gallery_captions.json",
        [
            {"candidate": id, "captions": [f"a red {word}", f"a {word} in a field"]}
            for id, word in zip(names, words, strict=True)
        ],
    )
    return root


def test_a_run_without_pixels_and_without_a_language_model_is_reproduced_whole(
    tmp_path: Path,
) -> None:
    root, out = captions_only(tmp_path / "data"), tmp_path / "run"
    command = ["cirr-captions", "--root", str(root), "--out", str(out)]
    shown = reproduce(*command, "--json")
    assert shown.exit_code == 0, shown.output
    data = json.loads(shown.stdout)
    assert [step["step"] for step in data["steps"]] == [
        "data", "weights", "model", "price", "run", "report"
    ]  # fmt: skip
    assert all(step["ok"] for step in data["steps"])
    figures = {each["metric"]: each for each in data["figures"]}
    assert figures["R@1"]["expected"] == 19.85
    run = read_run(out)
    for metric, each in figures.items():
        span = run.main.intervals[metric]
        assert each["measured"] == pytest.approx(run.main.headline[metric])
        assert (each["low"], each["high"]) == pytest.approx((span.low, span.high))
    assert run.manifest["settings"]["preset"] == "captions"
    assert Path(data["steps"][-1]["detail"]).is_file()
    # it resumes: the same command finds nothing to do
    again = reproduce(*command)
    assert again.exit_code == 0, again.output
    assert "ok      run" in again.output
    assert "19.85" in again.output
    assert read_run(out).manifest["finished"] == run.manifest["finished"]


def test_everything_that_is_missing_is_said_together(tmp_path: Path) -> None:
    layouts.cirr(tmp_path, gallery=COUNT)
    shown = reproduce("stitch-cirr", "--root", str(tmp_path), "--out", str(tmp_path / "run"))
    assert shown.exit_code == 3
    text = " ".join(shown.output.split())
    for said in (
        f"MISSING data images, test1: expected at {tmp_path / 'CIRR/test1'}",
        "https://github.com/Cuberick-Orion/CIRR",
        "MISSING weights ViT-bigG-14-laion2b-hf",
        "stitch models pull ViT-bigG-14-laion2b-hf",
        "MISSING model no language model is named; the figures are of Qwen/Qwen2-VL-7B-Instruct",
        "--recorded FILE",
    ):
        assert said in text
    # the split without figures is not asked for
    assert "val" not in text
    assert not (tmp_path / "run").exists()
    nothing = reproduce("stitch-cirr", "--root", str(tmp_path / "no"), "--json")
    assert nothing.exit_code == 3
    steps = json.loads(nothing.stdout)["steps"]
    assert "There is no folder" in steps[0]["detail"]


def test_no_request_is_sent_before_its_price_is_agreed_to(tmp_path: Path) -> None:
    circo_images(layouts.circo(tmp_path, gallery=COUNT), COUNT)
    command = ["stitch-circo", "--root", str(tmp_path), "--out", str(tmp_path / "run")]
    command += ["--split", "val", "--encoder", "test", "--model", "some-model"]
    command += ["--base-url", "http://127.0.0.1:9/v1", "--cache", str(tmp_path / "cache.sqlite")]
    shown = reproduce(*command)
    assert shown.exit_code == 3
    assert "MISSING price" in shown.output
    assert "2 requests for 10 answers" in shown.output
    assert "--yes" in shown.output
    assert not (tmp_path / "run").exists()


def test_a_split_without_public_answers_ends_in_files_to_submit(tmp_path: Path) -> None:
    circo_images(layouts.circo(tmp_path, gallery=COUNT + 50), COUNT + 50)
    recorded = tmp_path / "recorded.jsonl"
    lines = [
        {"reference": f"{number:012d}.jpg", "modification": text, "captions": [f"a car {text}"]}
        for number, text in ((1, "is red"), (5, "has two"))
    ]
    recorded.write_text("".join(json.dumps(line) + "\n" for line in lines))
    out = tmp_path / "run"
    shown = reproduce(
        *("stitch-circo", "--root", str(tmp_path), "--out", str(out), "--encoder", "test"),
        *("--recorded", str(recorded)),
    )
    assert shown.exit_code == 0, shown.output
    assert "ok      submit" in shown.output
    assert (tmp_path / "run-submission/circo-test.json").is_file()
    assert "submit the files above to compare" in shown.output
    assert "No figures are known of stitch-circo with test" in shown.output


def test_names_say_the_method_and_the_data_set() -> None:
    plan = reproduction("stitch-cirr")
    assert (plan.dataset, plan.split, plan.settings, plan.composer) == (
        "cirr", "test1", METHODS["stitch"].settings(), "chat"
    )  # fmt: skip
    assert plan.figures == {
        "R@1": 39.23, "R@5": 69.95, "R@10": 79.56, "Rs@1": 73.56, "Rs@2": 89.5, "Rs@3": 95.86,
    }  # fmt: skip
    assert "bigG" in plan.source
    assert reproduction("public-code-circo").settings.preset == "public-code"
    # figures of other weights, and of other presets, are not expected
    assert reproduction("stitch-cirr", encoder="ViT-B-32").figures["R@1"] == 25.83
    assert reproduction("stitch-cirr", encoder="mini").figures == {}
    assert reproduction("public-code-cirr").figures == {}
    assert reproduction("cirr-captions").figures["R@5"] == 45.04
    assert reproduction("stamps").encoder == "mini"
    with pytest.raises(SettingError, match="stich-cirr") as caught:
        reproduction("stich-cirr")
    assert "Did you mean 'stitch-cirr'" in caught.value.hint
    with pytest.raises(SettingError, match="no split 'dev'"):
        reproduction("stitch-cirr", split="dev")


def test_every_method_can_be_reproduced_on_every_data_set() -> None:
    names = reproductions()
    for method in METHODS:
        for dataset in DATASETS.built_in:
            assert f"{method}-{dataset}" in names
    for name in names:
        plan = reproduction(name)
        if plan.method is not None:
            assert name == f"{plan.method.name}-{plan.dataset}"
            assert bool(plan.source) == bool(plan.figures)
    listed = json.loads(reproduce("--json").stdout)
    assert [each["name"] for each in listed] == list(names)
    assert {each["name"]: each["figures"] for each in listed}["mulvec-circo"]["mAP@5"] == 41.76
    shown = reproduce()
    assert "pdv-cirr " in shown.output
    assert "Every METHOD-DATASET can be run" in shown.output


def test_the_documented_table_is_what_is_expected() -> None:
    """``docs/reproduce.md``: the first figure of every method and data set, and its weights."""
    sets = [
        name
        for name in DATASETS.built_in
        if any(reproduction(f"{method}-{name}").figures for method in METHODS)
    ]
    heads = [f"{name} {load_dataset(name).metrics[0].name}" for name in sets]
    lines = [f"| method | {' | '.join(heads)} |", "|---|" + "---|" * len(sets)]
    for method in METHODS:
        cells = []
        for name in sets:
            plan = reproduction(f"{method}-{name}")
            weights = plan.encoder.removeprefix("ViT-").removesuffix("-laion2b-hf")
            first = next(iter(plan.figures.values()), None)
            cells.append("–" if first is None else f"{first:.2f} ({weights})")
        lines.append(f"| `{method}` | {' | '.join(cells)} |")
    text = (Path(__file__).parents[2] / "docs/reproduce.md").read_text("utf-8")
    assert "\n".join(lines) in text


@pytest.mark.parametrize(
    ("name", "encoder", "composer", "model", "figure"),
    [
        ("cirevl-genecis", "ViT-bigG-14-laion2b-hf", "two-stage", "gpt-3.5-turbo", ("R@1", 17.4)),
        ("pdv-circo", "ViT-L-14", "two-stage", "gpt-3.5-turbo", ("mAP@50", 29.95)),
        ("mulvec-circo", "ViT-bigG-14-laion2b-hf", "chat", "Qwen/Qwen3.6-27B", ("mAP@5", 41.76)),
        ("sdr-cir-fashioniq", "ViT-bigG-14-laion2b-hf", "chat", "gpt-4.1", ("R@10", 45.19)),
        ("sum-cirr", "BGE-VL-large", "verbatim", "", ("R@1", 38.0)),
        ("basic-icir", "ViT-L-14", "verbatim", "", ("mAP", 31.64)),
        ("basic-cirr", "ViT-bigG-14-laion2b-hf", "verbatim", "", None),
        ("weimocir-cirr-captions", "mini", "verbatim", "", ("R@1", WEIMOCIR)),
    ],
)
def test_a_method_has_the_weights_and_the_model_of_its_best_figures(
    name: str, encoder: str, composer: str, model: str, figure: tuple[str, float] | None
) -> None:
    plan = reproduction(name)
    assert (plan.encoder, plan.composer, plan.model) == (encoder, composer, model)
    if figure is None:
        assert plan.figures == {}
    else:
        assert plan.figures[figure[0]] == figure[1]


def test_a_paper_s_settings_for_one_data_set_are_used_for_it() -> None:
    for dataset, weights in (("circo", (0.15, 0.35)), ("cirr", (0.05, 0.5))):
        transition = reproduction(f"sdr-cir-{dataset}").settings.transition
        values = transition.settings()
        assert (values["anchor_weight"], values["debias_weight"]) == weights


def test_a_method_is_run_whole_and_what_differs_is_said_beside_its_figures(tmp_path: Path) -> None:
    circo_images(layouts.circo(tmp_path, gallery=COUNT), COUNT)
    command = ["cirevl-circo", "--root", str(tmp_path), "--out", str(tmp_path / "run")]
    command += ["--split", "val", "--encoder", "test"]
    missing = reproduce(*command)
    assert missing.exit_code == 3
    assert "no language model is named" in missing.output
    shown = reproduce(*command, "--composer", "verbatim", "--json")
    assert shown.exit_code == 0, shown.output
    data = json.loads(shown.stdout)
    assert any("measured by rules" in caveat for caveat in data["caveats"])
    assert any("not as in the paper" in caveat for caveat in data["caveats"])
    manifest = read_run(tmp_path / "run").manifest
    assert manifest["method"]["name"] == "cirevl"
    assert manifest["recipe"]["count"] == 1
    assert manifest["settings"]["scorer"] == "point"

"""``stitch bench reproduce``: what is missing is said together; what is there runs to its report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.benchmarks import read_run, reproduction, reproductions
from stitch_cir.errors import SettingError
from tests.benchmarks import layouts
from tests.benchmarks.images import circo_images
from tests.command import invoke

COUNT = 12


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
    assert figures["R@1"]["expected"] == 19.88
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
    assert "19.88" in again.output
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


def test_names_say_the_preset_and_the_data_set() -> None:
    plan = reproduction("stitch-cirr")
    assert (plan.dataset, plan.split, plan.preset, plan.composer) == (
        "cirr", "test1", "paper", "chat"
    )  # fmt: skip
    assert plan.figures == {
        "R@1": 39.23, "R@5": 69.95, "R@10": 79.56, "Rs@1": 73.56, "Rs@2": 89.5, "Rs@3": 95.86,
    }  # fmt: skip
    assert "bigG" in plan.source
    assert reproduction("public-code-circo").preset == "public-code"
    # figures of other weights, and of other presets, are not expected
    assert reproduction("stitch-cirr", encoder="ViT-B-32").figures.get("R@1") != 39.23
    assert reproduction("public-code-cirr").figures == {}
    assert reproduction("cirr-captions").figures["R@5"] == 45.04
    assert reproduction("stamps").encoder == "mini"
    shown = reproduce("--json")
    assert set(json.loads(shown.stdout)) == set(reproductions())
    assert {"cirr-captions", "stamps", "stitch-circo", "public-code-genecis"} <= set(
        reproductions()
    )
    with pytest.raises(SettingError, match="stich-cirr") as caught:
        reproduction("stich-cirr")
    assert "Did you mean 'stitch-cirr'" in caught.value.hint
    with pytest.raises(SettingError, match="no split 'dev'"):
        reproduction("stitch-cirr", split="dev")

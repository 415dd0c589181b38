"""Which parts pay for which kind of modification: the differences of the report, with intervals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from stitch_cir.benchmarks import read_run
from stitch_cir.benchmarks.report import write_report
from stitch_cir.datasets import Benchmark, BenchmarkQuery, load_benchmark
from tests.benchmarks import layouts
from tests.benchmarks.runs import make_run, paint

PARTS = {
    "Transition": "ablation-transport",
    "Transport": "ablation-transition",
    "Composer": "text-only",
}


def circo(root: Path, count: int = 60) -> Benchmark:
    """CIRCO with ``count`` queries, every third of them a negation."""
    base = layouts.circo(root)
    queries = [
        {
            "id": number,
            "reference_img_id": number % 20,
            "relative_caption": "is red",
            "shared_concept": "a car",
            "target_img_id": (number + 1) % 60,
            "gt_img_ids": [(number + 1) % 60],
            "semantic_aspects": ["negation"] if number % 3 == 0 else ["addition"],
        }
        for number in range(count)
    ]
    layouts.put(base / "annotations/val.json", queries)
    return load_benchmark("circo", root, "val")


def parts(out: Path) -> dict[str, dict[str, str]]:
    text = (out / "report.md").read_text("utf-8")
    lines = text[text.index("### What each part gains") :].split("\n\n")[2].splitlines()
    head = [cell.strip() for cell in lines[0].split("|")[1:-1]]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]
    return {row[0]: dict(zip(head, row, strict=True)) for row in rows}


def test_each_kind_says_what_transition_transport_and_composer_gain(tmp_path: Path) -> None:
    data = circo(tmp_path)
    paint(data)
    folder = make_run(tmp_path / "run", data, sweeps=False)
    write_report([folder], tmp_path / "out", queries=0)
    table = parts(tmp_path / "out")
    assert list(table) == ["all queries", "addition", "negation"]
    run = read_run(folder)
    for kind, row in table.items():
        ids = [
            number
            for number, id in enumerate(run.main.ids["val"])
            if kind == "all queries" or kind in data.queries[id][1].kinds
        ]
        assert row["Queries"] == str(len(ids))

        def mean(variant: str, ids: list[int] = ids) -> float:
            return 100 * float(run.variants[variant].values["val"]["mAP@10"][ids].mean())

        assert float(row["main"]) == pytest.approx(mean("main"), abs=0.006)
        for part, without in PARTS.items():
            gain = float(row[part].split()[0].strip("*").replace("−", "-"))
            assert gain == pytest.approx(mean("main") - mean(without), abs=0.006)
            low, high = row[part].split("[")[1].strip("]").replace("−", "-").split(", ")
            assert float(low) <= gain <= float(high)
            assert row[part].startswith("**") == (float(low) > 0 or float(high) < 0)


def test_kinds_are_read_by_rule_where_the_data_set_has_none(tmp_path: Path) -> None:
    layouts.cirr(tmp_path)
    data = load_benchmark("cirr", tmp_path, "val")
    (task,) = data.tasks
    (query,) = task.queries
    texts = ["make the car red", "replace the dog with a cat"]
    queries: list[BenchmarkQuery] = [
        replace(query, id=str(number), text=texts[number % 2]) for number in range(50)
    ]
    entries = json.loads((tmp_path / "CIRR/cirr/captions/cap.rc2.val.json").read_text())
    layouts.put(
        tmp_path / "CIRR/cirr/captions/cap.rc2.val.json",
        [{**entries[0], "pairid": int(each.id), "caption": each.text} for each in queries],
    )
    data = load_benchmark("cirr", tmp_path, "val")
    write_report([make_run(tmp_path / "run", data, sweeps=False)], tmp_path / "out", queries=0)
    table = parts(tmp_path / "out")
    assert list(table) == ["all queries", "colour", "replacement"]
    assert {table[kind]["Queries"] for kind in ("colour", "replacement")} == {"25"}
    text = (tmp_path / "out/report.md").read_text("utf-8")
    assert "as rules read them in the modification" in text


def test_a_kind_of_few_queries_and_a_run_without_the_ablation_have_no_row(tmp_path: Path) -> None:
    data = circo(tmp_path, 30)
    paint(data)
    folder = make_run(tmp_path / "run", data, sweeps=False)
    write_report([folder], tmp_path / "out", queries=0)
    assert list(parts(tmp_path / "out")) == ["all queries", "addition"]
    (folder / "variants/ablation-transport/metrics.json").unlink()
    write_report([folder], tmp_path / "out", queries=0)
    assert "What each part gains" not in (tmp_path / "out/report.md").read_text("utf-8")

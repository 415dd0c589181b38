"""Reports: the same numbers in every form, and nothing that lacks left untold."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stitch_cir.benchmarks import Clusters, composition_gap, read_run, sample
from stitch_cir.benchmarks.report import write_report
from stitch_cir.datasets import Benchmark, load_benchmark
from stitch_cir.errors import NotFoundError, RecordError, SettingError
from tests.benchmarks import layouts
from tests.benchmarks.runs import browser, make_run, paint, rows
from tests.command import invoke


def test_the_same_numbers_in_every_form(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_report([run], out)
    kept = read_run(run)
    markdown, latex, page = (
        (out / name).read_text("utf-8") for name in ("report.md", "report.tex", "index.html")
    )
    table = {
        (row["variant"], row["metric"]): row
        for row in rows(out)
        if not row["kind"] and not row["task"]
    }
    tables = {
        "figures": [
            variant for variant in kept.variants.values() if variant.role in ("main", "control")
        ],
        "ablation": [
            kept.variants[name]
            for name in ("main", *kept.variants)
            if "ablation" in name or name == "main"
        ],
        "alpha": [
            variant
            for name, variant in kept.variants.items()
            if name.startswith("alpha") or name == "main"
        ],
    }
    for name, table_name in (
        ("main", "figures"),
        ("text-only", "figures"),
        ("sinkhorn", "figures"),
        ("ablation-neither", "ablation"),
        ("alpha-0.50", "alpha"),
    ):
        variant = kept.variants[name]
        for metric, value in variant.headline.items():
            span = variant.intervals[metric]
            row = table[name, metric]
            assert [float(row[key]) for key in ("value", "low", "high", "n")] == pytest.approx(
                [value, span.low, span.high, 2], abs=5e-5
            )
            ends = f"[{span.low:.2f}, {span.high:.2f}]"
            # the best of its table is set in bold, whichever row that is
            best = max(other.headline[metric] for other in tables[table_name])
            strong = f"{value:.2f}" == f"{best:.2f}"
            assert (f"**{value:.2f}** {ends}" if strong else f" {value:.2f} {ends} |") in markdown
            number = rf"\textbf{{{value:.2f}}}" if strong else f"{value:.2f}"
            assert rf"& {number} {{\scriptsize {ends}}}" in latex
            assert f"{value:.2f}</b>" if strong else f"<td>{value:.2f}<small>{ends}" in page
    main, other = (kept.variants[name].headline["mAP@5"] for name in ("main", "text-only"))
    assert float(table["text-only", "mAP@5"]["difference"]) == pytest.approx(other - main, abs=1e-4)
    assert table["main", "mAP@5"]["difference"] == ""
    assert 0 < float(table["text-only", "mAP@5"]["p"]) <= 1
    kinds = {row["kind"]: row for row in rows(out) if row["kind"] and row["variant"] == "main"}
    assert float(kinds["addition"]["value"]) == pytest.approx(
        kept.main.kinds["addition"][0], abs=1e-4
    )
    for said in ("scale 0.08 to 1", "τ on raw cosine", "α"):
        assert said in markdown
        assert said in page
    for said in ("hash-1", "2 queries", "encoder test", "composer verbatim"):
        assert said in markdown
        assert said in page
        assert said in latex


@pytest.mark.draws
def test_controls_ablation_and_sweeps_are_there(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_report([run], out)
    text = (out / "report.md").read_text("utf-8")
    for title in (
        "Figures and controls", "Composition gap", "Difference to main", "Ablation", "Sweep of α"
    ):  # fmt: skip
        assert f"### {title}" in text
    sweep = text[text.index("### Sweep of α") :].split("\n\n")[2]
    first = [line.split("|")[1].strip() for line in sweep.splitlines()[2:]]
    assert first == ["0", "**0.45**", "0.5", "1"]  # main in its place
    ablation = text[text.index("### Ablation") :].split("\n\n")[2]
    assert [line.split("|")[1:3] for line in ablation.splitlines()[2:]] == [
        [" no ", " no "],
        [" yes ", " no "],
        [" no ", " yes "],
        [" yes ", " yes "],
    ]
    plots = {path.name for path in (out / "plots").iterdir()}
    for name in ("controls-mAP-5", "controls-R-5", "alpha-mAP", "tau-R", "kinds-1", "places"):
        assert {f"stitch-circo-val-{name}.svg", f"stitch-circo-val-{name}.png"} <= plots
    for target in re.findall(r"!\[.*?\]\((.*?)\)", text):
        with Image.open(out / target) as image:
            assert image.width > 500


def test_the_composition_gap_is_what_neither_part_reaches_alone(run: Path, tmp_path: Path) -> None:
    write_report([run], tmp_path / "out")
    text = (tmp_path / "out/report.md").read_text("utf-8")
    table = text[text.index("### Composition gap") :].split("\n\n")[2].splitlines()
    metrics = [name.strip() for name in table[0].split("|")[2:-1]]
    figures = [cell.split()[0] for cell in table[2].split("|")[2:-1]]
    variants = read_run(run).variants
    for metric, figure in zip(metrics, figures, strict=True):
        image, words = (variants[name].headline[metric] for name in ("image-only", "text-only"))
        gap = 100 * (1 - max(image, words) / variants["main"].headline[metric])
        assert float(figure.replace("−", "-")) == pytest.approx(gap, abs=0.006)


def test_one_query_is_one_query_and_where_all_are_alike_none_is_best(
    tmp_path: Path, circo: Benchmark
) -> None:
    paint(circo)
    alone = sample(circo, 1)
    folder = make_run(tmp_path / "alone", alone)
    # nothing finds anything: no figure is the best, and there is no share of any
    nowhere = {id: [alone.tasks[0].gallery[0]] for id in alone.queries}
    for file in folder.glob("variants/*/predictions.json"):
        file.write_text(json.dumps(nowhere))
    for file in folder.glob("variants/*/metrics.json"):
        variant = json.loads(file.read_text())
        for figures in (variant["headline"], *variant["values"].values()):
            for metric, value in figures.items():
                figures[metric] = [0.0] if isinstance(value, list) else 0.0
        variant["intervals"] = {}
        file.write_text(json.dumps(variant))
    write_report([folder], tmp_path / "out")
    text = (tmp_path / "out/report.md").read_text("utf-8")
    assert " 1 query, encoder" in text
    assert "1 queries" not in text
    table = text[text.index("### Figures and controls") :].split("\n\n")[2]
    assert "**0.00**" not in table
    gap = text[text.index("### Composition gap") :].split("\n\n")
    assert "there is none of a figure of 0" in gap[1]
    assert gap[2].splitlines()[-1].count("–") == 2


def test_the_composition_gap_has_an_interval_of_clusters() -> None:
    queries = np.arange(200)
    both = {"val": {"R@1": (queries % 5 < 2).astype(float), "R@5": np.zeros(200)}}
    image = {"val": {"R@1": (queries % 10 == 0).astype(float), "R@5": np.zeros(200)}}
    words = {"val": {"R@1": (queries % 10 < 3).astype(float), "R@5": np.zeros(200)}}
    gaps = composition_gap(both, [image, words], samples=2000)
    # a figure of 0 has no share
    assert list(gaps) == ["R@1"]
    assert gaps["R@1"].mean == pytest.approx(25.0)
    assert gaps["R@1"].low < 25.0 < gaps["R@1"].high
    assert composition_gap(both, [words, image], samples=2000) == gaps
    # ten queries a cluster, all clusters alike: nothing is left to chance
    alike = Clusters("image set", {"val": tuple((queries // 10).tolist())})
    certain = composition_gap(both, [image, words], alike, samples=2000)["R@1"]
    assert certain.high - certain.low == pytest.approx(0.0, abs=1e-9)


@pytest.mark.draws
def test_axes_of_a_single_query_show_shares_and_whole_places(
    tmp_path: Path, circo: Benchmark
) -> None:
    paint(circo)
    alone = sample(circo, 1)
    folder = make_run(tmp_path / "alone", alone)
    write_report([folder], tmp_path / "out")
    for file in (tmp_path / "out/plots").glob("*.svg"):
        words = re.findall(r"<text [^>]*>([^<]*)</text>", file.read_text("utf-8"))
        numbers = [float(word) for word in words if re.fullmatch(r"−?[\d.]+", word)]
        assert all(0 <= number <= 100 for number in numbers), file.name
        assert not [word for word in words if word.startswith("−")], file.name
        if file.name.endswith("places.svg"):
            assert {"1", "2"} <= set(words)
            assert all(number == int(number) for number in numbers)


@pytest.mark.draws
def test_two_reports_are_equal_byte_for_byte(tmp_path: Path, circo: Benchmark) -> None:
    paint(circo)
    run = make_run(tmp_path / "runs/mine", circo, sweeps=False)
    reports = []
    for name in ("one", "two"):
        write_report([run], tmp_path / name)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        reports.append(
            {str(path.relative_to(tmp_path / name)): path.read_bytes() for path in files}
        )
    assert reports[0] == reports[1]
    assert len(reports[0]) > 30


@pytest.mark.draws
def test_a_test_split_has_rankings_and_no_figures(tmp_path: Path) -> None:
    layouts.circo(tmp_path)
    data = load_benchmark("circo", tmp_path, "test")
    paint(data)
    out = tmp_path / "out"
    report = write_report([make_run(tmp_path / "run", data)], out)
    assert any("not public" in note for note in report.notes)
    index, _, entries = browser(out, "circo-test")
    assert not index["labelled"]
    assert len(entries[0]["tops"][0]) == 10
    assert entries[0]["answers"] == []
    assert rows(out) == []
    text = (out / "report.md").read_text("utf-8")
    assert "Figures and controls" not in text
    # published figures of exactly this split, under their own heading, with their weights
    assert "Published, not measured here" in text
    assert "34.40" in text
    assert "OpenCLIP ViT-bigG-14 laion2b\\_s39b\\_b160k" in text
    assert "Other weights, other language models" in text


def test_published_figures_stand_beside_no_other_split(run: Path, tmp_path: Path) -> None:
    write_report([run], tmp_path / "out")
    for name in ("report.md", "report.tex", "index.html"):
        text = (tmp_path / "out" / name).read_text("utf-8")
        assert "SEARLE" not in text
        assert "34.40" not in text


@pytest.mark.draws
def test_several_runs_stand_side_by_side(tmp_path: Path, circo: Benchmark) -> None:
    paint(circo)
    runs = [make_run(tmp_path / "runs" / name, circo, seed=n) for n, name in enumerate("ab")]
    runs.append(make_run(tmp_path / "other/a", circo, seed=5, sweeps=False))
    out = tmp_path / "out"
    write_report(runs, out)
    text = (out / "report.md").read_text("utf-8")
    figures = text[text.index("### Figures and controls") :].split("\n\n")[2]
    names = [
        tuple(cell.strip(" *") for cell in line.split("|")[1:3])
        for line in figures.splitlines()[2:]
    ]
    assert names[:4] == [("main", "a"), ("main", "b"), ("main", "a (2)"), ("image only", "a")]
    # what is the same of all is said once
    assert " a, b, a (2): 2 queries, encoder test (hash-1), composer verbatim." in text
    assert "### Difference to a" in text
    compared = text[text.index("### Difference to a") :].split("\n\n")[2].splitlines()[2:]
    assert [line.split("|")[1].strip() for line in compared] == ["b", "a (2)"]
    index, _, entries = browser(out, "circo-val")
    assert index["runs"] == ["a", "b", "a (2)"]
    assert len(entries[0]["composed"]) == 3
    assert {row["run"] for row in rows(out)} == {"a", "b", "a (2)"}


def test_runs_of_different_queries_are_reported_and_not_compared(
    tmp_path: Path, circo: Benchmark
) -> None:
    paint(circo)
    task = circo.tasks[0]
    half = replace(circo, tasks=(replace(task, queries=task.queries[:1]),))
    sample = {"count": 1, "seed": 4}
    whole = make_run(tmp_path / "whole", circo)
    part = make_run(tmp_path / "part", half)
    manifest = json.loads((part / "manifest.json").read_text())
    manifest["benchmark"]["sample"] = sample
    (part / "manifest.json").write_text(json.dumps(manifest))
    report = write_report([whole, part], tmp_path / "out")
    assert any("part has other queries than whole" in note for note in report.notes)
    assert "part: Only a sample of 1 query was searched with (seed 4)." in report.notes
    assert "### Difference to whole" not in (tmp_path / "out/report.md").read_text("utf-8")
    index, _, entries = browser(tmp_path / "out", "circo-val")
    part_main = [v["run"] for v in index["variants"]].index("part")
    assert [row[3][part_main] for row in index["queries"]][1] == -1  # not asked
    assert entries[1]["tops"][part_main] is None


@pytest.mark.draws
def test_other_data_sets_have_their_sections(tmp_path: Path, circo: Benchmark) -> None:
    layouts.cirr(tmp_path)
    layouts.fashioniq(tmp_path)
    cirr = load_benchmark("cirr", tmp_path, "val")
    fashion = load_benchmark("fashioniq", tmp_path, "val")
    paint(circo)
    runs = [
        make_run(tmp_path / "runs" / data.name, data, sweeps=False)
        for data in (circo, cirr, fashion)
    ]
    out = tmp_path / "out"
    report = write_report(runs, out)
    text = (out / "report.md").read_text("utf-8")
    heads = [line for line in text.splitlines() if line.startswith("## ")]
    assert heads == ["## CIRCO val", "## CIRR val", "## FashionIQ val"]
    assert report.queries == 2 + 1 + 3
    sections = rows(out)
    average = [row for row in sections if row["metric"] == "(R@5+Rs@1)/2" and row["role"] == "main"]
    assert [row["benchmark"] for row in average] == ["cirr"]
    assert float(average[0]["low"]) <= float(average[0]["value"]) <= float(average[0]["high"])
    tasks = {row["task"] for row in sections if row["benchmark"] == "fashioniq"}
    assert tasks == {"", "dress", "shirt", "toptee"}
    assert "### Main by task" in text
    page = (out / "index.html").read_text("utf-8")
    assert page.count("<option value=") >= 3
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_the_notes_of_a_run_come_first(tmp_path: Path, circo: Benchmark) -> None:
    paint(circo)
    run = make_run(
        tmp_path / "run",
        circo,
        finished=None,
        notes=["1 target has no picture."],
        counts={"queries": 2, "queries_by_text_alone": 1, "queries_not_composed": 0},
        gallery={
            "val": {
                "without_vectors": ["7", "8", "9", "10"],
                "reasons": {
                    "7": "/data/my pictures/7.jpg is truncated. Copy it again.",
                    "8": "/data/my pictures/8.jpg is missing",
                    "9": "/data/my pictures/9.jpg is missing",
                },
            }
        },
        variants=[{"name": "main"}, {"name": "alpha-0.90"}],
    )
    notes = " ".join(write_report([run], tmp_path / "out").notes)
    for part in (
        "not finished",
        "1 of 2 variants have no results: alpha-0.90",
        "1 target has no picture.",
        "Counted: queries by text alone 1.",
        "4 ids of the gallery val could not be indexed and rank behind all others (the file is truncated: "
        "7; the file is missing: 8, 9; no reason given: 10)",
    ):
        assert part in notes


@pytest.mark.draws
def test_errors_hint_at_the_remedy(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingError, match="No run"):
        write_report([], tmp_path / "out")
    with pytest.raises(SettingError, match="twice"):
        write_report([run, run], tmp_path / "out")
    with pytest.raises(NotFoundError, match="holds no run"):
        write_report([tmp_path], tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match="cannot be written") as caught:
        write_report([run], tmp_path / "file")
    assert "--out" in caught.value.hint
    with pytest.raises(SettingError, match="queries is -1"):
        write_report([run], tmp_path / "out", queries=-1)
    top = run / "variants/mean/top.jsonl"
    content = top.read_bytes()
    top.write_bytes(content[:-20])
    with pytest.raises(RecordError, match="rankings of mean"):
        write_report([run], tmp_path / "out")
    top.write_bytes(content)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SettingError, match="matplotlib") as caught:
        write_report([run], tmp_path / "out")
    assert "[report]'" in caught.value.hint


def test_a_run_that_does_not_name_the_metric_of_its_kinds_is_read(run: Path) -> None:
    file = run / "variants/main/metrics.json"
    data = json.loads(file.read_text())
    assert data.pop("kind_metric") == "mAP@10"
    file.write_text(json.dumps(data))
    assert read_run(run).main.kind_metric == "mAP@10"


def test_the_command_writes_beside_the_run(run: Path) -> None:
    shown = invoke(["bench", "report", str(run), "-q"])
    assert shown.exit_code == 0, shown.output
    assert "2 queries" in shown.output
    out = run.with_name("mine-report")
    assert (out / "index.html").is_file()
    result = invoke(["bench", "report", str(run), "--queries", "none", "--out", str(out), "--json"])
    data = json.loads(result.stdout)
    assert str(out / "report.csv") in data["files"]
    assert all(Path(file).is_file() for file in data["files"])
    wrong = invoke(["bench", "report", str(run), "--queries", "some"])
    assert wrong.exit_code == 2
    assert "a number, or all, or none" in wrong.output
    assert invoke(["bench", "report", str(run / "no")]).exit_code == 3

"""The registry of data sets, and a data set that another package brings."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import stitch_cir
from stitch_cir.datasets import (
    BenchmarkQuery,
    DataSet,
    PublishedFigures,
    PublishedRow,
    Reader,
    SubmissionFile,
    Task,
    check_benchmark,
    load_benchmark,
    load_dataset,
    recalls,
)
from stitch_cir.errors import SettingError
from stitch_cir.plugins import DATASETS
from tests.benchmarks.images import paint
from tests.benchmarks.layouts import put
from tests.command import invoke


def load_coins(reader: Reader, split: str) -> tuple[Task, ...]:
    records = reader.records(reader.json("val.json"), "val.json", ["id", "coin", "change", "goal"])
    queries = tuple(
        BenchmarkQuery(r["id"], r["coin"], r["change"], r["goal"], (r["goal"],), kinds=("side",))
        for r in records
    )
    files = {path.stem: path.name for path in sorted((reader.root / "images").glob("*.png"))}
    return (Task("coins", queries, tuple(files), reader.root / "images", files),)


COINS = DataSet(
    name="coins",
    title="Coins",
    folder="COINS",
    splits={"val": "Coins: all images, reference removed"},
    layout={"queries": "val.json", "images": "images"},
    source="Ask the mint.",
    load=load_coins,
    metrics=recalls(1, 3),
    averages={"mean R": ("R@1", "R@3")},
    kind_metric="R@3",
    keep_reference=False,
    submission=(SubmissionFile("coins-{split}.json", depth=3),),
    published={
        "val": PublishedFigures(
            ("R@1",), (PublishedRow("A guess", "no weights", "none", ("20.00",)),)
        )
    },
)


def install(folder: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lay out an installed package that brings the data set ``coins``."""
    info = folder / "coins-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: coins\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[stitch_cir.datasets]\ncoins = {address}\n")
    monkeypatch.syspath_prepend(folder)


def stitch(*command: str) -> str:
    shown = invoke(["bench", *command])
    assert shown.exit_code == 0, shown.output
    return shown.output


def test_a_seventh_data_set_is_run_scored_submitted_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", f"{__name__}:COINS", monkeypatch)
    for number, name in enumerate("abcdef"):
        paint(tmp_path / f"COINS/images/{name}.png", number)
    records = [
        {"id": "1", "coin": "a", "change": "the other side", "goal": "b"},
        {"id": "2", "coin": "c", "change": "in red", "goal": "d"},
    ]
    put(tmp_path / "COINS/val.json", records)
    root, run, out = str(tmp_path), str(tmp_path / "run"), tmp_path / "report"
    assert "2 of 2 are there" in stitch("check", "coins", "--root", root)
    stitch("run", "coins", "--root", root, "--encoder", "test", "--no-sweeps", "-q", "-o", run)
    shown = json.loads(stitch("score", "coins", "--root", root, "-p", run, "--json"))
    assert list(shown["headline"]) == ["R@1", "R@3", "mean R"]
    assert set(shown["intervals"]) == set(shown["headline"])
    assert shown["kinds"]["side"] == {"value": shown["headline"]["R@3"], "queries": 2}
    stitch("submit", "coins", "--root", root, "-p", run, "-o", str(tmp_path / "sent"))
    lists = json.loads((tmp_path / "sent/coins-val.json").read_text())
    assert {id: len(names) for id, names in lists.items()} == {"1": 3, "2": 3}
    assert "a" not in lists["1"]
    stitch("report", run, "-q", "-o", str(out))
    text = (out / "report.md").read_text("utf-8")
    for part in (
        "## Coins val",
        "### R@3 by kind of query",
        "A guess",
        "mean R",
        COINS.splits["val"],
    ):
        assert part in text


def test_a_data_set_is_found_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, f"{__name__}:COINS", monkeypatch)
    assert load_dataset("coins") is COINS
    assert DATASETS.names() == (*DATASETS.built_in, "coins")
    with pytest.raises(SettingError, match=r"no data set 'coin'") as caught:
        load_dataset("coin")
    assert "coins" in caught.value.hint
    with pytest.raises(SettingError, match="coins has no split 'test'"):
        load_benchmark("coins", tmp_path, "test")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("nowhere_to_be_imported:COINS", "cannot be loaded: ModuleNotFoundError"),
        (f"{__name__}:DOLLARS", "cannot be loaded: .*DOLLARS"),
        (f"{__name__}:load_coins", "is no DataSet"),
    ],
)
def test_a_broken_plug_in_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, reason: str
) -> None:
    install(tmp_path, address, monkeypatch)
    with pytest.raises(SettingError, match=f"The data set 'coins' .*{reason}"):
        check_benchmark("coins", tmp_path)


def test_what_a_built_in_data_set_refers_to_exists() -> None:
    for name in DATASETS.built_in:
        dataset = load_dataset(name)
        assert dataset.name == name
        metrics = {metric.name for metric in dataset.metrics}
        assert {dataset.kind_metric, *sum(dataset.averages.values(), ())} - {""} <= metrics
        assert dataset.published.keys() <= dataset.splits.keys()


def test_every_published_row_names_its_weights_its_model_and_its_source() -> None:
    for name in DATASETS.built_in:
        for split, figures in load_dataset(name).published.items():
            metrics = {*(m.name for m in load_dataset(name).metrics), *load_dataset(name).averages}
            assert set(figures.metrics) <= metrics, split
            rows = set()
            for row in figures.rows:
                assert row.weights.strip()
                assert row.llm.strip()
                assert row.method in figures.citations
                assert len(row.values) == len(figures.metrics)
                assert any(row.values)
                rows.add((row.method, row.weights))
            assert len(rows) == len(figures.rows), "a method stands once for each of its weights"


def test_no_other_room_tests_a_data_sets_name() -> None:
    quoted = re.compile(rf"[\"']({'|'.join(DATASETS.built_in)})[\"']")
    package = Path(stitch_cir.__file__).parent
    for room in ("benchmarks", "cli"):
        for path in (package / room).rglob("*.py"):
            assert not quoted.search(path.read_text("utf-8")), path

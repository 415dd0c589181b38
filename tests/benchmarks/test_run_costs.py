"""What a run cost, over all its sessions, and how reports set methods and encoders side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from stitch_cir.benchmarks import RunOptions, run_benchmark
from stitch_cir.benchmarks.report import write_report
from stitch_cir.chat import Chat, ScriptedChat
from stitch_cir.composers import ChatComposer, Composition, Reference
from stitch_cir.datasets import Benchmark, load_benchmark
from stitch_cir.encoders import HashEncoder
from tests.benchmarks import layouts
from tests.benchmarks.images import circo_images
from tests.benchmarks.runs import make_run, paint, rows

ENCODER = HashEncoder()
COUNT = 60
MAIN_ONLY = RunOptions(controls=False, sweeps=False, concurrency=1)


@pytest.fixture
def data(tmp_path: Path) -> Benchmark:
    base = layouts.circo(tmp_path, gallery=COUNT)
    circo_images(base, COUNT)
    return load_benchmark("circo", base)


def chat_composer() -> ChatComposer:
    return ChatComposer(Chat(ScriptedChat([f"a red car {n}" for n in range(5)])))


class InterruptedComposer(ChatComposer):
    """Is interrupted at its second query, before anything is requested for it."""

    calls = 0

    def compose(self, reference: Reference | None, modification: str, count: int) -> Composition:
        self.calls += 1
        if self.calls == 2:
            raise KeyboardInterrupt
        return super().compose(reference, modification, count)


def table(out: Path, title: str) -> list[list[str]]:
    text = (out / "report.md").read_text("utf-8")
    lines = text[text.index(f"### {title}") :].split("\n\n")[2].splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in (lines[0], *lines[2:])]


def test_a_resumed_run_counts_the_calls_of_all_its_sessions(
    tmp_path: Path, data: Benchmark
) -> None:
    whole = run_benchmark(
        data, tmp_path / "whole", encoder=ENCODER, composer=chat_composer(), options=MAIN_ONLY
    )
    assert whole.manifest["usage"]["requested"] == 10
    with pytest.raises(KeyboardInterrupt):
        run_benchmark(
            data,
            tmp_path / "run",
            encoder=ENCODER,
            composer=InterruptedComposer(Chat(ScriptedChat([f"a red car {n}" for n in range(5)]))),
            options=MAIN_ONLY,
        )
    run = run_benchmark(
        data, tmp_path / "run", encoder=ENCODER, composer=chat_composer(), options=MAIN_ONLY
    )
    assert run.manifest["usage"] == whole.manifest["usage"]
    assert run.manifest["written_by"]["models"] == {"scripted": 2}
    sessions = [
        json.loads(line)["spent"]["session"]
        for line in (tmp_path / "run/compositions.jsonl").read_text().splitlines()
    ]
    assert sessions == ["run:1", "run:2"]
    # a finished run that finds nothing missing has cost nothing more
    again = run_benchmark(
        data, tmp_path / "run", encoder=ENCODER, composer=chat_composer(), options=MAIN_ONLY
    )
    for name in ("usage", "seconds", "finished"):
        assert again.manifest[name] == run.manifest[name]


def test_methods_and_encoders_stand_in_one_table_with_their_model_and_cost(
    tmp_path: Path, circo: Benchmark
) -> None:
    paint(circo)
    plain = make_run(
        tmp_path / "plain",
        circo,
        sweeps=False,
        seconds={"index": 9.0, "compose": 1.0, "encode": 3.0, "rank": 20.0},
    )
    chat = make_run(
        tmp_path / "chat",
        circo,
        seed=1,
        sweeps=False,
        composer={"composer": "chat", "model": "qwen"},
        settings={"preset": "custom", "transition": "away", "scorer": "mean"},
        written_by={"models": {"qwen": 1}},
        usage={"requested": 10, "cached": 2, "prompt_tokens": 2000, "completion_tokens": 400},
    )
    silent = make_run(
        tmp_path / "silent",
        circo,
        seed=2,
        sweeps=False,
        composer={"composer": "chat", "model": "qwen"},
    )
    write_report([plain, chat, silent], tmp_path / "out")
    head, *body = table(tmp_path / "out", "Methods × encoders")
    assert head[:4] == ["Run", "Method", "Encoder", "LLM used"]
    # costs stand before the figures, of which there may be more than a screen holds
    assert head[4:7] == ["Calls a query", "Tokens a query", "Seconds a query"]
    assert [row[:4] for row in body] == [
        ["plain", "paper", "test", "no"],
        ["chat", "linear + conditional", "test", "qwen (50 % of queries)"],
        ["silent", "paper", "test", "qwen: no answer"],
    ]
    # ten ways of two queries were ranked in twenty seconds
    assert body[0][4:7] == ["0", "0", "3.000"]
    assert body[1][4:7] == ["5", "1,200", "–"]
    # the best of each column is bold, whichever run it is of; where all are alike, none is
    for column in range(7, len(head)):
        values = [float(row[column].split()[0].strip("*")) for row in body]
        bold = {number for number, row in enumerate(body) if row[column].startswith("**")}
        best = {number for number, value in enumerate(values) if value == max(values)}
        assert bold == (best if len(set(values)) > 1 else set())
    page = (tmp_path / "out/index.html").read_text("utf-8")
    assert page.index("circo-val-methods") < page.index("circo-val-figures")
    write_report([plain], tmp_path / "one")
    assert "Methods × encoders" not in (tmp_path / "one/report.md").read_text("utf-8")


def test_the_figures_are_on_the_first_screen(tmp_path: Path, circo: Benchmark) -> None:
    paint(circo)
    notes = [f"Note {number}." for number in range(9)]
    run = make_run(tmp_path / "run", circo, sweeps=False, notes=notes)
    write_report([run], tmp_path / "out")
    page = (tmp_path / "out/index.html").read_text("utf-8")
    before = page[page.index("<main>") : page.index("</table>")]
    # all notes but the first are folded away, and counted
    shown = before[: before.index("</summary>")]
    assert "Note 0." in shown
    assert "And 8 more." in shown
    assert "Note 1." not in shown
    assert '<h3 id="circo-val-figures">' in before
    assert before.count("<h3") == 1


def test_the_best_kind_of_ranking_is_marked_for_each_kind_of_query(
    run: Path, tmp_path: Path
) -> None:
    write_report([run], tmp_path / "out")
    head, *body = table(tmp_path / "out", "mAP@10 by kind of query")
    assert head[:3] == ["Kind", "main", "image only"]
    for row in body:
        values = [float(cell.strip("*")) for cell in row[1:-1]]
        bold = [cell.startswith("**") for cell in row[1:-1]]
        assert bold == [value == max(values) for value in values]


def test_every_report_has_the_composition_gap_or_says_why_not(
    tmp_path: Path, circo: Benchmark
) -> None:
    paint(circo)
    run = make_run(tmp_path / "run", circo, sweeps=False)
    write_report([run], tmp_path / "out")
    gaps = [row for row in rows(tmp_path / "out") if row["metric"].startswith("gap ")]
    assert {row["metric"] for row in gaps} >= {"gap mAP@5", "gap R@5"}
    for row in gaps:
        assert float(row["low"]) <= float(row["value"]) <= float(row["high"])
    for path in (run / "variants/text-only").iterdir():
        path.unlink()
    (run / "variants/text-only").rmdir()
    write_report([run], tmp_path / "out")
    text = (tmp_path / "out/report.md").read_text("utf-8")
    assert "Unknown for run: image only and text only have no results there" in text


def test_a_finished_run_takes_sweeps_later_and_counts_them(tmp_path: Path, data: Benchmark) -> None:
    first = run_benchmark(data, tmp_path / "run", encoder=ENCODER, options=MAIN_ONLY)
    more = run_benchmark(
        data, tmp_path / "run", encoder=ENCODER, options=replace(MAIN_ONLY, sweeps=True)
    )
    assert len(more.variants) > len(first.variants)
    assert more.manifest["seconds"]["rank"] > first.manifest["seconds"]["rank"]
    assert more.manifest["seconds"]["compose"] == first.manifest["seconds"]["compose"]

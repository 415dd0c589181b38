"""What a run claims of itself: who wrote the captions, what it would cost, what a failed try leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.benchmarks import (
    RunOptions,
    composed_queries,
    estimate_benchmark_cost,
    run_benchmark,
    sample,
)
from stitch_cir.chat import Chat, ScriptedChat
from stitch_cir.composers import ChatComposer, Composition, Reference, VerbatimComposer
from stitch_cir.datasets import Benchmark, BenchmarkQuery, Task, load_benchmark, load_dataset
from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import NotFoundError, QueryError
from stitch_cir.gallery import ProgressEvent
from stitch_cir.searcher import SearchSettings
from tests.benchmarks import layouts
from tests.benchmarks.images import circo_images
from tests.command import invoke

ENCODER = HashEncoder()
COUNT = 60
NO_SWEEPS = RunOptions(sweeps=False)
MAIN_ONLY = RunOptions(controls=False, sweeps=False)


def circo(root: Path) -> Path:
    base = layouts.circo(root, gallery=COUNT)
    circo_images(base, COUNT)
    return base


def of_captions(root: Path) -> Benchmark:
    captions = {"a": ("a red car",), "b": ("a blue car",), "c": ("a green tree",)}
    queries = (
        BenchmarkQuery("1", "a", "blue instead", "b", ("b",), ("b", "c")),
        BenchmarkQuery("2", "c", "a car", "a", ("a",), ("a", "b")),
    )
    task = Task("val", queries, tuple(captions), root, captions=captions)
    return Benchmark(load_dataset("cirr-captions"), "val", root, (task,), {})


def chat_composer(*replies: str) -> ChatComposer:
    return ChatComposer(Chat(ScriptedChat(replies)))


class FailsOnRed(VerbatimComposer):
    """A composer that has nothing for one of the two queries."""

    @property
    def name(self) -> str:
        return "fails-on-red"

    def compose(self, reference: Reference | None, modification: str, count: int) -> Composition:
        if "red" in modification:
            raise QueryError("nothing to say about red")
        return replace(super().compose(reference, modification, count), composer=self.name)

    def settings(self) -> Mapping[str, Any]:
        return {"composer": self.name}


def test_a_composer_that_composes_nothing_does_not_sign_the_run(tmp_path: Path) -> None:
    composer = chat_composer("a car")
    with pytest.raises(QueryError, match="chat could compose none of the 2 queries.*no image"):
        run_benchmark(of_captions(tmp_path), tmp_path / "run", encoder=ENCODER, composer=composer)
    assert not (tmp_path / "run/manifest.json").exists()
    # nothing of it stays, so that the template's captions are not taken for the model's later
    assert not (tmp_path / "run/compositions.jsonl").exists()


def test_the_price_of_a_composer_that_cannot_compose_is_its_error(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="no image"):
        estimate_benchmark_cost(
            of_captions(tmp_path), encoder=ENCODER, composer=chat_composer("a car"), count=5
        )


def test_the_manifest_counts_who_really_wrote(tmp_path: Path) -> None:
    data = load_benchmark("circo", circo(tmp_path))
    run = run_benchmark(
        data, tmp_path / "run", encoder=ENCODER, composer=FailsOnRed(), options=NO_SWEEPS
    )
    assert run.manifest["written_by"]["queries"] == {"none": 1, "fails-on-red": 1}
    (note,) = [note for note in run.manifest["notes"] if "fails-on-red" in note]
    assert note.startswith("1 of 2 queries were not composed by fails-on-red")
    assert "nothing to say about red" in note


def test_a_dry_run_indexes_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    base = circo(tmp_path)
    data = load_benchmark("circo", base)
    cost, notes = estimate_benchmark_cost(
        data, encoder=ENCODER, composer=chat_composer("a car"), count=5
    )
    assert (cost.queries, cost.requests, cost.answers) == (2, 2, 10)
    assert cost.prompt_tokens > 0
    assert notes == ()
    command = ["bench", "run", "circo", "--root", str(tmp_path), "--encoder", "test"]
    out = tmp_path / "run"
    shown = invoke([*command, "--out", str(out), "--dry-run", "--json"])
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.output)["estimate"]["queries"] == 2
    assert not out.exists()


def test_a_dry_run_opens_no_image(tmp_path: Path) -> None:
    data = load_benchmark("circo", circo(tmp_path))
    composer = chat_composer("a car")
    price = estimate_benchmark_cost(data, encoder=ENCODER, composer=composer, count=5)
    for file in data.tasks[0].images.iterdir():
        file.write_bytes(b"not an image at all")
    assert estimate_benchmark_cost(data, encoder=ENCODER, composer=composer, count=5) == price


def test_a_dry_run_prices_what_a_run_has_not_composed_yet(tmp_path: Path) -> None:
    data = load_benchmark("circo", circo(tmp_path))

    def stop(event: ProgressEvent) -> None:
        if event.stage == "composing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_benchmark(
            data, tmp_path / "run", encoder=ENCODER, composer=chat_composer("a car"), progress=stop
        )
    composed = composed_queries(tmp_path / "run")
    assert composed == {"0"}
    rest, _ = estimate_benchmark_cost(
        data, encoder=ENCODER, composer=chat_composer("a car"), count=5, composed=composed
    )
    assert (rest.queries, rest.answers) == (1, 5)


def test_a_dry_run_prices_what_is_there_and_counts_the_rest(tmp_path: Path) -> None:
    base = circo(tmp_path)
    data = load_benchmark("circo", base)
    task = data.tasks[0]
    (task.images / task.files[task.queries[1].reference]).unlink()
    composer = chat_composer("a car")
    cost, notes = estimate_benchmark_cost(data, encoder=ENCODER, composer=composer, count=5)
    assert cost.queries == 1
    assert notes[0].startswith("1 of 2 queries are not in this price")
    (task.images / task.files[task.queries[0].reference]).unlink()
    with pytest.raises(NotFoundError, match="cannot be read"):
        estimate_benchmark_cost(data, encoder=ENCODER, composer=composer, count=5)
    # a composer without a model costs nothing, whatever is missing
    free, _ = estimate_benchmark_cost(data, encoder=ENCODER, composer=VerbatimComposer(), count=5)
    assert (free.queries, free.requests) == (2, 0)


def test_a_failed_try_does_not_block_the_folder(tmp_path: Path) -> None:
    data = load_benchmark("circo", circo(tmp_path))
    left = tmp_path / "run" / "galleries" / "circo-val"
    left.mkdir(parents=True)
    run = run_benchmark(data, tmp_path / "run", encoder=ENCODER, options=MAIN_ONLY)
    assert run.main.headline


def test_runs_are_compared_by_their_folders(tmp_path: Path) -> None:
    data = load_benchmark("circo", circo(tmp_path))
    for name, alpha in (("one", 0.1), ("two", 0.9)):
        settings = SearchSettings.from_preset(alpha=alpha)
        run_benchmark(data, tmp_path / name, encoder=ENCODER, settings=settings, options=MAIN_ONLY)
    first, second = tmp_path / "one", tmp_path / "two"
    command = ["bench", "compare", "circo", "--json"]
    by_folder = invoke([*command, "-a", str(first), "-b", str(second)])
    assert by_folder.exit_code == 0, by_folder.output
    files = [str(run / "variants/main/predictions.json") for run in (first, second)]
    by_file = invoke([*command, "--root", str(tmp_path), "-a", files[0], "-b", files[1]])
    assert json.loads(by_folder.stdout) == json.loads(by_file.stdout)
    # with the data at hand, too: what a run could not rank is a miss there as well
    predictions = json.loads(Path(files[0]).read_text())
    predictions.popitem()
    Path(files[0]).write_text(json.dumps(predictions))
    with_root = invoke([*command, "--root", str(tmp_path), "-a", str(first), "-b", str(second)])
    assert with_root.stdout == by_folder.stdout
    other = invoke(["bench", "compare", "cirr", "-a", str(first), "-b", str(second)])
    assert other.exit_code == 2
    assert "is a run of circo, not of cirr" in other.output
    without_root = invoke([*command, "-a", files[0], "-b", files[1]])
    assert without_root.exit_code == 2
    assert "--root DIR" in without_root.output
    empty = invoke([*command, "--root", str(tmp_path), "-a", str(tmp_path), "-b", str(second)])
    assert empty.exit_code == 3
    assert "holds no predictions" in empty.output


def test_runs_of_a_sample_are_compared_on_its_queries(tmp_path: Path) -> None:
    data = load_benchmark("circo", circo(tmp_path))
    runs = []
    for name, count, alpha in (("one", 1, 0.1), ("two", 1, 0.9), ("all", 2, 0.1)):
        settings = SearchSettings.from_preset(alpha=alpha)
        runs.append(
            run_benchmark(
                sample(data, count),
                tmp_path / name,
                encoder=ENCODER,
                settings=settings,
                options=MAIN_ONLY,
            )
        )
    command = ["bench", "compare", "circo", "--json", "-a", str(tmp_path / "one"), "-b"]
    compared = invoke([*command, str(tmp_path / "two")])
    assert compared.exit_code == 0, compared.output
    by_metric = {each["metric"]: each for each in json.loads(compared.stdout)}
    for metric, value in runs[1].main.headline.items():
        assert by_metric[metric]["second"] == pytest.approx(value)
    different = invoke([*command, str(tmp_path / "all")])
    assert different.exit_code == 2
    assert "not on the same queries: 1 of circo val, 2 of circo val" in different.output


def test_a_run_without_controls_still_has_its_composition_gap(tmp_path: Path) -> None:
    data = load_benchmark("circo", circo(tmp_path))
    run = run_benchmark(data, tmp_path / "run", encoder=ENCODER, options=MAIN_ONLY)
    assert list(run.variants) == ["main", "image-only", "text-only"]
    for metric, gap in run.composition_gap().items():
        alone = max(run.variants[name].headline[metric] for name in ("image-only", "text-only"))
        assert gap.mean == pytest.approx(100 * (1 - alone / run.main.headline[metric]))
        assert gap.low <= gap.mean <= gap.high


def test_the_manifest_records_the_data_folder_and_the_code_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    circo(tmp_path)
    monkeypatch.chdir(tmp_path)
    run = run_benchmark(load_benchmark("circo", "."), "run", encoder=ENCODER, options=MAIN_ONLY)
    assert Path(run.manifest["benchmark"]["root"]).is_absolute()
    commit = run.manifest["versions"].get("stitch-cir commit")
    assert commit is None or len(commit) == 40


def test_equal_settings_are_ranked_once(tmp_path: Path) -> None:
    data = load_benchmark("circo", circo(tmp_path))
    events: list[ProgressEvent] = []
    run = run_benchmark(
        data,
        tmp_path / "run",
        encoder=ENCODER,
        options=NO_SWEEPS,
        progress=events.append,
    )
    # eleven ways, of which the ablation's transition alone is mean pooling
    assert events[-1].detail == "11 of 11 ways"
    assert events[-1].total == 10 * len(data.queries)
    same = [run.variants[name].headline for name in ("mean", "ablation-transition")]
    assert same[0] == same[1]
    assert run.variants["ablation-transition"].label == "transition only"


def test_missing_files_are_named_with_their_source(tmp_path: Path) -> None:
    layouts.circo(tmp_path, gallery=COUNT)
    shown = invoke(["bench", "check", "circo", "--root", str(tmp_path)])
    assert shown.exit_code == 3
    assert "https://github.com/miccunifi/CIRCO" in shown.output

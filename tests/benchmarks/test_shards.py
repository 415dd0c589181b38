"""Shards of a run: what several processes encode and compose is what a single one does."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from stitch_cir.benchmarks import RunOptions, Shard, read_run, run_benchmark, run_shard
from stitch_cir.datasets import Benchmark, load_benchmark
from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import SettingError
from stitch_cir.gallery import ProgressEvent
from stitch_cir.searcher import SearchSettings
from tests.benchmarks import layouts
from tests.benchmarks.images import circo_images
from tests.command import invoke

ENCODER = HashEncoder()
COUNT = 30
OPTIONS = RunOptions(sweeps=False)


class Counting(HashEncoder):
    """The test encoder, and how many images and texts it encoded."""

    def __init__(self) -> None:
        super().__init__()
        self.images, self.texts = 0, 0

    def encode_views(self, images, boxes):  # type: ignore[no-untyped-def]
        self.images += len(images)
        return super().encode_views(images, boxes)

    def encode_texts(self, texts):  # type: ignore[no-untyped-def]
        self.texts += len(texts)
        return super().encode_texts(texts)


def of(shard: Shard) -> RunOptions:
    return replace(OPTIONS, shard=shard)


def circo(root: Path) -> Benchmark:
    base = layouts.circo(root, gallery=COUNT)
    circo_images(base, COUNT)
    return load_benchmark("circo", base)


def captions(root: Path) -> Benchmark:
    layouts.cirr(root, gallery=COUNT)
    names = [f"dev-{number}-0-img0" for number in range(COUNT)]
    layouts.put(
        root / "captions/cirr_gallery_captions.json",
        [{"candidate": id, "captions": [f"{id} runs", "a dog"]} for id in names],
    )
    return load_benchmark("cirr-captions", root, "val")


def regions(root: Path) -> Benchmark:
    from tests.benchmarks.runs import paint

    data = load_benchmark("genecis", layouts.genecis(root))
    paint(data)
    return data


def same_results(first: Path, other: Path) -> None:
    names = sorted(path.name for path in (first / "variants").iterdir())
    assert names == sorted(path.name for path in (other / "variants").iterdir())
    for name in names:
        for file in ("predictions.json", "top.jsonl", "metrics.json"):
            whole = (first / "variants" / name / file).read_bytes()
            assert (other / "variants" / name / file).read_bytes() == whole
    compositions = [read_run(folder).compositions() for folder in (first, other)]
    assert compositions[0] == compositions[1]


@pytest.mark.parametrize("make", [circo, captions, regions])
def test_a_run_by_shards_is_the_run_of_one_process(tmp_path: Path, make: object) -> None:
    data: Benchmark = make(tmp_path / "data")  # type: ignore[operator]
    run_benchmark(data, tmp_path / "whole", encoder=ENCODER, options=OPTIONS)
    missing = []
    for number in (3, 1, 2):
        shard = Shard(number, 3)
        missing.append(run_shard(data, tmp_path / "run", encoder=ENCODER, options=of(shard)))
    assert missing == [[1, 2], [2], []]
    encoder = Counting()
    run = run_benchmark(data, tmp_path / "run", encoder=encoder, options=OPTIONS)
    # what the shards have encoded is not encoded again
    assert encoder.images == 0
    assert encoder.texts == 0
    same_results(tmp_path / "whole", tmp_path / "run")
    assert run.manifest["counts"] == read_run(tmp_path / "whole").manifest["counts"]


def test_every_query_and_every_image_is_in_a_shard(tmp_path: Path) -> None:
    data = circo(tmp_path)
    parts = [Shard(number, 4).part_of(data) for number in range(1, 5)]
    ids = [id for part in parts for id in part.queries]
    assert sorted(ids) == sorted(data.queries)
    assert {id for part in parts for task in part.tasks for id in task.gallery} == set(
        data.tasks[0].gallery
    )
    for part in parts:
        for task in part.tasks:
            assert {query.reference for query in task.queries} <= set(task.gallery)
            assert set(task.files) == set(task.gallery)


def test_an_interrupted_shard_resumes_and_a_lost_one_is_made_up_for(tmp_path: Path) -> None:
    data = circo(tmp_path / "data")
    run_benchmark(data, tmp_path / "whole", encoder=ENCODER, options=OPTIONS)

    def stop(event: ProgressEvent) -> None:
        if event.stage == "composing":
            raise KeyboardInterrupt

    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_shard(data, out, encoder=ENCODER, options=of(Shard(1, 2)), progress=stop)
    encoder = Counting()
    assert run_shard(data, out, encoder=encoder, options=of(Shard(1, 2))) == [2]
    assert encoder.images == 0
    # the other shard never runs: the run does its part
    run_benchmark(data, out, encoder=ENCODER, options=OPTIONS)
    same_results(tmp_path / "whole", out)
    # shards may be deleted afterwards
    shutil.rmtree(out / "shards")
    run_benchmark(data, out, encoder=ENCODER, options=OPTIONS)
    same_results(tmp_path / "whole", out)


def test_shards_of_another_run_are_refused(tmp_path: Path) -> None:
    data = circo(tmp_path / "data")
    out = tmp_path / "run"
    run_shard(data, out, encoder=ENCODER, options=of(Shard(1, 2)))
    with pytest.raises(SettingError, match="holds a shard of 2, not of 3"):
        run_shard(data, out, encoder=ENCODER, options=of(Shard(1, 3)))
    other = SearchSettings.from_preset(alpha=0.7)
    with pytest.raises(SettingError, match="holds another run"):
        run_shard(data, out, encoder=ENCODER, settings=other, options=of(Shard(2, 2)))
    with pytest.raises(SettingError, match="holds another run"):
        run_benchmark(data, out, encoder=ENCODER, settings=other, options=OPTIONS)
    for wrong in ("3/2", "0/2"):
        with pytest.raises(SettingError, match="There is no shard"):
            Shard.parse(wrong)
    with pytest.raises(SettingError, match="Write its number"):
        Shard.parse("two")


def test_the_last_shard_of_a_command_runs_the_rest(tmp_path: Path) -> None:
    circo(tmp_path)
    out = str(tmp_path / "run")
    command = ["bench", "run", "circo", "--root", str(tmp_path), "--encoder", "test"]
    command += ["--no-sweeps", "--no-controls", "--out", out, "--json", "--shard"]
    first = invoke([*command, "2/2"])
    assert first.exit_code == 0, first.output
    assert json.loads(first.stdout) == {"shard": "2/2", "missing": [1]}
    last = invoke([*command, "1/2"])
    assert last.exit_code == 0, last.output
    assert set(json.loads(last.stdout)["variants"]) == {"main", "image-only", "text-only"}


def test_a_sample_is_divided_too(tmp_path: Path) -> None:
    from stitch_cir.benchmarks import sample

    data = sample(circo(tmp_path / "data"), 1)
    for number in (1, 2):
        run_shard(data, tmp_path / "run", encoder=ENCODER, options=of(Shard(number, 2)))
    run = run_benchmark(data, tmp_path / "run", encoder=ENCODER, options=replace(OPTIONS))
    assert run.manifest["benchmark"]["sample"] == {"count": 1, "seed": 0}


def test_shards_of_machines_without_a_common_disk_are_copied_into_one_folder(
    tmp_path: Path,
) -> None:
    """The data lie elsewhere on each machine, and nothing is encoded again where they meet."""
    here, there = circo(tmp_path / "here"), circo(tmp_path / "there")
    whole = tmp_path / "whole"
    run_benchmark(here, whole, encoder=ENCODER, options=OPTIONS)
    run_shard(here, tmp_path / "first", encoder=ENCODER, options=of(Shard(1, 2)))
    run_shard(there, tmp_path / "second", encoder=ENCODER, options=of(Shard(2, 2)))
    shutil.copytree(
        tmp_path / "second" / "shards", tmp_path / "first" / "shards", dirs_exist_ok=True
    )
    counting = Counting()
    run_benchmark(here, tmp_path / "first", encoder=counting, options=OPTIONS)
    assert (counting.images, counting.texts) == (0, 0)
    same_results(whole, tmp_path / "first")

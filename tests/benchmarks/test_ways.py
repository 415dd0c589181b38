"""Many ways of searching at once: as each of them alone, with progress, and nothing made twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stitch_cir.benchmarks import MethodRun, RunOptions, run_benchmark, run_methods
from stitch_cir.composers import Composition, Reference, VerbatimComposer
from stitch_cir.datasets import Benchmark, BenchmarkQuery, Task, load_benchmark, load_dataset
from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import CacheError, SettingError
from stitch_cir.gallery import ProgressEvent
from stitch_cir.searcher import METHODS, SearchSettings
from tests.benchmarks import layouts
from tests.benchmarks.images import circo_images

ENCODER = HashEncoder()
MAIN_ONLY = RunOptions(controls=False, sweeps=False)


def circo(tmp_path: Path) -> Benchmark:
    base = layouts.circo(tmp_path, gallery=20)
    circo_images(base, 20)
    return load_benchmark("circo", base)


def captioned(tmp_path: Path, *, images: int = 40, count: int = 12) -> Benchmark:
    """CIRR without pixels: images of one to five captions, each query with a subset of four."""
    random = np.random.default_rng(17)
    words = "red blue green dog cat car tree two three small on a beach road at night".split()

    def line() -> str:
        return " ".join(random.choice(words, 5))

    captions = {
        f"i{number}": tuple(line() for _ in range(int(random.integers(1, 6))))
        for number in range(images)
    }
    drawn = [random.permutation(list(captions))[:5].tolist() for _ in range(count)]
    queries = tuple(
        BenchmarkQuery(str(number), ids[0], f"{line()} instead", ids[1], (ids[1],), tuple(ids[1:]))
        for number, ids in enumerate(drawn)
    )
    task = Task("val", queries, tuple(captions), tmp_path, captions=captions)
    return Benchmark(load_dataset("cirr-captions"), "val", tmp_path, (task,), {})


def test_all_ways_at_once_rank_as_each_way_alone(tmp_path: Path) -> None:
    data = captioned(tmp_path)
    settings = SearchSettings.from_preset("captions", hubness_neighbours=5)
    options = RunOptions(galleries=tmp_path / "galleries", depth=9)
    run = run_benchmark(data, tmp_path / "run", encoder=ENCODER, settings=settings, options=options)
    alone = replace(options, controls=False, sweeps=False)
    ways = {
        "text-only": settings.with_(transition="text-only"),
        "ablation-neither": settings.with_(transition="none", scorer="mean"),
        **{name: settings.with_(scorer=name) for name in ("point", "mean", "chamfer", "sinkhorn")},
        **{f"alpha-{alpha:.2f}": settings.with_(alpha=alpha) for alpha in (0.0, 0.7, 1.0)},
        **{f"tau-{tau:g}": settings.with_(tau=tau) for tau in (0.0001, 0.3)},
    }
    assert set(ways) < set(run.variants)
    for name, way in ways.items():
        single = run_benchmark(data, tmp_path / name, encoder=ENCODER, settings=way, options=alone)
        assert single.main.headline == run.variants[name].headline
        for file in ("predictions.json", "predictions-subset.json", "top.jsonl"):
            together = tmp_path / "run/variants" / name / file
            assert together.read_text() == (tmp_path / name / "variants/main" / file).read_text()


def test_progress_counts_the_ways_that_are_done(tmp_path: Path) -> None:
    events: list[ProgressEvent] = []
    data = captioned(tmp_path)
    run = run_benchmark(data, tmp_path / "run", encoder=ENCODER, progress=events.append)
    ranking = [event for event in events if event.stage == "ranking"]
    details = list(dict.fromkeys(event.detail for event in ranking))
    count = len(run.variants)
    assert details[0] == f"0 of {count} ways"
    assert details[-1] == f"{count} of {count} ways"
    # one count over all ways, from which the time left can be told
    done = [event.done for event in ranking]
    assert done == sorted(done)
    assert {event.total for event in ranking} == {done[-1]}
    assert done[-1] % len(data.queries) == 0


class CountingEncoder(HashEncoder):
    """The test encoder, and how many texts it encoded."""

    def __init__(self) -> None:
        super().__init__()
        self.encoded = 0

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.encoded += len(texts)
        return super().encode_texts(texts)


@pytest.mark.parametrize("kind", ["captions", "images"])
def test_a_resumed_run_encodes_no_text_twice(tmp_path: Path, kind: str) -> None:
    data = captioned(tmp_path) if kind == "captions" else circo(tmp_path)
    encoder = CountingEncoder()

    def stop(event: ProgressEvent) -> None:
        if event.stage == "ranking":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_benchmark(data, tmp_path / "run", encoder=encoder, progress=stop)
    encoded = encoder.encoded
    assert encoded > 0
    if kind == "captions":
        texts = {text for captions in data.tasks[0].captions.values() for text in captions}
        composed = read_texts(tmp_path / "run/compositions.jsonl")
        assert encoded == len(texts | composed)
    run = run_benchmark(data, tmp_path / "run", encoder=encoder)
    assert encoder.encoded == encoded
    whole = run_benchmark(data, tmp_path / "whole", encoder=ENCODER)
    assert {name: each.headline for name, each in run.variants.items()} == {
        name: each.headline for name, each in whole.variants.items()
    }


def read_texts(compositions: Path) -> set[str]:
    """Read every text of a run's compositions that is encoded."""
    texts: set[str] = set()
    for line in compositions.read_text().splitlines():
        made = json.loads(line)["composition"]
        texts |= {caption["text"] for caption in made["captions"]} | {*made["reference_captions"]}
        texts.add(made.get("intent") or made["modification"])
    return texts


def test_a_damaged_file_of_text_vectors_is_one_clear_error(tmp_path: Path) -> None:
    data = circo(tmp_path)
    (tmp_path / "run/galleries").mkdir(parents=True)
    file = tmp_path / "run/galleries/text-vectors.sqlite"
    file.write_bytes(b"no database" * 100)
    with pytest.raises(CacheError, match=r"text-vectors\.sqlite cannot be used"):
        run_benchmark(data, tmp_path / "run", encoder=ENCODER, options=MAIN_ONLY)
    file.unlink()
    assert run_benchmark(data, tmp_path / "run", encoder=ENCODER, options=MAIN_ONLY).main


@pytest.mark.parametrize("kind", ["captions", "images"])
def test_a_run_cannot_be_written_to_a_file(tmp_path: Path, kind: str) -> None:
    data = captioned(tmp_path) if kind == "captions" else circo(tmp_path)
    (tmp_path / "run").write_text("not a folder")
    with pytest.raises(SettingError, match="run cannot be written"):
        run_benchmark(data, tmp_path / "run", encoder=ENCODER, options=MAIN_ONLY)


def test_reference_and_text_as_one_vector_are_a_control_and_a_member_of_the_query(
    tmp_path: Path,
) -> None:
    data = captioned(tmp_path)
    options = RunOptions(sweeps=False, galleries=tmp_path / "galleries", depth=9)
    plain = run_benchmark(data, tmp_path / "plain", encoder=ENCODER, options=options)
    settings = SearchSettings.from_preset(composed_weight=0.5)
    joined = run_benchmark(
        data, tmp_path / "half", encoder=ENCODER, settings=settings, options=options
    )
    control = plain.variants["sum"]
    assert (control.role, control.label) == ("control", "image + text")
    assert control.settings["composed"] == "sum"
    assert control.settings["composed_weight"] == 1.0
    assert joined.variants["sum"].headline == control.headline
    assert joined.variants["captions"].headline == plain.main.headline
    assert joined.heads() != plain.heads()
    assert joined.manifest["composed"]["composed"] == "sum"
    assert "composed" not in plain.manifest
    alone = run_benchmark(
        data,
        tmp_path / "alone",
        encoder=ENCODER,
        settings=SearchSettings.from_preset(transition="none", composed_weight=1.0),
        options=replace(options, controls=False),
    )
    assert alone.heads() == plain.heads("sum")


def test_a_run_with_roles_has_them_removed_one_by_one(tmp_path: Path) -> None:
    data = captioned(tmp_path, images=20, count=6)
    settings = SearchSettings.from_preset("mulvec", preserve_weight=0.4)
    run = run_benchmark(
        data,
        tmp_path / "run",
        encoder=ENCODER,
        settings=settings,
        options=RunOptions(sweeps=False, galleries=tmp_path / "galleries", depth=9),
    )
    parts = {"no-desired", "no-preserve", "no-forbidden", "reward-penalty"}
    assert {f"roles-{part}" for part in parts} | {"conditional", "point"} <= set(run.variants)
    heads = {
        name: [hit for head in run.heads(name).values() for hit in head.hits]
        for name in ("main", "roles-no-desired", "roles-reward-penalty")
    }
    assert len({json.dumps(each) for each in heads.values()}) == len(heads)
    assert run.main.settings["forbidden_weight"] == settings.forbidden_weight
    assert "desired_weight" not in run.variants["point"].settings


def test_a_run_with_an_image_anchor_shows_what_its_size_does(tmp_path: Path) -> None:
    settings = SearchSettings.from_preset("sdr-cir")
    options = RunOptions(controls=False, depth=5)
    run = run_benchmark(
        circo(tmp_path), tmp_path / "run", encoder=ENCODER, settings=settings, options=options
    )
    swept = [name for name in run.variants if name.startswith("anchor_weight-")]
    assert len(swept) == 6
    small, large = (
        [head.hits for head in run.heads(f"anchor_weight-{weight}").values()]
        for weight in ("0.00", "0.80")
    )
    assert small != large


class CountingComposer(VerbatimComposer):
    """The rule-based composer, with a count of its calls."""

    calls = 0

    def compose(self, reference: Reference | None, modification: str, count: int) -> Composition:
        self.calls += 1
        return super().compose(reference, modification, count)


def test_methods_with_one_composer_are_composed_once_and_rank_as_each_alone(tmp_path: Path) -> None:
    data = captioned(tmp_path)
    composer = CountingComposer()
    ways = [
        MethodRun(METHODS[name], METHODS[name].settings(), composer)
        for name in ("basic", "weimocir", "mulvec")
    ]
    runs = run_methods(data, tmp_path / "runs", ways, encoder=ENCODER, options=MAIN_ONLY)
    # five captions for the first two, one for mulvec
    assert composer.calls == 2 * len(data.queries)
    again = run_methods(data, tmp_path / "runs", ways, encoder=ENCODER, options=MAIN_ONLY)
    assert composer.calls == 2 * len(data.queries)
    for name, run in runs.items():
        alone = run_benchmark(
            data,
            tmp_path / "alone" / name,
            encoder=ENCODER,
            settings=METHODS[name].settings(),
            options=MAIN_ONLY,
        )
        assert run.heads() == alone.heads() == again[name].heads()
        assert run.manifest["method"]["name"] == name
        assert "method" not in alone.manifest

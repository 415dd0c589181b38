"""Running the method on small data sets with real files: what is written, resumed and counted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stitch_cir.benchmarks import (
    RunOptions,
    read_predictions,
    read_run,
    run_benchmark,
    sample,
    score,
    write_submission,
)
from stitch_cir.composers import Composition, Reference, VerbatimComposer
from stitch_cir.datasets import Benchmark, BenchmarkQuery, Task, load_benchmark, load_dataset
from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import NotFoundError, SettingError
from stitch_cir.gallery import Gallery, ProgressEvent
from stitch_cir.searcher import SearchSettings, search
from tests.benchmarks import layouts
from tests.benchmarks.images import circo_images, cirr_images, paint
from tests.command import invoke

ENCODER = HashEncoder()
COUNT = 60
NO_SWEEPS = RunOptions(sweeps=False)
MAIN_ONLY = RunOptions(controls=False, sweeps=False)


def circo(tmp_path: Path, *, missing: tuple[int, ...] = ()) -> Benchmark:
    base = layouts.circo(tmp_path, gallery=COUNT)
    circo_images(base, COUNT)
    for number in missing:
        (base / f"COCO2017_unlabeled/unlabeled2017/{number:012d}.jpg").unlink()
    return load_benchmark("circo", base)


class CountingComposer(VerbatimComposer):
    """The verbatim composer, and how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def compose(self, reference: Reference | None, modification: str, count: int) -> Composition:
        self.texts.append(modification)
        return super().compose(reference, modification, count)

    def settings(self) -> Mapping[str, Any]:
        return super().settings()


def test_a_run_holds_predictions_figures_and_everything_that_shaped_them(tmp_path: Path) -> None:
    data = circo(tmp_path)
    run = run_benchmark(data, tmp_path / "run", encoder=ENCODER)
    names = list(run.variants)
    assert names[:3] == ["main", "image-only", "text-only"]
    assert {"point", "mean", "chamfer", "sinkhorn", "ablation-neither"} < set(names)
    assert "alpha-0.30" in names
    assert "tau-0.001" in names
    manifest = run.manifest
    assert manifest["benchmark"]["sources"] == dict(data.sources)
    assert manifest["gallery"]["val"]["recipe"]["count"] == 10
    assert manifest["gallery"]["val"]["fingerprint"] == ENCODER.fingerprint
    assert manifest["settings"]["alpha"] == 0.45
    assert manifest["settings"]["tau"] == 0.001
    assert manifest["composer"]["composer"] == "verbatim"
    assert manifest["finished"] is not None
    assert manifest["counts"]["queries"] == 2
    # anybody can score the file, and finds the figures that stand beside it
    file = tmp_path / "run/variants/main/predictions.json"
    assert set(json.loads(file.read_text())["0"]) <= set(range(COUNT))
    again = score(data, read_predictions(data, [file]))
    assert again.headline == pytest.approx(dict(run.main.headline))
    # the main ranking is what a search gives
    gallery = Gallery.open(next((tmp_path / "run/galleries").rglob("index")), encoder=ENCODER)
    settings = SearchSettings(k=10, include_reference=True)
    hits = search(gallery, reference="000000000001.jpg", text="is red", settings=settings)
    top = run.heads()["0"]
    assert [int(hit.id.removesuffix(".jpg")) for hit in hits] == [int(id) for id, _ in top.hits]
    assert [hit.score for hit in hits] == pytest.approx([s for _, s in top.hits], abs=1e-6)
    ranks = [n for n, id in enumerate(json.loads(file.read_text())["0"], 1) if id in (2, 3, 4)]
    assert top.rank == (ranks[0] if ranks else None)


def test_a_finished_run_is_not_made_again_and_another_one_is_refused(tmp_path: Path) -> None:
    data = circo(tmp_path)
    composer = CountingComposer()
    run_benchmark(data, tmp_path / "run", encoder=ENCODER, composer=composer, options=NO_SWEEPS)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run/variants").rglob("*")}
    run_benchmark(data, tmp_path / "run", encoder=ENCODER, composer=composer, options=NO_SWEEPS)
    assert len(composer.texts) == 2
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "run/variants").rglob("*")}
    # sweeps may still be added to it
    more = run_benchmark(data, tmp_path / "run", encoder=ENCODER, composer=composer)
    assert "alpha-0.00" in more.variants
    other = SearchSettings.from_preset(alpha=0.7)
    with pytest.raises(SettingError, match="another run"):
        run_benchmark(data, tmp_path / "run", encoder=ENCODER, settings=other)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("not a run")
    with pytest.raises(SettingError, match="holds no run"):
        run_benchmark(data, tmp_path / "mine", encoder=ENCODER)


@pytest.mark.parametrize("stage", ["indexing", "composing", "encoding texts", "ranking"])
def test_an_interrupted_run_resumes(tmp_path: Path, stage: str) -> None:
    data = circo(tmp_path)
    whole = run_benchmark(data, tmp_path / "whole", encoder=ENCODER, options=NO_SWEEPS)
    composer = CountingComposer()

    def stop(event: ProgressEvent) -> None:
        if event.stage == stage and event.done:
            raise KeyboardInterrupt

    composed: set[str] = set()

    def note(event: ProgressEvent) -> None:
        composed.add(event.stage)

    run_benchmark(data, tmp_path / "stages", encoder=ENCODER, options=NO_SWEEPS, progress=note)
    assert stage in composed
    with pytest.raises(KeyboardInterrupt):
        run_benchmark(
            data,
            tmp_path / "run",
            encoder=ENCODER,
            composer=composer,
            options=NO_SWEEPS,
            progress=stop,
        )
    first = len(composer.texts)
    summary = run_benchmark(
        data, tmp_path / "run", encoder=ENCODER, composer=composer, options=NO_SWEEPS
    )
    assert len(composer.texts) - first == (2 if first == 0 else (1 if stage == "composing" else 0))
    for name, result in whole.variants.items():
        assert summary.variants[name].headline == result.headline
        assert summary.heads(name) == whole.heads(name)


def test_a_composition_cut_short_is_made_again(tmp_path: Path) -> None:
    data = circo(tmp_path)
    run_benchmark(data, tmp_path / "run", encoder=ENCODER, options=MAIN_ONLY)
    file = tmp_path / "run/compositions.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    composer = CountingComposer()
    run = run_benchmark(
        data, tmp_path / "run", encoder=ENCODER, composer=composer, options=MAIN_ONLY
    )
    assert composer.texts == ["has two"]
    assert file.read_bytes()[:40] == whole[:40]
    lines = [json.loads(line) for line in (whole, file.read_bytes()) for line in line.splitlines()]
    assert lines[0]["composition"] == lines[2]["composition"]
    assert lines[1]["composition"] == lines[3]["composition"]
    assert set(run.compositions()) == {"0", "1"}


def test_missing_images_are_counted_and_no_query_leaves_the_mean(tmp_path: Path) -> None:
    # 5 is the reference of the second query, 6 its only answer; 9 is nobody's
    data = circo(tmp_path, missing=(5, 6, 9))
    run = run_benchmark(data, tmp_path / "run", encoder=ENCODER, options=NO_SWEEPS)
    counts = run.manifest["counts"]
    assert counts["gallery_without_vectors"] == 3
    assert counts["references_without_vectors"] == 1
    assert counts["queries_without_reachable_answer"] == 1
    assert counts["queries_by_text_alone"] == 1
    assert set(run.manifest["gallery"]["val"]["without_vectors"]) == {"5", "6", "9"}
    assert "missing" in run.manifest["gallery"]["val"]["reasons"]["6"]
    assert run.main.counts["queries"] == 2
    assert len(run.main.values["val"]["mAP@5"]) == 2
    assert any("has no vectors" in note for note in run.compositions()["1"].notes)
    image_only = run.variants["image-only"]
    assert image_only.values["val"]["mAP@5"][1] == 0
    assert any("could not be searched with" in note for note in image_only.notes)


def test_an_unreadable_image_is_named(tmp_path: Path) -> None:
    base = layouts.circo(tmp_path, gallery=COUNT)
    circo_images(base, COUNT)
    (base / "COCO2017_unlabeled/unlabeled2017/000000000008.jpg").write_bytes(b"\xff\xd8\xff broken")
    data = load_benchmark("circo", base)
    run = run_benchmark(data, tmp_path / "run", encoder=ENCODER, options=MAIN_ONLY)
    assert set(run.manifest["gallery"]["val"]["reasons"]) == {"8"} | set()
    assert "missing" not in run.manifest["gallery"]["val"]["reasons"]["8"]


def test_no_images_at_all_is_one_clear_error(tmp_path: Path) -> None:
    data = load_benchmark("circo", layouts.circo(tmp_path, gallery=COUNT))
    with pytest.raises(NotFoundError, match="no folder"):
        run_benchmark(data, tmp_path / "run", encoder=ENCODER)
    (data.tasks[0].images).mkdir(parents=True)
    with pytest.raises(NotFoundError, match="None of the 60 images"):
        run_benchmark(data, tmp_path / "run", encoder=ENCODER)


def test_cirr_leaves_the_reference_out_and_ranks_the_subset(tmp_path: Path) -> None:
    base = layouts.cirr(tmp_path, gallery=COUNT)
    cirr_images(base, COUNT)
    data = load_benchmark("cirr", base)
    run = run_benchmark(data, tmp_path / "run", encoder=ENCODER, options=NO_SWEEPS)
    folder = tmp_path / "run/variants/main"
    files = [folder / "predictions.json", folder / "predictions-subset.json"]
    predictions = read_predictions(data, files)
    query = data.tasks[0].queries[0]
    assert query.reference not in predictions.ranked["12"]
    assert sorted(predictions.subset["12"]) == sorted(query.group)
    assert {"R@1", "Rs@1", "(R@5+Rs@1)/2"} <= set(run.main.headline)
    written = write_submission(data, predictions, tmp_path / "submission")
    assert len(json.loads(written[0].read_text())["12"]) == 50
    # the subset keeps the order of the whole ranking
    order = [id for id in predictions.ranked["12"] if id in query.group]
    assert [id for id in predictions.subset["12"] if id in order] == order


def test_a_test_split_gives_predictions_without_figures(tmp_path: Path) -> None:
    base = layouts.circo(tmp_path, gallery=COUNT)
    circo_images(base, COUNT)
    data = load_benchmark("circo", base, "test")
    run = run_benchmark(data, tmp_path / "run", encoder=ENCODER, options=MAIN_ONLY)
    assert run.main.headline == {}
    assert "The answers are not public." in run.main.notes
    file = tmp_path / "run/variants/main/predictions.json"
    files = write_submission(data, read_predictions(data, [file]), tmp_path / "out")
    assert {len(ids) for ids in json.loads(files[0].read_text()).values()} == {50}


def test_genecis_cuts_regions_and_ties_fall_against_the_target(tmp_path: Path) -> None:
    base = layouts.genecis(tmp_path)
    for number in (1, 2, 3, 9):
        paint(base / f"coco2017/val2017/{number:012d}.jpg", 0)
        paint(base / f"Visual_Genome/VG_All/{number}.jpg", number, (100, 80))
    data = load_benchmark("genecis", base)
    run = run_benchmark(data, tmp_path / "run", encoder=ENCODER, options=MAIN_ONLY)
    # the three images of the object task are all alike, so the target stands last
    top = run.heads()["focus_object/0"]
    assert [id for id, _ in top.hits] == ["2", "3", "1"]
    assert top.rank == 3
    crops = {path.name for path in (tmp_path / "run/galleries").rglob("*@*.png")}
    assert crops == {"9@1,2,30,40.png", "1@1,2,30,40.png", "1@5,6,7,8.png"}
    assert run.manifest["gallery"]["change_attribute"]["without_vectors"] == []


def test_categories_share_a_folder_of_images(tmp_path: Path) -> None:
    base = layouts.fashioniq(tmp_path)
    (base / "images/A.png").unlink()
    for number, id in enumerate(("A", "B", *(f"X{number}" for number in range(30)))):
        paint(base / f"images/{id}.png", number)
    data = load_benchmark("fashioniq", base)
    run = run_benchmark(data, tmp_path / "run", encoder=ENCODER, options=MAIN_ONLY)
    assert len(list((tmp_path / "run/galleries").rglob("index"))) == 1
    assert set(run.manifest["gallery"]) == {"dress", "shirt", "toptee"}
    assert len(run.manifest["gallery"]["dress"]["without_vectors"]) == 30
    assert run.compositions()["dress/0"].modification == "is red and has long sleeves"
    # the reference stays in the ranking
    ranked = json.loads((tmp_path / "run/variants/main/predictions.json").read_text())
    assert "A" in ranked["dress/0"]


def test_the_cut_region_is_widened_and_padded(tmp_path: Path) -> None:
    from stitch_cir.benchmarks._galleries import cut_region

    path = paint(tmp_path / "a.png", 3, (100, 80))
    # 20 wide, 10 high at (40, 30): 14 more on the left and right, 7 above and below
    crop = cut_region(path, (40, 30, 20, 10))
    assert crop.size == (48, 48)
    pixels = np.asarray(crop)
    assert (pixels[:12] == 0).all()
    assert (pixels[36:] == 0).all()
    assert (pixels[12:36].sum(axis=2) > 0).all()
    # at the edge of the image there is less to take
    assert cut_region(path, (0, 0, 10, 10)).size == (17, 17)


def test_a_gallery_of_captions(tmp_path: Path) -> None:
    captions = {
        "a": ("a red car", "a car in red"),
        "b": ("a blue car",),
        "c": ("a green tree",),
        "d": (),
    }
    queries = (
        BenchmarkQuery("1", "a", "blue instead", "b", ("b",), ("b", "c", "d")),
        BenchmarkQuery("2", "c", "a car", "d", ("d",), ("a", "b", "d")),
        BenchmarkQuery("3", "d", "a green tree", "c", ("c",), ("a", "b", "c")),
    )
    task = Task("val", queries, tuple(captions), tmp_path, captions=captions)
    data = Benchmark(load_dataset("cirr-captions"), "val", tmp_path, (task,), {})
    run = run_benchmark(data, tmp_path / "run", encoder=ENCODER, options=NO_SWEEPS)
    assert run.manifest["gallery"]["val"]["without_vectors"] == ["d"]
    assert run.heads()["1"].hits[0][0] == "b"
    # what has no captions ranks last, the reference nowhere
    ranked = json.loads((tmp_path / "run/variants/main/predictions.json").read_text())
    assert ranked["2"][-1] == "d"
    assert len(ranked["2"]) == 3
    assert ranked["3"][0] == "c"
    subset = json.loads((tmp_path / "run/variants/main/predictions-subset.json").read_text())
    assert subset["2"][-1] == "d"
    assert run.manifest["counts"]["references_without_vectors"] == 1


def test_a_sample_is_drawn_by_its_seed(tmp_path: Path) -> None:
    data = circo(tmp_path)
    assert sample(data, 1, 0).queries.keys() == sample(data, 1, 0).queries.keys()
    drawn = {next(iter(sample(data, 1, seed).queries)) for seed in range(20)}
    assert drawn == {"0", "1"}
    assert "A sample of 1 of 2" in sample(data, 1).notes[-1]
    for count in (0, 3):
        with pytest.raises(SettingError, match="cannot be drawn"):
            sample(data, count)


def test_a_query_with_nothing_to_ask_is_a_miss(tmp_path: Path) -> None:
    data = circo(tmp_path, missing=(5,))
    first, second = data.tasks[0].queries
    task = replace(data.tasks[0], queries=(first, replace(second, text="")))
    run = run_benchmark(
        replace(data, tasks=(task,)), tmp_path / "run", encoder=ENCODER, options=NO_SWEEPS
    )
    assert run.manifest["counts"]["queries_not_composed"] == 1
    assert run.main.values["val"]["mAP@5"].shape == (2,)
    assert run.main.values["val"]["mAP@5"][1] == 0
    assert any("could not be searched with" in note for note in run.main.notes)
    assert run.heads()["1"].hits == ()


def test_the_command(tmp_path: Path) -> None:
    circo(tmp_path)
    out = tmp_path / "run"
    command = ["bench", "run", "circo", "--root", str(tmp_path), "--encoder", "test"]
    shown = invoke([*command, "--out", str(out), "-q", "--no-sweeps"])
    assert shown.exit_code == 0, shown.output
    assert "conditional" not in shown.output
    for label in ("main", "image only", "text only", "Chamfer", "transition only"):
        assert label in shown.output
    shown = invoke([*command, "--out", str(out), "--no-sweeps", "--json"])
    assert json.loads(shown.output)["variants"]["main"] == dict(read_run(out).main.headline)
    shown = invoke([*command, "--out", str(tmp_path / "r2"), "--dry-run", "--json"])
    assert json.loads(shown.output)["estimate"]["queries"] == 2
    shown = invoke([*command, "--out", str(out), "--alpha", "0.9", "-q"])
    assert shown.exit_code == 2
    assert "another run" in shown.output
    with pytest.raises(NotFoundError, match="holds no run"):
        read_run(tmp_path)

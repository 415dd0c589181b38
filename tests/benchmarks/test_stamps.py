"""The benchmark of stamps: its truth derived once more from the records, its bytes, its errors."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stitch_cir.benchmarks import read_predictions, score
from stitch_cir.datasets import average_precision, check_benchmark, load_benchmark
from stitch_cir.datasets.stamps import (
    COLOURS,
    KINDS,
    SIZES,
    Size,
    load_catalogue,
    make_stamps_benchmark,
    plan,
)
from stitch_cir.errors import NotFoundError, RecordError, SettingError
from tests.benchmarks.drawn_stamps import LISTED, draw_stamps
from tests.benchmarks.layouts import put
from tests.command import invoke

TINY = Size("tiny", 90, 40, 16, levels=2)
ATTRIBUTES = ("object", "colour", "count", "background", "landmark", "relation")
Record = dict[str, Any]


@pytest.fixture(scope="module")
def stamps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_stamps(tmp_path_factory.mktemp("source") / "stamps")


@pytest.fixture(scope="module")
def made(stamps: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "STAMPS"
    progress: list[tuple[int, int]] = []
    report = make_stamps_benchmark(root, stamps, TINY, 3, lambda *step: progress.append(step))
    assert (report.images, report.drawn, report.queries) == (90, 90, {"val": 40, "test": 40})
    assert progress == [(number, 90) for number in range(1, 91)]
    return root


@pytest.fixture(scope="module")
def scenes(made: Path) -> dict[int, Record]:
    records = [json.loads(line) for line in (made / "scenes.jsonl").read_text().splitlines()]
    return {record["id"]: record for record in records}


@pytest.fixture(scope="module")
def queries(made: Path) -> list[Record]:
    return [
        {**query, "split": split}
        for split in ("val", "test")
        for query in json.loads((made / f"annotations/{split}.json").read_text())
    ]


def facts(record: Record) -> tuple[Any, ...]:
    return tuple(record[name] for name in ATTRIBUTES)


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_targets_are_all_scenes_with_exactly_the_requested_change(
    scenes: dict[int, Record], queries: list[Record]
) -> None:
    for query in queries:
        reference, target = scenes[query["reference_img_id"]], scenes[query["target_img_id"]]
        (kind,) = query["semantic_aspects"]
        assert [name for name in ATTRIBUTES if reference[name] != target[name]] == [kind]
        expected = {id for id, scene in scenes.items() if facts(scene) == facts(target)}
        answers = query["gt_img_ids"]
        assert set(answers) == expected
        assert len(set(answers)) == len(answers)
        assert answers[0] == query["target_img_id"]
        assert query["reference_img_id"] not in answers


def test_the_modification_names_the_target_value(
    scenes: dict[int, Record], queries: list[Record]
) -> None:
    """The text alone names the value, or the step for a count."""
    plurals = {thing["name"]: thing["plural"] for thing in LISTED}
    numbers = {1: "one", 2: "two", 3: "three", 4: "four"}
    values = {
        "white": "plain white",
        "grey": "plain grey",
        "black": "plain black",
        "sea": "open sea",
    }
    values |= {"tablecloth": "checked tablecloth", "snow": "snow", "underwater": "water"}
    sides = {"left": "to the left of", "right": "to the right of", "front": "in front of"}
    for query in queries:
        (kind,) = query["semantic_aspects"]
        text = query["relative_caption"]
        old, new = (scenes[query[key]][kind] for key in ("reference_img_id", "target_img_id"))
        if kind == "count":
            steps = {1: ("another", "more"), -1: ("away", "fewer")}.get(new - old, ())
            single = ("single",) if new == 1 else ()
            assert any(word in text.split() for word in (numbers[new], *steps, *single)), text
        elif kind == "object":
            count = scenes[query["reference_img_id"]]["count"]
            assert (new if count == 1 else plurals[new]) in text, text
        elif kind == "background":
            assert values.get(new, new) in text, text
        elif kind == "relation":
            assert sides.get(new, new) in text, text
        else:
            assert new in text, text


def test_wordings_kinds_and_references_vary(queries: list[Record]) -> None:
    assert Counter(query["semantic_aspects"][0] for query in queries) == dict.fromkeys(KINDS, 16)
    queries_of = [(q["split"], q["reference_img_id"], q["relative_caption"]) for q in queries]
    assert len(set(queries_of)) == len(queries_of)
    for split in ("val", "test"):
        of_split = [query for query in queries if query["split"] == split]
        assert [query["id"] for query in of_split] == list(range(40))
        assert len({query["relative_caption"].split()[0] for query in of_split}) > 8
    assert any(len(query["gt_img_ids"]) > 1 for query in queries)


def test_each_query_has_distractors_of_both_parts(
    scenes: dict[int, Record], queries: list[Record]
) -> None:
    for query in queries:
        (kind,) = query["semantic_aspects"]
        reference, target = scenes[query["reference_img_id"]], scenes[query["target_img_id"]]

        def apart(scene: Record, other: Record = reference) -> list[str]:
            return [name for name in ATTRIBUTES if scene[name] != other[name]]

        unchanged = [
            s for s in scenes.values() if s[kind] == reference[kind] and len(apart(s)) == 1
        ]
        text_only = [s for s in scenes.values() if s[kind] == target[kind] and len(apart(s)) == 2]
        assert unchanged
        assert text_only


def test_neither_image_nor_text_suffices_even_with_perfect_recognition(stamps: Path) -> None:
    """Rank small by attributes: those of the reference, those that the text names, or both."""
    scenes_planned, annotations = plan(load_catalogue(stamps), SIZES["small"], 0)
    scenes = {scene.id: asdict(scene.scene) for scene in scenes_planned}
    assert len(scenes) == 600
    assert {split: len(of_split) for split, of_split in annotations.items()} == {
        "val": 100,
        "test": 100,
    }
    plurals = {thing["name"]: thing["plural"] for thing in LISTED}
    precision: dict[str, list[float]] = {"image": [], "text": [], "both": []}
    for query in annotations["test"]:
        (kind,), text = query["semantic_aspects"], query["relative_caption"]
        reference, target = scenes[query["reference_img_id"]], scenes[query["target_img_id"]]
        named = {kind} | ({"landmark"} if kind == "relation" else set())
        if reference["object"] in text or plurals[reference["object"]] in text:
            named.add("object")
        answers = [str(id) for id in query["gt_img_ids"]]
        for name, like, parts in (
            ("image", reference, ATTRIBUTES),
            ("text", target, named),
            ("both", target, ATTRIBUTES),
        ):
            agreement = {
                id: sum(scene[part] == like[part] for part in parts)
                for id, scene in scenes.items()
                if id != query["reference_img_id"]
            }
            # images are numbered at random, so ties fall at random
            ranked = [str(id) for id in sorted(agreement, key=lambda id: -agreement[id])]
            precision[name].append(average_precision(ranked, answers, 10))
    assert np.mean(precision["both"]) == 1
    assert np.mean(precision["image"]) < 0.25
    assert np.mean(precision["text"]) < 0.5


def test_images_hold_what_their_records_describe(made: Path, scenes: dict[int, Record]) -> None:
    things = {thing["name"]: thing for thing in LISTED}
    for scene in scenes.values():
        subjects = [part for part in scene["parts"] if part["name"] == scene["object"]]
        assert len(subjects) == scene["count"]
        assert {part["colour"] for part in subjects} == {scene["colour"]}
        assert (scene["colour"] is None) == ("recolour" not in things[scene["object"]])
        for part in scene["parts"]:
            assert part["stamp"] in things[part["name"]]["stamps"]
            x, y, w, h = part["box"]
            assert x >= 0
            assert y >= 0
            assert x + w <= 320
            assert y + h <= 256
        with Image.open(made / "images" / scene["file_name"]) as image:
            assert image.size == (320, 256)
    for scene in scenes.values():
        if scene["landmark"] is None:
            assert scene["relation"] is None
            continue
        boxes = {part["name"]: part["box"] for part in scene["parts"]}
        (x, y, w, h), (lx, ly, lw, lh) = boxes[scene["object"]], boxes[scene["landmark"]]
        in_front = scene["parts"][-1]["name"]
        overlap = x < lx + lw and lx < x + w and y < ly + lh and ly < y + h
        assert {
            "left": x + w <= lx + 2,
            "right": lx + lw <= x + 2,
            "above": y + h / 2 < ly + lh / 2 and abs(x + w / 2 - lx - lw / 2) < 80,
            "below": y + h / 2 > ly + lh / 2 and abs(x + w / 2 - lx - lw / 2) < 80,
            "front": overlap and in_front == scene["object"],
            "behind": overlap and in_front == scene["landmark"],
        }[scene["relation"]], scene


def test_objects_are_drawn_in_the_recorded_colour(made: Path, scenes: dict[int, Record]) -> None:
    """Read from the images themselves: the hue in the middle of a thing on a plain background."""
    hues = dict(zip(COLOURS, (357, 27, 52, 128, 220, 280, 336), strict=True))
    looked = 0
    for scene in scenes.values():
        if scene["colour"] is None or scene["background"] not in ("white", "grey", "black"):
            continue
        part = next(each for each in scene["parts"] if each["name"] == scene["object"])
        if scene["relation"] in ("front", "behind"):
            continue
        x, y, w, h = part["box"]
        with Image.open(made / "images" / scene["file_name"]) as image:
            body = image.convert("HSV").crop((x + w // 4, y + h // 4, x + 3 * w // 4, y + h // 2))
        hue, saturation, _ = (np.asarray(channel) for channel in body.split())
        hue_of_part = np.median(hue[saturation > 80]) * 360 / 255
        assert abs((hue_of_part - hues[scene["colour"]] + 180) % 360 - 180) < 8, scene
        looked += 1
    assert looked > 10


def test_it_is_in_circos_form_and_scores(made: Path, tmp_path: Path) -> None:
    for split in ("val", "test"):
        data = load_benchmark("stamps", made.parent, split)
        assert data == load_benchmark("stamps", made, split)
        assert data.labelled
        assert not data.dataset.keep_reference
        assert data.notes == ()
        task = data.tasks[0]
        assert len(task.gallery) == 90
        assert all((task.images / name).is_file() for name in task.files.values())
        best = {query.id: list(query.answers) for query in task.queries}
        scores = score(data, read_predictions(data, [put(tmp_path / "best.json", best)]))
        assert scores.headline["mAP@5"] == scores.headline["R@25"] == 100
        assert scores.kinds == dict.fromkeys(sorted(KINDS), (100, 8))
        first = task.queries[0]
        best[first.id] = [first.reference]
        with pytest.raises(RecordError, match="the reference .* is predicted"):
            read_predictions(data, [put(tmp_path / "reference.json", best)])
    assert all(file.here for file in check_benchmark("stamps", made))


def test_same_seed_same_bytes_other_seed_others(made: Path, stamps: Path, tmp_path: Path) -> None:
    make_stamps_benchmark(tmp_path / "again", stamps, TINY, 3)
    first, again = digests(made), digests(tmp_path / "again")
    assert first == again
    assert len(first) == 90 + 7
    listed = dict(
        line.split("  ")[::-1] for line in (made / "checksums.txt").read_text().splitlines()
    )
    assert listed == {name: digest for name, digest in first.items() if name.startswith("images")}
    make_stamps_benchmark(tmp_path / "other", stamps, TINY, 4)
    other = digests(tmp_path / "other")
    assert other["annotations/val.json"] != first["annotations/val.json"]
    assert other["scenes.jsonl"] != first["scenes.jsonl"]


def test_a_stopped_run_resumes_and_a_finished_one_is_repaired(
    made: Path, stamps: Path, tmp_path: Path
) -> None:
    root = tmp_path / "stopped"

    def stop(done: int, total: int) -> None:
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_stamps_benchmark(root, stamps, TINY, 3, stop)
    assert not (root / "checksums.txt").exists()
    assert make_stamps_benchmark(root, stamps, TINY, 3).drawn == 70
    assert digests(root) == digests(made)
    (root / "images/000000000005.jpg").write_bytes(b"spoiled")
    (root / "images/000000000006.jpg").unlink()
    report = make_stamps_benchmark(root, stamps, TINY, 3)
    assert report.drawn == 2
    assert "2 drawn, 88 were there" in report.summary()
    assert digests(root) == digests(made)


def test_impossible_requests_are_refused(made: Path, stamps: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no folder of stamps .*fetch_stamps"):
        make_stamps_benchmark(tmp_path / "a", tmp_path / "nowhere")
    with pytest.raises(SettingError, match="no size 'huge'"):
        make_stamps_benchmark(tmp_path / "a", stamps, "huge")
    with pytest.raises(SettingError, match="seed is -1"):
        make_stamps_benchmark(tmp_path / "a", stamps, TINY, -1)
    with pytest.raises(SettingError, match="10 families"):
        make_stamps_benchmark(tmp_path / "a", stamps, Size("odd", 90, 40, 10, levels=2))
    with pytest.raises(SettingError, match="63 images cannot fill the 64 cells"):
        make_stamps_benchmark(tmp_path / "a", stamps, Size("few", 63, 40, 16, levels=2))
    with pytest.raises(SettingError, match="different queries of the kind"):
        make_stamps_benchmark(tmp_path / "a", stamps, Size("many", 64, 900, 16, levels=2))
    assert not (tmp_path / "a").exists()
    with pytest.raises(SettingError, match="holds a benchmark of another seed"):
        make_stamps_benchmark(made, stamps, TINY, 4)
    (tmp_path / "own" / "images").mkdir(parents=True)
    (tmp_path / "own" / "images" / "holiday.jpg").write_bytes(b"")
    with pytest.raises(SettingError, match="images that this command did not make"):
        make_stamps_benchmark(tmp_path / "own", stamps, TINY)
    assert [path.name for path in (tmp_path / "own").rglob("*.*")] == ["holiday.jpg"]


def test_missing_or_altered_stamps_are_refused(stamps: Path, tmp_path: Path) -> None:
    other = tmp_path / "stamps"
    shutil.copytree(stamps, other)
    caption = (other / LISTED[0]["stamps"][0]).with_suffix(".txt")
    caption.write_text("A pineapplet.\n")
    with pytest.raises(RecordError, match="'A pineapplet.', which does not name 'apple'"):
        make_stamps_benchmark(tmp_path / "out", other, TINY)
    caption.unlink()
    with pytest.raises(NotFoundError, match="or its caption .txt is missing"):
        make_stamps_benchmark(tmp_path / "out", other, TINY)


def test_the_list_holds_each_name_and_stamp_once() -> None:
    names = [word for thing in LISTED for word in {thing["name"], thing["plural"]}]
    assert len(set(names)) == len(names)
    paths = [stamp for thing in LISTED for stamp in thing["stamps"]]
    assert len(set(paths)) == len(paths)
    assert {thing["role"] for thing in LISTED} == {"subject", "landmark"}
    assert {thing.get("recolour") for thing in LISTED} == {"hue", "tint", None}


def test_the_command_makes_it(stamps: Path, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setitem(SIZES, "small", TINY)
    arguments = ["bench", "make", str(tmp_path / "out"), "--stamps", str(stamps), "--size", "small"]
    shown = invoke(arguments)
    assert shown.exit_code == 0, shown.output
    assert "90 images (90 drawn), queries 40 val, 40 test" in shown.output
    shown = invoke([*arguments, "--json"])
    assert json.loads(shown.output)["drawn"] == 0
    shown = invoke(["bench", "check", "stamps", "--root", str(tmp_path / "out")])
    assert shown.exit_code == 0
    assert "6 of 6 are there" in shown.output
    shown = invoke([*arguments[:4], str(tmp_path / "nowhere")])
    assert shown.exit_code == 3
    assert "scripts/fetch_stamps.py" in shown.output

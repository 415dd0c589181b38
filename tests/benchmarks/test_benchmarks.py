"""Loaders, metrics, scoring and submissions, on small data sets and by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stitch_cir.benchmarks import (
    Scores,
    compare,
    intervals,
    read_predictions,
    score,
    write_submission,
)
from stitch_cir.benchmarks._compare import compare_values
from stitch_cir.datasets import (
    average_precision,
    check_benchmark,
    load_benchmark,
    load_dataset,
    recall,
    subset_recall,
)
from stitch_cir.errors import NotFoundError, RecordError, SettingError
from tests.benchmarks import layouts
from tests.benchmarks.layouts import put
from tests.command import invoke


def test_average_precision_by_hand() -> None:
    assert average_precision(["a", "x", "b"], {"a", "b", "c"}, 5) == pytest.approx((1 + 2 / 3) / 3)
    assert average_precision(["x", "a"], {"a"}, 5) == 0.5
    assert average_precision(["a", "b"], {"a", "b", "c", "d"}, 2) == 1.0  # min(|G|, K) = 2
    assert average_precision([], {"a"}, 5) == 0.0


@given(
    st.permutations(list("abcdefgh")),
    st.sets(st.sampled_from("abcdefgh"), min_size=1),
    st.integers(1, 8),
)
def test_average_precision_is_its_definition(ranked: list[str], answers: set[str], k: int) -> None:
    hits = [ranked[rank] in answers for rank in range(k)]
    expected = sum(sum(hits[: rank + 1]) / (rank + 1) for rank in range(k) if hits[rank]) / min(
        len(answers), k
    )
    assert average_precision(ranked, answers, k) == pytest.approx(expected)
    assert 0 <= average_precision(ranked, answers, k) <= 1 + 1e-12


def test_recalls_by_hand() -> None:
    assert [recall(["a", "b", "c"], "b", k) for k in (1, 2, 3)] == [0, 1, 1]
    assert [subset_recall(["x", "a", "y", "b"], "b", {"a", "b"}, k) for k in (1, 2)] == [0, 1]


def test_circo(tmp_path: Path) -> None:
    layouts.circo(tmp_path)
    data = load_benchmark("circo", tmp_path, "val")
    assert data == load_benchmark("circo", tmp_path / "CIRCO")
    task = data.tasks[0]
    assert (len(task.gallery), task.files["7"]) == (60, "000000000007.jpg")
    assert task.queries[0].answers == ("2", "3", "4")
    assert set(data.sources) == {
        "annotations/val.json",
        "COCO2017_unlabeled/annotations/image_info_unlabeled2017.json",
    }
    file = put(tmp_path / "p.json", {"0": [2, 9, 3, *range(10, 57)], "1": [8, 6, *range(10, 58)]})
    scores = score(data, read_predictions(data, [file]))
    first, second = (1 + 2 / 3) / 3, 1 / 2
    assert scores.headline["mAP@5"] == pytest.approx(100 * (first + second) / 2)
    assert scores.headline["R@5"] == 100
    assert scores.kinds["addition"] == (pytest.approx(100 * first), 1)  # type: ignore[comparison-overlap]
    assert scores.kinds["cardinality"] == (pytest.approx(50), 1)  # type: ignore[comparison-overlap]
    assert scores.notes == ()


def test_circo_test_has_no_answers_but_a_submission(tmp_path: Path) -> None:
    layouts.circo(tmp_path)
    data = load_benchmark("circo", tmp_path, "test")
    predictions = read_predictions(
        data, [put(tmp_path / "p.json", {"0": list(range(50)), "1": list(range(10, 60))})]
    )
    with pytest.raises(RecordError, match="not public"):
        score(data, predictions)
    written = write_submission(data, predictions, tmp_path / "out")
    assert json.loads(written[0].read_text()) == {"0": list(range(50)), "1": list(range(10, 60))}


def test_cirr(tmp_path: Path) -> None:
    layouts.cirr(tmp_path)
    data = load_benchmark("cirr", tmp_path, "val")
    names = list(data.tasks[0].gallery)
    query = data.tasks[0].queries[0]
    assert query.group == tuple(names[1:6])
    whole = put(
        tmp_path / "r.json",
        {"version": "rc2", "metric": "recall", "12": [names[7], names[1], *names[8:56]]},
    )
    subset = put(
        tmp_path / "s.json",
        {"version": "rc2", "metric": "recall_subset", "12": [names[1], names[2], names[3]]},
    )
    predictions = read_predictions(data, [whole, subset])
    scores = score(data, predictions)
    assert {name: scores.headline[name] for name in ("R@1", "R@5", "Rs@1", "(R@5+Rs@1)/2")} == {
        "R@1": 0,
        "R@5": 100,
        "Rs@1": 100,
        "(R@5+Rs@1)/2": 100,
    }
    files = write_submission(data, predictions, tmp_path / "out")
    assert [json.loads(file.read_text()) for file in files] == [
        json.loads(whole.read_text()),
        json.loads(subset.read_text()),
    ]
    with pytest.raises(RecordError, match="the server wants 50"):
        write_submission(
            data,
            read_predictions(data, [put(tmp_path / "t.json", {"12": names[1:9]})]),
            tmp_path / "out2",
        )
    with pytest.raises(RecordError, match="is predicted"):
        read_predictions(data, [put(tmp_path / "u.json", {"12": [names[0]]})])


def test_fashioniq(tmp_path: Path) -> None:
    layouts.fashioniq(tmp_path)
    data = load_benchmark("fashioniq", tmp_path)
    assert [task.name for task in data.tasks] == ["dress", "shirt", "toptee"]
    query = data.tasks[0].queries[0]
    assert (query.id, query.text) == ("dress/0", "is red and has long sleeves")
    assert data.tasks[0].files["A"] == "A.png"
    assert len(data.tasks[0].gallery) == 62
    pairs = load_benchmark("fashioniq", tmp_path, "val-pairs")
    assert pairs.tasks[0].gallery == ("A", "B")
    assert "VAL protocol" in pairs.protocol
    lists = {"dress/0": ["B"], "shirt/0": [*(f"X{n}" for n in range(20)), "B"], "toptee/0": ["X1"]}
    scores = score(data, read_predictions(data, [put(tmp_path / "p.json", lists)]))
    assert scores.headline["R@10"] == pytest.approx(100 / 3)
    assert scores.headline["R@50"] == pytest.approx(200 / 3)
    assert "shorter than 50" in scores.notes[-1]


def test_genecis(tmp_path: Path) -> None:
    layouts.genecis(tmp_path)
    data = load_benchmark("genecis", tmp_path)
    assert [task.name for task in data.tasks] == ["change_attribute", "focus_object"]
    assert sum("left out" in note for note in data.notes) == 2
    attribute = data.tasks[0].queries[0]
    assert attribute.target == "1@1,2,30,40"
    assert attribute.group == ("1@1,2,30,40", "1@5,6,7,8")
    assert data.tasks[0].boxes[attribute.target] == (1, 2, 30, 40)
    lists = {
        "change_attribute/0": list(reversed(attribute.group)),
        "focus_object/0": ["1", "2", "3"],
    }
    scores = score(data, read_predictions(data, [put(tmp_path / "p.json", lists)]))
    assert scores.headline["R@1"] == 50
    assert scores.headline["R@2"] == 100


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"0": [1, 2', "cut short"),
        ('{"0": [1], "0": [2]}', "given twice"),
        ('{"0": [1, 1], "1": [2]}', "predicted twice"),
        ('{"0": [1], "1": [2], "7": [3]}', "no query '7'"),
        ('{"0": [99], "1": [2]}', "'99' is not in its gallery"),
        ('{"0": [1]}', "1 of 2 queries have no prediction"),
        ('{"0": {"a": 1}, "1": [1]}', "no list of ids"),
        ("[1]", "holds no object"),
    ],
)
def test_bad_predictions_are_named(tmp_path: Path, content: str, said: str) -> None:
    layouts.circo(tmp_path)
    (tmp_path / "p.json").write_text(content)
    with pytest.raises(RecordError, match=said):
        read_predictions(load_benchmark("circo", tmp_path), [tmp_path / "p.json"])


def test_missing_predictions_count_as_misses_when_allowed(tmp_path: Path) -> None:
    layouts.circo(tmp_path)
    data = load_benchmark("circo", tmp_path)
    scores = score(
        data, read_predictions(data, [put(tmp_path / "p.json", {"1": [6]})], allow_missing=True)
    )
    assert scores.headline["mAP@5"] == 50
    assert scores.counts == {"queries": 2, "without_prediction": 1}
    assert any("counts as a miss" in note for note in scores.notes)


@pytest.mark.parametrize("name", ["circo", "cirr", "fashioniq", "genecis"])
def test_no_prediction_at_all_scores_nothing(tmp_path: Path, name: str) -> None:
    getattr(layouts, name)(tmp_path)
    data = load_benchmark(name, tmp_path)
    nothing = read_predictions(data, [put(tmp_path / "p.json", {})], allow_missing=True)
    scores = score(data, nothing)
    assert set(scores.headline.values()) == {0.0}
    assert {span.high for span in intervals(scores).values()} == {0.0}


def test_a_missing_list_of_images_is_reported(tmp_path: Path) -> None:
    base = layouts.circo(tmp_path)
    (base / "COCO2017_unlabeled/annotations/image_info_unlabeled2017.json").unlink()
    assert "cannot be checked" in load_benchmark("circo", tmp_path).notes[0]


def test_check_names_what_is_missing(tmp_path: Path) -> None:
    layouts.cirr(tmp_path)
    files = {file.path.rpartition("CIRR/")[2]: file for file in check_benchmark("cirr", tmp_path)}
    assert files["cirr/captions/cap.rc2.val.json"].here
    assert not files["dev"].here
    with pytest.raises(NotFoundError):
        check_benchmark("cirr", tmp_path / "nowhere")
    shown = invoke(["bench", "check", "cirr", "--root", str(tmp_path)])
    assert shown.exit_code == 3
    assert "MISSING images, val" in shown.output


def test_annotations_that_are_missing_or_odd(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no data set"):
        load_benchmark("imagenet", tmp_path)
    with pytest.raises(SettingError, match="no split"):
        load_benchmark("circo", tmp_path, "train")
    with pytest.raises(NotFoundError, match=r"val\.json is missing"):
        load_benchmark("circo", tmp_path)
    put(tmp_path / "annotations/val.json", [{"id": 1}])
    with pytest.raises(RecordError, match="entry 0: .*reference_img_id"):
        load_benchmark("circo", tmp_path)
    base = layouts.cirr(tmp_path)
    put(base / "cirr/image_splits/split.rc2.val.json", {"dev-0-0-img0": "x"})
    with pytest.raises(RecordError, match="not in the gallery"):
        load_benchmark("cirr", tmp_path)


def test_the_commands(tmp_path: Path) -> None:
    layouts.circo(tmp_path)
    file = put(tmp_path / "p.json", {"0": list(range(2, 52)), "1": list(range(6, 56))})
    shared = ["circo", "--root", str(tmp_path), "-p", str(file)]
    shown = invoke(["bench", "score", *shared, "--json"])
    assert shown.exit_code == 0
    assert json.loads(shown.output)["headline"]["mAP@5"] == 100
    assert "mAP@5" in invoke(["bench", "score", *shared]).output
    shown = invoke(["bench", "submit", *shared, "-o", str(tmp_path / "out")])
    assert shown.exit_code == 0
    assert (tmp_path / "out" / "circo-val.json").is_file()
    file.write_text("{")
    shown = invoke(["bench", "score", *shared])
    assert shown.exit_code not in (0, 1)
    assert "cut short" in shown.output


def two_runs(tmp_path: Path, count: int = 120) -> tuple[Any, ...]:
    """A CIRCO of many queries, where the second run is right wherever the first is, and more."""
    base = layouts.circo(tmp_path)
    queries = [
        {
            "id": n,
            "reference_img_id": 1,
            "relative_caption": "red",
            "shared_concept": "car",
            "target_img_id": 2,
            "gt_img_ids": [2],
        }
        for n in range(count)
    ]
    put(base / "annotations/val.json", queries)
    data = load_benchmark("circo", tmp_path)
    runs = []
    for share in (2, 4):
        lists = {str(n): [2 if n % 4 < share else 3, 5] for n in range(count)}
        runs.append(score(data, read_predictions(data, [put(tmp_path / f"{share}.json", lists)])))
    return tuple(runs)


def test_intervals_hold_the_mean_and_shrink_to_it(tmp_path: Path) -> None:
    half, full = two_runs(tmp_path)
    span = intervals(half)["mAP@5"]
    assert span.mean == 50
    assert 50 - 12 < span.low < 50 - 5
    assert 50 + 5 < span.high < 50 + 12
    assert intervals(half) == intervals(half)
    sure = intervals(full)["mAP@5"]
    assert (sure.low, sure.mean, sure.high) == (100, 100, 100)


def test_paired_comparison(tmp_path: Path) -> None:
    half, full = two_runs(tmp_path)
    comparisons = {comparison.metric: comparison for comparison in compare(half, full)}["mAP@5"]
    assert (comparisons.first, comparisons.second, comparisons.difference.mean) == (50, 100, 50)
    assert comparisons.difference.low > 35
    assert comparisons.p < 0.001
    same = {each.metric: each for each in compare(half, half)}["mAP@5"]
    assert same.p == 1
    assert (same.difference.low, same.difference.high) == (0, 0)
    with pytest.raises(SettingError, match="same queries"):
        compare(half, two_runs(tmp_path / "other", count=8)[0])


def scores_of(
    values: dict[str, dict[str, np.ndarray]], averages: Mapping[str, tuple[str, ...]] | None = None
) -> Scores:
    ids = {
        task: tuple(str(number) for number in range(len(next(iter(metrics.values())))))
        for task, metrics in values.items()
    }
    return Scores("cirr", "val", "", ids, values, {}, {}, {}, averages=averages or {})


def test_the_randomisation_test_agrees_with_every_sign_by_hand() -> None:
    """Three differences of 1 and one of 0: of 2⁴ signs, 4 give |mean| ≥ 3/4, so p is 1/4."""
    zeros = np.zeros(4)
    first = scores_of({"val": {"R@1": zeros, "R@5": zeros}})
    second = scores_of({"val": {"R@1": np.array([1.0, 1.0, 1.0, 0.0]), "R@5": zeros}})
    some, nothing = compare(first, second, samples=20_000, seed=1)
    assert some.p == pytest.approx(0.25, abs=0.02)
    assert nothing.p == 1


def test_many_comparisons_are_those_of_each_alone() -> None:
    random = np.random.default_rng(3)

    def values() -> dict[str, dict[str, np.ndarray]]:
        return {
            task: {"R@1": random.integers(0, 2, 40).astype(np.float64)}
            for task in ("dress", "shirt")
        }

    first, others = values(), {"x": values(), "y": values()}
    together = compare_values(first, others)
    for name, other in others.items():
        assert together[name] == compare_values(first, {name: other})[name]


def test_the_average_of_cirr_has_an_interval_and_a_comparison() -> None:
    random = np.random.default_rng(4)
    stronger, weaker = (
        {"val": {name: random.integers(0, 2, 60).astype(np.float64) for name in ("R@5", "Rs@1")}}
        for _ in range(2)
    )
    averages = load_dataset("cirr").averages
    first, second = (scores_of(values, averages) for values in (stronger, weaker))
    comparisons = {each.metric: each for each in compare(first, second)}
    mean = (comparisons["R@5"].second + comparisons["Rs@1"].second) / 2
    assert comparisons["(R@5+Rs@1)/2"].second == pytest.approx(mean)
    assert comparisons["(R@5+Rs@1)/2"].difference.low < comparisons["(R@5+Rs@1)/2"].difference.high


def test_the_command_compares(tmp_path: Path) -> None:
    two_runs(tmp_path)
    files = ["-a", str(tmp_path / "2.json"), "-b", str(tmp_path / "4.json")]
    shown = invoke(["bench", "compare", "circo", "--root", str(tmp_path), *files])
    assert shown.exit_code == 0
    assert "+50.00" in shown.output

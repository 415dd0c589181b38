"""The published annotations and example predictions, where a folder of them is at hand.

``STITCH_BENCHMARKS`` names the folder that holds CIRCO and CIRR in their published layouts; without
it a folder ``shared/benchmarks`` beside the repository is tried.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from stitch_cir.benchmarks import read_predictions, score, write_submission
from stitch_cir.datasets import load_benchmark
from stitch_cir.errors import RecordError
from tests.benchmarks.layouts import put

ROOT = Path(
    os.environ.get("STITCH_BENCHMARKS")
    or Path(__file__).resolve().parents[3] / "shared" / "benchmarks"
)
CIRCO = ROOT / "CIRCO/submission_examples/submission_val.json"
CIRR = ROOT / "CIRR/submission_examples/test1_pred_ranks_recall_subset.json"


def needs(path: Path) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        not path.is_file(), reason=f"no {path.name}: set STITCH_BENCHMARKS to the data sets' folder"
    )


@needs(CIRCO)
def test_circo_example_scored_two_ways() -> None:
    data = load_benchmark("circo", ROOT, "val")
    scores = score(data, read_predictions(data, [CIRCO]))
    predicted = json.loads(CIRCO.read_text())
    queries = json.loads((ROOT / "CIRCO/annotations/val.json").read_text())
    assert len(queries) == 220
    for k in (5, 10, 25, 50):
        # as matrices: hits (queries, k), precision at every rank, masked by the hits
        hits = np.array([np.isin(predicted[str(q["id"])][:k], q["gt_img_ids"]) for q in queries])
        precision = hits.cumsum(axis=1) / np.arange(1, k + 1)
        divisor = [min(len(q["gt_img_ids"]), k) for q in queries]
        expected = 100 * ((precision * hits).sum(axis=1) / divisor).mean()
        assert scores.headline[f"mAP@{k}"] == pytest.approx(expected)
        first = [q["target_img_id"] in predicted[str(q["id"])][:k] for q in queries]
        assert scores.headline[f"R@{k}"] == pytest.approx(100 * np.mean(first))
    aspects = {aspect for q in queries for aspect in q["semantic_aspects"]}
    assert set(scores.kinds) == aspects
    assert len(scores.notes) == 1  # that the list of images is missing


@needs(CIRCO)
def test_circo_example_is_written_as_it_was(tmp_path: Path) -> None:
    data = load_benchmark("circo", ROOT, "val")
    (written,) = write_submission(data, read_predictions(data, [CIRCO]), tmp_path)
    assert json.loads(written.read_text()) == json.loads(CIRCO.read_text())


@needs(CIRCO)
def test_an_incomplete_circo_example_is_refused(tmp_path: Path) -> None:
    data = load_benchmark("circo", ROOT, "val")
    predicted = json.loads(CIRCO.read_text())
    short = put(tmp_path / "short.json", {**predicted, "7": predicted["7"][:49]})
    with pytest.raises(RecordError, match="'7' has 49 predictions, the server wants 50"):
        write_submission(data, read_predictions(data, [short]), tmp_path / "out")
    put(tmp_path / "twice.json", {**predicted, "7": [*predicted["7"][:49], predicted["7"][0]]})
    with pytest.raises(RecordError, match="predicted twice"):
        read_predictions(data, [tmp_path / "twice.json"])
    del predicted["7"]
    with pytest.raises(RecordError, match="1 of 220 queries have no prediction, first '7'"):
        read_predictions(data, [put(tmp_path / "lacks.json", predicted)])


@needs(CIRR)
def test_cirr_example_is_read_checked_and_written_as_it_was(tmp_path: Path) -> None:
    data = load_benchmark("cirr", ROOT, "test1")
    predicted = json.loads(CIRR.read_text())
    assert len(data.queries) == len(predicted) - 2  # version and metric
    gallery = data.tasks[0].gallery
    lists = {
        id: [name for name in gallery[:51] if name != query.reference][:50]
        for id, (_, query) in data.queries.items()
    }
    whole = put(tmp_path / "recall.json", {"version": "rc2", "metric": "recall", **lists})
    files = write_submission(data, read_predictions(data, [whole, CIRR]), tmp_path / "out")
    assert [json.loads(file.read_text()) for file in files] == [
        json.loads(whole.read_text()),
        predicted,
    ]
    first = next(id for id in predicted if id not in ("version", "metric"))
    query = data.queries[first][1]
    outside = next(name for name in gallery if name not in (query.reference, *query.group))
    wrong = put(tmp_path / "wrong.json", {**predicted, first: [outside, *predicted[first][1:]]})
    with pytest.raises(RecordError, match="is not in its own gallery"):
        read_predictions(data, [wrong])

"""Clean subsets and a second ground truth: other people's files, joined to our queries without loss."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.benchmarks import read_run, run_benchmark
from stitch_cir.datasets import Benchmark, clean_subset, load_benchmark, several_targets
from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import NotFoundError, RecordError, SettingError
from tests.benchmarks import layouts
from tests.benchmarks.images import circo_images
from tests.command import invoke

NAMES = [f"dev-{number}-0-img0" for number in range(30)]


def pair(id: int, reference: int, target: int, text: str) -> dict[str, Any]:
    members = [NAMES[number % 30] for number in range(reference, reference + 6)]
    return {
        "pairid": id,
        "reference": NAMES[reference],
        "target_hard": NAMES[target],
        "target_soft": {NAMES[target]: 1.0},
        "caption": text,
        "img_set": {"id": 1, "members": members},
    }


@pytest.fixture
def cirr(tmp_path: Path) -> Benchmark:
    base = layouts.cirr(tmp_path, gallery=30)
    layouts.put(
        base / "cirr/captions/cap.rc2.val.json",
        [
            pair(12, 0, 1, "make it red"),
            pair(13, 2, 3, 'show "two" dogs'),
            pair(14, 4, 5, "Remove the lemon."),
            # asked twice, of which M-BEIR makes one query
            pair(15, 6, 7, "a cat"),
            pair(16, 6, 8, "a cat"),
        ],
    )
    return load_benchmark("cirr", tmp_path, "val")


def record(reference: int, text: str) -> dict[str, Any]:
    """A query as M-BEIR writes it."""
    path = f"mbeir_images/cirr_images/dev/{NAMES[reference]}.jpg"
    return {"qid": "8:3", "query_txt": text, "query_img_path": path, "task_id": 7}


def put_lines(path: Path, *records: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(each) + "\n" for each in records))
    return path


def circus(root: Path) -> Path:
    free = root / "CIRCUS/shortcut_free_subsets/cirr/shortcut_free"
    put_lines(
        free / "mbeir_cirr_task7_test_multimodal.jsonl",
        record(0, "Make it red."),
        record(2, 'Show "two" dogs.'),
        record(6, "A cat."),
    )
    put_lines(free / "mbeir_cirr_task7_test_multimodal.trace.jsonl", {"not": "a query"})
    valid = root / "CIRCUS/final_dataset/query_jsonl/cirr"
    put_lines(valid / "validated_solved/a.jsonl", record(2, "Show two dogs."))
    put_lines(valid / "validated_unsolved/b.jsonl", record(6, "A cat."))
    return root / "CIRCUS"


def test_records_join_our_queries_by_reference_and_text(cirr: Benchmark, tmp_path: Path) -> None:
    folder = circus(tmp_path)
    free = clean_subset(cirr, "circus-free", folder)
    assert list(free.queries) == ["12", "13", "15", "16"]
    assert free.selection["subset"]["queries"] == 4
    assert any("4 of 5 queries (3 records)" in note for note in free.notes)
    # the whole gallery stays
    assert free.tasks[0].gallery == cirr.tasks[0].gallery
    # the folder beside the data set's is found without being named
    assert list(clean_subset(cirr, "circus-valid").queries) == ["13", "15", "16"]
    file = folder / "final_dataset/query_jsonl/cirr/validated_solved/a.jsonl"
    assert list(clean_subset(cirr, "circus-valid", file).queries) == ["13"]


def test_records_that_join_no_query_are_one_clear_error(cirr: Benchmark, tmp_path: Path) -> None:
    lines = [record(0, "Make it red."), *(record(n, f"Another {n}.") for n in range(1, 6))]
    file = put_lines(tmp_path / "mine.jsonl", *lines)
    with pytest.raises(RecordError) as caught:
        clean_subset(cirr, "circus-free", file)
    assert "5 of the 6 queries of circus-free are no queries of cirr val" in caught.value.message
    assert "mine.jsonl:2: dev-1-0-img0, 'Another 1.'" in caught.value.message
    assert "Another 4" not in caught.value.message


def test_what_is_wrong_with_a_subset_says_what_to_do(cirr: Benchmark, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no subset 'circus'"):
        clean_subset(cirr, "circus")
    with pytest.raises(NotFoundError, match="shortcut_free") as caught:
        clean_subset(cirr, "circus-free")
    assert "--subset-file" in caught.value.hint
    with pytest.raises(SettingError, match="genecis all has no subset"):
        clean_subset(load_benchmark("genecis", layouts.genecis(tmp_path)), "circus-free")
    (tmp_path / "broken.jsonl").write_text('{"query_txt": "a"}\n')
    with pytest.raises(RecordError, match=r"broken.jsonl:1 .* form: it has no query_img_path"):
        clean_subset(cirr, "circus-free", tmp_path / "broken.jsonl")


def test_texts_of_two_captions_and_ids_with_zeros_join(tmp_path: Path) -> None:
    fashion = load_benchmark("fashioniq", layouts.fashioniq(tmp_path), "val")
    line = {
        "query_txt": "Is red and has long  sleeves.",
        "query_img_path": "x/fashioniq_images/A.jpg",
    }
    subset = clean_subset(fashion, "circus-free", put_lines(tmp_path / "f.jsonl", line))
    # the same reference and text in every category
    assert list(subset.queries) == ["dress/0", "shirt/0", "toptee/0"]
    circo = load_benchmark("circo", layouts.circo(tmp_path), "val")
    line = {
        "query_id": "circo_q_test_1",
        "query_text": "has two",
        "query_img_path": "<home>/unlabeled2017/000000000005.jpg",
    }
    subset = clean_subset(circo, "circus-valid", put_lines(tmp_path / "c.jsonl", line))
    assert list(subset.queries) == ["1"]


def test_a_run_of_a_subset_and_a_score_of_it_are_the_same(tmp_path: Path) -> None:
    base = layouts.circo(tmp_path, gallery=30)
    circo_images(base, 30)
    line = {"query_text": "has two", "query_img_path": "000000000005.jpg"}
    file = put_lines(tmp_path / "c.jsonl", line)
    common = [
        "circo",
        "--root",
        str(tmp_path),
        "--subset",
        "circus-free",
        "--subset-file",
        str(file),
    ]
    out = tmp_path / "run"
    command = ["bench", "run", *common, "--encoder", "test", "--no-sweeps", "--out", str(out)]
    ran = invoke([*command, "--json"])
    assert ran.exit_code == 0, ran.output
    manifest = read_run(out).manifest
    assert manifest["benchmark"]["queries"] == 1
    assert manifest["benchmark"]["subset"]["name"] == "circus-free"
    # a run of all queries, of which the subset is scored
    run_benchmark(load_benchmark("circo", base, "val"), tmp_path / "all", encoder=HashEncoder())
    scored = invoke(["bench", "score", *common, "-p", str(tmp_path / "all"), "--json"])
    assert scored.exit_code == 0, scored.output
    headline = json.loads(scored.stdout)["headline"]
    assert headline == pytest.approx(json.loads(ran.stdout)["variants"]["main"], abs=1e-3)
    # and the manifest can be run as it is
    again = invoke(
        [
            "bench",
            "run",
            "--config",
            str(out / "manifest.json"),
            "--out",
            str(tmp_path / "again"),
            "--json",
        ]
    )
    assert json.loads(again.stdout)["variants"] == json.loads(ran.stdout)["variants"]


def selection(reference: int, target: int, text: str, *answers: int) -> dict[str, Any]:
    return {
        "reference_image_name": NAMES[reference],
        "threshold": 0.85,
        "target_image_name": NAMES[target],
        "relative_captions": text,
        "confidence_scores": {NAMES[number]: 0.9 for number in answers},
    }


def test_several_targets_are_a_second_ground_truth(cirr: Benchmark, tmp_path: Path) -> None:
    folder = tmp_path / "soft"
    layouts.put(
        folder / "cirr_multi_target_selection.json",
        [
            selection(0, 1, "make it red", 1, 9),
            # without the data set's own target, and with the reference, which is no answer here
            selection(4, 5, "Remove the lemon.", 4, 10),
            selection(6, 8, "a cat", 6),
        ],
    )
    second = several_targets(cirr, folder)
    answers = {id: query.answers for id, (_, query) in second.queries.items()}
    assert answers == {"12": (NAMES[1], NAMES[9]), "14": (NAMES[10],)}
    assert any("2 of 5 queries, 1.5 right answers each" in note for note in second.notes)
    assert "SoFT" in second.protocol
    predictions = {
        id: [name for name in (NAMES[9], NAMES[10], *NAMES) if name != query.reference][:9]
        for id, (_, query) in cirr.queries.items()
    }
    predictions = {id: list(dict.fromkeys(names)) for id, names in predictions.items()}
    file = layouts.put(tmp_path / "p.json", {"version": "rc2", "metric": "recall", **predictions})
    command = ["bench", "score", "cirr", "--root", str(tmp_path), "-p", str(file)]
    scored = invoke([*command, "--ground-truth", str(folder), "--json"])
    assert scored.exit_code == 0, scored.output
    data = json.loads(scored.stdout)
    assert data["headline"]["hit@1"] == 50.0
    assert data["headline"]["hit@5"] == 100.0
    # the first query's answers at ranks 1 and 3, the second's at rank 2
    assert data["headline"]["mAP@5"] == pytest.approx(100 * (5 / 6 + 1 / 2) / 2, abs=1e-3)
    assert data["counts"]["queries"] == 2


def test_a_second_ground_truth_of_other_queries_is_refused(cirr: Benchmark, tmp_path: Path) -> None:
    file = tmp_path / "soft/cirr_multi_target_selection.json"
    layouts.put(file, [selection(0, 2, "make it red", 2)])
    with pytest.raises(RecordError, match="1 of the 1 queries of SoFT are no queries of cirr val"):
        several_targets(cirr, file)
    layouts.put(file, [{"reference_image_name": "a"}])
    with pytest.raises(RecordError, match="entry 0, cannot be understood"):
        several_targets(cirr, file)
    with pytest.raises(NotFoundError, match="multi_target_selection.json"):
        several_targets(cirr, tmp_path / "nothing")

"""The file of measured rows: parts are measured one at a time, and none forgets the others."""

from __future__ import annotations

import json
from pathlib import Path

from bench.rows import Row, save


def figures(file: Path) -> dict[str, float]:
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    return {f"{row['part']}: {row['name']}": row["ratio"] for row in rows}


def test_a_part_that_is_measured_again_replaces_its_rows_and_keeps_those_of_others(
    tmp_path: Path,
) -> None:
    file = tmp_path / "latest.json"
    save("quality", [Row("R@1", 30.0, 28, at_least=True), Row("of old", 1.0)], file)
    save("cirr", [Row("CIRR, R@1", 20.0)], file)
    save("quality", [Row("R@1", 31.0, 32, at_least=True)], file)
    assert figures(file) == {"cirr: CIRR, R@1": 20.0, "quality: R@1": 31.0}
    last = json.loads(file.read_text(encoding="utf-8"))["rows"][-1]
    assert last["met"] is False
    assert last["machine"]["cores"] >= 1
    assert last["measured"].endswith("+00:00")


def test_a_part_without_rows_leaves_what_was_measured_before(tmp_path: Path) -> None:
    file = tmp_path / "latest.json"
    save("stamps", [Row("mAP@10", 12.0)], file)
    save("stamps", [], file)
    assert figures(file) == {"stamps: mAP@10": 12.0}


def test_rows_of_a_file_without_parts_stay_until_their_names_are_measured(tmp_path: Path) -> None:
    file = tmp_path / "latest.json"
    file.write_text(json.dumps({"machine": {}, "rows": [{"name": "a"}, {"name": "b"}]}))
    save("new", [Row("a", 2.0)], file)
    assert [row["name"] for row in json.loads(file.read_text())["rows"]] == ["b", "a"]
    file.write_text("{")
    save("new", [Row("a", 3.0)], file)
    assert figures(file) == {"new: a": 3.0}

"""Compositions in the forms others publish."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.composers import RecordedComposer, Reference, published_text, write_compositions
from stitch_cir.errors import QueryError, RecordError

LDRE = {
    "id": 3,
    "reference_img_id": 281438,
    "relative_caption": "is cleaner",
    "shared_concept": "a cup",
    "blip2_caption": "a cup",
    "gpt-3.5-turbo": "a clean cup",
    "multi_caption_opt": ["a cup on a table", "a dirty cup", "a cup on a table"],
    "multi_gpt-3.5_opt": ["a clean cup on a table", "a clean cup", " "],
}


def stored(path: Any, *entries: Any) -> Any:
    path.write_text(json.dumps(list(entries)))
    return path


def test_ldres_form_is_read_as_it_is_published(tmp_path: Path) -> None:
    composer = RecordedComposer(stored(tmp_path / "c.json", LDRE))
    for name in ("281438", "000000281438.jpg", "unlabeled2017/000000281438.jpg"):
        made = composer.compose(Reference(name), "Is cleaner.", 5)
        assert made.texts == ("a clean cup on a table", "a clean cup")
        assert made.reference_captions == ("a cup on a table", "a dirty cup")
    assert made.settings["source"] == {"published": "multi_gpt-3.5_opt"}
    assert made.settings["record"] == 3
    with pytest.raises(QueryError):
        composer.compose(Reference("281439.jpg"), "is cleaner", 5)


@pytest.mark.parametrize(
    ("entry", "reference", "modification", "captions"),
    [
        (
            {"reference": "dev-1", "caption": "more", "gpt-3.5-turbo": "more dogs", "pairid": 7},
            "dev-1",
            "more",
            ("more dogs",),
        ),
        (
            {"candidate": "B1", "captions": ["is red", "is long"], "edited_caption": ["a", "b"]},
            "B1",
            "is red and is long",
            ("a", "b"),
        ),
    ],
)
def test_other_data_sets_keys_are_understood(
    tmp_path: Path, entry: Any, reference: str, modification: str, captions: Any
) -> None:
    composer = RecordedComposer(stored(tmp_path / "c.json", entry))
    assert composer.compose(Reference(reference), modification, 5).texts == captions


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "no JSON"),
        ("[]", "no list of queries"),
        ("[1]", "query 0 is no JSON object"),
        (json.dumps([LDRE, {**LDRE, "relative_caption": None}]), "query 1 has no modification"),
        (json.dumps([{**LDRE, "reference_img_id": ""}]), "query 0 has no reference"),
        (json.dumps([{"reference": "a", "caption": "b"}]), "no rewritten captions"),
        (json.dumps([LDRE])[:-40], "no JSON"),
    ],
)
def test_what_cannot_be_understood_is_named(tmp_path: Path, content: Any, message: str) -> None:
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(RecordError, match=message):
        RecordedComposer(tmp_path / "c.json")


def test_both_forms_convert_into_each_other(tmp_path: Path) -> None:
    first = RecordedComposer(stored(tmp_path / "c.json", LDRE))
    write_compositions(tmp_path / "c.jsonl", [(r, c) for r, _, c in first.records()])
    ours = RecordedComposer(tmp_path / "c.jsonl")
    (tmp_path / "d.json").write_text(published_text(ours.records()))
    ((reference, _, made),) = RecordedComposer(tmp_path / "d.json").records()
    assert reference == "281438"
    assert made.texts == ("a clean cup on a table", "a clean cup")
    assert made.reference_captions == ("a cup on a table", "a dirty cup")
    data = json.loads((tmp_path / "d.json").read_text())[0]
    assert data["reference_img_id"] == 281438
    assert data["relative_caption"] == "is cleaner"

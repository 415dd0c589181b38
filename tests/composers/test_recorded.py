import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stitch_cir.composers import (
    Caption,
    Composition,
    RecordedComposer,
    Reference,
    VerbatimComposer,
    write_compositions,
)
from stitch_cir.errors import NotFoundError, QueryError, RecordError, SettingError

LINE = {"reference": "a.jpg", "modification": "in red", "captions": ["a red dress", "red"]}


def lines(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def test_a_line_is_found_by_reference_and_modification(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "c.jsonl",
        {**LINE, "weights": [1, 0.5], "reference_captions": ["a dress"], "id": 7},
    )
    made = RecordedComposer(path).compose(Reference("a.jpg"), " In  RED. ", 5)
    assert made.captions == (
        Caption("a red dress", 1.0, "recorded"),
        Caption("red", 0.5, "recorded"),
    )
    assert made.reference_captions == ("a dress",)
    assert made.settings["record"] == 7
    assert made.settings["file"] == "c.jsonl"


def test_no_more_captions_than_requested(tmp_path: Path) -> None:
    made = RecordedComposer(lines(tmp_path / "c", LINE)).compose(Reference("a.jpg"), "in red", 1)
    assert made.texts == ("a red dress",)
    assert made.notes == ("the first 1 of 2 recorded captions",)
    with pytest.raises(SettingError):
        RecordedComposer(tmp_path / "c").compose(Reference("a.jpg"), "in red", 0)


def test_paths_match_by_their_ends(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "c",
        LINE,
        {**LINE, "reference": "x/b.jpg", "captions": ["x"]},
        {**LINE, "reference": "y/b.jpg", "captions": ["y"]},
    )
    composer = RecordedComposer(path)
    assert len(composer) == 3
    assert composer.compose(Reference("/photos/a.jpg"), "in red", 5).texts[0] == "a red dress"
    assert composer.compose(Reference("C:\\y\\b.jpg"), "in red", 5).texts == ("y",)
    with pytest.raises(QueryError, match=r"several references.*x/b.jpg, y/b.jpg"):
        composer.compose(Reference("b.jpg"), "in red", 5)
    with pytest.raises(QueryError, match="no captions for reference 'z/b.jpg'"):
        composer.compose(Reference("z/b.jpg"), "in red", 5)


def test_the_later_line_counts(tmp_path: Path) -> None:
    path = lines(tmp_path / "c", LINE, {**LINE, "captions": ["better"]})
    assert RecordedComposer(path).compose(Reference("a.jpg"), "in red", 5).texts == ("better",)


def test_a_text_alone_is_recorded_without_reference(tmp_path: Path) -> None:
    path = lines(tmp_path / "c", {**LINE, "reference": None})
    assert RecordedComposer(path).compose(None, "in red", 1).texts == ("a red dress",)
    with pytest.raises(QueryError):
        RecordedComposer(path).compose(Reference("a.jpg"), "in red", 1)
    with pytest.raises(QueryError):
        RecordedComposer(path).compose(Reference(captions=("a dress",)), "in red", 1)


def test_a_query_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = lines(tmp_path / "c.jsonl", LINE)
    with pytest.raises(QueryError, match=r"c\.jsonl has no captions for .*'a.jpg'.*'in blue'"):
        RecordedComposer(path).compose(Reference("a.jpg"), "in blue", 5)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "object is expected, not list"),
        ('{"reference": null, "modification": "m"}', "captions: Field required"),
        ('{"reference": null, "modification": "m", "captions": []}', "captions"),
        ('{"reference": null, "modification": "m", "captions": ["\\u200b"]}', "no visible"),
        ('{"reference": null, "modification": "m", "captions": "a"}', "captions"),
        ('{"reference": 1, "modification": "m", "captions": ["a"]}', "reference"),
        ('{"reference": null, "modification": "m", "captions": ["a"], "x": 1}', "x: Extra"),
        ('{"reference": null, "modification": "m", "captions": ["a"], "weights": [0]}', "above 0"),
        ('{"reference": null, "modification": "m", "captions": ["a"], "weights": [NaN]}', "weights"),
        ('{"reference": null, "modification": "m", "captions": ["a"], "weights": [1, 2]}', "2 weig"),
        ('{"reference": null, "modification": "m", "captions": ["\\ud800"]}', "captions"),
    ],
)  # fmt: skip
def test_malformed_lines_are_named(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps(LINE) + "\n\n" + line + "\n", encoding="utf-8")
    with pytest.raises(RecordError, match=rf"c\.jsonl:3: .*{reason}") as caught:
        RecordedComposer(path)
    assert "Expected is one JSON object a line" in caught.value.hint


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no file"):
        RecordedComposer(tmp_path / "missing.jsonl")
    with pytest.raises(RecordError, match="cannot be read"):
        RecordedComposer(tmp_path)
    (tmp_path / "latin").write_bytes(b'{"reference": "\xe4"}')
    with pytest.raises(RecordError, match="latin:1: not UTF-8"):
        RecordedComposer(tmp_path / "latin")
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbf" + json.dumps(LINE).encode())
    assert len(RecordedComposer(tmp_path / "bom")) == 1


def test_a_saved_composition_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    reference = Reference("d/ä.jpg", captions=("A brown dog on grass.", "a dog"))
    made = VerbatimComposer().compose(reference, "with a “hat”", 5)
    alone = VerbatimComposer().compose(None, "in red", 3)
    assert write_compositions(path, [(reference, made)]) == 1
    assert write_compositions(path, [(None, alone)]) == 1
    back = RecordedComposer(path).compose(reference, "with a “hat”", 5)
    assert back.captions == made.captions
    assert (back.reference_captions, back.notes) == (made.reference_captions, made.notes)
    assert back.modification == made.modification
    assert back.settings["source"] == {"composer": "verbatim", "settings": dict(made.settings)}
    assert RecordedComposer(path).compose(None, "in red", 3).captions == alone.captions

    again = tmp_path / "again.jsonl"
    write_compositions(again, [(Path("d/ä.jpg"), back)])
    assert again.read_bytes() == path.read_bytes().splitlines(keepends=True)[0]


def test_appending_repairs_a_cut_off_line_and_replacing_replaces(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps(LINE), encoding="utf-8")
    made = VerbatimComposer().compose(None, "in blue", 2)
    write_compositions(path, [(None, made)])
    assert len(RecordedComposer(path)) == 2
    write_compositions(path, [(None, made)], append=False)
    assert len(RecordedComposer(path)) == 1


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    made = VerbatimComposer().compose(None, "in blue", 2)
    with pytest.raises(NotFoundError, match="no folder"):
        write_compositions(tmp_path / "no" / "c", [(None, made)])
    with pytest.raises(RecordError):
        write_compositions(tmp_path / "c", [(None, Composition((), "m", "user"))])
    with pytest.raises(RecordError):
        write_compositions(tmp_path / "c", [(None, Composition((Caption("\ud800"),), "m", "user"))])
    assert not (tmp_path / "c").exists()


VISIBLE = st.text(st.characters(exclude_categories=["C", "Z", "M"]), min_size=1, max_size=20)


@given(st.lists(st.tuples(VISIBLE, st.floats(1e-6, 10)), min_size=1, max_size=6), VISIBLE, VISIBLE)
def test_any_composition_survives_the_file(
    tmp_path_factory: pytest.TempPathFactory,
    captions: list[tuple[str, float]],
    name: str,
    text: str,
) -> None:
    path = tmp_path_factory.mktemp("recorded") / "c.jsonl"
    made = Composition(tuple(Caption(t, w) for t, w in captions), text, "user")
    write_compositions(path, [(name, made)])
    back = RecordedComposer(path).compose(Reference(name), text, 10)
    assert (back.captions, back.modification) == (made.captions, text)


def test_files_with_the_earlier_name_of_the_reference_captions_are_read(tmp_path: Path) -> None:
    path = lines(tmp_path / "c.jsonl", {**LINE, "before": ["a dress"]})
    made = RecordedComposer(path).compose(Reference("a.jpg"), "in red", 2)
    assert made.reference_captions == ("a dress",)
    data = made.to_dict()
    data["before"] = data.pop("reference_captions")
    assert Composition.from_dict(data) == made

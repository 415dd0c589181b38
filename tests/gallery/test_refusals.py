"""What galleries refuse, and what they do at the ends of their ranges."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.errors import NotFoundError, QueryError, RecordError, SettingError
from stitch_cir.gallery import Gallery, PathMask, VerifyReport, index_folder
from tests.gallery.attributes.catalogue import make_gallery
from tests.gallery.fakes import FakeEncoder


def test_a_private_path_becomes_the_name_of_the_folder(
    folder: Path, tmp_path: Path, encoder: FakeEncoder
) -> None:
    index_folder(folder, encoder=encoder)
    with Gallery.open(folder) as gallery:
        mask = PathMask(gallery)
        assert mask.name == folder.name
        shown = mask.hide(f"{folder / '.stitch'} of {folder}/a.png")
    assert str(folder) not in shown
    assert shown.endswith(f"{folder.name}/a.png")
    texts = make_gallery(tmp_path, ["a"])
    mask = PathMask(texts)
    assert mask.hide(f"in {texts.directory}") == f"in {mask.name}"


def test_what_is_added_and_removed_must_fit(
    folder: Path, tmp_path: Path, encoder: FakeEncoder
) -> None:
    index_folder(folder, encoder=encoder)
    content = (folder / "a.png").read_bytes()
    with Gallery.open(folder, encoder=encoder) as gallery:
        with pytest.raises(SettingError, match="captions for 2 of 1 images"):
            gallery.add([("new.png", content)], captions=[["one"], ["two"]])
        with pytest.raises(NotFoundError, match=r"no image 'no\.png'"):
            gallery.remove("no.png")
        assert len(gallery) == 5
    texts = make_gallery(tmp_path, ["a"])
    with pytest.raises(SettingError, match="captions only"):
        texts.add([("new.png", content)])


def test_a_verification_reports_an_unfinished_run() -> None:
    report = VerifyReport(2, 20, missing_files=0, changed_files=0, problems=(), complete=False)
    assert not report.sound
    assert "The last run did not come to its end" in report.summary()
    assert "undamaged, but not up to date" in report.summary()


def test_many_items_get_attributes_at_once(tmp_path: Path) -> None:
    ids = [f"i{number:03}" for number in range(300)]
    gallery = make_gallery(tmp_path, ids)
    gallery.set_attributes({id: {"price": number} for number, id in enumerate(ids)})
    with gallery.snapshot() as snapshot:
        attributes = snapshot.attributes
        assert attributes.names == ("price",)
        assert attributes.rows("price >= 290").tolist() == list(range(290, 300))
        attributes.check("price < 3")
        with pytest.raises(QueryError, match="no attribute 'colour'"):
            attributes.check("colour = 'red'")


def test_a_flag_and_a_day_are_counted_with_conditions_that_find_them(tmp_path: Path) -> None:
    gallery = make_gallery(tmp_path, ["a", "b", "c"])
    day = datetime.date(2024, 2, 29)
    gallery.set_attributes(
        {"a": {"sold": True, "made": day}, "b": {"sold": False}, "c": {"sold": True, "made": day}}
    )
    with gallery.snapshot() as snapshot:
        attributes = snapshot.attributes
        for facet in attributes.facets(["sold", "made"]):
            for count in facet.counts:
                assert len(attributes.rows(count.where)) == count.count == (2 if count.value else 1)


def test_a_file_of_attributes_beyond_a_gibibyte_is_not_read(tmp_path: Path) -> None:
    gallery = make_gallery(tmp_path, ["a"])
    huge = tmp_path / "huge.csv"
    with huge.open("wb") as file:
        file.truncate((1 << 30) + 1)  # takes no room on the disk
    with pytest.raises(RecordError, match="larger than 1 GiB"):
        gallery.set_attributes(huge)


def test_columns_that_were_let_go_are_read_again(tmp_path: Path) -> None:
    gallery = make_gallery(tmp_path, ["a", "b"])
    names = [f"n{number}" for number in range(70)]
    gallery.set_attributes({"a": dict.fromkeys(names, 1), "b": dict.fromkeys(names, 2)})
    with gallery.snapshot() as snapshot:
        for _ in range(2):
            for name in names:
                assert snapshot.attributes.rows(f"{name} = 2").tolist() == [1]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("list", []),
        ("list", 3),
        ("date", "0999-01-01"),
        ("date", datetime.date(999, 1, 1)),
        ("date", "2024-02-30"),
        ("list", [str(number) for number in range(100_000)]),
    ],
)
def test_values_that_no_kind_takes_change_nothing(tmp_path: Path, kind: Any, value: Any) -> None:
    gallery = make_gallery(tmp_path, ["a"])
    with pytest.raises(RecordError):
        gallery.set_attributes({"a": {"x": value}}, kinds={"x": kind})
    with gallery.snapshot() as snapshot:
        assert snapshot.attributes.names == ()

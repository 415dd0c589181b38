"""Parquet read by the real pyarrow: attributes, feeds, and files of another schema."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

import stitch_cir as st
from stitch_cir.datasets import load_benchmark
from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import NotFoundError, RecordError
from tests.gallery.feeds.shop import Shop

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def write(file: Path, **columns: list[object]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.table(columns), file)
    return file


def test_attributes_of_every_kind(gallery: st.Gallery, tmp_path: Path) -> None:
    file = write(
        tmp_path / "attributes.parquet",
        id=["red.png", "blue.png"],
        price=[12.5, None],
        stock=[3, 0],
        sold_out=[False, True],
        added=[datetime.date(2024, 6, 1), None],
        tags=[["new", "red"], []],
        brand=["Acme", None],
    )
    report = gallery.set_attributes(file)
    assert report.kinds == {
        "price": "number",
        "stock": "number",
        "sold_out": "boolean",
        "added": "date",
        "tags": "list",
        "brand": "text",
    }
    red = gallery.attributes_of("red.png")
    assert {name: red[name] for name in report.kinds} == {
        "price": 12.5,
        "stock": 3,
        "sold_out": False,
        "added": "2024-06-01",
        "tags": ["new", "red"],
        "brand": "Acme",
    }
    assert "price" not in gallery.attributes_of("blue.png")


def test_a_feed(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop", HashEncoder())
    shop.paint("hat.png", 1)
    shop.paint("back.png", 2)
    file = write(
        shop.folder / "products.parquet",
        id=["hat", "cap", "bad"],
        image_link=["hat.png", "hat.png", "hat.png"],
        additional_image_link=[["back.png"], None, []],
        price=["12.50 EUR", "9.00 EUR", "12,50 €"],
        stock=[3, None, 1],
    )
    report = shop.apply(file=file)
    assert report.added == ("hat", "cap")
    assert [(each.line, each.id) for each in report.failed] == [(3, "bad")]
    assert len(shop.open().views("hat")) == 20
    assert shop.open().attributes_of("hat")["stock"] == 3
    assert shop.apply(file=file).unchanged == 2


def test_another_schema_and_no_parquet(gallery: st.Gallery, tmp_path: Path) -> None:
    other = write(tmp_path / "other.parquet", sku=["a"], photo=["b"])
    with pytest.raises(RecordError, match="'id'"):
        gallery.set_attributes(other)
    shop = Shop(tmp_path / "shop", HashEncoder())
    shop.paint("hat.png", 1)
    with pytest.raises(RecordError, match="neither 'id' nor 'image_link', but sku, photo"):
        shop.apply(file=other)
    numbers = write(tmp_path / "numbers.parquet", id=[1.5], image_link=["hat.png"])
    assert shop.apply(file=numbers).failed[0].reason == "there is no text under 'id'"
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(other.read_bytes()[:50])
    for wrong in (torn, Path(__file__).with_suffix(".parquet")):
        with pytest.raises((RecordError, NotFoundError)) as refused:
            gallery.set_attributes(wrong)
        assert refused.value.hint


def test_pinpoints_queries_as_they_are_published(tmp_path: Path) -> None:
    base = tmp_path / "pinpoint-dataset"
    write(
        base / "pinpoint_metadata.parquet",
        query_id=["00001", "00002"],
        query_image_signature=["a1", "a2"],
        query_image_signature2=[None, "a3"],
        instruction=["in red", "both together"],
        positive_candidates=[["b1", "b2"], ["b3"]],
        negative_candidates=[["b4"], []],
        query_category=["shoes", None],
    )
    (base / "index_signatures.txt").write_text("b1\nb2\nb3\nb4\na3\n")
    data = load_benchmark("pinpoint", tmp_path)
    first, second = (query for _, query in data.queries.values())
    assert (first.answers, first.negatives) == (("b1", "b2"), ("b4",))
    assert second.references == ("a2", "a3")
    assert second.kinds == ("two images",)
    assert data.tasks[0].query_images == ("a1", "a2")
    (base / "pinpoint_metadata.parquet").write_bytes(b"no Parquet")
    with pytest.raises(RecordError, match="is no Parquet file"):
        load_benchmark("pinpoint", tmp_path)

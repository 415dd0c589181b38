"""Rows of a feed: every way to write them, and one clear answer for each that is wrong."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.errors import NotFoundError, RecordError
from stitch_cir.gallery import FeedReport, minor_units
from tests.gallery.feeds.shop import COLUMNS, Shop


def failures(report: FeedReport) -> list[tuple[int, str | None, str]]:
    return [(each.line, each.id, each.reason) for each in report.failed]


def test_tsv_csv_and_json_lines_say_the_same(shop: Shop, tmp_path: Path) -> None:
    shop.apply()
    rows = [{"id": id, **row} for id, row in shop.rows.items()]
    table = shop.folder / "products.csv"
    with table.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([name.replace("_", " ").title() for name in COLUMNS])
        writer.writerows(shop.cells(row) for row in rows)
    assert shop.apply(file=table).unchanged == 4
    prefixed = [{f"g:{name}": value for name, value in row.items()} for row in rows]
    lines = shop.write_lines("products.jsonl", prefixed)
    assert shop.apply(file=lines).unchanged == 4
    rows[0]["price"] = {"value": "12.50", "currency": "eur"}
    rows[2]["additional_image_link"] = [rows[2]["additional_image_link"]]
    assert shop.apply(file=shop.write_lines("products.jsonl", rows)).unchanged == 4


def test_other_columns_are_attributes_too(shop: Shop) -> None:
    columns = [*COLUMNS, "material", "weight:number", "tags:list"]
    more = {"material": "12", "weight:number": "1.5", "tags:list": "new|red"}
    cells = [{"id": "hat", **shop.rows["hat"], **more}.get(name, "") for name in columns]
    file = shop.folder / "wide.tsv"
    file.write_text("\t".join(columns) + "\n" + "\t".join(cells) + "\n")
    assert shop.apply(file=file).failed == ()
    attributes = shop.open().attributes_of("hat")
    assert attributes["material"] == "12"
    assert attributes["weight"] == 1.5
    assert attributes["tags"] == ["new", "red"]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("price", "12,50 €", "price is '12,50 €': write an amount with a point"),
        ("price", "EUR 12.50", "price is 'EUR 12.50': write an amount"),
        ("price", "12.505 EUR", "EUR has 2 decimal places"),
        ("price", "1200.5 JPY", "JPY has 0 decimal places"),
        ("price", "-1.00 EUR", "price is '-1.00 EUR'"),
        ("price", "free", "price is 'free'"),
        ("sale_price", "1.00 USD", "price is in EUR, sale_price in USD"),
        ("availability", "maybe", "availability is 'maybe'; it can be in_stock"),
        ("image_link", "", "there is no image_link"),
        ("image_link", "gone.png", "there is no image 'gone.png'"),
        ("image_link", "../../secret.png", "there is no image"),
        ("image_link", "/etc/passwd", "there is no image"),
        ("image_link", "products.tsv", "there is no image 'products.tsv'"),
        ("description", "x" * 20_000, "a text of 20,000 characters"),
        ("additional_image_link", ",".join(f"{n}.png" for n in range(12)), "at most 11"),
    ],
)
def test_a_row_that_is_wrong_is_listed_and_the_rest_goes_on(
    shop: Shop, field: str, value: str, reason: str
) -> None:
    shop.apply()
    before = shop.open().attributes_of("hat")
    shop.rows["hat"][field] = value
    shop.rows["shoe"]["brand"] = "Bolt"
    report = shop.apply()
    assert [(line, id) for line, id, _ in failures(report)] == [(4, "hat")]
    assert reason in report.failed[0].reason
    assert list(report.changed_attributes) == ["shoe"]
    # what it was before stays
    assert shop.open().attributes_of("hat") == before


def test_a_further_image_that_is_missing_is_listed_and_its_product_stays(shop: Shop) -> None:
    shop.rows["hat"]["additional_image_link"] = "nowhere.png"
    report = shop.apply()
    assert report.products == 4
    assert "further image left out: there is no image 'nowhere.png'" in report.failed[0].reason
    assert len(shop.open().views("hat")) == 10
    assert shop.apply().unchanged == 4


def test_a_file_that_is_no_image(shop: Shop) -> None:
    (shop.folder / "images/hat.png").write_bytes(b"<html>not found</html>")
    (shop.folder / "images/more/hat back.png").write_bytes(b"")
    report = shop.apply()
    assert [(line, id) for line, id, _ in failures(report)] == [(4, "hat")]
    assert "hat.png" in report.failed[0].reason
    assert report.added == ("dress-red", "dress-blue", "shoe")


def test_lines_that_cannot_be_read(shop: Shop) -> None:
    good = "\t".join(shop.cells({"id": "good", **shop.rows["hat"]}))
    rows = [
        "short\trow",
        good.replace("good", "long", 1) + "\tone more",
        good.replace("good", "huge", 1).replace("Product hat", "x" * 10_000_000),
        good.replace("good", "hat", 1),
        good.replace("good", "x" * 300, 1),
        good.replace("good", "", 1),
        good,
    ]
    file = shop.write(rows)
    content = file.read_bytes() + good.replace("good", "latin", 1).encode() + b"\xe9\n"
    file.write_bytes(content)
    report = shop.apply(file=file)
    assert "good" in report.added
    assert report.products == 5
    assert [(line, id, reason[:34]) for line, id, reason in failures(report)] == [
        (6, "short", "2 cells, where the first line name"),
        (7, "long", "15 cells, where the first line nam"),
        (8, "huge", "the line has more than 1 MiB"),
        (9, "hat", "the id was there already, in line "),
        (10, "x" * 80, "an id has at most 200 characters, "),
        (11, None, "the id is empty"),
        (13, "latin", f"byte {len(content.splitlines()[-1])} of the line is not UTF-8: save "[:34]),
    ]


def test_nothing_is_deleted_while_an_id_cannot_be_read(shop: Shop) -> None:
    shop.apply()
    hat = shop.cells({"id": "", **shop.rows.pop("hat")})
    report = shop.apply(extra=["\t".join(hat)])
    assert (report.deleted, report.products) == ((), 4)
    assert "1 products are not in the feed, but stay" in report.notes[0]


def test_a_quotation_mark_that_is_not_closed(shop: Shop) -> None:
    shop.rows["dress-blue"]["title"] = '"Blue'
    report = shop.apply()
    assert "is a quotation mark not closed?" in report.failed[0].reason or (
        "not understood" in report.failed[0].reason
    )
    assert (report.failed[0].line, report.added) == (3, ("dress-red",))


def test_a_quotation_mark_that_swallows_a_row_and_is_closed_later(shop: Shop) -> None:
    shop.rows["dress-blue"]["title"] = '"Blue'
    shop.rows["hat"]["title"] = 'Hat"'
    report = shop.apply()
    # the two lines are one row with the right number of cells, half of them of another product
    reason = "a cell holds the rows up to line 4: is a quotation mark not closed?"
    assert failures(report) == [(3, "dress-blue", reason)]
    assert report.added == ("dress-red", "shoe")
    # in other columns the number of cells gives it away
    shop.rows["hat"]["title"], shop.rows["hat"]["link"] = "Hat", 'https://shop.example/hat"'
    reason = "cells, where the first line names 14 columns; the row ends in line 4: is a quotation"
    assert reason in shop.apply().failed[0].reason


def test_a_text_of_several_lines_is_a_text(shop: Shop) -> None:
    rows = [{"id": id, **row} for id, row in shop.rows.items()]
    lines = ["Red, with sleeves.", "Washable, dry, iron, fold, store.", "New."]
    rows[0]["description"] = "\n".join(lines)
    file = shop.folder / "products.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        writer.writerows(shop.cells(row) for row in rows)
    assert shop.apply(file=file).failed == ()
    assert shop.open().attributes_of("dress-red")["description"] == " ".join(lines)


def test_json_lines_that_are_empty_or_too_long(shop: Shop) -> None:
    hat = {"id": "hat", **shop.rows["hat"]}
    huge = {**hat, "id": "huge", "title": "x" * 2_000_000}
    lines = [json.dumps(hat), "", json.dumps(huge), "   ", json.dumps({**hat, "id": "cap"})]
    file = shop.folder / "feed.jsonl"
    file.write_text("\n".join(lines) + "\n")
    report = shop.apply(file=file)
    assert report.added == ("hat", "cap")
    assert failures(report) == [(3, None, "the line has more than 1 MiB")]


def test_json_lines_that_cannot_be_read(shop: Shop) -> None:
    hat = {"id": "hat", **shop.rows["hat"]}
    rows: list[Any] = [hat, ["a", "list"], {"title": "no id"}, {**hat, "id": 7}]
    file = shop.write_lines("feed.jsonl", rows)
    more = ["{", "[" * 20_000, json.dumps({**hat, "id": "odd", "price": [1]}), '{"id": NaN}']
    more += [json.dumps({**hat, "id": "far", "additional_image_link": 5})]
    more += [json.dumps({**hat, "id": "deep", "size": {"waist": 30}})]
    with file.open("a") as stream:
        stream.write("\n".join(more) + "\n")
    report = shop.apply(file=file)
    assert report.added == ("hat", "7")
    assert [(line, id, reason[:20]) for line, id, reason in failures(report)] == [
        (2, None, "it is no JSON object"),
        (3, None, "there is no text und"),
        (5, None, "no JSON: Expecting p"),
        (6, None, "no JSON: nested too "),
        (7, "odd", "price is [1]: write "),
        (8, None, "there is no text und"),
        (9, "far", "additional_image_lin"),
        (10, "deep", "size is {'waist': 30"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("feed.xml", b"<?xml version='1.0'?><rss/>", "XML, which is not read"),
        ("feed.tsv", b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'ha'>]>", "is XML"),
        ("feed.tsv", "id\timage_link\n".encode("utf-16"), "is UTF-16"),
        ("feed.tsv", b"\x89PNG\r\n\x1a\n\0\0", "is no text"),
        ("feed.tsv", b"", "no column 'id'"),
        ("feed.tsv", b"id\timage_link\n", "has no rows"),
        ("feed.tsv", b"id\timage_lnk\nx\ty\n", "no column 'image_link'"),
        ("feed.tsv", b"id\timage_link\tid:text\nx\ty\tz\n", "names the column 'id' twice"),
        ("feed.csv", b"sku,photo\nx,y\n", "no column 'id'"),
        ("feed.jsonl", b'{"sku": 1, "photo": "x.png"}\n', "neither 'id' nor 'image_link', but sku"),
        ("feed.zip", b"PK\x03\x04", "of no known kind"),
    ],
)
def test_a_file_that_is_no_feed_makes_no_gallery(
    shop: Shop, name: str, content: bytes, message: str
) -> None:
    file = shop.folder / name
    file.write_bytes(content)
    with pytest.raises(RecordError, match=message) as refused:
        shop.apply(file=file)
    assert refused.value.hint
    assert not (shop.folder / "gallery").exists()


def test_a_feed_that_is_not_there(shop: Shop) -> None:
    shop.write()
    with pytest.raises(NotFoundError, match="cannot be read") as refused:
        shop.apply(file=shop.folder / "product.tsv")
    assert "products.tsv" in refused.value.hint


def test_an_attribute_of_another_kind_is_refused_whole(shop: Shop) -> None:
    shop.apply()
    gallery = shop.open()
    gallery.drop_attribute("color")
    gallery.set_attributes({"hat": {"color": 3}})
    with pytest.raises(RecordError, match="color of a feed is a text, but the gallery's is a num"):
        shop.apply()


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [(12.5, "EUR", 1250), (0.29, "USD", 29), (1200, "JPY", 1200), (1.234, "KWD", 1234)],
)
def test_amounts_in_minor_units(amount: float, currency: str, units: int) -> None:
    assert minor_units(amount, currency) == units


def test_a_table_of_a_spreadsheet_with_decimal_commas_is_read_at_its_semicolons(shop: Shop) -> None:
    shop.apply()
    rows = [{"id": id, **row} for id, row in shop.rows.items()]
    lines = [";".join(COLUMNS), *(";".join(shop.cells(row)) for row in rows), ""]
    file = shop.folder / "products.csv"
    file.write_text("\n".join(lines) + "\n")
    assert shop.apply(file=file).unchanged == 4


def test_a_first_line_that_cannot_be_read_is_refused(shop: Shop) -> None:
    file = shop.folder / "products.tsv"
    file.write_bytes(b"id\ttit\xffle\n")
    with pytest.raises(RecordError, match="1 cannot be read"):
        shop.apply(file=file)


def test_a_column_without_a_name_is_no_attribute(shop: Shop) -> None:
    columns = [*COLUMNS, ":number", "n" * 300]
    cells = [
        {"id": "hat", **shop.rows["hat"], ":number": "1"}.get(name, "x")
        if name != ":number"
        else "1"
        for name in columns
    ]
    file = shop.folder / "odd.tsv"
    file.write_text("\t".join(columns) + "\n" + "\t".join(cells) + "\n")
    shop.apply(file=file)
    assert not {"", "n" * 300} & set(shop.open().attributes_of("hat"))


def test_more_attributes_than_a_gallery_may_have_are_refused(shop: Shop) -> None:
    row = {"id": "hat", **shop.rows["hat"], **{f"column {n}": n for n in range(600)}}
    file = shop.write_lines("wide.jsonl", [row])
    with pytest.raises(RecordError, match="more than"):
        shop.apply(file=file)

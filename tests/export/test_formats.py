"""Exported hits, held against what the formats require, field by field."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import stitch_cir as st
from stitch_cir.encoders import HashEncoder
from stitch_cir.export import HitRecord, HitRecords, format_hits, read_results, records_of

SERVER = "http://127.0.0.1:8000"


@pytest.fixture
def results(gallery: st.Gallery) -> st.Results:
    return st.search(
        gallery,
        reference=["red.png", "blue.png"],
        text="the first in the colour of the second",
        settings=st.SearchSettings(k=4),
    )


@pytest.fixture
def hits(results: st.Results) -> HitRecords:
    return records_of(results)


def test_regions_are_boxes_in_pixels_of_the_upright_image(tmp_path: Path) -> None:
    image = Image.new("RGB", (300, 101), (220, 30, 30))
    image.paste((40, 80, 210), (0, 0, 150, 101))
    exif = Image.Exif()
    exif[0x0112] = 6  # taken with the camera on its side
    image.save(tmp_path / "turned.jpg", exif=exif)
    st.index_folder(tmp_path, encoder=HashEncoder())
    opened = st.Gallery.open(tmp_path, encoder=HashEncoder())
    (hit,) = st.search(opened, text="blue")
    assert hit.size == (101, 300)
    regions = hit.regions(20)
    assert regions
    for region in regions:
        assert 0 <= region.x < region.x + region.width <= 101
        assert 0 <= region.y < region.y + region.height <= 300
    assert (0, 0, 101, 300) in [(r.x, r.y, r.width, r.height) for r in regions]
    assert [r.mass for r in regions] == sorted((r.mass for r in regions), reverse=True)
    # the blue half is the upper one, once the image stands upright
    best = regions[0]
    assert best.y + best.height <= 151
    assert hit.regions(1) == (best,)


def test_saved_results_are_exported_as_those_of_the_search(
    results: st.Results, hits: HitRecords, tmp_path: Path
) -> None:
    file = tmp_path / "results.json"
    file.write_text(json.dumps(results.to_dict(regions=True)))
    saved = read_results(file)
    for format in ("csv", "jsonl", "coco", "iiif"):
        assert format_hits(saved, format, server=SERVER) == format_hits(hits, format, server=SERVER)
    assert saved.query == "red.png + blue.png + the first in the colour of the second"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no JSON"),
        ("[]", "no results"),
        ("{}", "hits"),
        ('{"hits": [{"id": "a"}]}', "rank"),
        ('{"hits": [{"id": "a", "rank": 1, "score": NaN}]}', "finite"),
        ('{"hits": [{"id": "a", "rank": 1, "score": 1, "regions": [{"x": -1}]}]}', "regions"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_other_files_are_no_results(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    file.write_text(content)
    with pytest.raises(st.RecordError, match=message):
        read_results(file)
    with pytest.raises(st.NotFoundError):
        read_results(tmp_path / "nowhere.json")


def test_json_lines_hold_everything(hits: HitRecords) -> None:
    lines = format_hits(hits, "jsonl").splitlines()
    first = json.loads(lines[0])
    assert len(lines) == 4
    assert list(first) == [
        "rank", "id", "score", "path", "width", "height", "captions", "attributes", "regions",
    ]  # fmt: skip
    assert set(first["regions"][0]) == {
        "x", "y", "width", "height", "caption", "mass", "similarity",
    }  # fmt: skip
    assert (first["rank"], first["width"], first["height"]) == (1, 40, 40)


def hit(**values: Any) -> HitRecord:
    return HitRecord(**{"rank": 1, "id": "a.png", "score": -0.5, "size": (40, 30), **values})


def test_csv_has_a_column_for_each_attribute_and_computes_nothing() -> None:
    hostile = '=HYPERLINK("http://evil","x")'
    records = HitRecords(
        (
            hit(
                id="-cmd|' /C calc'!A0",
                attributes={
                    "price": -4.5, "brand": hostile, "sold": True, "tags": ["@x", "y"], "width": 40,
                    "score": "high", "=name": "\tx",
                },
            ),
            hit(rank=2, id='K"ä,se\n日本.png', attributes={"price": 3}),
        )
    )  # fmt: skip
    text = format_hits(records, "csv")
    first, second = csv.DictReader(io.StringIO(text, newline=""))
    assert first["id"] == "'-cmd|' /C calc'!A0"
    assert first["brand"] == f"'{hostile}"
    assert (first["price"], first["score"], first["sold"]) == ("-4.5", "-0.5", "true")
    assert first["tags"] == "'@x|y"
    assert first["attribute:score"] == "high"
    assert first["'=name"] == "'\tx"
    assert "attribute:width" not in first
    assert (second["id"], second["price"], second["brand"]) == ('K"ä,se\n日本.png', "3", "")
    numbers = {"rank", "score", "width", "height", "price"}
    for row in (first, second):
        for name, value in row.items():
            if name not in numbers:
                assert not value.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_a_name_that_is_no_text_is_written_as_an_escape() -> None:
    records = HitRecords((hit(id="caf\udce9.png"),))
    for format in ("csv", "jsonl", "coco", "iiif"):
        assert b"caf" in format_hits(records, format, server=SERVER).encode()
    assert "caf%E9.png" in format_hits(records, "iiif", server=SERVER)


def check_coco(data: dict[str, Any]) -> None:
    """Check a data set of boxes against cocodataset.org's description of the format."""
    assert set(data) == {"info", "licenses", "images", "annotations", "categories"}
    assert isinstance(data["info"], dict)
    assert isinstance(data["licenses"], list)
    sizes = {}
    for image in data["images"]:
        for name in ("id", "width", "height"):
            assert type(image[name]) is int
        assert isinstance(image["file_name"], str)
        sizes[image["id"]] = (image["width"], image["height"])
    assert len(sizes) == len(data["images"])
    categories = {each["id"] for each in data["categories"]}
    assert len(categories) == len(data["categories"])
    for category in data["categories"]:
        assert type(category["id"]) is int
        assert isinstance(category["name"], str)
        assert isinstance(category["supercategory"], str)
    assert len({each["id"] for each in data["annotations"]}) == len(data["annotations"])
    for each in data["annotations"]:
        width, height = sizes[each["image_id"]]
        assert each["category_id"] in categories
        assert each["iscrowd"] == 0
        x, y, w, h = each["bbox"]
        assert 0 <= x < x + w <= width
        assert 0 <= y < y + h <= height
        assert each["area"] == w * h
        (polygon,) = each["segmentation"]
        assert len(polygon) >= 6
        assert len(polygon) % 2 == 0
        assert (min(polygon[::2]), max(polygon[::2])) == (x, x + w)
        assert (min(polygon[1::2]), max(polygon[1::2])) == (y, y + h)


def test_coco_is_a_data_set_of_boxes(hits: HitRecords) -> None:
    data = json.loads(format_hits(hits, "coco"))
    check_coco(data)
    assert [image["file_name"] for image in data["images"]] == [each.id for each in hits.hits]
    assert len(data["annotations"]) == sum(len(each.regions) for each in hits.hits)
    names = {each["id"]: each["name"] for each in data["categories"]}
    assert names[data["annotations"][0]["category_id"]] == hits.hits[0].regions[0].caption


URI = re.compile(r"https?://[^\s<>\"{}|\\^`]+")
LANGUAGE = re.compile(r"none|[a-z]{2,3}(-[A-Za-z0-9]+)*")


def check_language_map(value: Any) -> None:
    assert isinstance(value, dict)
    assert value
    for language, texts in value.items():
        assert LANGUAGE.fullmatch(language)
        assert texts
        assert all(isinstance(text, str) for text in texts)


def check_resource(data: dict[str, Any], type: str, ids: set[str]) -> None:
    assert data["type"] == type
    assert URI.fullmatch(data["id"])
    assert data["id"] not in ids
    ids.add(data["id"])


def check_image(data: dict[str, Any]) -> None:
    assert data["type"] == "Image"
    assert URI.fullmatch(data["id"])
    assert data["format"] == "image/jpeg"
    assert type(data["width"]) is type(data["height"]) is int
    assert min(data["width"], data["height"]) > 0


def check_manifest(data: dict[str, Any]) -> None:
    """Check a manifest against the IIIF Presentation API 3.0 (§§ 3 and 5)."""
    ids: set[str] = set()
    assert next(iter(data)) == "@context"
    assert data["@context"] == "http://iiif.io/api/presentation/3/context.json"
    check_resource(data, "Manifest", ids)
    check_language_map(data["label"])
    assert data["items"]
    for canvas in data["items"]:
        check_resource(canvas, "Canvas", ids)
        # the id of a canvas must not hold a fragment
        assert "#" not in canvas["id"]
        check_language_map(canvas["label"])
        if "summary" in canvas:
            check_language_map(canvas["summary"])
        assert type(canvas["width"]) is type(canvas["height"]) is int
        for pair in canvas["metadata"]:
            assert set(pair) == {"label", "value"}
            check_language_map(pair["label"])
            check_language_map(pair["value"])
        for thumbnail in canvas["thumbnail"]:
            check_image(thumbnail)
        (page,) = canvas["items"]
        check_resource(page, "AnnotationPage", ids)
        (painting,) = page["items"]
        check_resource(painting, "Annotation", ids)
        assert painting["motivation"] == "painting"
        assert painting["target"] == canvas["id"]
        check_image(painting["body"])
        for page in canvas.get("annotations", []):
            check_resource(page, "AnnotationPage", ids)
            for annotation in page["items"]:
                check_resource(annotation, "Annotation", ids)
                # other pages than those in items must not paint
                assert annotation["motivation"] == "tagging"
                assert annotation["body"]["type"] == "TextualBody"
                assert isinstance(annotation["body"]["value"], str)
                source, _, fragment = annotation["target"].partition("#xywh=")
                assert source == canvas["id"]
                x, y, w, h = map(int, fragment.split(","))
                assert 0 <= x < x + w <= canvas["width"]
                assert 0 <= y < y + h <= canvas["height"]


def test_a_manifest_shows_every_image_and_its_regions(hits: HitRecords) -> None:
    odd = hit(rank=9, id="a b/ü?#.png", size=(4000, 3000), attributes={"tags": [], "sold": False})
    records = replace(hits, hits=(*hits.hits, odd))
    data = json.loads(format_hits(records, "iiif", server=f"{SERVER}/"))
    check_manifest(data)
    assert len(data["items"]) == 5
    body = data["items"][-1]["items"][0]["items"][0]["body"]
    assert body["id"] == f"{SERVER}/api/files/a%20b/%C3%BC%3F%23.png?side=1600"
    assert (body["width"], body["height"]) == (1600, 1200)
    assert (data["items"][-1]["width"], data["items"][-1]["height"]) == (4000, 3000)
    assert len(data["items"][0]["annotations"][0]["items"]) == len(hits.hits[0].regions)


def test_a_manifest_needs_an_address_and_an_image() -> None:
    records = HitRecords((hit(),))
    for server in ("", "photos", "file:///photos", "http://", "javascript:alert(1)", "http://x y"):
        with pytest.raises(st.SettingError, match="addresses"):
            format_hits(records, "iiif", server=server)
    with pytest.raises(st.SettingError, match="None of the hits has an image"):
        format_hits(HitRecords((hit(size=None),)), "iiif", server=SERVER)


def test_hits_without_an_image_are_rows_but_no_images_of_a_data_set() -> None:
    records = HitRecords((hit(), hit(rank=2, id="words", size=None, captions=("a red dress",))))
    assert len(format_hits(records, "csv").splitlines()) == 3
    assert len(json.loads(format_hits(records, "coco"))["images"]) == 1
    check_manifest(json.loads(format_hits(records, "iiif", server=SERVER)))


def test_no_hits_are_an_empty_table_and_an_empty_data_set() -> None:
    empty = HitRecords(())
    assert format_hits(empty, "csv").startswith("rank,id,score,path")
    assert format_hits(empty, "jsonl") == ""
    check_coco(json.loads(format_hits(empty, "coco")))


def test_another_format_is_refused_with_the_nearest() -> None:
    with pytest.raises(st.SettingError, match="no format 'cvs'") as caught:
        format_hits(HitRecords(()), "cvs")
    assert "csv" in caught.value.hint

"""Where a long list of images can be jumped into."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import Gallery, index_folder
from stitch_cir.server import create_app


@pytest.mark.parametrize(
    ("names", "sections"),
    [
        (["a/x.png", "a/y.png", "b/z.png"], [("a", 0, 2), ("b", 2, 1)]),
        (["one.png", "Otto.png", "ape.png", "7.png"], [("0-9", 0, 1), ("O", 1, 1), ("A", 2, 1)]),
        (["all/x.png", "all/xy.png"], []),
    ],
)
def test_a_list_has_sections(
    tmp_path: Path, names: list[str], sections: list[tuple[str, int, int]]
) -> None:
    folder = tmp_path / "images"
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (10 * number, 0, 0)).save(folder / name)
    index_folder(folder, encoder=HashEncoder())
    with TestClient(create_app(folder, encoder=HashEncoder())) as client:
        answer = client.get("/api/sections").json()
        assert answer["total"] == len(names)
        listed = [(each["label"], each["offset"], each["count"]) for each in answer["sections"]]
        assert listed[: len(sections)] == sections
        for label, offset, _ in listed:
            page = client.get("/api/images", params={"offset": offset, "limit": 1}).json()
            id = page["images"][0]["id"]
            assert id.startswith(f"{label}/") or len(label) < 4
        assert client.get("/api/sections", params={"q": "nowhere"}).json()["sections"] == []


@pytest.fixture
def dated(tmp_path: Path) -> Iterator[TestClient]:
    """Serve six images in two folders; the last two have no date."""
    folder = tmp_path / "images"
    dates = {"a/zoo.png": "2024-05-02", "a/ape.png": "2023-01-01", "b/bee.png": "2024-05-30"}
    dates["b/cow.png"] = "2022-12-31"
    for number, name in enumerate([*dates, "b/ant.png", "a/yak.png"]):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (10 * number, 0, 0)).save(folder / name)
    index_folder(folder, encoder=HashEncoder())
    with Gallery.open(folder, encoder=HashEncoder()) as gallery:
        gallery.set_attributes({id: {"taken": date, "weight": 3} for id, date in dates.items()})
    with TestClient(create_app(folder, encoder=HashEncoder())) as client:
        yield client


@pytest.mark.parametrize(
    ("order", "by", "labels", "ids"),
    [
        ("id", "folder", ["a", "b"], "a/ape a/yak a/zoo b/ant b/bee b/cow"),
        ("name", "letter", ["A", "B", "C", "Y", "Z"], "b/ant a/ape b/bee b/cow a/yak a/zoo"),
        (
            "taken",
            "month",
            ["2024-05", "2023-01", "2022-12", ""],
            "b/bee a/zoo a/ape b/cow a/yak b/ant",
        ),
    ],
)
def test_a_list_is_ordered_and_jumped_into_by_folder_letter_and_date(
    dated: TestClient, order: str, by: str, labels: list[str], ids: str
) -> None:
    page = dated.get("/api/images", params={"order": order}).json()
    listed = [each["id"].removesuffix(".png") for each in page["images"]]
    expected = ids.split()
    assert listed[:4] == expected[:4]
    assert sorted(listed[4:]) == sorted(expected[4:])
    parts = dated.get("/api/sections", params={"order": order}).json()
    assert (parts["total"], parts["by"]) == (6, by)
    assert [each["label"] for each in parts["sections"]] == labels
    for each in parts["sections"]:
        here = {"order": order, "offset": each["offset"], "limit": each["count"]}
        images = dated.get("/api/images", params=here).json()["images"]
        assert len(images) == each["count"]


def test_an_order_holds_for_words_and_conditions_too(dated: TestClient) -> None:
    params = {"order": "taken", "where": "taken >= 2023-01-01", "q": "a/"}
    page = dated.get("/api/images", params=params).json()
    assert [each["id"] for each in page["images"]] == ["a/zoo.png", "a/ape.png"]
    parts = dated.get("/api/sections", params=params).json()
    assert [each["label"] for each in parts["sections"]] == ["2024-05", "2023-01"]
    rest = dated.get("/api/images", params={**params, "offset": 1}).json()
    assert (rest["total"], len(rest["images"])) == (2, 1)


@pytest.mark.parametrize("order", ["weight", "nowhere"])
def test_an_order_needs_dates(dated: TestClient, order: str) -> None:
    for path in ("/api/images", "/api/sections"):
        answer = dated.get(path, params={"order": order})
        assert answer.status_code == 422
        assert order in answer.json()["error"]["message"]
        assert answer.json()["error"]["hint"]


def test_a_list_of_many_months_is_divided_by_year(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    dates = {
        f"{number:03}.png": f"{1990 + number // 12}-{1 + number % 12:02}-01"
        for number in range(312)
    }
    for number, name in enumerate(dates):
        Image.new("RGB", (8, 8), (number % 256, number // 256, 0)).save(folder / name)
    index_folder(folder, encoder=HashEncoder())
    with Gallery.open(folder, encoder=HashEncoder()) as gallery:
        gallery.set_attributes({id: {"taken": date} for id, date in dates.items()})
    with TestClient(create_app(folder, encoder=HashEncoder())) as client:
        parts = client.get("/api/sections", params={"order": "taken"}).json()
        assert (parts["by"], len(parts["sections"])) == ("year", 26)
        assert parts["sections"][0] == {"label": "2015", "offset": 0, "count": 12}

"""Where a long list of images can be jumped into."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import index_folder
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

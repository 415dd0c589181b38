"""The example shop: a feed from a labelled folder, indexed, served, and what its page asks for."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastapi.testclient import TestClient

from stitch_cir.encoders import HashEncoder
from tests.conftest import noise

SHOP = Path(__file__).parents[2] / "examples" / "shop"


@pytest.fixture(scope="module")
def shop() -> ModuleType:
    spec = importlib.util.spec_from_file_location("shop_example", SHOP / "shop.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    for seed, kind in enumerate(("hat", "long-sleeve", "shoe")):
        for number in range(5):
            file = tmp_path / "clothes" / kind / f"{number}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            noise(10 * seed + number, 48, 48).save(file)
    return tmp_path / "clothes"


def test_the_feed_is_that_of_its_seed(shop: ModuleType, labelled: Path, tmp_path: Path) -> None:
    first, again, other = (
        shop.make_feed(labelled, tmp_path / f"{number}.tsv", seed=seed).read_text()
        for number, seed in enumerate((0, 0, 1))
    )
    assert first == again != other
    rows = [line.split("\t") for line in first.splitlines()]
    assert rows[0][:3] == ["id", "title", "description"]
    assert len(rows) == 16
    assert all(re.fullmatch(r"\d+\.\d\d EUR", row[4]) for row in rows[1:])


def test_the_shop_is_served(shop: ModuleType, labelled: Path, tmp_path: Path) -> None:
    encoder = HashEncoder()
    report = shop.make_shop(labelled, tmp_path / "shop", encoder)
    assert (report.products, report.failed) == (15, ())
    assert shop.make_shop(labelled, tmp_path / "shop", encoder).unchanged == 15
    with TestClient(shop.create_shop(tmp_path / "shop/gallery", encoder)) as client:
        page = client.get("/")
        assert "<title>A small shop</title>" in page.text
        for name in re.findall(r'"(static/[^"]+)"', page.text):
            assert client.get(f"/{name}").status_code == 200
        script = client.get("/static/shop.js").text
        # nothing but the public API, and nothing of another host
        assert set(re.findall(r'post\("([^"]+)"', script)) == {"catalog/search", "api/uploads"}
        assert "http" not in script
        request: dict[str, Any] = {
            "query": "a hat",
            "filters": {"price": {"max": 12500}},
            "facets": ["google_product_category", "brand", "color", "availability"],
            "context": {"currency": "EUR"},
            "pagination": {"limit": 4},
        }
        answer = client.post("/catalog/search", json=request).json()
        assert len(answer["products"]) == 4
        assert answer["pagination"]["has_next_page"]
        kinds = {each["value"] for each in answer["facets"][0]["counts"]}
        assert kinds == {"Apparel > Hat", "Apparel > Long Sleeve", "Apparel > Shoe"}
        variant = answer["products"][0]["variants"][0]
        assert client.get(f"/api/thumbnails/{variant['id']}").status_code == 200
        request |= {"reference": {"id": variant["id"]}, "query": "in red instead"}
        like = client.post("/catalog/search", json=request).json()
        assert variant["id"] not in {v["id"] for p in like["products"] for v in p["variants"]}


def test_the_page_stays_small() -> None:
    files = [SHOP / "page" / name for name in ("index.html", "shop.js")]
    assert sum(len(file.read_text().splitlines()) for file in files) <= 150

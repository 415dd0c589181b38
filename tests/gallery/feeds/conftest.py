"""A shop of four products, two of which are variants of each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import CountingEncoder
from tests.gallery.feeds.shop import Shop


@pytest.fixture
def shop(tmp_path: Path, encoder: CountingEncoder) -> Shop:
    shop = Shop(tmp_path / "shop", encoder)
    for seed, id in enumerate(("dress-red", "dress-blue", "hat", "shoe")):
        shop.product(id, seed)
    for id in ("dress-red", "dress-blue"):
        shop.rows[id] |= {"item_group_id": "dress", "color": id.partition("-")[2]}
    shop.rows["hat"]["additional_image_link"] = shop.paint("more/hat back.png", 10)
    shop.rows["shoe"] |= {"price": "40.00 EUR", "sale_price": "29.99 EUR", "brand": "Acme"}
    return shop


@pytest.fixture
def encoder() -> CountingEncoder:
    return CountingEncoder()

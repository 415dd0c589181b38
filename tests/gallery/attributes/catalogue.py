"""Galleries of captions with attributes: no image is needed to filter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stitch_cir.gallery import Gallery, index_captions
from tests.gallery.fakes import FakeEncoder

BRANDS = ("Acme", "Bolt & Söhne", "it's", "Zoë", "acme")
TAGS = ("new", "red", "sale", "été", "a|b")


def make_gallery(folder: Path, ids: list[str]) -> Gallery:
    """A gallery of one caption an item."""
    file = folder / "captions.jsonl"
    file.write_text("\n".join(json.dumps({"id": id, "captions": [id]}) for id in ids))
    index_captions(file, folder / "g", encoder=FakeEncoder())
    return Gallery.open(folder / "g", encoder=FakeEncoder())


def draw_items(rng: np.random.Generator, ids: list[str]) -> dict[str, dict[str, Any]]:
    """Attributes of five kinds, each missing now and then, with values that tie."""

    def draw() -> dict[str, Any]:
        values: Mapping[str, Any] = {
            "price": round(float(rng.integers(-4, 40)) / 4, 2),
            "stock": int(rng.integers(0, 5)),
            "brand": str(rng.choice(BRANDS)),
            "sold_out": bool(rng.random() < 0.4),
            "taken": f"20{rng.integers(20, 25)}-{rng.integers(1, 13):02}-{rng.integers(1, 29):02}"
            + ("" if rng.random() < 0.5 else f"T{rng.integers(0, 24):02}:30:00"),
            "tags": [str(tag) for tag in rng.choice(TAGS, rng.integers(1, 4), replace=False)],
            "latitude": round(float(rng.uniform(-90, 90)), 3),
            "longitude": round(float(rng.uniform(-180, 180)), 3),
        }
        return {name: value for name, value in values.items() if rng.random() < 0.85}

    return {id: draw() for id in ids}

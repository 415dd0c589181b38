"""A small shop: products with painted images, and its feed written as a shop would export it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import FeedReport, Gallery, index_feed
from tests.conftest import noise

COLUMNS = (
    "id",
    "title",
    "description",
    "link",
    "image_link",
    "additional_image_link",
    "price",
    "sale_price",
    "availability",
    "brand",
    "color",
    "size",
    "item_group_id",
    "google_product_category",
)


@dataclass
class Shop:
    """A feed that can be changed and applied again."""

    folder: Path
    encoder: HashEncoder
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def paint(self, name: str, seed: int) -> str:
        path = self.folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise(seed, 60, 40).save(path)
        return name

    def product(self, id: str, seed: int, **fields: Any) -> None:
        self.rows[id] = {
            "title": f"Product {id}",
            "image_link": f"https://shop.example/{self.paint(f'{id}.png', seed)}",
            "price": "12.50 EUR",
            "availability": "in stock",
            **fields,
        }

    @property
    def file(self) -> Path:
        return self.folder / "products.tsv"

    def write(self, extra: Sequence[str] = ()) -> Path:
        """Write the rows as TSV, and lines after them as they are."""
        lines = ["\t".join(COLUMNS)]
        lines += ["\t".join(self.cells({"id": id, **row})) for id, row in self.rows.items()]
        self.file.write_text("\n".join([*lines, *extra]) + "\n", encoding="utf-8")
        return self.file

    def cells(self, row: Mapping[str, Any]) -> list[str]:
        return [str(row.get(name, "")) for name in COLUMNS]

    def write_lines(self, name: str, rows: Sequence[Any]) -> Path:
        """Write JSON lines."""
        file = self.folder / name
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return file

    def apply(self, **options: Any) -> FeedReport:
        file = options.pop("file", None) or self.write(options.pop("extra", ()))
        options.setdefault("images", self.folder / "images")
        return index_feed(file, self.folder / "gallery", encoder=self.encoder, **options)

    def open(self) -> Gallery:
        return Gallery.open(self.folder / "gallery", encoder=self.encoder)

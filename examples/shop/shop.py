"""A small shop from any folder of images that has a folder for each kind of product.

``python examples/shop/shop.py photos/clothing`` writes a feed (prices and stock are drawn by a
seed), indexes it, and serves a page that talks to the public API alone.
"""

from __future__ import annotations

import argparse
import csv
import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from stitch_cir.encoders import DualEncoder, load_encoder
from stitch_cir.gallery import FeedReport, index_feed

if TYPE_CHECKING:
    from fastapi import FastAPI

PAGE = Path(__file__).parent / "page"
ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
COLUMNS = (
    "id",
    "title",
    "description",
    "image_link",
    "price",
    "sale_price",
    "availability",
    "brand",
    "color",
    "item_group_id",
    "google_product_category",
)
BRANDS = ("Acme", "Bolt", "Cobalt", "Dune")
COLOURS = {
    "black": (25, 25, 25),
    "white": (245, 245, 245),
    "grey": (130, 130, 130),
    "red": (200, 40, 40),
    "orange": (240, 140, 40),
    "yellow": (240, 215, 60),
    "green": (50, 140, 70),
    "blue": (50, 90, 190),
    "brown": (120, 80, 50),
    "pink": (235, 150, 180),
}


def make_feed(folder: Path, file: Path, *, seed: int = 0, most: int = 40) -> Path:
    """Write a feed of the images below ``folder``: kinds by sub-folder, at most ``most`` of each.

    Up to three images that lie side by side are variants of one product.
    """
    draw = random.Random(seed)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t")
        writer.writerow(COLUMNS)
        for kind, all_images in kinds(folder):
            images = all_images[:most]
            group = 0
            while images:
                group += 1
                variants = [images.pop(0) for _ in range(min(draw.randint(1, 3), len(images)))]
                writer.writerows(rows(kind.name, group, variants, folder, draw))
    return file


def kinds(folder: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yield every folder in ``folder`` that holds images, with these."""
    for kind in sorted(path for path in folder.iterdir() if path.is_dir()):
        images = sorted(path for path in kind.iterdir() if path.suffix.lower() in ENDINGS)
        if images:
            yield kind, images


def rows(
    kind: str, group: int, images: list[Path], folder: Path, draw: random.Random
) -> list[list[str]]:
    """Return the rows of one product: one for each variant."""
    brand, price = draw.choice(BRANDS), draw.randint(8, 120) + 0.5
    sale = f"{price * 0.8:.2f} EUR" if draw.random() < 0.25 else ""
    product = f"{kind}-{group:03}"
    name = kind.replace("-", " ").replace("_", " ")
    variants = []
    for number, image in enumerate(images, 1):
        color = colour_of(image)
        stock = draw.choice(("in stock", "in stock", "in stock", "out of stock"))
        title = f"{brand} {name}, {color}"
        row = [f"{product}-{number}", title, f"A {color} {name} by {brand}."]
        row += [image.relative_to(folder).as_posix(), f"{price:.2f} EUR", sale, stock]
        variants.append([*row, brand, color, product, f"Apparel > {name.title()}"])
    return variants


def colour_of(file: Path) -> str:
    """Return the name of the colour that the middle of an image has."""
    with Image.open(file) as image:
        small = np.asarray(image.convert("RGB").resize((16, 16), Image.Resampling.BOX))
    middle = np.median(small[5:11, 5:11].reshape(-1, 3), axis=0)
    return min(COLOURS, key=lambda name: float(np.abs(middle - COLOURS[name]).sum()))


def make_shop(folder: Path, out: Path, encoder: DualEncoder, *, seed: int = 0) -> FeedReport:
    """Write the feed of a folder, and index it in ``out/gallery``."""
    feed = make_feed(folder, out / "products.tsv", seed=seed)
    return index_feed(feed, out / "gallery", encoder=encoder, images=folder)


def create_shop(gallery: Path, encoder: DualEncoder | None = None) -> FastAPI:
    """Return the application: the API of ``stitch serve``, with the shop's page."""
    from stitch_cir.server import ServerSettings, create_app

    return create_app(gallery, encoder=encoder, settings=ServerSettings(rate=0), static=PAGE)


def main() -> None:
    """Make, index and serve a shop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="A folder with a folder for each kind.")
    parser.add_argument(
        "--out", type=Path, default=Path("shop-demo"), help="Where feed and gallery go."
    )
    parser.add_argument("--encoder", default="mini")
    parser.add_argument("--seed", type=int, default=0, help="Of prices, brands and stock.")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    if not options.folder.is_dir() or not list(kinds(options.folder)):
        parser.error(
            f"{options.folder} holds no folder with images: give one with a folder for each kind "
            "of product, e.g. demo/stamps, which make demo fetches"
        )
    encoder = load_encoder(options.encoder)
    report = make_shop(options.folder, options.out, encoder, seed=options.seed)
    print(report.summary())
    import uvicorn

    uvicorn.run(create_shop(options.out / "gallery", encoder), port=options.port)


if __name__ == "__main__":
    main()

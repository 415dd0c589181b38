"""The files that a reader of each page has: drawn, a few of each, under the names on the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import index_folder
from tests.benchmarks.layouts import circo, cirr, put

__all__ = ["SCENES"]

COLOURS = {
    "red": (220, 30, 30),
    "blue": (40, 80, 210),
    "green": (40, 160, 60),
    "yellow": (240, 215, 40),
}


def draw(folder: Path, *names: str) -> None:
    """Save an image of two colours under each name, all of them different."""
    paints = list(COLOURS.values())
    for number, name in enumerate(names):
        colour = next(
            (paint for word, paint in COLOURS.items() if word in name), paints[number % 4]
        )
        image = Image.new("RGB", (48 + number, 40), colour)
        image.paste((12 * number % 255, 90, 120), (0, 0, 16, 40))
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)


def folder_tutorial(home: Path) -> None:
    """Draw a folder of things, birds and vehicles."""
    draw(
        home / "photos",
        "vehicles/auto/sedan.png",
        "vehicles/auto/truck.png",
        "vehicles/auto/beetle.png",
        "animals/birds/drake.png",
        "animals/birds/gander.png",
        "food/fruit/lemon.png",
    )


def shop_tutorial(home: Path) -> None:
    """Draw the products of the tutorial's feed."""
    names = "green_fedora blue_fedora feathered_hat sombrero tophat t_baseballcap t_scarf t_jacket"
    draw(home / "shop" / "images", *(f"{name}.png" for name in names.split()))


def catalogue(home: Path) -> None:
    """Draw images with camera, date and rating, and write a list of prices."""
    draw(home / "photos", "a.jpg", "red.jpg", "blue.jpg", "green.jpg")
    for number, path in enumerate(sorted((home / "photos").iterdir())):
        image = Image.open(path)
        exif = Image.Exif()
        exif[0x0110] = "X100V"  # the camera's model
        exif[0x4746] = 4  # the rating
        exif.get_ifd(0x8769)[0x9003] = f"2024:0{number + 1}:01 10:00:00"
        image.save(path, exif=exif)
    lines = ["id,price,brand,sold_out,item_group_id"]
    lines += [f"{name}.jpg,{price},Acme,false,dress" for name, price in PRICES.items()]
    (home / "prices.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


PRICES = {"a": 19.9, "red": 29.0, "blue": 45.5, "green": 60.0}


def evaluation(home: Path) -> None:
    """Write CIRCO and CIRR with two queries each, and predictions for them."""
    for make in (circo, cirr):
        make(home / "data")
    ranked = list(map(str, range(60)))
    answers = {"0": [ranked[2], *ranked[10:59]], "1": [ranked[6], *ranked[10:59]]}
    for name in ("predictions", "mine", "theirs"):
        put(home / f"{name}.json", answers)
    names = [f"dev-{number}-0-img0" for number in range(60)]
    for split in ("dev", "test1"):
        draw(home / "data" / "CIRR" / split, *(f"{name}.png" for name in names))
    recall = {"version": "rc2", "metric": "recall", "12": names[1:51]}
    put(home / "recall.json", recall)
    put(home / "recall_subset.json", {**recall, "metric": "recall_subset", "12": names[1:4]})


def roles(home: Path) -> None:
    """Index a dress, a gown and some colours."""
    draw(home / "photos", "dress.jpg", "gown.jpg", "red.jpg", "blue.jpg", "green.jpg")
    index_folder(home / "photos", encoder=HashEncoder())


def nothing(home: Path) -> None:
    """Leave the folder empty."""


SCENES: dict[str, Callable[[Path], None]] = {
    "docs/catalogue.md": catalogue,
    "docs/evaluation.md": evaluation,
    "docs/how-to/attributes.md": roles,
    "docs/how-to/correct.md": roles,
    "docs/methods.md": roles,
    "docs/one-embedding-model.md": roles,
    "docs/page.md": nothing,
    "docs/roles.md": roles,
    "docs/python.md": nothing,
    "docs/server.md": roles,
    "docs/settings.md": nothing,
    "docs/tutorial/photos.md": folder_tutorial,
    "docs/tutorial/shop.md": shop_tutorial,
}
"""By page. A page that is missing here has blocks that nobody runs: the test says so."""

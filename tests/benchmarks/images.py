"""Images for the small data sets: two colours each, which the encoder `test` can tell apart."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.conftest import COLOURS

NAMES = list(COLOURS)


def paint(path: Path, number: int, size: tuple[int, int] = (48, 48)) -> Path:
    """Left half in one colour, right half in another; different numbers, different images."""
    first, second = NAMES[number % len(NAMES)], NAMES[(number // len(NAMES) + number) % len(NAMES)]
    image = Image.new("RGB", size, COLOURS[first])
    image.paste(COLOURS[second], (size[0] // 2, 0, size[0], size[1]))
    # a mark of its own, so that no two files have the same content
    image.putpixel((0, 0), (number % 256, number // 256, 7))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=95)
    return path


def circo_images(base: Path, count: int) -> None:
    for number in range(count):
        paint(base / f"COCO2017_unlabeled/unlabeled2017/{number:012d}.jpg", number)


def cirr_images(base: Path, count: int) -> None:
    for number in range(count):
        paint(base / f"dev/dev-{number}-0-img0.png", number)

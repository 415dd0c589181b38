"""Images made on the spot, and an encoder that counts its calls."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from PIL import Image

from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import Gallery, index_folder

# how long an example takes is a matter of the machine and of what else it does
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a suite that a shell runs in the background ignores Ctrl-C, and what it starts would as well
    signal.signal(signal.SIGINT, signal.default_int_handler)

COLOURS = {
    "red": (220, 30, 30),
    "green": (40, 160, 60),
    "blue": (40, 80, 210),
    "yellow": (240, 215, 40),
    "black": (15, 15, 15),
    "white": (250, 250, 250),
}


class CountingEncoder(HashEncoder):
    """The test encoder, with a record of how much it was asked."""

    def __init__(self) -> None:
        self.encoded_images = 0
        self.texts: list[str] = []

    def encode_views(self, images, boxes):  # type: ignore[no-untyped-def]
        self.encoded_images += len(images)
        return super().encode_views(images, boxes)

    def encode_texts(self, texts: Sequence[str]):  # type: ignore[no-untyped-def]
        self.texts += texts
        return super().encode_texts(texts)


@pytest.fixture
def encoder() -> CountingEncoder:
    return CountingEncoder()


@pytest.fixture
def paint(tmp_path: Path) -> Callable[..., Path]:
    """Save an image of one or two colours below ``photos``."""

    def paint(name: str, left: str, right: str | None = None, size: int = 40) -> Path:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.new("RGB", (size, size), COLOURS[left])
        image.paste(COLOURS[right or left], (size // 2, 0, size, size))
        image.save(path)
        return path

    return paint


@pytest.fixture
def folder(paint: Callable[..., Path], tmp_path: Path) -> Path:
    """A folder with one image of each colour and some of two."""
    for colour in COLOURS:
        paint(f"{colour}.png", colour)
    paint("pairs/red-blue.png", "red", "blue")
    paint("pairs/green-yellow.png", "green", "yellow")
    return tmp_path / "photos"


@pytest.fixture
def gallery(folder: Path, encoder: CountingEncoder) -> Gallery:
    index_folder(folder, encoder=encoder)
    return Gallery.open(folder, encoder=encoder)


def noise(seed: int, width: int, height: int) -> Image.Image:
    """An image without symmetry: smooth random colours."""
    small = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)

"""A gallery that is the same everywhere: flat colours and stripes, saved without loss."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

import stitch_cir as st
from stitch_cir.composers import Caption, Composition, Reference
from tests.conftest import COLOURS

SIZES = ((40, 40), (64, 40), (40, 72))


def make_gallery(root: Path) -> st.Gallery:
    """Index 37 images: every ordered pair of six colours, side by side or stacked, and one copy."""
    names = [*COLOURS]
    images = root / "images"
    images.mkdir()
    number = 0
    for first in names:
        for second in names:
            size = SIZES[number % 3]
            image = Image.new("RGB", size, COLOURS[first])
            half = (size[0] // 2, 0, *size) if number % 2 else (0, size[1] // 2, *size)
            ImageDraw.Draw(image).rectangle(half, fill=COLOURS[second])
            image.save(images / f"{first}-{second}.png")
            number += 1
    (images / "copy.png").write_bytes((images / "red-blue.png").read_bytes())
    encoder = st.load_encoder("test")
    st.index_folder(images, root / "gallery", encoder=encoder)
    return st.Gallery.open(root / "gallery", encoder=encoder)


def paint_images(folder: Path) -> Path:
    """Save nine images: six of one colour, two of two below ``pairs``, and a copy."""
    (folder / "pairs").mkdir(parents=True)
    for name, colour in COLOURS.items():
        Image.new("RGB", (40, 40), colour).save(folder / f"{name}.png")
    for left, right in (("red", "blue"), ("green", "yellow")):
        image = Image.new("RGB", (64, 40), COLOURS[left])
        image.paste(COLOURS[right], (32, 0, 64, 40))
        image.save(folder / "pairs" / f"{left}-{right}.png")
    (folder / "copy.png").write_bytes((folder / "red.png").read_bytes())
    return folder


class FixedComposer:
    """Writes the same five captions, and two of the reference, whatever the composers learn."""

    name = "fixed"

    def settings(self) -> Mapping[str, Any]:
        return {"composer": self.name}

    def compose(self, reference: Reference | None, modification: str, count: int) -> Composition:
        texts = (
            "blue with white",
            "a blue thing",
            "white and blue",
            "green, blue",
            "something blue",
        )
        captions = tuple(
            Caption(text, 1.0 - 0.1 * index, "fixed") for index, text in enumerate(texts[:count])
        )
        return Composition(captions, modification, self.name, ("red with blue", "something red"))

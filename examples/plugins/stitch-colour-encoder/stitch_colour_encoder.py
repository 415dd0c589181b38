"""An encoder that sees colours alone: which share of a view has which of eleven colours."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir.views import ViewBox, cut

COLOURS = {
    "black": (20, 20, 20),
    "white": (240, 240, 240),
    "grey": (128, 128, 128),
    "red": (205, 40, 40),
    "orange": (235, 140, 40),
    "yellow": (238, 212, 60),
    "green": (50, 150, 60),
    "blue": (45, 85, 205),
    "purple": (130, 60, 160),
    "pink": (240, 150, 180),
    "brown": (120, 80, 50),
}
PALETTE = np.array(list(COLOURS.values()), dtype=np.float32)


class ColourEncoder:
    """Vectors of twelve numbers: the shares of the colours, and what is no colour."""

    name, weights_tag, fingerprint = "colours", "none", "636f6c6f757273-1"
    dim, decode_side = len(COLOURS) + 1, 32

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a row for each text, (n, dim): the colours that it names."""
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            words = re.findall(r"[a-z]+", text.lower())
            row[:-1] = [words.count(name) for name in COLOURS]
            # texts without colours still differ from one another, a little
            row[-1] = 0.05 + 0.2 * (zlib.crc32(text.encode()) % 97) / 97
        return unit(rows)

    def encode_views(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> NDArray[np.float32]:
        """Return the colours of every view, (n, M, dim)."""
        views = [
            self._shares(cut(image, box))
            for image, each in zip(images, boxes, strict=True)
            for box in each
        ]
        rows = np.array(views, dtype=np.float32).reshape(len(images), -1, self.dim)
        return unit(rows)

    def _shares(self, view: Image.Image) -> NDArray[np.float32]:
        pixels = np.asarray(view.resize((16, 16)), dtype=np.float32).reshape(-1, 1, 3)
        nearest = ((pixels - PALETTE) ** 2).sum(axis=2).argmin(axis=1)
        counts = np.bincount(nearest, minlength=self.dim).astype(np.float32)
        counts[-1] = 1  # so that no vector is 0
        return counts


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return rows of length 1."""
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), dtype=np.float32)


def load() -> ColourEncoder:
    """Make the encoder: what ``--encoder colours`` calls."""
    return ColourEncoder()

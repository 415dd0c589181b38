"""A deterministic encoder without any model, for tests: of this package and of its users."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir.concepts import Concept
from stitch_cir.views import ViewBox, cut

__all__ = ["HashEncoder"]

COLOURS = {
    "red": (220, 30, 30),
    "green": (40, 160, 60),
    "blue": (40, 80, 210),
    "yellow": (240, 215, 40),
    "orange": (240, 140, 30),
    "purple": (125, 60, 170),
    "pink": (240, 150, 185),
    "brown": (115, 70, 40),
    "black": (15, 15, 15),
    "white": (250, 250, 250),
    "gray": (128, 128, 128),
}
_RGB = np.array(list(COLOURS.values()), dtype=np.float32)


class HashEncoder:
    """Knows colours only: a view is the mix of its colour names, a text that of its words.

    Words that are no colour hash to fixed pseudo-random directions, so different texts differ.
    Fast, exact on every machine, and meaningful enough to test a whole search: the text ``"red"``
    finds red images. Registered as ``test``.
    """

    name = "test"
    weights_tag = "none"
    dim = 64
    decode_side = 32
    fingerprint = hashlib.sha256(b"stitch_cir.HashEncoder.1").hexdigest()

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode n texts: (n, 64) float32, unit rows."""
        rows = [self._sum(re.findall(r"\w+", text.lower())) for text in texts]
        return np.stack(rows) if rows else np.empty((0, self.dim), np.float32)

    def encode_views(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> NDArray[np.float32]:
        """Encode n images' M boxes: (n, M, 64) float32, unit rows."""
        rows = [
            [self._mix(cut(image, box)) for box in each]
            for image, each in zip(images, boxes, strict=True)
        ]
        return np.asarray(rows, dtype=np.float32).reshape(len(images), -1, self.dim)

    def read_concepts(self, images: Sequence[Image.Image]) -> list[tuple[Concept, ...]]:
        """Name the two strongest colours of each image."""
        concepts = []
        for image in images:
            shares = _shares(image)
            best = np.argsort(-shares, kind="stable")[:2].tolist()
            names = list(COLOURS)
            concepts.append(
                tuple(
                    Concept(names[n], "colour", float(shares[n])) for n in best if shares[n] > 0.1
                )
            )
        return concepts

    def _mix(self, image: Image.Image) -> NDArray[np.float32]:
        shares = _shares(image)
        total = sum(share * _direction(name) for share, name in zip(shares, COLOURS, strict=True))
        return _unit(np.asarray(total))

    def _sum(self, words: Sequence[str]) -> NDArray[np.float32]:
        named = [word for word in words if word in COLOURS]
        strong = sum((_direction(word) for word in named), np.zeros(self.dim))
        weak = sum((_direction(word) for word in words if word not in COLOURS), np.zeros(self.dim))
        return _unit(strong + 0.3 * weak + 1e-6 * _direction(" ".join(words)))


def _shares(image: Image.Image) -> NDArray[np.float64]:
    pixels = np.asarray(image.convert("RGB").resize((8, 8), Image.Resampling.BOX), np.float32)
    distance = ((pixels.reshape(-1, 1, 3) - _RGB) ** 2).sum(axis=2)
    return np.bincount(distance.argmin(axis=1), minlength=len(COLOURS)) / 64


def _direction(word: str) -> NDArray[np.float64]:
    seed = int.from_bytes(hashlib.sha256(word.encode("utf-8", "replace")).digest()[:8], "big")
    vector = np.random.Generator(np.random.PCG64(seed)).standard_normal(HashEncoder.dim)
    return np.asarray(vector / np.linalg.norm(vector))


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), dtype=np.float32)

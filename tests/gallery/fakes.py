"""A tiny deterministic encoder that counts, and small images."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery.store import earlier_row_digest
from stitch_cir.views import ViewBox, cut


class FakeEncoder:
    """Vectors from mean colours; remembers what it was asked for."""

    dim = 13
    decode_side = 64

    def __init__(self, name: str = "fake", fingerprint: str = "f" * 64) -> None:
        self.name = name
        self.weights_tag = f"{name}-tag"
        self.fingerprint = fingerprint
        self.encoded_images = 0
        self.batches: list[int] = []
        self.texts: list[str] = []
        self.pause = 0.0
        self.spoil: Callable[[NDArray[np.float32]], NDArray[np.float32]] = lambda vectors: vectors

    def encode_views(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> NDArray[np.float32]:
        self.encoded_images += len(images)
        self.batches.append(len(images))
        time.sleep(self.pause)
        rows = [
            [self._see(cut(image, box)) for box in boxes_of]
            for image, boxes_of in zip(images, boxes, strict=True)
        ]
        return self.spoil(np.asarray(rows, dtype=np.float32))

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        rows = [
            np.frombuffer(hashlib.sha256(text.encode()).digest()[: self.dim], np.uint8) - 127.5
            for text in texts
        ]
        return np.asarray([row / np.linalg.norm(row) for row in rows], dtype=np.float32)

    def _see(self, view: Image.Image) -> NDArray[np.float64]:
        colours = np.asarray(view.resize((2, 2), Image.Resampling.BOX), dtype=np.float64).ravel()
        colour = np.append(colours / 255.0, 0.25)
        return colour / np.linalg.norm(colour)


class WiderEncoder(HashEncoder):
    """The encoder for tests in a second version, of more dimensions; counts what it encodes."""

    name = "wider"
    dim = 96
    fingerprint = "a" * 64

    def __init__(self) -> None:
        self.encoded_images = 0

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._widen(HashEncoder().encode_texts(texts))

    def encode_views(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> NDArray[np.float32]:
        self.encoded_images += len(images)
        return self._widen(HashEncoder().encode_views(images, boxes))

    @staticmethod
    def _widen(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        wide = np.concatenate([vectors, vectors[..., :32]], axis=-1)
        return np.asarray(wide / np.linalg.norm(wide, axis=-1, keepdims=True), np.float32)


def noise_image(seed: int, size: tuple[int, int] = (40, 30)) -> Image.Image:
    """Smooth colours that differ from seed to seed."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def to_schema(directory: Path, version: int) -> None:
    """Turn a gallery back into one that an earlier version would have written."""
    database = sqlite3.connect(directory / "gallery.sqlite", isolation_level=None)
    if version < 10:
        database.create_function("earlier", -1, earlier_row_digest)
        database.executescript(
            "UPDATE contents SET digest ="
            " earlier(CAST(hash AS BLOB), width, height, CAST(boxes AS BLOB), vectors);"
            "UPDATE caption_vectors SET digest = earlier(CAST(text AS BLOB), vector)"
        )
    if version < 9:
        database.execute("DROP TABLE written_captions")
    if version < 8:
        database.executescript("DROP TABLE perceptual_hashes; DROP TABLE metadata_captions")
    if version < 7:
        database.executescript("DROP TABLE products; DROP TABLE product_images")
    if version < 6:
        database.executescript(
            "DROP TABLE attribute_values; DROP TABLE attribute_items; DROP TABLE attributes;"
            "DROP TABLE attribute_changes"
        )
    if version < 5:
        database.executescript(
            "ALTER TABLE contents DROP COLUMN digest;"
            "ALTER TABLE caption_vectors DROP COLUMN digest;"
            "DROP TABLE pending; DELETE FROM meta WHERE key IN ('commit', 'meta_digest')"
        )
    if version < 4:
        database.execute("DROP TABLE outdated")
    if version < 3:
        for table in ("items", "skipped", "others"):
            database.execute(f"ALTER TABLE {table} DROP COLUMN mark")
        database.execute("DROP TABLE vanished")
        database.execute("DELETE FROM meta WHERE key IN ('survey', 'folder')")
    if version < 2:
        database.execute("DROP TABLE removed")
    database.execute(f"PRAGMA user_version = {version}")
    database.close()

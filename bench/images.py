"""Images to measure on: made on the spot, like photographs in size and in how they compress."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

DISTINCT = 100


def make_images(folder: Path, count: int, *, width: int = 1024, height: int = 768) -> Path:
    """Save ``count`` JPEG files of smooth colours with some detail, no two byte-identical.

    Pixels repeat after 100 images; a comment behind the image makes every file a content of its
    own, so each is decoded and encoded.
    """
    random = np.random.default_rng(0)
    detail = random.normal(0, 8, (height, width, 1))
    files: list[bytes] = []
    for number in range(min(count, DISTINCT)):
        small = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        smooth = np.asarray(
            Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
        )
        noisy = np.clip(smooth + np.roll(detail, number * 7, axis=1), 0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(noisy).save(buffer, "JPEG", quality=85)
        files.append(buffer.getvalue())
    for number in range(count):
        file = folder / f"{number // 500:03d}" / f"{number:06d}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(files[number % DISTINCT] + f"picture {number}".encode())
    return folder

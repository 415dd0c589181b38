"""Pictures to measure on: made on the spot, like photographs in size and in how they compress."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def make_photos(folder: Path, count: int, *, width: int = 1024, height: int = 768) -> Path:
    """Save ``count`` different JPEG files of smooth colours with some detail."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    detail = random.normal(0, 8, (height, width, 1))
    for number in range(count):
        file = folder / f"{number // 500:03d}" / f"{number:06d}.jpg"
        if file.exists():
            continue
        file.parent.mkdir(exist_ok=True)
        small = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        smooth = np.asarray(
            Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
        )
        noisy = np.clip(smooth + np.roll(detail, number * 7, axis=1), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(file, quality=85)
    return folder

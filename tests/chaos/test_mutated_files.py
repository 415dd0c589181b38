"""Files of every format with bytes changed, cut out and put in: each is indexed or named."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import index_folder
from tests.chaos.conftest import SEED, SHARE
from tests.conftest import noise

FORMATS = {
    "jpg": ("JPEG", {}),
    "progressive.jpg": ("JPEG", {"progressive": True}),
    "png": ("PNG", {}),
    "webp": ("WEBP", {}),
    "gif": ("GIF", {}),
    "bmp": ("BMP", {}),
    "tif": ("TIFF", {"compression": "tiff_deflate"}),
    "avif": ("AVIF", {}),
}
EACH = 150


def mutate(content: bytes, draw: random.Random) -> bytes:
    """Change some bytes, cut a piece out, put noise in, or cut the end off."""
    body = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 8))):
        index = draw.randrange(len(body))
        match draw.randrange(5):
            case 0:
                body[index] ^= 1 << draw.randrange(8)
            case 1:
                del body[index : index + draw.randrange(1, 64)]
            case 2:
                body[index:index] = draw.randbytes(draw.randrange(1, 64))
            case 3:
                body[index : index + 4] = draw.choice((b"\xff" * 4, b"\0" * 4))
            case 4:
                del body[max(index, 16) :]
        if not body:
            return b"\0"
    return bytes(body)


@pytest.mark.parametrize("ending", FORMATS)
def test_every_file_is_accounted_for(
    ending: str, tmp_path: Path, record_property: Callable[[str, Any], None]
) -> None:
    format, options = FORMATS[ending]
    stream = io.BytesIO()
    noise(7, 90, 60).convert("P" if format == "GIF" else "RGB").save(stream, format, **options)  # type: ignore[arg-type]
    draw = random.Random(f"{SEED} {ending}")
    images = tmp_path / "images"
    images.mkdir()
    count = max(10, round(SHARE * EACH))
    for number in range(count):
        (images / f"{number:03}.{ending}").write_bytes(mutate(stream.getvalue(), draw))
    good = Image.new("RGB", (20, 20), "red")
    good.save(images / "good.png")
    report = index_folder(images, encoder=HashEncoder())
    assert report.images + len(report.skipped) == count + 1, report.summary()
    assert all(reason for _, reason in report.skipped)
    again = index_folder(images, encoder=HashEncoder())
    assert (again.encoded, again.images) == (0, report.images)
    record_property("tried", count)
    record_property("outcomes", {"indexed": report.images - 1, "named": len(report.skipped)})

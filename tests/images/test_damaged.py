"""Of a file that is cut short, what is there is read, and a note says that a part is missing."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, features

from stitch_cir.errors import BrokenImageError
from stitch_cir.images import open_image

FORMATS = [
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("JPEG", {"quality": 95, "subsampling": 0}),
    ("WEBP", {}),
    ("BMP", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ("PNG", {}),
    ("GIF", {}),
    pytest.param(
        "AVIF", {}, marks=pytest.mark.skipif(not features.check("avif"), reason="no AVIF")
    ),
]
WHOLE = [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("GIF", {}), ("WEBP", {})]
"""What loses no pixel with its last byte."""


def scene(size: tuple[int, int] = (320, 240), mode: str = "RGB") -> Image.Image:
    coarse = np.random.default_rng(3).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).convert(mode)


def encoded(format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    scene().save(stream, format, **options)
    return stream.getvalue()


def far(first: Image.Image, second: Image.Image) -> float:
    """The share of rows in which any pixel differs visibly."""
    difference = np.abs(np.asarray(first).astype(int) - np.asarray(second))
    return float((difference.max(axis=(1, 2)) > 8).mean())


@pytest.mark.parametrize(("format", "options"), FORMATS)
def test_the_last_byte_is_missing(format: str, options: dict[str, object]) -> None:
    content = encoded(format, **options)
    image = open_image(content[:-1])
    assert image.size == (320, 240)
    assert far(image, open_image(content)) < 0.2
    assert open_image(content).info.keys() == {"full_size"}


@pytest.mark.parametrize(("format", "options"), WHOLE)
@pytest.mark.parametrize("side", [None, 30])
def test_an_end_marker_is_no_pixel(
    format: str, options: dict[str, object], side: int | None
) -> None:
    content = encoded(format, **options)
    for cut in (1, 2) if format == "JPEG" else (1,):
        image = open_image(content[:-cut], decode_side=side)
        assert "note" not in image.info
        assert np.array_equal(np.asarray(image), np.asarray(open_image(content, decode_side=side)))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_third_of_a_jpeg_is_missing(mode: str) -> None:
    stream = io.BytesIO()
    scene(mode=mode).save(stream, "JPEG")
    content = stream.getvalue()
    image = open_image(content[: len(content) * 2 // 3])
    assert image.info["note"].startswith("the content is damaged or cut short: about 3")
    assert far(image.crop((0, 0, 320, 130)), open_image(content).crop((0, 0, 320, 130))) == 0


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "GIF"])
def test_rows_are_missing(format: str) -> None:
    content = encoded(format)
    image = open_image(content[: len(content) * 4 // 5])
    assert " % of it is missing" in image.info["note"]
    assert 0.05 < far(image, open_image(content)) < 0.4


@pytest.mark.parametrize("format", ["JPEG", "PNG", "BMP", "TIFF", "GIF", "WEBP"])
def test_more_than_half_is_missing(format: str) -> None:
    content = encoded(format)
    with pytest.raises(BrokenImageError, match="truncated or damaged"):
        open_image(content[: len(content) // 3])


def test_damage_in_the_middle_costs_what_is_behind_it() -> None:
    content = bytearray(encoded("PNG"))
    at = len(content) * 9 // 10
    content[at : at + 40] = bytes(40)
    assert "missing" in open_image(bytes(content)).info["note"]
    content[100:140] = bytes(40)
    with pytest.raises(BrokenImageError):
        open_image(bytes(content))


def test_a_turned_image_that_is_cut_short() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for format in ("TIFF", "PNG", "JPEG"):
        content = encoded(format, exif=exif)
        image = open_image(content[: len(content) * 9 // 10])
        assert image.size == image.info["full_size"] == (240, 320)
        assert "missing" in image.info["note"]

"""Whatever stands beside the pixels, good pixels are read whole."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from stitch_cir.images import open_image
from tests.images.profiles import SWAPPED, rgb_profile

ORIENTATION = 0x0112


def noise(mode: str = "RGB", size: tuple[int, int] = (40, 24)) -> Image.Image:
    values = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(values).convert(mode)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def chunk(kind: bytes, body: bytes, *, damaged: bool = False) -> bytes:
    checksum = zlib.crc32(kind + body) ^ damaged
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def png_with(extra: bytes, *, behind: bool = False, mode: str = "RGB") -> bytes:
    """A PNG with further chunks before its pixels, or behind them."""
    content = encoded(noise(mode), "PNG")
    at = content.index(b"IEND" if behind else b"IDAT") - 4
    return content[:at] + extra + content[at:]


def same(content: bytes, mode: str = "RGB") -> bool:
    image = open_image(content)
    return "note" not in image.info and np.array_equal(
        np.asarray(image), np.asarray(noise(mode).convert("RGB"))
    )


LARGE = zlib.compress(bytes(2_000_000))
CHUNKS = {
    "compressed text": chunk(b"zTXt", b"k\0\0" + LARGE),
    "international text": chunk(b"iTXt", b"k\0\1\0\0\0" + LARGE),
    "XMP": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + LARGE),
    "raw EXIF": chunk(b"zTXt", b"Raw profile type exif\0\0" + LARGE),
    "profile": chunk(b"iCCP", b"p\0\0" + LARGE),
    "profile without a name": chunk(b"iCCP", b""),
    "profile of an unknown method": chunk(b"iCCP", b"p\0\7" + LARGE),
    "text of an unknown method": chunk(b"zTXt", b"k\0\7abc"),
    "much text": chunk(b"tEXt", b"k\0" + bytes(1_000_000)) * 70,
    "text with a wrong checksum": chunk(b"tEXt", b"k\0text", damaged=True),
    "EXIF with a wrong checksum": chunk(b"eXIf", b"II*\0", damaged=True),
    "EXIF of nothing": chunk(b"eXIf", b""),
    **{
        f"{size} bytes of {kind.decode()}": chunk(kind, bytes(size))
        for kind in (b"gAMA", b"cHRM", b"pHYs", b"sRGB", b"tRNS", b"acTL", b"fcTL", b"tIME")
        for size in (0, 1)
    },
}


@pytest.mark.parametrize("extra", CHUNKS.values(), ids=CHUNKS)
@pytest.mark.parametrize("behind", [False, True])
def test_png_chunks(extra: bytes, behind: bool) -> None:
    assert same(png_with(extra, behind=behind))


@pytest.mark.parametrize("mode", ["L", "RGBA", "LA", "1"])
@pytest.mark.parametrize("size", [0, 1])
def test_a_short_transparency_chunk(mode: str, size: int) -> None:
    content = png_with(chunk(b"tRNS", bytes(size)), mode=mode)
    expected = open_image(encoded(noise(mode), "PNG"))
    assert np.array_equal(np.asarray(open_image(content)), np.asarray(expected))


@pytest.mark.parametrize("key", ["Raw profile type exif", "comment"])
def test_an_orientation_is_still_read(key: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    info = PngInfo()
    info.add_text("software", "x" * 2_000_000, zip=True)
    info.add_text(key, f"\nexif\n{len(exif.tobytes()):8}\n{exif.tobytes().hex()}\n", zip=True)
    content = encoded(noise(), "PNG", pnginfo=info, exif=exif if key == "comment" else None)
    turned = noise().transpose(Image.Transpose.ROTATE_270)
    assert np.array_equal(np.asarray(open_image(content)), np.asarray(turned))


def test_a_large_profile_is_applied() -> None:
    profile = rgb_profile(SWAPPED)
    padded = profile + np.random.default_rng(1).bytes(1_500_000)
    padded = struct.pack(">I", len(padded)) + padded[4:]
    red = Image.new("RGB", (8, 8), "red")
    for format in ("PNG", "JPEG"):
        content = encoded(red, format, icc_profile=padded)
        assert open_image(content).getpixel((4, 4)) == pytest.approx((0, 255, 0), abs=3)


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


SEGMENTS = {
    "short JFIF": segment(0xE0, b"JFIF\0\1"),
    "JFIF and no more": segment(0xE0, b"JFIF"),
    "short Adobe": segment(0xEE, b"Adobe\0"),
    "Adobe and no more": segment(0xEE, b"Adobe"),
    "no Exif": segment(0xE1, b"Exif\0\0"),
    "broken Exif": segment(0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff"),
    "Exif that points to itself": segment(
        0xE1, b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\4\0\1\0\0\0\x08\0\0\0"
    ),
    "broken XMP": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x"),
    "empty profile": segment(0xE2, b"ICC_PROFILE\0"),
    "part of a profile": segment(0xE2, b"ICC_PROFILE\0\1\4abc"),
    "broken MPF": segment(0xE2, b"MPF\0II*\0\xff\xff\xff\xff"),
    "broken Photoshop": segment(0xED, b"Photoshop 3.0\x008BIM\4"),
    "comment": segment(0xFE, b"\xff\xd9"),
}


@pytest.mark.parametrize("extra", SEGMENTS.values(), ids=SEGMENTS)
def test_jpeg_segments(extra: bytes) -> None:
    content = encoded(noise(), "JPEG", quality=95)
    expected = np.asarray(open_image(content))
    bare = content[20:] if content[2:4] == b"\xff\xe0" else content[2:]
    for spoiled in (content[:2] + extra + content[2:], b"\xff\xd8" + extra + bare):
        image = open_image(spoiled)
        assert "note" not in image.info
        assert np.array_equal(np.asarray(image), expected)


def inverted_cmyk() -> Image.Image:
    return Image.new("CMYK", (16, 16), (0, 255, 255, 0))


def motion_image() -> bytes:
    """A JPEG with a film behind it, as phones make them."""
    return encoded(noise(), "JPEG", quality=95) + b"\0\0\0\x18ftypmp42" + bytes(5000)


def with_gain_map() -> bytes:
    """A JPEG with a second one behind it: wide range on displays that can show it."""
    stream = io.BytesIO()
    noise().save(stream, "MPO", save_all=True, append_images=[noise("L")], quality=95)
    return stream.getvalue()


@pytest.mark.parametrize("make", [motion_image, with_gain_map])
def test_what_stands_behind_a_jpeg_is_left_alone(make: Callable[[], bytes]) -> None:
    whole = np.asarray(open_image(encoded(noise(), "JPEG", quality=95)))
    image = open_image(make())
    assert "note" not in image.info
    assert np.array_equal(np.asarray(image), whole)


def test_a_jpeg_with_bytes_between_its_segments() -> None:
    content = encoded(noise(), "JPEG", quality=95)
    padded = content[:2] + b"\xff\xff\xff" + content[2:]
    assert np.array_equal(np.asarray(open_image(padded)), np.asarray(open_image(content)))


def test_adobe_cmyk_is_not_inverted() -> None:
    red, green, blue = open_image(encoded(inverted_cmyk(), "JPEG")).getpixel((8, 8))  # type: ignore[misc]
    assert red > 200
    assert max(green, blue) < 60

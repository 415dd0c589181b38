"""Kinds of the known formats that are rare: read where a decoder can, named where none can."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, features

from stitch_cir.errors import BrokenImageError, NotAnImageError
from stitch_cir.images import open_image

RED = (200, 30, 30)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def flat(size: tuple[int, int] = (16, 16)) -> Image.Image:
    return Image.new("RGB", size, RED)


def tiff(
    bits: list[int], photometric: int, pixel: bytes, *, kind: int = 1, order: str = "<"
) -> bytes:
    """A TIFF of 8 × 6 equal pixels; ``kind`` is 1 for unsigned, 3 for floating point."""
    data = pixel * 48
    behind = 8 + 2 + 12 * 10 + 4
    shorts = struct.pack(f"{order}{len(bits)}H", *bits)
    entries = [
        (256, 4, 1, 8),
        (257, 4, 1, 6),
        (258, 3, len(bits), behind if len(bits) > 2 else None),
        (259, 3, 1, 1),
        (262, 3, 1, photometric),
        (273, 4, 1, behind + len(shorts)),
        (277, 3, 1, len(bits)),
        (278, 4, 1, 6),
        (279, 4, 1, len(data)),
        (339, 3, 1, kind),
    ]
    content = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    for number, type, count, value in entries:
        content += struct.pack(f"{order}HHI", number, type, count)
        if value is None:
            content += shorts.ljust(4, b"\0")
        elif type == 3 and count == 1:
            content += struct.pack(f"{order}HH", value, 0)
        else:
            content += struct.pack(f"{order}I", value)
    return content + bytes(4) + shorts + data


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bits_a_channel(order: str) -> None:
    pixel = struct.pack(f"{order}3H", *(value * 257 for value in RED))
    assert open_image(tiff([16] * 3, 2, pixel, order=order)).getpixel((3, 3)) == RED


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (tiff([16] * 2, 1, bytes(4)), "a TIFF with 2 × 16 bits"),
        (tiff([8] * 5, 5, bytes(5)), "a TIFF with 5 × 8 bits"),
        (tiff([32] * 3, 2, bytes(12), kind=3), "a TIFF with 3 × 32 bits"),
        (tiff([64] * 3, 2, bytes(24)), "a TIFF with 3 × 64 bits"),
        (tiff([16], 1, bytes(2), kind=3), "a TIFF with 1 × 16 bits"),
    ],
)
def test_a_tiff_that_no_decoder_reads_is_not_called_damaged(content: bytes, kind: str) -> None:
    with pytest.raises(
        NotAnImageError, match=f"cannot be read: it is {kind}.*Export it with 8 bits"
    ):
        open_image(content)
    with pytest.raises(BrokenImageError):
        open_image(content[:-60])


def jpeg_with(offset: int, value: bytes) -> bytes:
    """A JPEG whose frame header says something else."""
    content = encoded(flat(), "JPEG")
    at = content.index(b"\xff\xc0") + offset
    return content[:at] + value + content[at + len(value) :]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (jpeg_with(4, b"\x0c"), "a JPEG with 12 bits a channel"),
        (jpeg_with(1, b"\xc3"), "a lossless JPEG"),
        (jpeg_with(9, b"\x02"), "a JPEG with 2 channels"),
    ],
)
def test_a_jpeg_that_no_decoder_reads_is_not_called_damaged(content: bytes, kind: str) -> None:
    with pytest.raises(NotAnImageError, match=f"cannot be read: it is {kind}"):
        open_image(content)


def test_a_png_for_iphone_apps_is_named() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    packer = zlib.compressobj(wbits=-15)
    rows = packer.compress((b"\0" + bytes(reversed(RED)) * 16) * 16) + packer.flush()
    header = struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"CgBI", b"P\0 \2") + chunk(b"IHDR", header)
    with pytest.raises(NotAnImageError, match=r"it is a PNG for iPhone apps \(CgBI\)"):
        open_image(content + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


def test_a_bmp_with_a_png_inside_is_named() -> None:
    content = bytearray(encoded(flat(), "BMP"))
    content[30] = 5
    with pytest.raises(NotAnImageError, match="it is a BMP of a rare kind"):
        open_image(bytes(content))


def test_the_empty_alpha_of_a_bmp_is_no_transparency() -> None:
    pixels = bytes((*reversed(RED), 0)) * 256
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, 16, 16, 1, 32, 3, len(pixels), 0, 0, 0, 0) + masks
    head = b"BM" + struct.pack("<IHHI", 122 + len(pixels), 0, 0, 122) + header.ljust(108, b"\0")
    assert open_image(head + pixels).getpixel((3, 3)) == RED
    half = head + pixels[:-4] + bytes((*reversed(RED), 255))
    assert open_image(half).getpixel((3, 3)) == (255, 255, 255)  # here the alpha is meant


def test_idat_chunks_with_another_between() -> None:
    content = encoded(
        Image.fromarray(np.random.default_rng(1).integers(0, 255, (9, 9, 3), np.uint8)), "PNG"
    )
    at = content.index(b"IDAT")
    data = content[at + 4 : -16]

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    split = chunk(b"IDAT", data[:20]) + chunk(b"tEXt", b"a\0b") + chunk(b"IDAT", data[20:])
    image = open_image(content[: at - 4] + split + content[-12:])
    assert np.array_equal(np.asarray(image), np.asarray(open_image(content)))


def test_a_wrong_sum_behind_the_pixels_costs_the_last_row_at_most() -> None:
    content = bytearray(encoded(flat((40, 40)), "PNG"))
    content[-20:-16] = b"\0\0\0\0"
    assert open_image(bytes(content)).getpixel((3, 3)) == RED


def test_a_missing_palette_is_damage() -> None:
    content = encoded(flat().quantize(4), "PNG")
    start, end = content.index(b"PLTE") - 4, content.index(b"IDAT") - 4
    with pytest.raises(BrokenImageError, match=r"damaged \(it holds no PNG that can be decoded\)"):
        open_image(content[:start] + content[end:])


@pytest.mark.parametrize("format", ["GIF", "BMP", "PNG"])
def test_no_pixel_at_all(format: str) -> None:
    content = bytearray(encoded(flat(), format))
    start, size = {"GIF": (6, 4), "BMP": (18, 8), "PNG": (16, 8)}[format]
    content[start : start + size] = bytes(size)
    if format == "GIF":
        del content[content.index(b",") :]
    with pytest.raises(BrokenImageError):
        open_image(bytes(content))


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("TIFF", {"compression": "group4"}),
        ("TIFF", {"big_tiff": True}),
        ("TIFF", {"compression": "jpeg"}),
        ("TIFF", {"save_all": True, "append_images": [Image.new("RGB", (9, 9))]}),
        ("GIF", {"save_all": True, "append_images": [Image.new("RGB", (9, 9))]}),
        pytest.param(
            "AVIF",
            {"save_all": True, "append_images": [Image.new("RGB", (16, 16))]},
            marks=pytest.mark.skipif(not features.check("avif"), reason="no AVIF"),
        ),
    ],
)
def test_first_pages_and_frames(format: str, options: dict[str, object]) -> None:
    is_black_and_white = options.get("compression") == "group4"
    image = Image.new("1", (16, 16), 1) if is_black_and_white else flat()
    expected = (255, 255, 255) if is_black_and_white else RED
    opened = open_image(encoded(image, format, **options))
    assert opened.getpixel((3, 3)) == pytest.approx(expected, abs=4)


@pytest.mark.parametrize("number", [3, 6])
def test_orientation_of_avif(number: int) -> None:
    if not features.check("avif"):
        pytest.skip("no AVIF")
    stored = Image.new("RGB", (64, 32), "blue")
    stored.paste((255, 0, 0), (0, 0, 32, 32))
    exif = Image.Exif()
    exif[0x0112] = number
    image = open_image(encoded(stored, "AVIF", exif=exif, quality=95))
    assert image.size == image.info["full_size"] == ((64, 32) if number == 3 else (32, 64))
    corner = (60, 3) if number == 3 else (3, 3)
    assert image.getpixel(corner) == pytest.approx((255, 0, 0), abs=12)

"""Every kind of image opens as upright RGB, whatever its format, mode or name."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, features

from stitch_cir.images import open_image

ORIENTATION = 0x0112
UNDO = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera would have stored an upright picture under each orientation."""


def scene(size: tuple[int, int] = (48, 32)) -> Image.Image:
    """Four different corners, so that no orientation looks like another."""
    image = Image.new("RGB", size, (200, 30, 30))
    half = (size[0] // 2, size[1] // 2)
    image.paste((30, 200, 30), (half[0], 0, size[0], half[1]))
    image.paste((30, 30, 200), (0, half[1], half[0], size[1]))
    image.paste((220, 220, 40), (half[0], half[1], *size))
    return image


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def pixels(image: Image.Image) -> NDArray[np.int16]:
    return np.asarray(image).astype(np.int16)


def oriented(number: int, format: str, **options: object) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = number
    stored = scene() if number == 1 else scene().transpose(UNDO[number])
    return encoded(stored, format, exif=exif, **options)


FORMATS = [
    ("PNG", {}, 0),
    ("BMP", {}, 0),
    ("TIFF", {}, 0),
    ("TIFF", {"compression": "tiff_lzw"}, 0),
    ("WEBP", {"lossless": True}, 0),
    ("JPEG", {"quality": 95, "subsampling": 0}, 8),
    ("GIF", {}, 8),
    pytest.param(
        "AVIF",
        {"quality": 100, "subsampling": "4:4:4"},
        8,
        marks=pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF"),
    ),
]


@pytest.mark.parametrize(("format", "options", "tolerance"), FORMATS)
def test_formats(tmp_path: Path, format: str, options: dict[str, object], tolerance: int) -> None:
    content = encoded(scene(), format, **options)
    path = tmp_path / "no ending"
    path.write_bytes(content)
    for source in (path, content):
        image = open_image(source)
        assert (image.mode, image.size) == ("RGB", (48, 32))
        assert type(image) is Image.Image
        assert np.abs(pixels(image) - pixels(scene())).max() <= tolerance


def test_heic_is_turned_upright(heic: bytes) -> None:
    image = open_image(heic)
    assert (image.mode, image.size, image.info["full_size"]) == ("RGB", (16, 16), (16, 16))
    # without the container's rotation these would be light red, dark red, light green, dark green
    corners = [image.getpixel(corner) for corner in ((2, 2), (13, 2), (2, 13), (13, 13))]
    assert corners == [(190, 27, 18), (14, 117, 18), (255, 144, 135), (131, 234, 135)]


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize(
    ("format", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})]
)
def test_orientations_give_equal_pixels(
    format: str, options: dict[str, object], number: int
) -> None:
    image = open_image(oriented(number, format, **options))
    assert image.info["full_size"] == image.size == (48, 32)
    assert np.array_equal(pixels(image), pixels(scene()))


@pytest.mark.parametrize("number", range(1, 9))
def test_jpeg_orientations(number: int) -> None:
    image = open_image(oriented(number, "JPEG", quality=95, subsampling=0))
    assert np.abs(pixels(image) - pixels(scene())).mean() < 1
    small = open_image(oriented(number, "JPEG", quality=95, subsampling=0), decode_side=16)
    assert small.size == (24, 16)
    assert small.info["full_size"] == (48, 32)
    assert np.abs(pixels(small) - pixels(scene((24, 16)))).mean() < 1


@pytest.mark.parametrize("value", [0, 9, 77])
def test_an_impossible_orientation_is_ignored(value: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = value
    assert np.array_equal(pixels(open_image(encoded(scene(), "PNG", exif=exif))), pixels(scene()))


def test_damaged_exif_does_not_lose_the_image() -> None:
    content = encoded(scene(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff", quality=95)
    assert open_image(content).size == (48, 32)


def test_jpeg_draft_keeps_the_shorter_side() -> None:
    content = encoded(scene((1000, 603)), "JPEG")
    for side in (75, 76, 100, 150, 151, 300, 301, 302, 603, 604, 5000):
        image = open_image(content, decode_side=side)
        assert min(image.size) >= min(side, 603)
        assert max(image.size) / min(image.size) == pytest.approx(1000 / 603, rel=0.02)
        assert image.info["full_size"] == (1000, 603)


def test_any_format_is_reduced_to_bound_memory() -> None:
    image = open_image(encoded(scene((400, 300)), "PNG"), decode_side=100)
    assert image.size == (134, 100)


def test_cmyk() -> None:
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    for format in ("JPEG", "TIFF"):
        image = open_image(encoded(cmyk, format))
        assert image.mode == "RGB"
        red, green, blue = image.getpixel((4, 4))  # type: ignore[misc]
        assert red > 200
        assert green < 60
        assert blue < 60


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_not_clipped(format: str) -> None:
    values = np.array([[0, 257, 25700, 65535]], np.uint16)
    image = open_image(encoded(Image.fromarray(values), format))
    assert pixels(image)[0, :, 0].tolist() == [0, 1, 100, 255]


def test_big_endian_sixteen_bit_tiff() -> None:
    values = np.array([[0, 25700, 65535]], ">u2")
    stored = Image.frombytes("I;16B", (3, 1), values.tobytes())
    image = open_image(encoded(stored, "TIFF"))
    assert pixels(image)[0, :, 0].tolist() == [0, 100, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([0.0, 500.0, 1000.0], [0, 128, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([float("nan"), float("inf"), 1.0], [0, 255, 255]),
        ([7.0, 7.0, 7.0], [7, 7, 7]),
    ],
)
def test_float_grey(values: list[float], expected: list[int]) -> None:
    image = open_image(encoded(Image.fromarray(np.array([values], np.float32)), "TIFF"))
    assert pixels(image)[0, :, 0].tolist() == expected


def test_32_bit_grey() -> None:
    image = open_image(encoded(Image.fromarray(np.array([[0, 65535]], np.int32)), "TIFF"))
    assert pixels(image)[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize("mode", ["1", "L"])
def test_grey_modes(mode: str) -> None:
    image = open_image(encoded(scene().convert(mode), "PNG"))
    assert np.array_equal(pixels(image), pixels(scene().convert(mode).convert("RGB")))


def test_transparency_lies_on_white() -> None:
    clear = Image.new("RGBA", (4, 4), (10, 20, 30, 0))
    half = Image.new("LA", (4, 4), (0, 128))
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([255, 0, 0, 0, 255, 0])
    palette.putpixel((0, 0), 1)
    assert open_image(encoded(clear, "PNG")).getpixel((0, 0)) == (255, 255, 255)
    assert open_image(encoded(clear, "WEBP", lossless=True)).getpixel((0, 0)) == (255, 255, 255)
    assert open_image(encoded(half, "PNG")).getpixel((0, 0)) == (127, 127, 127)
    shown = open_image(encoded(palette, "PNG", transparency=bytes([0, 255])))
    assert shown.getpixel((1, 1)) == (255, 255, 255)
    assert shown.getpixel((0, 0)) == (0, 255, 0)
    opened = open_image(encoded(palette, "GIF", transparency=0))
    assert opened.getpixel((1, 1)) == (255, 255, 255)
    colour = Image.new("RGB", (4, 4), (1, 2, 3))
    assert open_image(encoded(colour, "PNG", transparency=(1, 2, 3))).getpixel((0, 0)) == (255,) * 3


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF", "MPO"])
def test_first_frame_of_animations(format: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    content = encoded(frames[0], format, save_all=True, append_images=frames[1:])
    red, _, blue = open_image(content).getpixel((8, 8))  # type: ignore[misc]
    assert red > 200
    assert blue < 60


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    for decode_side in (None, 300):
        image = open_image(encoded(Image.new("RGB", size, "red"), "PNG"), decode_side=decode_side)
        assert image.size == size


def test_wrong_ending(tmp_path: Path) -> None:
    path = tmp_path / "really a png.jpg"
    path.write_bytes(encoded(scene(), "PNG"))
    assert np.array_equal(pixels(open_image(path)), pixels(scene()))


def test_importing_is_cheap() -> None:
    code = (
        "import sys, stitch_cir.images;"
        "print([m for m in ('pi_heif', 'onnxruntime', 'pydantic') if m in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert "pi_heif" not in loaded

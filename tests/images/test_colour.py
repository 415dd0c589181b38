"""Colours come out as a viewer shows them: embedded profiles are converted to sRGB."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from stitch_cir.images import has_colour_profile, open_image, to_srgb
from tests.images.profiles import (
    ADOBE,
    DISPLAY_P3,
    SRGB,
    SWAPPED,
    cmyk_profile,
    grey_profile,
    rgb_profile,
)

GREEN = (30, 140, 70)


def flat(colour: object, mode: str = "RGB", size: tuple[int, int] = (32, 32)) -> Image.Image:
    return Image.new(mode, size, colour)  # type: ignore[arg-type]


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("PNG", {}),
        ("JPEG", {"quality": 100, "subsampling": 0}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
)
@pytest.mark.parametrize(
    ("profile", "stored", "shown"),
    [
        (rgb_profile(SWAPPED), (255, 0, 0), (0, 255, 0)),
        (rgb_profile(ADOBE, 2.19921875), (83, 139, 76), GREEN),
        (rgb_profile(DISPLAY_P3), (69, 137, 79), GREEN),
        (rgb_profile(SRGB, 1.0), (100, 100, 100), (168, 168, 168)),
    ],
    ids=["swapped", "Adobe RGB", "Display P3", "linear"],
)
def test_profiles(
    format: str,
    options: dict[str, object],
    profile: bytes,
    stored: tuple[int, int, int],
    shown: tuple[int, int, int],
) -> None:
    content = encoded(flat(stored), format, icc_profile=profile, **options)
    for side in (None, 8):
        image = open_image(content, decode_side=side)
        assert image.getpixel((3, 3)) == pytest.approx(shown, abs=4)
        assert "icc_profile" not in image.info


def test_srgb_itself_changes_no_value() -> None:
    values = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = encoded(Image.fromarray(values), "PNG", icc_profile=profile)
    assert np.array_equal(np.asarray(open_image(content)), values)


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile",
        rgb_profile(SWAPPED)[:200],
        rgb_profile(SWAPPED)[:128] + bytes(400),
        bytes(128),
        grey_profile(1.0),
    ],
)
def test_a_broken_or_foreign_profile_is_ignored(profile: bytes) -> None:
    for format in ("PNG", "JPEG", "WEBP", "TIFF"):
        image = open_image(encoded(flat(GREEN), format, icc_profile=profile, quality=100))
        assert image.getpixel((3, 3)) == pytest.approx(GREEN, abs=3)


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_profiles(mode: str) -> None:
    colour = 100 if mode == "L" else (100, 255)
    image = open_image(encoded(flat(colour, mode), "PNG", icc_profile=grey_profile(1.0)))
    assert image.getpixel((3, 3)) == pytest.approx((168, 168, 168), abs=2)


def test_sixteen_bit_grey_has_a_profile_too() -> None:
    deep = Image.fromarray(np.full((8, 8), 100 * 257, np.uint16))
    image = open_image(encoded(deep, "PNG", icc_profile=grey_profile(1.0)))
    assert image.getpixel((3, 3)) == pytest.approx((168, 168, 168), abs=2)


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_profiles_of_inks(format: str) -> None:
    inks = Image.new("CMYK", (32, 32), (255, 0, 0, 0))
    inks.paste((0, 0, 0, 255), (16, 0, 32, 32))
    image = open_image(encoded(inks, format, icc_profile=cmyk_profile(), quality=100))
    red, green, blue = image.getpixel((3, 3))  # type: ignore[misc]
    assert green > 130
    assert max(red, blue) < 100
    assert max(image.getpixel((28, 3))) < 30  # type: ignore[arg-type]
    plain = open_image(encoded(inks, format, quality=100)).getpixel((3, 3))
    assert plain == pytest.approx((0, 255, 255), abs=3)


def test_a_profile_belongs_to_palettes_and_transparency_too() -> None:
    profile = rgb_profile(SWAPPED)
    palette = flat((255, 0, 0)).convert("P", palette=Image.Palette.ADAPTIVE)
    half = flat((255, 0, 0, 0), "RGBA")
    half.paste((255, 0, 0, 255), (0, 0, 16, 32))
    for image in (palette, half):
        opened = open_image(encoded(image, "PNG", icc_profile=profile))
        assert opened.getpixel((3, 3)) == (0, 255, 0)
    assert opened.getpixel((30, 3)) == (255, 255, 255)


def test_lab() -> None:
    profile = ImageCms.createProfile("LAB")
    srgb = ImageCms.createProfile("sRGB")
    lab = ImageCms.profileToProfile(flat(GREEN), srgb, profile, outputMode="LAB")
    assert lab is not None
    image = open_image(encoded(lab, "TIFF"))
    assert image.getpixel((3, 3)) == pytest.approx(GREEN, abs=3)


def test_an_open_image_is_converted_as_a_file_is() -> None:
    content = encoded(flat((255, 0, 0)), "PNG", icc_profile=rgb_profile(SWAPPED))
    assert to_srgb(Image.open(io.BytesIO(content))).getpixel((3, 3)) == (0, 255, 0)
    assert to_srgb(flat((0, 0, 0, 0), "RGBA")).getpixel((3, 3)) == (255, 255, 255)


def test_a_profile_is_read_from_the_header(tmp_path: Path) -> None:
    for name, profile, expected in (
        ("p3.png", rgb_profile(DISPLAY_P3), True),
        ("p3.jpg", rgb_profile(DISPLAY_P3), True),
        ("p3.webp", rgb_profile(DISPLAY_P3), True),
        ("p3.tif", rgb_profile(DISPLAY_P3), True),
        ("none.png", None, False),
        ("broken.png", b"broken", False),
    ):
        flat(GREEN).save(tmp_path / name, icc_profile=profile)
        assert has_colour_profile(tmp_path / name) is expected
    (tmp_path / "text.png").write_text("no image")
    assert has_colour_profile(tmp_path / "text.png") is None
    assert has_colour_profile(tmp_path / "gone.png") is None

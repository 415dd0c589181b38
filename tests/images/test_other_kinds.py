"""What is no image that can be read is named: camera raw above all."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from PIL import Image

from stitch_cir.errors import NotAnImageError
from stitch_cir.images import describe_content, format_of, is_camera_raw, open_image

Tag = tuple[int, int, int, int]
"""Number, type (3: short, 4: long), count, value."""


def tiff(*tags: Tag, make: bytes = b"", order: str = "<", magic: int = 42) -> bytes:
    """A TIFF header with a first directory, and no pixel."""
    entries = [*tags, *([(271, 2, len(make), 0)] if make else [])]
    behind = 8 + 2 + 12 * len(entries) + 4
    content = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", magic, 8)
    content += struct.pack(f"{order}H", len(entries))
    for number, kind, count, value in sorted(entries):
        packed = struct.pack(f"{order}HHI", number, kind, count)
        if number == 271:
            content += packed + struct.pack(f"{order}I", behind)
        elif kind == 3:
            content += packed + struct.pack(f"{order}HH", value, 0)
        else:
            content += packed + struct.pack(f"{order}I", value)
    return content + struct.pack(f"{order}I", 0) + make


THUMBNAIL: Tag = (254, 4, 1, 1)
FURTHER_IMAGES: Tag = (330, 4, 1, 8)
RAW = {
    "Canon CR2": b"II*\0\x10\0\0\0CR\2\0" + bytes(60),
    "Nikon NEF": tiff(THUMBNAIL, FURTHER_IMAGES, make=b"NIKON CORPORATION\0", order=">"),
    "Nikon, packed": tiff((259, 3, 1, 34713), make=b"NIKON\0"),
    "Sony ARW": tiff((259, 3, 1, 32767), make=b"SONY\0"),
    "Sony, thumbnail": tiff(THUMBNAIL, FURTHER_IMAGES, make=b"SONY\0"),
    "Adobe DNG": tiff((50706, 1, 4, 0x0401), make=b"Apple\0"),
    "Pentax PEF": tiff((259, 3, 1, 65535), make=b"PENTAX \0", order=">"),
    "colour filter": tiff((262, 3, 1, 32803)),
    "linear": tiff((262, 3, 1, 34892)),
    "Fujifilm RAF": b"FUJIFILMCCD-RAW 0201" + bytes(60),
    "Panasonic RW2": b"IIU\0" + bytes(60),
    "Olympus ORF": b"IIRO" + bytes(60),
    "Canon CR3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(60),
    "Sigma X3F": b"FOVb" + bytes(60),
}


@pytest.mark.parametrize("content", RAW.values(), ids=RAW)
def test_camera_raw(content: bytes, tmp_path: Path) -> None:
    assert is_camera_raw(io.BytesIO(content), "photo")
    for name in ("photo.tif", "photo.NEF"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(NotAnImageError, match="camera raw is not read. Export a JPEG"):
            open_image(tmp_path / name)


@pytest.mark.parametrize(
    "ending", "CR2 NEF ARW DNG PEF SRW 3FR GPR KDC ERF MOS ORF RW2 RAF CR3 IIQ X3F".split()
)
def test_a_tiff_with_a_raw_ending_is_its_thumbnail_at_best(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"photo.{ending}"
    Image.new("RGB", (160, 120)).save(path, "TIFF")
    with pytest.raises(NotAnImageError, match="camera raw is not read. Export a JPEG"):
        open_image(path)


def test_a_tiff_that_a_camera_or_an_editor_wrote_is_an_image(tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    for make in ("NIKON CORPORATION", "Canon", "EPSON"):
        Image.new("RGB", (160, 120), "red").save(path, tiffinfo={271: make, 305: "Lightroom"})
        assert open_image(path).size == (160, 120)
    (tmp_path / "photo.raw").write_bytes(path.read_bytes())
    Image.new("RGB", (20, 10)).save(tmp_path / "photo.dng", "JPEG")
    assert open_image(tmp_path / "photo.dng").size == (20, 10)  # a JPEG, whatever its name says


@pytest.mark.parametrize("content", [tiff(), tiff(magic=43), b"II*\0", b"II*\0\xff\xff\xff\xff"])
def test_a_header_without_tags_is_no_raw(content: bytes) -> None:
    assert not is_camera_raw(io.BytesIO(content), "photo.tif")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\x0a\xfa\x1f", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\xff\x4f\xff\x51\0", "JPEG 2000"),
        (b"8BPS\0\1", r"Photoshop \(PSD\)"),
        (b"\n<?xml version='1.0'?><svg>", "SVG"),
        (b"<svg xmlns=''/>", "SVG"),
        (b"%PDF-1.7", "PDF"),
        (b"<!DOCTYPE html><title>404</title>", "a web page"),
        (b"\0\0\0\x20ftypisom", "a video"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"),
    ],
)
def test_what_it_is_instead(content: bytes, kind: str) -> None:
    assert format_of(content) is None
    with pytest.raises(NotAnImageError, match=f"known format: it is {kind}. Known: JPEG"):
        open_image(content)


def test_what_nobody_knows() -> None:
    assert describe_content(b"hello") is None
    assert describe_content(b"") is None

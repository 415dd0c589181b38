"""What is no usable image is refused with the right error, and leaves no traces."""

from __future__ import annotations

import io
import os
import random
import struct
import threading
import warnings
import zlib
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from PIL import Image

from stitch_cir.errors import BrokenImageError, ImageError, ImageTooLargeError, NotAnImageError
from stitch_cir.images import MAX_PIXELS, format_of, open_image


def encoded(format: str, size: tuple[int, int] = (64, 64)) -> bytes:
    stream = io.BytesIO()
    noise = random.Random(1).randbytes(size[0] * size[1] * 3)
    Image.frombytes("RGB", size, noise).save(stream, format)
    return stream.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises many pixels and holds none."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


@pytest.mark.parametrize(
    "content",
    [b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", b"%!PS-Adobe-3.0 EPSF"],
)
def test_not_an_image(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(NotAnImageError, match=r"photo\.jpg is not an image.*Known: JPEG"):
        open_image(path)


def test_formats_outside_the_list_are_refused() -> None:
    for format in ("PPM", "TGA", "ICO", "PCX", "EPS"):
        with pytest.raises(NotAnImageError):
            open_image(encoded(format))


def test_empty(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.touch()
    with pytest.raises(NotAnImageError, match=r"photo\.jpg is empty"):
        open_image(path)
    with pytest.raises(NotAnImageError, match="the content is empty"):
        open_image(b"")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.5, 0.02])
def test_truncated(tmp_path: Path, format: str, share: float) -> None:
    whole = encoded(format)
    path = tmp_path / "photo"
    path.write_bytes(whole[: max(16, int(len(whole) * share))])
    if format == "BMP":
        path.write_bytes(whole[: max(54, int(len(whole) * share))])
    with pytest.raises(BrokenImageError, match="photo is truncated or damaged"):
        open_image(path)


def test_decompression_bomb_is_refused_from_the_header() -> None:
    before = psutil.Process().memory_info().rss
    for width, height in ((50_000, 50_000), (2_000_000_000, 2_000_000_000)):
        with pytest.raises(ImageTooLargeError):
            open_image(png_header(width, height))
    assert psutil.Process().memory_info().rss - before < 50e6


def test_the_cap_is_exact_and_named(tmp_path: Path) -> None:
    path = tmp_path / "scan.png"
    Image.new("1", (100, 50)).save(path)
    assert open_image(path, max_pixels=5000).size == (100, 50)
    with pytest.raises(ImageTooLargeError, match=r"scan\.png is too large: 100 × 50 .* 4,999"):
        open_image(path, max_pixels=4999)


def test_between_pillows_warning_and_the_cap_nothing_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (Image.MAX_IMAGE_PIXELS or 0) < MAX_PIXELS
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4000)
    assert open_image(encoded("PNG")).size == (64, 64)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"])
def test_the_cap_raises_pillows_limit_meanwhile(
    format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert open_image(encoded(format), max_pixels=4096).size == (64, 64)
    assert Image.MAX_IMAGE_PIXELS == 1000
    with pytest.raises(ImageTooLargeError, match=r"too large.*--max-megapixels 1 "):
        open_image(encoded(format), max_pixels=4095)
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_a_jpeg_that_is_decoded_smaller_may_be_larger() -> None:
    content = encoded("JPEG", (128, 128))
    assert open_image(content, max_pixels=2048, decode_side=16).info["full_size"] == (128, 128)
    with pytest.raises(ImageTooLargeError):
        open_image(content, max_pixels=2048)
    with pytest.raises(ImageTooLargeError):
        open_image(content, max_pixels=2047, decode_side=16)  # more than 8 times as many
    stream = io.BytesIO()
    Image.new("RGB", (128, 128)).save(stream, "JPEG", progressive=True)
    with pytest.raises(ImageTooLargeError):
        open_image(stream.getvalue(), max_pixels=2048, decode_side=16)  # held at its full size


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"])
def test_flipped_bytes_raise_nothing_unforeseen(format: str, heic: bytes) -> None:
    whole = heic if format == "HEIF" else encoded(format, (24, 24))
    dice = random.Random(7)
    for _ in range(60):
        spoiled = bytearray(whole)
        for _ in range(dice.randint(1, 8)):
            spoiled[dice.randrange(len(spoiled))] = dice.randrange(256)
        with suppress(ImageError):
            assert open_image(bytes(spoiled), max_pixels=100_000).mode == "RGB"


def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageError, match=r"gone\.jpg cannot be read: No such file"):
        open_image(tmp_path / "gone.jpg")
    (tmp_path / "folder.jpg").mkdir()
    with pytest.raises(ImageError, match=r"folder\.jpg is not a regular file"):
        open_image(tmp_path / "folder.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ImageError, match=r"pipe\.jpg is not a regular file"):
        open_image(tmp_path / "pipe.jpg")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    with pytest.raises(ImageError, match=r"loop\.jpg cannot be read"):
        open_image(tmp_path / "loop.jpg")

    def refuse(*args: object) -> int:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "secret.jpg").write_bytes(encoded("JPEG"))
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ImageError, match=r"secret\.jpg .*: Permission denied") as caught:
        open_image(tmp_path / "secret.jpg")
    assert type(caught.value) is ImageError


def test_a_name_that_is_no_text_can_be_printed(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))
    path.write_bytes(b"no image")
    with pytest.raises(NotAnImageError) as caught:
        open_image(path)
    assert "caf\\xe9.jpg" in str(caught.value)
    str(caught.value).encode()


def test_no_file_stays_open(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    good.write_bytes(encoded("PNG"))
    bad.write_bytes(encoded("PNG")[:200])
    image = open_image(good)
    with pytest.raises(BrokenImageError):
        open_image(bad)
    assert image.load() is not None
    assert not [file for file in psutil.Process().open_files() if str(tmp_path) in file.path]


def test_threads_leave_the_warning_filters_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    # an image that makes Pillow warn, opened in threads that overlap
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4000)
    before = list(warnings.filters)
    content, failed = encoded("PNG"), []

    def work() -> None:
        for _ in range(20):
            try:
                open_image(content)
            except Exception as error:
                failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert list(warnings.filters) == before


def test_formats_by_content(heic: bytes) -> None:
    assert format_of(heic) == "HEIF"
    assert format_of(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf") == "AVIF"
    assert format_of(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom") is None
    assert format_of(b"BM, said the bookmaker, is no bitmap") is None
    assert format_of(b"RIFF\0\0\0\0WAVE") is None
    for size in range(64):
        format_of(heic[:size])

"""Open an untrusted picture safely: formats by content, upright, RGB, with a cap on pixels."""

from __future__ import annotations

import functools
import io
import os
import re
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from stitch_cir.errors import BrokenImageError, ImageError, ImageTooLargeError, NotAnImageError

__all__ = [
    "EXTENSIONS",
    "HEAD_BYTES",
    "MAX_PIXELS",
    "decode",
    "format_of",
    "open_image",
    "open_regular",
    "spell",
]

MAX_PIXELS = 178_956_970
"""Default cap on width × height: where Pillow itself refuses, and above nearly every camera."""

_ENDINGS = {
    "JPEG": ".jpg .jpeg .jpe .jfif .mpo",
    "PNG": ".png .apng",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp .dib",
    "TIFF": ".tif .tiff",
    "AVIF": ".avif .avifs",
    "HEIF": ".heic .heif .heics .heifs .hif",
}
EXTENSIONS = {ending: name for name, endings in _ENDINGS.items() for ending in endings.split()}
"""Endings (lower case) of files that are meant to be pictures, and the format each one promises."""

HEAD_BYTES = 64
"""How much of a file :func:`format_of` wants to see."""

_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}
_BMP_HEADERS = {12, 40, 52, 56, 64, 108, 124}
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation to the transposition that makes the picture upright."""
_ON_THE_SIDE = {_TURNS[number] for number in (5, 6, 7, 8)}


def format_of(head: bytes) -> str | None:
    """Tell the format from a file's first ``HEAD_BYTES``; None if it is none of the allowed."""
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    if head[4:8] == b"ftyp":
        end = min(int.from_bytes(head[:4], "big"), len(head))
        brands = {head[8:12], *(head[start : start + 4] for start in range(16, end, 4))}
        # "mif1" alone says container, not codec: AVIF files may carry it as their first brand
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & _HEIF_BRANDS:
            return "HEIF"
    return None


def open_image(
    source: Path | bytes,
    *,
    max_pixels: int = MAX_PIXELS,
    decode_side: int | None = None,
) -> Image.Image:
    """Open one picture as upright RGB.

    The first frame of an animation; EXIF orientation applied; transparency over white; 16-bit and
    float grey scaled to 8 bit; CMYK converted. Colour profiles are not applied: values are taken
    as sRGB, as CLIP's preprocessing does.

    Parameters
    ----------
    source:
        A path or the file's bytes. The format is decided by content, never by the name.
    max_pixels:
        Largest width × height, checked in the header before anything is decoded. Pillow's own
        limit (twice ``PIL.Image.MAX_IMAGE_PIXELS``) holds besides.
    decode_side:
        The picture may come smaller, by a whole factor, as long as its shorter side keeps this
        many pixels: a JPEG is then decoded smaller (draft mode), and memory stays bounded.

    Returns
    -------
    An RGB picture whose ``info["full_size"]`` is the upright (width, height) before any reduction.

    Raises
    ------
    NotAnImageError, BrokenImageError, ImageTooLargeError
        The content is no allowed image, is damaged, or is too large.
    ImageError
        The file cannot be read.
    """
    if isinstance(source, bytes):
        return decode(
            io.BytesIO(source), "the picture", max_pixels=max_pixels, decode_side=decode_side
        )
    with open_regular(source) as stream:
        return decode(stream, spell(source), max_pixels=max_pixels, decode_side=decode_side)


def decode(
    stream: BinaryIO,
    name: str,
    *,
    max_pixels: int = MAX_PIXELS,
    decode_side: int | None = None,
) -> Image.Image:
    """Do what :func:`open_image` does with a seekable binary stream; ``name`` is for messages."""
    try:
        stream.seek(0)
        head = stream.read(HEAD_BYTES)
    except OSError as error:
        raise _unreadable(name, error) from error
    if not head:
        raise NotAnImageError(f"{name} is empty (0 bytes).", hint="Copy the picture again.")
    format = format_of(head)
    if format is None:
        raise NotAnImageError(
            f"{name} is not an image of a known format.",
            hint="Known: JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, HEIC.",
        )
    if format == "HEIF":
        _register_heif()
    try:
        with _quiet_decoders():
            return _decode(stream, format, name, max_pixels, decode_side)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageTooLargeError(
            f"{name} is too large: it has more pixels than Pillow decodes.",
            hint="Scale it down (or raise PIL.Image.MAX_IMAGE_PIXELS, if you trust it).",
        ) from error
    except MemoryError as error:
        raise ImageTooLargeError(
            f"{name} is too large: it does not fit in memory.", hint="Scale it down."
        ) from error
    except UnidentifiedImageError as error:
        raise _broken(name, f"its {format} header cannot be read") from error
    except Exception as error:  # decoders raise anything on hostile bytes
        raise _broken(name, str(error).split("\n")[0] or type(error).__name__) from error


def _decode(
    stream: BinaryIO, format: str, name: str, max_pixels: int, decode_side: int | None
) -> Image.Image:
    with Image.open(stream, formats=(format,)) as image:
        width, height = image.size
        if width * height > max_pixels:
            raise ImageTooLargeError(
                f"{name} is too large: {width} × {height} pixels, allowed are {max_pixels:,}.",
                hint="Scale it down, or raise the limit on pixels.",
            )
        if min(width, height) < 1:
            raise _broken(name, f"its size is {width} × {height}")
        if format == "JPEG" and decode_side:
            # draft takes the smallest scale that keeps both sides at least this long
            scale = decode_side / min(width, height)
            if scale < 1:
                image.draft("RGB", (round(width * scale), round(height * scale)))
        image.load()
        if format in ("TIFF", "HEIF", "AVIF"):
            width, height = image.size  # turned upright, or corrected, while loading
        # asked after loading: PNG may keep it behind the pixels, TIFF and HEIC have applied it
        turn = _TURNS.get(_orientation(image))
        rgb = _to_rgb(image)
        if turn is not None:
            rgb = rgb.transpose(turn)
            if turn in _ON_THE_SIDE:
                width, height = height, width
        # reduced last, so that all orientations of a picture give the same pixels
        factor = min(rgb.size) // decode_side if decode_side else 1
        upright = rgb.reduce(factor) if factor > 1 else rgb.copy() if rgb is image else rgb
        # the pixels speak for themselves; thumbnails and profiles would only fill the memory
        upright.info = {"full_size": (width, height)}
        return upright


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(0x0112)
    except Exception:  # damaged metadata around good pixels
        return 1
    return value if isinstance(value, int) else 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _scale_deep(image)
    if image.has_transparency_data:
        over = image.convert("RGBA")
        white = Image.new("RGBA", over.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, over).convert("RGB")
    return image.convert("RGB")


def _scale_deep(image: Image.Image) -> Image.Image:
    """Bring deep grey to 8 bit: 16-bit values by their range, others by their own extent."""
    values = np.asarray(image)
    finite = values[np.isfinite(values)] if image.mode == "F" else values
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if image.mode.startswith("I;16"):
        low, high = 0.0, 65535.0
    elif low >= 0:
        # the usual conventions first (0…1, 0…255, 0…65535); anything else by its maximum
        usual = (1.0, 255.0, high) if image.mode == "F" else (255.0, 65535.0, high)
        low, high = 0.0, next(limit for limit in usual if high <= limit)
    gain = 255.0 / max(high - low, 1e-30)
    grey = np.empty(values.shape, np.uint8)
    for start in range(0, len(values), 256):
        # in strips: a scan of 100 megapixels must not become 800 MB of float64
        rows = values[start : start + 256].astype(np.float64)
        rows = np.nan_to_num(rows, nan=low, neginf=low, posinf=high)
        grey[start : start + 256] = np.rint((rows - low) * gain).clip(0, 255)
    return Image.fromarray(grey).convert("RGB")


def open_regular(path: Path, name: str = "") -> io.BufferedReader:
    """Open a regular file for reading; a named pipe called photo.jpg is refused, not waited for.

    ``name`` is what messages call it, by default its path.

    Raises ``ImageError`` with the reason when that is impossible.
    """
    name = name or spell(path)
    try:
        descriptor = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ImageError(f"{name} is not a regular file.", hint="Give the path of a picture.")
    return os.fdopen(descriptor, "rb")


def spell(path: Path | str) -> str:
    """Write a path so that it can be printed, whatever bytes its name has."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _unreadable(name: str, error: Exception) -> ImageError:
    reason = getattr(error, "strerror", None) or error
    return ImageError(f"{name} cannot be read: {reason}.", hint="Check the path and permissions.")


def _broken(name: str, reason: str) -> BrokenImageError:
    return BrokenImageError(
        f"{name} is truncated or damaged ({reason.rstrip('.')}).",
        hint="Copy or export the picture again.",
    )


@functools.cache
def _register_heif() -> None:
    """Register the HEIC decoder when the first such file is met, so that imports stay cheap."""
    import pi_heif

    pi_heif.register_heif_opener()


_QUIET: tuple[Any, ...] = ("ignore", None, Warning, re.compile(r"(PIL|pi_heif)(\.|$)"), 0)
_quiet_lock = threading.Lock()
_quiet_depth = 0


@contextmanager
def _quiet_decoders() -> Iterator[None]:
    """Drop the decoders' warnings about odd metadata: the pixels decide, and nothing may leak.

    ``warnings.catch_warnings`` saves and restores all filters, which goes wrong when threads
    overlap; this adds one filter while any thread decodes, and takes away that one only.
    """
    global _quiet_depth
    with _quiet_lock:
        _quiet_depth += 1
        if _quiet_depth == 1:
            warnings.filterwarnings("ignore", module=_QUIET[3].pattern)
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_depth -= 1
            if _quiet_depth == 0 and _QUIET in warnings.filters:
                warnings.filters.remove(_QUIET)  # type: ignore[attr-defined]

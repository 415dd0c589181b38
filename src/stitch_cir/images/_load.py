"""Opening and loading with Pillow; of damaged files what is left of them.

What is left is found by decoding twice with different bytes for what is missing: a pixel that
comes out the same both times does not depend on them.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, cast

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from stitch_cir.errors import ImageError
from stitch_cir.images._streams import Splice, essential_parts, padded, size_of

__all__ = ["Opened", "opened", "repaired"]

_END_OF_JPEG = b"\xff\xd9" * 16
_JPEG_TAILS = (_END_OF_JPEG, b"\x55\xa3\x19\x6c" * 16 + _END_OF_JPEG)
"""What stands for the missing end of a JPEG: nothing, and bits that decode to something."""
_FILLS = (b"\0", b"\xff", b"\xa5", b"\x55")
"""What stands for the missing bytes of a WebP, AVIF or HEIC; not all of them can be decoded."""
_TIFF_TAIL = bytes(4096)
"""Behind a TIFF whose directory is cut short at the end of the file: its pixels are whole."""
_FINAL = (ImageError, MemoryError, Image.DecompressionBombError)
"""What is wrong with an image whatever its bytes are."""
Prepare = Callable[[Image.Image], None]


@dataclass(frozen=True, slots=True)
class Opened:
    """An image whose header is read, its ICC profile, and what it reads from."""

    image: ImageFile.ImageFile
    profile: object
    source: Splice | BinaryIO

    @property
    def ran_out(self) -> bool:
        """Whether the decoder wanted more than the file holds."""
        return isinstance(self.source, Splice) and self.source.ran_out


def opened(stream: BinaryIO, format: str, *, attempt: int = 0) -> Opened:
    """Read an image's header. ``attempt`` chooses what stands behind the end of a JPEG.

    Raises whatever Pillow raises.
    """
    if format == "HEIF":
        _register_heif()
    if format not in ("PNG", "JPEG"):
        return _open(stream, format, None)
    tail = _JPEG_TAILS[attempt] if format == "JPEG" else b""
    try:
        essential = essential_parts(stream, format, bare=False)
        return _open(Splice(stream, essential.parts, tail), format, essential.profile)
    except Exception:
        # EXIF or XMP that Pillow cannot bear; if it is something else, it says so again
        essential = essential_parts(stream, format, bare=True)
        return _open(Splice(stream, essential.parts, tail), format, essential.profile)


def _open(source: Splice | BinaryIO, format: str, profile: bytes | None) -> Opened:
    image = Image.open(cast(BinaryIO, source), formats=(format,))
    return Opened(image, profile or image.info.get("icc_profile"), source)


def repaired(stream: BinaryIO, format: str, prepare: Prepare) -> tuple[Opened, float, bool]:
    """Load what is left of a damaged image; ``prepare`` is called before its pixels are decoded.

    Returns the image, the share of it that is missing or wrong (0…1), and whether decoding ended
    early. Raises what Pillow raises when nothing is left.
    """
    if format in ("WEBP", "AVIF", "HEIF"):
        return _filled(stream, format, prepare)
    first, failed = _attempt(stream, format, prepare, 0)
    second, _ = _attempt(stream, format, prepare, 1)
    with second.image:
        share = _difference(first.image, second.image, grey_end=format == "JPEG")
    return first, share, failed


def _filled(stream: BinaryIO, format: str, prepare: Prepare) -> tuple[Opened, float, bool]:
    size = size_of(stream)
    parts: list[Opened] = []
    problem: Exception | None = None
    whole = size
    for fill in _FILLS:
        content = padded(stream, format, fill)
        if content is None:
            break
        whole = len(content)
        try:
            part = opened(io.BytesIO(content), format)
            prepare(part.image)
            part.image.load()
        except _FINAL:
            raise
        except Exception as error:
            problem = error
            continue
        parts.append(part)
        if len(parts) == 2:
            break
    if not parts:
        raise problem or OSError("it is damaged")
    if len(parts) == 1:
        # nothing to compare with; the bytes say roughly how much is missing
        return parts[0], (whole - size) / whole, False
    with parts[1].image:
        return parts[0], _difference(parts[0].image, parts[1].image, grey_end=False), False


def _attempt(stream: BinaryIO, format: str, prepare: Prepare, attempt: int) -> tuple[Opened, bool]:
    try:
        part = opened(stream, format, attempt=attempt)
    except UnidentifiedImageError:
        if format != "TIFF":
            raise
        stream.seek(0)
        part = opened(io.BytesIO(stream.read() + _TIFF_TAIL), format)
    image = part.image
    prepare(image)
    # pixels that are not decoded keep what was there before
    # (a TIFF says its size as it will be turned)
    stored = getattr(image, "_tile_size", image.size)
    image.im = Image.new(image.mode, stored, attempt).im
    try:
        image.load()
    except _FINAL:
        raise
    except Exception:
        image.tile = []
        if format == "TIFF":
            image.load_end()  # turns it, as it would have at the end
        image.load()
        return part, True
    return part, False


def _difference(first: Image.Image, second: Image.Image, *, grey_end: bool) -> float:
    """Return the share of pixels that differ; with ``grey_end``, and of rows of one grey below."""
    if first.size != second.size or first.mode != second.mode:
        return 1.0
    different = last = 0
    for row in range(first.height):
        box = (0, row, first.width, row + 1)
        left, right = np.asarray(first.crop(box)), np.asarray(second.crop(box))
        pixels = (left != right).reshape(first.width, -1).any(axis=1).sum()
        different += int(pixels)
        last = row if pixels else last
    if grey_end and different:
        # behind the first missing bits a JPEG has no values, whatever stands there
        fill = np.asarray(
            first.crop((first.width - 1, first.height - 1, first.width, first.height))
        )[0, 0]
        for row in range(first.height - 1, last, -1):
            if (np.asarray(first.crop((0, row, first.width, row + 1))) != fill).any():
                break
            different += first.width
    return different / (first.width * first.height)


@functools.cache
def _register_heif() -> None:
    """Register the HEIC decoder when the first such file is met, so that imports stay cheap."""
    import pi_heif

    pi_heif.register_heif_opener()

"""How many pixels and bytes an image may take, and Pillow's own limits and warnings meanwhile."""

from __future__ import annotations

import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image

__all__ = ["MAX_PIXELS", "SCALED_FACTOR", "decoding_bytes", "quiet_decoders", "raised_limit"]

MAX_PIXELS = 178_956_970
"""Default cap on width × height: Pillow's, and above nearly every camera."""

SCALED_FACTOR = 8
"""How many times as many pixels a JPEG may have whose decoder makes it smaller on the way."""

_STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
"""Bytes that Pillow keeps for a pixel, by mode; all others take 4."""
_DECODERS = {"WEBP": 13, "AVIF": 12, "HEIF": 14, "TIFF": 4}
"""Bytes a pixel that a decoder keeps beside Pillow's, as measured with 8 bits (HEIF: reckoned)."""
_STRIP = 32 << 20
"""What the conversion of one strip takes at most."""


def decoding_bytes(
    image: Image.Image, format: str, full: tuple[int, int], result: tuple[int, int], file: int
) -> int:
    """Estimate the peak memory, in bytes, of decoding an image whose header has been read.

    ``image.size`` is what will be decoded, ``full`` the size in the file, ``result`` that of the
    RGB image in the end, ``file`` the length of the file.
    """
    pixels = image.width * image.height
    need = pixels * (_STORED.get(image.mode, 4) + _DECODERS.get(format, 0))
    need += result[0] * result[1] * 4
    if image.info.get("progressive"):
        # two bytes for each coefficient of up to four components, at full size
        need += full[0] * full[1] * 2 * len(image.getbands())
    if format in ("WEBP", "AVIF", "HEIF"):
        need += 2 * file
    return need + min(_STRIP, pixels * 32)


_QUIET: tuple[Any, ...] = ("ignore", None, Warning, re.compile(r"(PIL|pi_heif)(\.|$)"), 0)
# what Pillow logs of odd tags would go to standard error where nobody has set up logging
logging.getLogger("PIL").addHandler(logging.NullHandler())
_lock = threading.Lock()
_quiet_depth = 0
_raised: list[int] = []
_pillows_limit: int | None = None


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Drop the decoders' warnings about odd metadata: the pixels decide, and nothing may leak.

    ``warnings.catch_warnings`` saves and restores all filters, which goes wrong when threads
    overlap; this adds one filter while any thread decodes, and takes away that one only.
    """
    global _quiet_depth
    with _lock:
        _quiet_depth += 1
        if _quiet_depth == 1:
            warnings.filterwarnings("ignore", module=_QUIET[3].pattern)
    try:
        yield
    finally:
        with _lock:
            _quiet_depth -= 1
            if _quiet_depth == 0 and _QUIET in warnings.filters:
                warnings.filters.remove(_QUIET)  # type: ignore[attr-defined]


@contextmanager
def raised_limit(max_pixels: int) -> Iterator[None]:
    """Raise the limit of Pillow to ``max_pixels`` where it is lower; the caller counts them.

    Pillow has one limit for the whole process: it is raised while a thread needs that, and put
    back afterwards.
    """
    global _pillows_limit
    with _lock:
        if not _raised:
            _pillows_limit = Image.MAX_IMAGE_PIXELS
        _raised.append(max_pixels)
        _apply_limit()
    try:
        yield
    finally:
        with _lock:
            _raised.remove(max_pixels)
            _apply_limit()


def _apply_limit() -> None:
    # Pillow refuses above twice its limit
    needed = [-(-pixels // 2) for pixels in _raised]
    limit = _pillows_limit
    Image.MAX_IMAGE_PIXELS = None if limit is None else max([limit, *needed])

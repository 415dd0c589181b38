"""Open an untrusted image safely: formats by content, upright, sRGB, with caps on what it takes."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from PIL import Image, UnidentifiedImageError

from stitch_cir.errors import BrokenImageError, ImageError, ImageTooLargeError, NotAnImageError
from stitch_cir.images._formats import CAMERA_RAW, HEAD_BYTES, describe_content, format_of
from stitch_cir.images._limits import (
    MAX_PIXELS,
    SCALED_FACTOR,
    decoding_bytes,
    quiet_decoders,
    raised_limit,
)
from stitch_cir.images._load import Opened, opened, repaired
from stitch_cir.images._pixels import ON_THE_SIDE, TURNS, upright_rgb
from stitch_cir.images._probe import is_camera_raw, unread_kind
from stitch_cir.images._regular import open_regular, printable_path, unreadable
from stitch_cir.images._streams import size_of

__all__ = ["decode", "open_image"]

Admit: TypeAlias = Callable[[int], AbstractContextManager[object]]
"""Waits until that many bytes may be used, until its end; raises ``ImageTooLargeError``."""

_LARGEST_LOSS = 0.5
"""Share of an image that may be missing."""
_FORMATS = "Known: JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, HEIC."


@dataclass(frozen=True, slots=True)
class _Limits:
    max_pixels: int
    decode_side: int | None
    admit: Admit


def open_image(
    source: Path | bytes,
    *,
    max_pixels: int = MAX_PIXELS,
    decode_side: int | None = None,
) -> Image.Image:
    """Open one image as upright RGB in sRGB.

    The first frame of an animation; EXIF orientation applied; an embedded ICC profile converted to
    sRGB (a broken one, or one of another kind of image, is ignored); transparency over white;
    16-bit and float grey scaled to 8 bit; CMYK and L*a*b* converted. Damaged metadata never costs
    the image. Of a file that is cut short what is there is used, if it is half of the image; the
    rest is black, grey or noise.

    Parameters
    ----------
    source:
        A path or the file's bytes. The format is decided by content, never by the name.
    max_pixels:
        Largest width × height, checked in the header before anything is decoded; Pillow's own
        limit is raised meanwhile where it is lower. Of a JPEG that is decoded smaller (see below)
        the smaller size counts, and in the file it may have 8 times as many.
    decode_side:
        The image may come smaller, by a whole factor, as long as its shorter side keeps this
        many pixels: a JPEG is then decoded smaller (draft mode), and memory stays bounded.

    Returns
    -------
    An RGB image whose ``info["full_size"]`` is the upright (width, height) before any reduction;
    ``info["note"]`` is there when a part is missing, and says so.

    Raises
    ------
    NotAnImageError, BrokenImageError, ImageTooLargeError
        The content is no allowed image, is damaged, or is too large.
    ImageError
        The file cannot be read.
    """
    if isinstance(source, bytes):
        return decode(
            io.BytesIO(source), "the content", max_pixels=max_pixels, decode_side=decode_side
        )
    with open_regular(source) as stream:
        return decode(
            stream, printable_path(source), max_pixels=max_pixels, decode_side=decode_side
        )


def decode(
    stream: BinaryIO,
    name: str,
    *,
    max_pixels: int = MAX_PIXELS,
    decode_side: int | None = None,
    admit: Admit | None = None,
) -> Image.Image:
    """Do what :func:`open_image` does with a seekable binary stream; ``name`` is for messages.

    ``admit`` is called with an estimate of the peak memory, in bytes, once the header is read; its
    context lasts until the image is decoded. It may wait, or refuse with an ``ImageError``.
    """
    try:
        stream.seek(0)
        head = stream.read(HEAD_BYTES)
        format = format_of(head)
        is_raw = format in (None, "TIFF") and is_camera_raw(stream, name)
    except OSError as error:
        raise unreadable(name, error) from error
    if not head:
        raise NotAnImageError(f"{name} is empty (0 bytes).", hint="Copy the image again.")
    if format is None or is_raw:
        raise _not_an_image(name, CAMERA_RAW if is_raw else describe_content(head))
    try:
        with quiet_decoders(), raised_limit(_most_pixels(format, max_pixels)):
            return _decode(stream, format, name, _Limits(max_pixels, decode_side, admit or _free))
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        # Pillow says the number only, before anybody can ask for the size
        pixels = int(next(iter(re.findall(r"\((\d+) pixels\)", str(error))), max_pixels + 1))
        raise _too_large(name, f"{pixels:,}", pixels, max_pixels) from error
    except MemoryError as error:
        raise ImageTooLargeError(
            f"{name} is too large: it does not fit in memory.", hint="Scale it down."
        ) from error
    except Exception as error:  # decoders raise anything on hostile bytes
        raise _broken(name, _reason(error, format)) from error


def _decode(stream: BinaryIO, format: str, name: str, limits: _Limits) -> Image.Image:
    file = size_of(stream)
    full = (0, 0)
    with ExitStack() as held:

        def prepare(image: Image.Image) -> None:
            nonlocal full
            full = _checked(image, format, name, limits)

        def admit(image: Image.Image, times: int) -> None:
            result = _reduced(image.size, limits.decode_side)
            held.enter_context(
                limits.admit(times * decoding_bytes(image, format, full, result, file))
            )

        note = None
        try:
            part = opened(stream, format)
            prepare(part.image)
            admit(part.image, 1)
            part.image.load()
            is_whole = not part.ran_out
        except (ImageError, MemoryError, Image.DecompressionBombError):
            raise
        except Exception as error:
            held.close()
            part, note = _repaired(stream, format, name, prepare, admit, error)
        else:
            if not is_whole:
                held.close()
                part, note = _repaired(stream, format, name, prepare, admit, None)
        with part.image as image:
            return _finished(image, part, format, full, limits.decode_side, note)


def _finished(
    image: Image.Image,
    part: Opened,
    format: str,
    full: tuple[int, int],
    decode_side: int | None,
    note: str | None,
) -> Image.Image:
    if format in ("TIFF", "HEIF", "AVIF"):
        full = image.size  # turned upright, or corrected, while loading
    # asked after loading: PNG may keep it behind the pixels, TIFF and HEIC have applied it
    turn = TURNS.get(_orientation(image))
    if turn in ON_THE_SIDE:
        full = (full[1], full[0])
    factor = max(1, min(image.size) // decode_side) if decode_side else 1
    upright = upright_rgb(image, turn=turn, factor=factor, profile=part.profile)
    # the pixels speak for themselves; thumbnails and profiles would only fill the memory
    upright.info = {"full_size": full} if note is None else {"full_size": full, "note": note}
    return upright


def _checked(image: Image.Image, format: str, name: str, limits: _Limits) -> tuple[int, int]:
    """Refuse what is too large, have a JPEG decoded smaller, and return the size in the file."""
    width, height = image.size
    if min(width, height) < 1:
        raise _broken(name, f"its size is {width} × {height}")
    allowed = limits.max_pixels
    if format == "JPEG" and limits.decode_side:
        # draft takes the smallest scale that keeps both sides at least this long
        scale = limits.decode_side / min(width, height)
        if scale < 1:
            image.draft("RGB", (round(width * scale), round(height * scale)))
    decoded = image.width * image.height
    if image.info.get("progressive"):
        decoded = width * height  # a progressive JPEG is held at its full size
    if decoded > allowed or width * height > SCALED_FACTOR * allowed:
        raise _too_large(name, f"{width} × {height}", width * height, allowed)
    return width, height


def _too_large(name: str, size: str, pixels: int, allowed: int) -> ImageTooLargeError:
    return ImageTooLargeError(
        f"{name} is too large: {size} pixels, allowed are {allowed:,}.",
        hint="Scale it down, or raise the limit on pixels: --max-megapixels "
        f"{-(-pixels // 1_000_000)} (max_pixels in Python).",
    )


def _most_pixels(format: str, max_pixels: int) -> int:
    """Return how many pixels Pillow has to accept; beyond the limit only headers are read."""
    return SCALED_FACTOR * max_pixels if format == "JPEG" else max_pixels


def _reduced(size: tuple[int, int], decode_side: int | None) -> tuple[int, int]:
    factor = max(1, min(size) // decode_side) if decode_side else 1
    return -(-size[0] // factor), -(-size[1] // factor)


def _repaired(
    stream: BinaryIO,
    format: str,
    name: str,
    prepare: Callable[[Image.Image], None],
    admit: Callable[[Image.Image, int], None],
    error: Exception | None,
) -> tuple[Opened, str | None]:
    """Load what is left of a damaged file, and the note that says what is missing."""
    reason = _reason(error, format)
    is_admitted = False

    def prepared(image: Image.Image) -> None:
        nonlocal is_admitted
        prepare(image)
        if not is_admitted:
            is_admitted = True
            admit(image, 2)  # two attempts are compared

    try:
        part, share, failed = repaired(stream, format, prepared)
    except (ImageError, MemoryError, Image.DecompressionBombError):
        raise
    except Exception as again:
        raise _refusal(stream, format, name, reason) from (error or again)
    percent = max(1, round(100 * share))
    if share > _LARGEST_LOSS:
        part.image.close()
        reason = f"{reason.rstrip('.')}; {percent} % of it is missing"
        raise _refusal(stream, format, name, reason) from error
    if share > 0:
        return part, f"{name} is damaged or cut short: about {percent} % of it is missing"
    return part, f"{name} is damaged at its end ({reason.rstrip('.')})" if failed else None


def _reason(error: Exception | None, format: str) -> str:
    if error is None:
        return "it is cut short"
    if isinstance(error, UnidentifiedImageError):
        return f"its {format} header cannot be read"
    return str(error).split("\n")[0] or f"it holds no {format} that can be decoded"


def _refusal(stream: BinaryIO, format: str, name: str, reason: str) -> ImageError:
    """Return the error for a file of which too little can be read: damaged, or of a rare kind."""
    kind = unread_kind(stream, format)
    if kind is None and "nsupported" in reason:
        kind = f"a {format} of a rare kind ({reason})"
    if kind is None:
        return _broken(name, reason)
    return NotAnImageError(
        f"{name} cannot be read: it is {kind}.",
        hint="Export it with 8 bits a channel, as PNG, JPEG or TIFF.",
    )


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(0x0112)
    except Exception:  # damaged metadata around good pixels
        return 1
    return value if isinstance(value, int) else 1


def _free(need: int) -> AbstractContextManager[object]:
    return nullcontext()


def _not_an_image(name: str, kind: str | None) -> NotAnImageError:
    if kind == CAMERA_RAW:
        return NotAnImageError(
            f"{name} is not an image of a known format: camera raw is not read.",
            hint=f"Export a JPEG and use that. {_FORMATS}",
        )
    what = f": it is {kind}" if kind else ""
    return NotAnImageError(f"{name} is not an image of a known format{what}.", hint=_FORMATS)


def _broken(name: str, reason: str) -> BrokenImageError:
    return BrokenImageError(
        f"{name} is truncated or damaged ({reason.rstrip('.')}).",
        hint="Copy or export the image again.",
    )

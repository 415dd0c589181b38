"""What can be said of a file without decoding its pixels."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from stitch_cir.images._colour import changes_colours
from stitch_cir.images._formats import HEAD_BYTES, RAW_EXTENSIONS, describe_content, format_of
from stitch_cir.images._limits import MAX_PIXELS, SCALED_FACTOR, quiet_decoders, raised_limit
from stitch_cir.images._regular import open_regular
from stitch_cir.images._streams import frames_of_jpeg, size_of

__all__ = ["has_colour_profile", "is_camera_raw", "is_raw_tiff", "unread_kind"]

_RAW_TAGS = frozenset({50706, 33421, 33422})
"""DNG version, and the pattern of a colour filter with its size."""
_RAW_PHOTOMETRIC = frozenset({32803, 34892})
"""Colour filter array and linear raw."""
_RAW_COMPRESSION = frozenset({6, 34713, 32767, 32769, 32770, 65000, 65535})
"""How Nikon, Sony, Samsung, Kodak and Pentax pack sensor values (6: the preview of old models)."""
_RAW_MAKES = (
    b"nikon",
    b"canon",
    b"sony",
    b"pentax",
    b"ricoh",
    b"samsung",
    b"hasselblad",
    b"gopro",
    b"kodak",
    b"eastman kodak",
    b"seiko epson",
    b"leaf",
    b"mamiya",
    b"phase one",
    b"leica",
    b"olympus",
    b"panasonic",
    b"fujifilm",
    b"sinar",
)
_MOST_ENTRIES = 512
_USUAL = frozenset({(1, 1), (1, 8), (3, 8), (4, 8)})
"""Channels and bits a channel that are read: there it is damage that stops the decoder."""
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})


def is_camera_raw(stream: BinaryIO, name: str) -> bool:
    """Return whether a file is a camera raw file, by its name or by what its header says."""
    if Path(name).suffix.lower() in RAW_EXTENSIONS:
        return True
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    return describe_content(head) == "camera raw" or (
        format_of(head) == "TIFF" and is_raw_tiff(stream)
    )


def is_raw_tiff(stream: BinaryIO) -> bool:
    """Return whether a TIFF holds a camera's sensor values: those are no image yet.

    Tags of DNG or of a colour filter say so anywhere; otherwise a camera maker's name beside a
    thumbnail that points to further images, or beside the maker's own compression.
    """
    try:
        tags = _first_directory(stream)
    except (OSError, struct.error):
        return False
    if _RAW_TAGS & tags.keys() or tags.get(262) in _RAW_PHOTOMETRIC:
        return True
    make = tags.get(271)
    if not isinstance(make, bytes) or not make.strip(b"\0 ").lower().startswith(_RAW_MAKES):
        return False
    is_thumbnail = tags.get(254) == 1
    return (is_thumbnail and 330 in tags) or tags.get(259) in _RAW_COMPRESSION


def _first_directory(stream: BinaryIO) -> dict[int, int | bytes]:
    """Read the first directory's tags: their first number, the maker's name as bytes (≤ 40)."""
    stream.seek(0)
    head = stream.read(8)
    order = "<" if head[:2] == b"II" else ">"
    if struct.unpack(f"{order}H", head[2:4])[0] != 42:
        return {}
    stream.seek(struct.unpack(f"{order}I", head[4:])[0])
    (count,) = struct.unpack(f"{order}H", stream.read(2))
    table = stream.read(12 * min(count, _MOST_ENTRIES))
    tags: dict[int, int | bytes] = {}
    for start in range(0, len(table) - 11, 12):
        tag, kind, length, value = struct.unpack_from(f"{order}HHII", table, start)
        size = {1: 1, 2: 1, 3: 2}.get(kind, 4)
        content = table[start + 8 : start + 12]
        if length * size > 4:
            stream.seek(value)
            content = stream.read(min(length * size, 40))
        if tag == 271 and kind == 2:
            tags[tag] = content[:length]
        elif kind in (3, 4) and length and len(content) >= size:
            tags[tag] = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", content)[0]
        else:
            tags[tag] = value
    return tags


def unread_kind(stream: BinaryIO, format: str) -> str | None:
    """Describe a sound file of a known format, but of a kind that no decoder here reads."""
    try:
        if format == "TIFF":
            return _unread_tiff(_first_directory(stream), size_of(stream))
        if format == "JPEG":
            return _unread_jpeg(stream)
        if format == "PNG":
            stream.seek(12)
            return "a PNG for iPhone apps (CgBI)" if stream.read(4) == b"CgBI" else None
    except (OSError, struct.error):
        return None
    return None


def _unread_tiff(tags: dict[int, int | bytes], size: int) -> str | None:
    """Name a TIFF's pixels if the file is whole, as far as its first directory says."""
    start, length = (tags.get(number) for number in (273, 279))
    if not (tags.keys() >= {256, 257} and isinstance(start, int) and isinstance(length, int)):
        return None
    if start + length > size or (tags.get(277, 1), tags.get(258, 1)) in _USUAL:
        return None
    channels, bits, packing = (int(tags.get(number, 1)) for number in (277, 258, 259))
    return f"a TIFF with {channels} × {bits} bits a pixel (compression {packing})"


def _unread_jpeg(stream: BinaryIO) -> str | None:
    for start in frames_of_jpeg(stream):
        stream.seek(start)
        head = stream.read(10)
        if len(head) < 10:
            return None
        marker, bits, layers = head[1], head[4], head[9]
        if marker in _LOSSLESS:
            return "a lossless JPEG"
        if bits != 8:
            return f"a JPEG with {bits} bits a channel"
        if layers not in (1, 3, 4):
            return f"a JPEG with {layers} channels"
    return None


def has_colour_profile(path: Path) -> bool | None:
    """Return whether an image's embedded profile changes its colours; None if it cannot be read.

    Only headers are read, no pixel is decoded.
    """
    from stitch_cir.images._load import opened

    try:
        with open_regular(path) as stream, quiet_decoders():
            format = format_of(stream.read(HEAD_BYTES))
            if format is None:
                return None
            with raised_limit(SCALED_FACTOR * MAX_PIXELS):
                part = opened(stream, format)
            with part.image:
                return changes_colours(part.profile, part.image.mode)
    except Exception:  # decoders raise anything; indexing says what is wrong with the file
        return None

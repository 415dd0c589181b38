"""What can be said of a file without decoding its pixels."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from stitch_cir.images._colour import changes_colours
from stitch_cir.images._formats import HEAD_BYTES, RAW_EXTENSIONS, describe_content, format_of
from stitch_cir.images._limits import MAX_PIXELS, SCALED_FACTOR, quiet_decoders, raised_limit
from stitch_cir.images._regular import open_regular

__all__ = ["has_colour_profile", "is_camera_raw", "is_raw_tiff"]

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


def is_camera_raw(stream: BinaryIO, name: str) -> bool:
    """Tell whether a file is a camera raw file, by its name or by what its header says."""
    if Path(name).suffix.lower() in RAW_EXTENSIONS:
        return True
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    return describe_content(head) == "camera raw" or (
        format_of(head) == "TIFF" and is_raw_tiff(stream)
    )


def is_raw_tiff(stream: BinaryIO) -> bool:
    """Tell whether a TIFF holds a camera's sensor values: those are no image yet.

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
    """Read the first directory's tags: numbers, and the maker's name as bytes (at most 40)."""
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
        if tag == 271 and kind == 2:
            stream.seek(value)
            text = table[start + 8 : start + 12] if length <= 4 else stream.read(min(length, 40))
            tags[tag] = text[:length]
        elif kind == 3:
            tags[tag] = struct.unpack_from(f"{order}H", table, start + 8)[0]
        else:
            tags[tag] = value
    return tags


def has_colour_profile(path: Path) -> bool | None:
    """Tell whether an image's embedded profile changes its colours; None if it cannot be read.

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

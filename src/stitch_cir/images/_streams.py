"""What Pillow gets to read of a file: the pixels, and of what stands beside them only what is used.

Pillow gives up a PNG or JPEG because of a faulty text, size or gamma beside good pixels. Those
parts are left out before it sees the file; no pixel is copied for that.
"""

from __future__ import annotations

import io
import struct
import zlib
from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Splice", "essential_parts", "frames_of_jpeg", "padded", "segments_of_jpeg", "size_of"]

_LARGEST_PROFILE = 16 << 20
_LARGEST_EXIF = 1 << 20
_LARGEST_TEXT = 1 << 20
"""Pillow's own limit on a text that it unpacks."""
_ORIENTED_TEXTS = {b"Raw profile type exif", b"Raw profile type APP1", b"XML:com.adobe.xmp"}
"""Texts in which an orientation may stand; the others say nothing about the pixels."""
_MOST_TEXTS = 8


@dataclass(frozen=True, slots=True)
class Essentials:
    """The parts of a file to read, as (start, end) offsets, and a PNG's unpacked ICC profile."""

    parts: list[tuple[int, int]]
    profile: bytes | None = None


class Splice(io.RawIOBase):
    """A read-only stream made of parts of another one, with ``tail`` behind its end.

    ``ran_out`` says whether the tail was read: the reader wanted more than there is. The tail
    never comes together with what stands before it.
    """

    def __init__(self, stream: BinaryIO, parts: list[tuple[int, int]], tail: bytes = b"") -> None:
        """Read ``parts`` ((start, end) byte offsets of ``stream``) one behind the other."""
        super().__init__()
        self._stream = stream
        self._parts = parts
        self._starts = [0, *accumulate(end - start for start, end in parts)]
        self._tail = tail
        self._at = 0
        self.ran_out = False

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the offset of the next byte."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._starts[-1]}[whence]
        if base + offset < 0:
            raise ValueError("negative seek position")
        self._at = base + offset
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes; those within one part are copied once only."""
        if size > 0 and self._at < self._starts[-1]:
            number = bisect_right(self._starts, self._at) - 1
            if self._at + size <= self._starts[number + 1]:
                self._stream.seek(self._parts[number][0] + self._at - self._starts[number])
                piece = self._stream.read(size)
                self._at += len(piece)
                return piece
        # a raw stream that never blocks always has an answer
        return super().read(size) or b""

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer`` as far as the parts reach, or with the tail where they have ended."""
        view = memoryview(buffer)
        done = 0
        while done < len(view) and self._at < self._starts[-1]:
            number = bisect_right(self._starts, self._at) - 1
            start, end = self._parts[number]
            position = start + self._at - self._starts[number]
            self._stream.seek(position)
            piece = self._stream.read(min(len(view) - done, end - position))
            if not piece:
                return done
            view[done : done + len(piece)] = piece
            done += len(piece)
            self._at += len(piece)
        if not done and len(view) and self._tail:
            self.ran_out = True
            start = self._at - self._starts[-1]
            piece = self._tail[start : start + len(view)]
            view[: len(piece)] = piece
            done = len(piece)
            self._at += done
        return done


def size_of(stream: BinaryIO) -> int:
    """Return the length of a stream in bytes."""
    return stream.seek(0, io.SEEK_END)


def essential_parts(stream: BinaryIO, format: str, *, bare: bool) -> Essentials:
    """Find what matters in a PNG or JPEG; all of any other format.

    With ``bare``, EXIF and XMP go too (the orientation is lost): for files in which they are what
    Pillow stumbles over.
    """
    if format == "PNG":
        return _png(stream, bare=bare)
    if format == "JPEG":
        return Essentials(_without_half_marker(stream, _joined(_jpeg(stream, bare=bare))))
    return Essentials([(0, size_of(stream))])


def _joined(parts: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in parts:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _at(stream: BinaryIO, position: int, count: int) -> bytes:
    stream.seek(position)
    return stream.read(count)


def _without_half_marker(stream: BinaryIO, parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Leave out the first byte of a marker whose second is cut off."""
    start, end = parts[-1]
    return [*parts[:-1], (start, end - 1)] if _at(stream, end - 1, 1) == b"\xff" else parts


# -- PNG -----------------------------------------------------------------------------------------


def _png(stream: BinaryIO, *, bare: bool) -> Essentials:
    profile: bytes | None = None
    texts = 0

    def parts() -> Iterator[tuple[int, int]]:
        nonlocal profile, texts
        size, position, colour_type = size_of(stream), 8, -1
        yield 0, position
        while len(head := _at(stream, position, 8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            end = position + 12 + length
            if end > size or not kind.isalpha():
                # cut short, or no chunk: Pillow says which
                yield position, size
                return
            if kind == b"IHDR":
                colour_type = (_at(stream, position + 17, 1) or b"\0")[0]
            if kind[0] & 0x20 == 0:
                yield position, end
            elif kind == b"iCCP" and length <= _LARGEST_PROFILE:
                profile = profile or _unpacked_profile(_at(stream, position + 8, length))
            elif kind == b"tRNS":
                if length >= {0: 2, 2: 6, 3: 1}.get(colour_type, size) and _is_intact(
                    stream, position, length
                ):
                    yield position, end
            elif bare:
                pass
            elif kind == b"eXIf":
                if length <= _LARGEST_EXIF and _is_intact(stream, position, length):
                    yield position, end
            elif kind in (b"tEXt", b"zTXt", b"iTXt") and texts < _MOST_TEXTS:
                key = _at(stream, position + 8, min(length, 80)).split(b"\0", 1)[0]
                if (
                    key in _ORIENTED_TEXTS
                    and length <= _LARGEST_TEXT
                    and _is_intact(stream, position, length)
                    and _can_be_unpacked(kind, _at(stream, position + 8, length))
                ):
                    texts += 1
                    yield position, end
            if kind == b"IEND":
                return
            position = end

    joined = _joined(parts())
    return Essentials(joined, profile)


def _is_intact(stream: BinaryIO, position: int, length: int) -> bool:
    body = _at(stream, position + 4, length + 8)
    return zlib.crc32(body[:-4]) == int.from_bytes(body[-4:], "big")


def _unpacked(data: bytes, limit: int) -> bytes | None:
    """Unpack at most ``limit`` bytes; None when it is no zlib stream, or longer."""
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(data, limit)
    except zlib.error:
        return None
    return None if unpacker.unconsumed_tail else plain


def _unpacked_profile(body: bytes) -> bytes | None:
    _, _, rest = body.partition(b"\0")
    return _unpacked(rest[1:], _LARGEST_PROFILE) if rest[:1] == b"\0" else None


def _can_be_unpacked(kind: bytes, body: bytes) -> bool:
    _, _, rest = body.partition(b"\0")
    if kind == b"tEXt":
        return True
    if kind == b"zTXt":
        return rest[:1] == b"\0" and _unpacked(rest[1:], _LARGEST_TEXT) is not None
    if rest[:1] == b"\0":
        return True
    fields = rest[2:].split(b"\0", 2)
    return len(fields) == 3 and _unpacked(fields[2], _LARGEST_TEXT) is not None


# -- JPEG ----------------------------------------------------------------------------------------


def _jpeg(stream: BinaryIO, *, bare: bool) -> Iterator[tuple[int, int]]:
    size, position = size_of(stream), 2
    yield 0, position
    while len(head := _at(stream, position, 4)) == 4:
        if head[:2] == b"\xff\xff":
            # padding, which Pillow would read byte by byte
            position = _behind_padding(stream, position)
            continue
        mark = head[1]
        end = position + 2 + int.from_bytes(head[2:], "big")
        if head[0] != 0xFF or mark == 0x00 or 0xD0 <= mark <= 0xD9:
            # junk: rare, and read by Pillow as well as can be
            break
        if mark == 0xDA or end > size or end < position + 4:
            break
        if not (0xE0 <= mark <= 0xEF or mark == 0xFE) or _is_used(
            mark, _at(stream, position + 4, min(end - position - 4, 32)), bare=bare
        ):
            yield position, end
        position = end
    yield position, size


def _behind_padding(stream: BinaryIO, position: int) -> int:
    block = _at(stream, position, 65536)
    return position + len(block) - len(block.lstrip(b"\xff")) - 1


def segments_of_jpeg(stream: BinaryIO, marks: Collection[int]) -> Iterator[tuple[int, bytes]]:
    """Yield kind and content of the segments of some kinds before the pixels, whole ones only."""
    size, position = size_of(stream), 2
    while len(head := _at(stream, position, 4)) == 4 and head[0] == 0xFF and head[1] != 0xDA:
        if head[1] == 0xFF:
            position = _behind_padding(stream, position)
            continue
        end = position + 2 + max(2, int.from_bytes(head[2:], "big"))
        if end > size:
            return
        if head[1] in marks:
            yield head[1], _at(stream, position + 4, end - position - 4)
        position = end


def frames_of_jpeg(stream: BinaryIO) -> Iterator[int]:
    """Find the offsets of the segments that say size, depth and channels (SOF)."""
    size, position = size_of(stream), 2
    while len(head := _at(stream, position, 4)) == 4 and head[0] == 0xFF and head[1] != 0xDA:
        if 0xC0 <= head[1] <= 0xCF and head[1] not in (0xC4, 0xC8, 0xCC):
            yield position
        position += 2 + max(2, int.from_bytes(head[2:], "big"))
        if position > size:
            return


def _is_used(mark: int, start: bytes, *, bare: bool) -> bool:
    """Return whether a segment says how to read the pixels, and is long enough to say it."""
    if mark == 0xE0:
        return start.startswith(b"JFIF\0") and len(start) >= 14
    if mark == 0xEE:
        return start.startswith(b"Adobe") and len(start) >= 12
    if mark == 0xE2:
        return start.startswith(b"ICC_PROFILE\0") and len(start) > 14
    return (
        mark == 0xE1
        and not bare
        and start.startswith((b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"))
    )


# -- containers that say how long they are -------------------------------------------------------


def padded(stream: BinaryIO, format: str, fill: bytes) -> bytes | None:
    """Return the file made as long as it says it is, with ``fill`` (one byte) for what is gone.

    None when nothing is missing, more than is there, or the format does not say.
    """
    size = size_of(stream)
    if format == "WEBP":
        declared = int.from_bytes(_at(stream, 4, 4), "little") + 8
    elif format in ("AVIF", "HEIF"):
        declared = _boxes_end(stream, size)
    else:
        return None
    missing = declared - size
    return _at(stream, 0, size) + fill * missing if 0 < missing <= size else None


def _boxes_end(stream: BinaryIO, size: int) -> int:
    position = 0
    while position < size:
        head = _at(stream, position, 16)
        length = int.from_bytes(head[:4], "big")
        if length == 1 and len(head) == 16:
            length = int.from_bytes(head[8:], "big")
        if length < 8:
            return size
        position += length
    return position

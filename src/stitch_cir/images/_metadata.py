"""What an image file says about itself: EXIF, XMP, IPTC. Nothing of it is believed, all is bounded.

Metadata comes from anywhere, so nothing here raises or waits: what cannot be understood is not
there. XML is read without document types, so it can neither expand nor fetch anything.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from PIL import Image

from stitch_cir.images._formats import HEAD_BYTES, format_of
from stitch_cir.images._limits import MAX_PIXELS, SCALED_FACTOR, quiet_decoders, raised_limit
from stitch_cir.images._load import opened
from stitch_cir.images._streams import segments_of_jpeg

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["read_metadata"]

_LARGEST = 1 << 20
"""Bytes of EXIF, of XMP, or of IPTC that are read."""
_EXIF_MARK, _XMP_MARK = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_IPTC_MARK = b"Photoshop 3.0\0"
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_XMP = "{http://ns.adobe.com/xap/1.0/}"
_EXIF = "{http://ns.adobe.com/exif/1.0/}"
_AUX = "{http://ns.adobe.com/exif/1.0/aux/}"
_PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
_TIME = re.compile(r"(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d)(?::(\d\d))?")
_ZONE = re.compile(r"([+-])(\d\d):(\d\d)")
_IPTC_TITLE, _IPTC_KEYWORD, _IPTC_CAPTION = 5, 25, 120


def read_metadata(stream: BinaryIO) -> dict[str, Any]:
    """Return what the image in a seekable stream says about itself; nothing where that is unclear.

    ``taken`` (a ``datetime``, as the camera's clock showed it), ``camera``, ``lens``, ``latitude``
    and ``longitude`` in degrees, ``altitude`` in metres, ``rating`` (−1 to 5), ``title``,
    ``description`` and ``keywords`` (a list). Of several sources XMP counts most, then EXIF, then
    IPTC. No pixel is decoded. Raises ``OSError`` alone.
    """
    stream.seek(0)
    format = format_of(stream.read(HEAD_BYTES))
    if format is None:
        return {}
    with quiet_decoders():
        sources = _sources_of_jpeg(stream) if format == "JPEG" else _sources(stream, format)
    metadata: dict[str, Any] = {}
    for source in sources:
        for name, value in source.items():
            if value not in (None, "", []):
                metadata.setdefault(name, value)
    return metadata


def _sources_of_jpeg(stream: BinaryIO) -> list[dict[str, Any]]:
    """Read the segments that say something; Pillow would parse the tables of the pixels as well."""
    info: dict[Any, Any] = {"exif": b"", "xmp": b""}
    iptc = b""
    for mark, segment in segments_of_jpeg(stream, (0xE1, 0xED)):
        if mark == 0xED and segment.startswith(_IPTC_MARK):
            iptc += segment[len(_IPTC_MARK) :]
        elif mark == 0xE1 and segment.startswith(_EXIF_MARK):
            info["exif"] += segment[len(_EXIF_MARK) :]
        elif mark == 0xE1 and segment.startswith(_XMP_MARK):
            info["xmp"] = segment[len(_XMP_MARK) :]
        if max(len(info["exif"]), len(iptc)) > _LARGEST:
            break
    sources = []
    if any(info.values()):
        carrier = Image.Image()
        carrier.info = info
        sources = _sources_of_image(carrier)
    return [*sources, _from_iptc(iptc)] if 0 < len(iptc) <= _LARGEST else sources


def _sources(stream: BinaryIO, format: str) -> list[dict[str, Any]]:
    try:
        with raised_limit(SCALED_FACTOR * MAX_PIXELS), opened(stream, format).image as image:
            return _sources_of_image(image)
    except OSError as error:
        if error.errno is not None:
            raise
        return []
    except Exception:  # not even a header
        return []


def _sources_of_image(image: Image.Image) -> list[dict[str, Any]]:
    sources = []
    for read in (_from_xmp, _from_exif):
        with suppress(Exception):  # hostile bytes make decoders raise anything
            sources.append(read(image))
    return sources


# -- EXIF ----------------------------------------------------------------------------------------


def _from_exif(image: Image.Image) -> dict[str, Any]:
    if len(image.info.get("exif", b"")) > _LARGEST:
        return {}
    exif = image.getexif()
    more, gps = exif.get_ifd(_EXIF_IFD), exif.get_ifd(_GPS_IFD)
    make, model = _text(exif.get(0x010F)), _text(exif.get(0x0110))
    if make and not model.lower().startswith(make.split()[0].lower()):
        model = f"{make} {model}".strip()
    taken = _time(more.get(0x9003)) or _time(more.get(0x9004))
    fields: dict[str, Any] = {
        "taken": taken,
        "camera": model,
        "lens": _text(more.get(0xA434)),
        "rating": _rating(exif.get(0x4746)),
        "title": _wide_text(exif.get(0x9C9B)),
        "description": _text(exif.get(0x010E)),
        "keywords": _keywords(_wide_text(exif.get(0x9C9E)).split(";")),
    }
    with suppress(KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        latitude = _degrees(gps[2], gps.get(1), "S")
        longitude = _degrees(gps[4], gps.get(3), "W")
        # what cameras without a fix write is no place
        if abs(latitude) <= 90 and abs(longitude) <= 180 and (latitude or longitude):
            fields |= {"latitude": latitude, "longitude": longitude}
    with suppress(KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        height = float(gps[6]) * (-1 if gps.get(5) in (1, b"\x01") else 1)
        fields["altitude"] = round(height, 1) if math.isfinite(height) else None
    return fields


def _degrees(parts: Any, side: Any, negative: str) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(value):
        raise ValueError("no number")
    return round(-value if _text(side).upper() == negative else value, 7)


def _time(value: Any) -> datetime.datetime | None:
    match = _TIME.match(_text(value))
    if match is None:
        return None
    try:
        return datetime.datetime(*(int(part or 0) for part in match.groups()))  # type: ignore[arg-type]
    except ValueError:  # 0000:00:00, as a camera whose clock was never set
        return None


def _rating(value: Any) -> int | None:
    try:
        rating = int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None
    return rating if -1 <= rating <= 5 else None


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value[:_LARGEST].decode("utf-8", "replace")
    return " ".join(value.replace("\0", " ").split()) if isinstance(value, str) else ""


def _wide_text(value: Any) -> str:
    """Return a text that Windows stores in two bytes a letter."""
    return _text(value.decode("utf-16-le", "replace")) if isinstance(value, bytes) else ""


def _keywords(texts: Any) -> list[str]:
    return list(dict.fromkeys(filter(None, (_text(text) for text in texts))))


# -- XMP -----------------------------------------------------------------------------------------


def _from_xmp(image: Image.Image) -> dict[str, Any]:
    packet = next(
        (image.info[key] for key in ("xmp", "XML:com.adobe.xmp") if image.info.get(key)), b""
    )
    if isinstance(packet, str):
        packet = packet.encode()
    if not isinstance(packet, bytes) or not 0 < len(packet) <= _LARGEST:
        return {}
    # a packet is UTF-8; without a document type there are no entities to expand
    text = packet.decode("utf-8").strip("\0 \r\n\t\ufeff")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return {}
    from xml.etree import ElementTree  # imported here: a search in a shell reads no XMP

    properties = _properties(ElementTree.fromstring(text))
    fields: dict[str, Any] = {
        "title": _first(properties, f"{_DC}title"),
        "description": _first(properties, f"{_DC}description"),
        "keywords": _keywords(properties.get(f"{_DC}subject", [])),
        "rating": _rating(_first(properties, f"{_XMP}Rating") or None),
        "lens": _first(properties, f"{_AUX}Lens"),
    }
    for name in (f"{_EXIF}DateTimeOriginal", f"{_PHOTOSHOP}DateCreated"):
        fields["taken"] = fields.get("taken") or _time(_first(properties, name))
    return fields


def _properties(root: Element) -> dict[str, list[str]]:
    """Return the texts of every property, written as an attribute, an element, or a list of it."""
    properties: dict[str, list[str]] = {}
    for description in root.iter(f"{_RDF}Description"):
        for name, value in description.attrib.items():
            properties.setdefault(name, []).append(value)
        for element in description:
            entries = [entry.text or "" for entry in element.iter(f"{_RDF}li")]
            properties.setdefault(element.tag, []).extend(entries or [element.text or ""])
    return properties


def _first(properties: Mapping[str, list[str]], name: str) -> str:
    return next(filter(None, (_text(text) for text in properties.get(name, []))), "")


# -- IPTC ----------------------------------------------------------------------------------------


def _from_iptc(data: bytes) -> dict[str, Any]:
    """Return what the older records of news agencies say, which lie in a JPEG's APP13 segments."""
    texts: dict[int, list[str]] = {}
    for number, content in _records(_resource(data, 0x0404)):
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            text = content.decode("latin-1")
        texts.setdefault(number, []).append(text)
    return {
        "title": _text(next(iter(texts.get(_IPTC_TITLE, [])), "")),
        "description": _text(next(iter(texts.get(_IPTC_CAPTION, [])), "")),
        "keywords": _keywords(texts.get(_IPTC_KEYWORD, [])),
    }


def _resource(data: bytes, resource_id: int) -> bytes:
    """Return one of the blocks that Photoshop writes one behind the other; nothing if it lacks."""
    position = 0
    while data[position : position + 4] == b"8BIM" and position + 12 <= len(data):
        number = int.from_bytes(data[position + 4 : position + 6], "big")
        start = position + 6 + (data[position + 6] + 2) // 2 * 2
        size = int.from_bytes(data[start : start + 4], "big")
        if number == resource_id:
            return data[start + 4 : start + 4 + size]
        position = start + 4 + size + size % 2
    return b""


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (number, content) of the records of the application (2) that are whole."""
    position = 0
    while data[position : position + 1] == b"\x1c" and position + 5 <= len(data):
        size = int.from_bytes(data[position + 3 : position + 5], "big")
        if size & 0x8000:  # a length of lengths: nothing that is read here is so long
            return
        if data[position + 1] == 2:
            yield data[position + 2], data[position + 5 : position + 5 + size]
        position += 5 + size

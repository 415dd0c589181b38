"""What images say of themselves: read where it is clear, nowhere believed, never waited for."""

from __future__ import annotations

import datetime
import io
import random
from typing import Any

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from stitch_cir.images import read_metadata
from tests.conftest import noise

TAKEN = datetime.datetime(2024, 6, 1, 10, 20, 30)
XMP = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmp:Rating="5">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Tür  im
 Hof</rdf:li></rdf:Alt></dc:title>
<dc:subject><rdf:Bag><rdf:li>door</rdf:li><rdf:li>blue</rdf:li><rdf:li>door</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""


def exif(**changes: Any) -> Image.Exif:
    tags = Image.Exif()
    tags[0x010F], tags[0x0110], tags[0x010E] = "NIKON CORPORATION", "NIKON Z 6", "a  door"
    tags[0x4746] = 4
    more = tags.get_ifd(0x8769)
    more[0x9003], more[0xA434] = "2024:06:01 10:20:30", "50 mm\0"
    if changes.get("gps", True):
        gps = tags.get_ifd(0x8825)
        gps[1], gps[2] = "S", tuple(map(IFDRational, (33, 51, 36)))
        gps[3], gps[4] = "E", tuple(map(IFDRational, (151, 12, 36)))
        gps[5], gps[6] = b"\x01", IFDRational(5)
    return tags


def saved(format: str = "JPEG", **options: Any) -> io.BytesIO:
    stream = io.BytesIO()
    noise(1, 40, 30).save(stream, format, **options)
    return stream


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_exif(format: str) -> None:
    assert read_metadata(saved(format, exif=exif())) == {
        "taken": TAKEN,
        "camera": "NIKON Z 6",
        "lens": "50 mm",
        "rating": 4,
        "description": "a door",
        "latitude": -33.86,
        "longitude": 151.21,
        "altitude": -5.0,
    }
    assert "latitude" not in read_metadata(saved(format, exif=exif(gps=False)))


def test_a_tiff_of_which_pillow_saves_the_first_directory_only() -> None:
    metadata = read_metadata(saved("TIFF", exif=exif()))
    assert metadata == {"camera": "NIKON Z 6", "rating": 4, "description": "a door"}


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "AVIF", "TIFF"])
def test_xmp_counts_before_exif(format: str) -> None:
    options = {"tiffinfo": {700: XMP.encode()}} if format == "TIFF" else {"xmp": XMP.encode()}
    metadata = read_metadata(saved(format, exif=exif(), **options))
    assert (metadata["title"], metadata["keywords"]) == ("Tür im Hof", ["door", "blue"])
    assert metadata["rating"] == 5


def iptc(*records: tuple[int, bytes]) -> bytes:
    """A JPEG's segment as Photoshop writes it, behind a block of another kind."""
    body = b"".join(
        b"\x1c\x02" + bytes([number]) + len(content).to_bytes(2, "big") + content
        for number, content in records
    )
    blocks = b"8BIM\x03\xed\x00\x00\x00\x00\x00\x03abc\0"
    blocks += b"8BIM\x04\x04\x04name\x00" + len(body).to_bytes(4, "big") + body
    data = b"Photoshop 3.0\0" + blocks
    return b"\xff\xed" + (len(data) + 2).to_bytes(2, "big") + data


def test_iptc() -> None:
    segment = iptc(
        (0, b"\0\2"), (5, b"Door"), (25, "été".encode()), (25, b"caf\xe9"), (120, b"x y")
    )
    content = saved().getvalue()
    metadata = read_metadata(io.BytesIO(content[:2] + segment + content[2:]))
    assert metadata == {"title": "Door", "keywords": ["été", "café"], "description": "x y"}
    for cut in range(2, len(segment)):
        read_metadata(io.BytesIO(content[:2] + segment[:cut]))


@pytest.mark.parametrize(
    ("tag", "value"),
    [(0x9003, "0000:00:00 00:00:00"), (0x9003, "yesterday"), (0x9003, "2024:13:01 00:00:00")],
)
def test_what_is_no_time_is_not_there(tag: int, value: str) -> None:
    tags = exif()
    tags.get_ifd(0x8769)[tag] = value
    metadata = read_metadata(saved(exif=tags))
    assert "taken" not in metadata
    assert metadata["camera"] == "NIKON Z 6"


def test_invalid_coordinates_are_left_out() -> None:
    for degrees in ((0, 0, 0), (200, 0, 0)):
        tags = exif()
        for number in (2, 4):
            tags.get_ifd(0x8825)[number] = tuple(map(IFDRational, degrees))
        assert "latitude" not in read_metadata(saved(exif=tags))


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1 if n else str()};" * 10}">' for n in range(1, 12))
    + "]><x>&a11;</x>"
)


@pytest.mark.parametrize(
    "packet",
    [
        BOMB,
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
        "<a>" * 15_000,
        "<a>" * 9000 + "</a>" * 9000,
        XMP[:300],
        "\0" * 1000,
        "<x>&unknown;</x>",
    ],
    ids=["laughs", "file", "deep", "closed", "cut", "zeros", "entity"],
)
def test_hostile_xmp_costs_nothing_but_itself(packet: str) -> None:
    metadata = read_metadata(saved("WEBP", exif=exif(), xmp=packet.encode()))
    assert metadata["camera"] == "NIKON Z 6"
    assert "title" not in metadata


def test_more_than_a_mebibyte_is_not_read() -> None:
    large = XMP.replace("Tür", "x" * (1 << 20)).encode()
    assert "title" not in read_metadata(saved("WEBP", xmp=large))


def test_mutated_metadata_is_survived() -> None:
    draw = random.Random(16)
    content = saved(exif=exif(), xmp=XMP.encode()).getvalue()
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(draw.randint(1, 8)):
            damaged[draw.randrange(2, 1500)] = draw.randrange(256)
        metadata = read_metadata(io.BytesIO(bytes(damaged)))
        assert isinstance(metadata, dict)


def test_other_content() -> None:
    assert read_metadata(io.BytesIO(b"")) == {}
    assert read_metadata(io.BytesIO(b"%PDF-1.4")) == {}
    assert read_metadata(saved("GIF")) == {}


def test_padding_between_the_segments_of_a_jpeg_hides_nothing() -> None:
    content = saved(exif=exif(), xmp=XMP.encode()).getvalue()
    segments = iptc((120, b"x y"))
    plain = io.BytesIO(content[:2] + segments + content[2:])
    padded = io.BytesIO(content[:2] + b"\xff" * 70_000 + segments + b"\xff" * 5 + content[2:])
    assert read_metadata(padded) == read_metadata(plain)
    assert read_metadata(plain)["camera"] == "NIKON Z 6"


def test_more_exif_than_a_mebibyte_is_not_read() -> None:
    content = saved(exif=exif()).getvalue()
    segment = b"Exif\0\0" + b"x" * 65_000
    many = (b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment) * 17
    assert read_metadata(io.BytesIO(content[:2] + many + content[2:])) == {}

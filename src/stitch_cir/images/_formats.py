"""Which file is what, by its first bytes: the formats that are read, and names for the others."""

from __future__ import annotations

__all__ = ["EXTENSIONS", "HEAD_BYTES", "RAW_EXTENSIONS", "describe_content", "format_of"]

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
"""Endings (lower case) of files that are meant to be images, and the format each one promises."""

RAW_EXTENSIONS = frozenset(
    ".3fr .ari .arw .bay .cap .cr2 .cr3 .crw .dcr .dcs .dng .eip .erf .fff .gpr .iiq .k25 .kdc"
    " .mdc .mef .mos .mrw .nef .nrw .orf .ori .pef .ptx .r3d .raf .raw .rw2 .rwl .rwz .sr2 .srf"
    " .srw .sti .x3f".split()
)
"""Endings (lower case) of camera raw files; many of them begin like a TIFF."""

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

CAMERA_RAW = "camera raw"
_CANON_RAW = b"CR"
"""What stands behind a TIFF header in a Canon CR2."""

_UNREAD = (
    # (offset, bytes, name): what people keep beside their images and may name by mistake
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"JXL \r\n\x87\n", "JPEG XL"),
    (4, b"jP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"8BPS", "Photoshop (PSD)"),
    (0, b"gimp xcf", "GIMP (XCF)"),
    (0, b"%PDF-", "PDF"),
    (0, b"%!PS", "PostScript (EPS)"),
    (0, b"\xc5\xd0\xd3\xc6", "PostScript (EPS)"),
    (0, b"\0\0\x01\0", "a Windows icon (ICO)"),
    (0, b"icns", "a macOS icon (ICNS)"),
    (0, b"v/1\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"DDS ", "DirectDraw (DDS)"),
    (0, b"qoif", "QOI"),
    (0, b"II\xbc\x01", "JPEG XR"),
    (0, b"BPG\xfb", "BPG"),
    (0, b"FLIF", "FLIF"),
    (0, b"FUJIFILMCCD-RAW", CAMERA_RAW),
    (0, b"IIU\0", CAMERA_RAW),
    (0, b"IIRO", CAMERA_RAW),
    (0, b"IIRS", CAMERA_RAW),
    (0, b"MMOR", CAMERA_RAW),
    (0, b"FOVb", CAMERA_RAW),
    (0, b"\0MRM", CAMERA_RAW),
    (6, b"HEAPCCDR", CAMERA_RAW),
    (4, b"ftypcrx ", CAMERA_RAW),
    (4, b"ftypqt  ", "a video"),
    (4, b"ftypisom", "a video"),
    (4, b"ftypmp4", "a video"),
    (0, b"\x1aE\xdf\xa3", "a video"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"version https://git-lfs", "a Git LFS pointer"),
)


def format_of(head: bytes) -> str | None:
    """Return the format by a file's first ``HEAD_BYTES``; None if it is none of those read."""
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            # a CR2 begins like a TIFF; no decoder here knows what follows
            return None if name == "TIFF" and head[8:10] == _CANON_RAW else name
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


def describe_content(head: bytes) -> str | None:
    """Return what a file that is not read here is, by its first ``HEAD_BYTES``, if known."""
    if head[:4] in (b"II*\0", b"MM\0*") and head[8:10] == _CANON_RAW:
        return CAMERA_RAW
    for offset, magic, name in _UNREAD:
        if head[offset : offset + len(magic)] == magic:
            return name
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<svg", b"<?xml")):
        return "SVG" if b"<svg" in text else "XML (SVG?)"
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    return None

"""Open an untrusted image safely: formats by content, upright, sRGB, with caps on pixels."""

from __future__ import annotations

from stitch_cir import _exports
from stitch_cir.images._colour import changes_colours, to_srgb
from stitch_cir.images._formats import (
    EXTENSIONS,
    HEAD_BYTES,
    RAW_EXTENSIONS,
    describe_content,
    format_of,
)
from stitch_cir.images._limits import MAX_PIXELS
from stitch_cir.images._metadata import read_metadata
from stitch_cir.images._open import decode, open_image
from stitch_cir.images._perceptual_hash import COLOUR_BYTES, STRUCTURE_BYTES, perceptual_hash
from stitch_cir.images._probe import has_colour_profile, is_camera_raw
from stitch_cir.images._regular import open_regular, printable_path

__all__ = [
    "COLOUR_BYTES",
    "EXTENSIONS",
    "HEAD_BYTES",
    "MAX_PIXELS",
    "RAW_EXTENSIONS",
    "STRUCTURE_BYTES",
    "changes_colours",
    "decode",
    "describe_content",
    "format_of",
    "has_colour_profile",
    "is_camera_raw",
    "open_image",
    "open_regular",
    "perceptual_hash",
    "printable_path",
    "read_metadata",
    "to_srgb",
]

_exports.publish(__name__, __all__)

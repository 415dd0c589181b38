"""Hits for other programs: albums of image files, and records in published formats."""

from stitch_cir import _exports
from stitch_cir.export._album import AlbumReport, save_album
from stitch_cir.export._formats import FORMATS, check_format, format_hits
from stitch_cir.export._records import HitRecord, HitRecords, read_results, records_of

__all__ = [
    "FORMATS",
    "AlbumReport",
    "HitRecord",
    "HitRecords",
    "check_format",
    "format_hits",
    "read_results",
    "records_of",
    "save_album",
]

_exports.publish(__name__, __all__)

"""Galleries in shared or object storage: one Lance dataset, versioned, written by many at once.

Lance is the extra ``cluster``; it is imported when a dataset is opened.
"""

from stitch_cir import _exports
from stitch_cir.cluster._dataset import SharedDataset
from stitch_cir.cluster._reports import (
    CompactReport,
    DatasetReport,
    DatasetVersion,
    GalleryExportReport,
    GalleryImportReport,
)
from stitch_cir.cluster._transfer import export_gallery, import_gallery

__all__ = [
    "CompactReport",
    "DatasetReport",
    "DatasetVersion",
    "GalleryExportReport",
    "GalleryImportReport",
    "SharedDataset",
    "export_gallery",
    "import_gallery",
]

_exports.publish(__name__, __all__)

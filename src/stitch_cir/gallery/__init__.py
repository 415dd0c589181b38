"""What is indexed, on disk: SQLite holds the truth, a memory-mapped matrix is its cache."""

from stitch_cir import _exports
from stitch_cir.gallery._encoder_hint import encoder_hint, encoder_note
from stitch_cir.gallery._gallery import Gallery
from stitch_cir.gallery._kept_uploads import KeptFile, KeptFolder
from stitch_cir.gallery._names import by_name, matcher
from stitch_cir.gallery._near_duplicates import NearDuplicates, content_groups
from stitch_cir.gallery._path_mask import PathMask
from stitch_cir.gallery._reader import GalleryReader
from stitch_cir.gallery._renewed import renewed
from stitch_cir.gallery._report import IndexReport, Progress, ProgressEvent, VerifyReport
from stitch_cir.gallery._snapshot import Snapshot
from stitch_cir.gallery.attributes._facets import (
    Facet,
    FacetCount,
    FacetRequest,
    Occurrences,
    facet_of,
    joined_occurrences,
)
from stitch_cir.gallery.attributes._parse import parse_where
from stitch_cir.gallery.attributes._reader import Attributes, AttributeSchema
from stitch_cir.gallery.attributes._records import AttributeRecord, AttributeTable
from stitch_cir.gallery.attributes._suggest import Suggestions, suggest
from stitch_cir.gallery.attributes._where import Attribute, Near, Where
from stitch_cir.gallery.attributes._write import AttributeReport
from stitch_cir.gallery.cache._codes import Codes, write_codes
from stitch_cir.gallery.cache._format import ViewMatrix
from stitch_cir.gallery.cache._ids import Ids
from stitch_cir.gallery.feeds._money import minor_digits, minor_units
from stitch_cir.gallery.feeds._options import FeedOptions
from stitch_cir.gallery.feeds._read import RowFailure
from stitch_cir.gallery.feeds._report import FeedReport
from stitch_cir.gallery.feeds._sync import index_feed
from stitch_cir.gallery.index._edit import ADDED
from stitch_cir.gallery.index._index import DEFAULT_DIRECTORY, index_captions, index_folder
from stitch_cir.gallery.index._options import CaptionIndexOptions, IndexOptions
from stitch_cir.gallery.index._parts import take_encoded
from stitch_cir.gallery.index._written_captions import (
    WRITTEN_ATTRIBUTES,
    ImageCaptions,
    write_captions,
)
from stitch_cir.gallery.store._view_sets import StoredView
from stitch_cir.gallery.store._written_captions import WrittenRow

__all__ = [
    "ADDED",
    "DEFAULT_DIRECTORY",
    "WRITTEN_ATTRIBUTES",
    "Attribute",
    "AttributeRecord",
    "AttributeReport",
    "AttributeSchema",
    "AttributeTable",
    "Attributes",
    "CaptionIndexOptions",
    "Codes",
    "Facet",
    "FacetCount",
    "FacetRequest",
    "FeedOptions",
    "FeedReport",
    "Gallery",
    "GalleryReader",
    "Ids",
    "ImageCaptions",
    "IndexOptions",
    "IndexReport",
    "KeptFile",
    "KeptFolder",
    "Near",
    "NearDuplicates",
    "Occurrences",
    "PathMask",
    "Progress",
    "ProgressEvent",
    "RowFailure",
    "Snapshot",
    "StoredView",
    "Suggestions",
    "VerifyReport",
    "ViewMatrix",
    "Where",
    "WrittenRow",
    "by_name",
    "content_groups",
    "encoder_hint",
    "encoder_note",
    "facet_of",
    "index_captions",
    "index_feed",
    "index_folder",
    "joined_occurrences",
    "matcher",
    "minor_digits",
    "minor_units",
    "parse_where",
    "renewed",
    "suggest",
    "take_encoded",
    "write_captions",
    "write_codes",
]

_exports.publish(__name__, __all__)

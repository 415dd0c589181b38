"""Bringing a gallery in line with its folder: scan, decode, encode, write; adding and removing."""

from typing import TYPE_CHECKING

from stitch_cir import _exports

if TYPE_CHECKING:
    from stitch_cir.gallery.index._budget import MEGABYTE, MemoryBudget, default_memory
    from stitch_cir.gallery.index._captions import read_captions
    from stitch_cir.gallery.index._division import FolderDivision
    from stitch_cir.gallery.index._edit import add_images, remove_image
    from stitch_cir.gallery.index._index import index_captions, index_folder
    from stitch_cir.gallery.index._options import (
        CaptionIndexOptions,
        IndexOptions,
        IndexSettings,
        recorded_options,
    )
    from stitch_cir.gallery.index._part import FolderPart, PartState, index_part
    from stitch_cir.gallery.index._parts import take_encoded
    from stitch_cir.gallery.index._pipeline import EncodingPipeline
    from stitch_cir.gallery.index._scan import Facts, facts_of, id_of, scan

__all__ = [
    "MEGABYTE",
    "CaptionIndexOptions",
    "EncodingPipeline",
    "Facts",
    "FolderDivision",
    "FolderPart",
    "IndexOptions",
    "IndexSettings",
    "MemoryBudget",
    "PartState",
    "add_images",
    "default_memory",
    "facts_of",
    "id_of",
    "index_captions",
    "index_folder",
    "index_part",
    "read_captions",
    "recorded_options",
    "remove_image",
    "scan",
    "take_encoded",
]

# each is imported when it is first used: a search needs few of them
_exports.publish(
    __name__,
    __all__,
    lazy={
        "MEGABYTE": "_budget",
        "CaptionIndexOptions": "_options",
        "EncodingPipeline": "_pipeline",
        "Facts": "_scan",
        "FolderDivision": "_division",
        "FolderPart": "_part",
        "IndexOptions": "_options",
        "IndexSettings": "_options",
        "MemoryBudget": "_budget",
        "PartState": "_part",
        "add_images": "_edit",
        "default_memory": "_budget",
        "facts_of": "_scan",
        "id_of": "_scan",
        "index_captions": "_index",
        "index_folder": "_index",
        "index_part": "_part",
        "read_captions": "_captions",
        "recorded_options": "_options",
        "remove_image": "_edit",
        "scan": "_scan",
        "take_encoded": "_parts",
    },
)

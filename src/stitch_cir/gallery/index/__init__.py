"""Bringing a gallery in line with its folder: scan, decode, encode, write; adding and removing."""

from typing import TYPE_CHECKING

from stitch_cir import _exports

if TYPE_CHECKING:
    from stitch_cir.gallery.index._budget import MEGABYTE, MemoryBudget, default_memory
    from stitch_cir.gallery.index._captions import read_captions
    from stitch_cir.gallery.index._edit import add_images, remove_image
    from stitch_cir.gallery.index._index import index_captions, index_folder
    from stitch_cir.gallery.index._options import (
        CaptionIndexOptions,
        IndexOptions,
        recorded_options,
    )
    from stitch_cir.gallery.index._parts import take_encoded
    from stitch_cir.gallery.index._pipeline import EncodingPipeline
    from stitch_cir.gallery.index._scan import Facts, facts_of, id_of, scan

__all__ = [
    "MEGABYTE",
    "CaptionIndexOptions",
    "EncodingPipeline",
    "Facts",
    "IndexOptions",
    "MemoryBudget",
    "add_images",
    "default_memory",
    "facts_of",
    "id_of",
    "index_captions",
    "index_folder",
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
        "IndexOptions": "_options",
        "MemoryBudget": "_budget",
        "add_images": "_edit",
        "default_memory": "_budget",
        "facts_of": "_scan",
        "id_of": "_scan",
        "index_captions": "_index",
        "index_folder": "_index",
        "read_captions": "_captions",
        "recorded_options": "_options",
        "remove_image": "_edit",
        "scan": "_scan",
        "take_encoded": "_parts",
    },
)

"""The packed vectors of one generation, memory-mapped, and rebuilt from the database."""

from typing import TYPE_CHECKING

from stitch_cir import _exports

if TYPE_CHECKING:
    from stitch_cir.gallery.cache._codes import CODE_FILES, Codes, map_codes, write_codes
    from stitch_cir.gallery.cache._format import (
        CHUNK,
        FILES,
        FORMAT,
        ViewMatrix,
        checksums,
        is_sound,
        open_cache,
        read_manifest,
        read_manifests,
    )
    from stitch_cir.gallery.cache._ids import Ids
    from stitch_cir.gallery.cache._packed import PackedVectors
    from stitch_cir.gallery.cache._salvage import Salvage

__all__ = [
    "CHUNK",
    "CODE_FILES",
    "FILES",
    "FORMAT",
    "Codes",
    "Ids",
    "PackedVectors",
    "Salvage",
    "ViewMatrix",
    "checksums",
    "is_sound",
    "map_codes",
    "open_cache",
    "read_manifest",
    "read_manifests",
    "write_codes",
]

# each is imported when it is first used: a search needs few of them
_exports.publish(
    __name__,
    __all__,
    lazy={
        "CHUNK": "_format",
        "CODE_FILES": "_codes",
        "FILES": "_format",
        "FORMAT": "_format",
        "Codes": "_codes",
        "Ids": "_ids",
        "PackedVectors": "_packed",
        "Salvage": "_salvage",
        "ViewMatrix": "_format",
        "checksums": "_format",
        "is_sound": "_format",
        "map_codes": "_codes",
        "open_cache": "_format",
        "read_manifest": "_format",
        "read_manifests": "_format",
        "write_codes": "_codes",
    },
)

"""The built-in encoder: EfficientNet-Lite2 and MiniLM in one space of concepts."""

from typing import TYPE_CHECKING

from stitch_cir import _exports

if TYPE_CHECKING:
    from stitch_cir.encoders.mini._encoder import MiniEncoder, PreparedImage
    from stitch_cir.encoders.mini._everyday import join_concepts
    from stitch_cir.encoders.mini._files import data_file, text_model, verify_files
    from stitch_cir.encoders.mini._first import FirstMiniEncoder
    from stitch_cir.encoders.mini._head import MiniHead
    from stitch_cir.encoders.mini._vocabulary import load_vocabulary

__all__ = [
    "FirstMiniEncoder",
    "MiniEncoder",
    "MiniHead",
    "PreparedImage",
    "data_file",
    "join_concepts",
    "load_vocabulary",
    "text_model",
    "verify_files",
]

# each is imported when it is first used: a search needs few of them
_exports.publish(
    __name__,
    __all__,
    lazy={
        "FirstMiniEncoder": "_first",
        "MiniEncoder": "_encoder",
        "MiniHead": "_head",
        "PreparedImage": "_encoder",
        "data_file": "_files",
        "join_concepts": "_everyday",
        "load_vocabulary": "_vocabulary",
        "text_model": "_files",
        "verify_files": "_files",
    },
)

"""Pictures and texts into one space of unit vectors."""

from stitch_cir.encoders._hash import HashEncoder
from stitch_cir.encoders._mini import MiniEncoder
from stitch_cir.encoders._protocol import ConceptReader, DualEncoder
from stitch_cir.encoders._registry import encoder_names, load_encoder, load_mini, load_test

__all__ = [
    "ConceptReader",
    "DualEncoder",
    "HashEncoder",
    "MiniEncoder",
    "encoder_names",
    "load_encoder",
    "load_mini",
    "load_test",
]

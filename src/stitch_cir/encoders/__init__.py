"""Images and texts into one space of unit vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stitch_cir import _exports
from stitch_cir.encoders._centred import CentredEncoder
from stitch_cir.encoders._dense import check_recipe, encode_set
from stitch_cir.encoders._hash import HashEncoder
from stitch_cir.encoders._languages import (
    KnowsLanguages,
    check_readable,
    detect_language,
    language_notes,
)
from stitch_cir.encoders._protocol import (
    ConceptReader,
    DenseEncoder,
    DualEncoder,
    EncoderNotes,
    PreparingEncoder,
    ShippedWeights,
    StandIn,
    TextLimits,
    WarmUp,
    encoder_notes,
    too_long,
)
from stitch_cir.encoders._registry import encoder_names, load_encoder, load_mini, load_test
from stitch_cir.encoders.composed import (
    ComposedEncoder,
    ComposedInput,
    SumEncoder,
    check_composed,
    default_composed,
    load_composed,
    load_gallery_model,
)
from stitch_cir.encoders.mini._encoder import MiniEncoder, PreparedImage
from stitch_cir.encoders.mini._head import MiniHead
from stitch_cir.encoders.store._catalogue import (
    CatalogueEntry,
    catalogue,
    is_installed,
    models_folder,
)

if TYPE_CHECKING:
    from stitch_cir.encoders.clip._export import export_model
    from stitch_cir.encoders.store._check import check_model
    from stitch_cir.encoders.store._hub import PulledModel, pull_model
    from stitch_cir.encoders.store._model_file import ModelFile

__all__ = [
    "CatalogueEntry",
    "CentredEncoder",
    "ComposedEncoder",
    "ComposedInput",
    "ConceptReader",
    "DenseEncoder",
    "DualEncoder",
    "EncoderNotes",
    "HashEncoder",
    "KnowsLanguages",
    "MiniEncoder",
    "MiniHead",
    "ModelFile",
    "PreparedImage",
    "PreparingEncoder",
    "PulledModel",
    "ShippedWeights",
    "StandIn",
    "SumEncoder",
    "TextLimits",
    "WarmUp",
    "catalogue",
    "check_composed",
    "check_model",
    "check_readable",
    "check_recipe",
    "default_composed",
    "detect_language",
    "encode_set",
    "encoder_names",
    "encoder_notes",
    "export_model",
    "is_installed",
    "language_notes",
    "load_composed",
    "load_encoder",
    "load_gallery_model",
    "load_mini",
    "load_test",
    "models_folder",
    "pull_model",
    "too_long",
]

# fetching and exporting import what searching never needs
_exports.publish(
    __name__,
    __all__,
    lazy={
        "check_model": "store._check",
        "export_model": "clip._export",
        "ModelFile": "store._model_file",
        "PulledModel": "store._hub",
        "pull_model": "store._hub",
    },
)

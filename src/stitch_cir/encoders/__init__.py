"""Images and texts into one space of unit vectors."""

from __future__ import annotations

from typing import Any

from stitch_cir.encoders._centred import CentredEncoder
from stitch_cir.encoders._dense import check_recipe, encode_set
from stitch_cir.encoders._hash import HashEncoder
from stitch_cir.encoders._protocol import (
    ConceptReader,
    DenseEncoder,
    DualEncoder,
    EncoderNotes,
    PreparingEncoder,
    TextLimits,
    WarmUp,
    encoder_notes,
    too_long,
)
from stitch_cir.encoders._registry import encoder_names, load_encoder, load_mini, load_test
from stitch_cir.encoders.mini._encoder import MiniEncoder
from stitch_cir.encoders.store._catalogue import CatalogueEntry, catalogue, models_folder

__all__ = [
    "CatalogueEntry",
    "CentredEncoder",
    "ConceptReader",
    "DenseEncoder",
    "DualEncoder",
    "EncoderNotes",
    "HashEncoder",
    "MiniEncoder",
    "PreparingEncoder",
    "TextLimits",
    "WarmUp",
    "catalogue",
    "check_model",
    "check_recipe",
    "encode_set",
    "encoder_names",
    "encoder_notes",
    "export_model",
    "load_encoder",
    "load_mini",
    "load_test",
    "models_folder",
    "pull_model",
    "too_long",
]


def __getattr__(name: str) -> Any:
    # fetching and exporting import what searching never needs
    if name == "pull_model":
        from stitch_cir.encoders.store._hub import pull_model

        return pull_model
    if name == "export_model":
        from stitch_cir.encoders.clip._export import export_model

        return export_model
    if name == "check_model":
        from stitch_cir.encoders.store._check import check_model

        return check_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

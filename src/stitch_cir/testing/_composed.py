"""The contract of composed-query encoders."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image

from stitch_cir.encoders import ComposedEncoder, ComposedInput, check_composed
from stitch_cir.errors import StitchError, VectorError
from stitch_cir.plugins import COMPOSED_ENCODERS
from stitch_cir.testing._contract import (
    ContractError,
    require,
    require_close,
    require_plug_in,
    unit_rows,
)

__all__ = ["check_composed_encoder"]


def check_composed_encoder(encoder: ComposedEncoder, dim: int, *, tolerance: float = 1e-3) -> None:
    """Check a composed-query encoder for galleries of ``dim`` dimensions.

    ``tolerance`` is how far a vector's component may be from that of another batch; low precision
    needs more. Raises ``ContractError`` naming the rule that is broken.
    """
    require_plug_in(COMPOSED_ENCODERS, encoder)
    require(isinstance(encoder.name, str) and bool(encoder.name), "name is a text")
    require(isinstance(encoder.needs_image, bool), "needs_image is true or false")
    settings = dict(encoder.composed_settings())
    require(json.loads(json.dumps(settings)) == settings, "composed_settings() is JSON-ready data")
    require(
        settings.get("composed") == encoder.name,
        "composed_settings()['composed'] is the encoder's name",
    )
    red, blue = (Image.new("RGB", (96, 64), colour) for colour in ("red", "blue"))
    vectors = [None, None] if encoder.needs_image else list(unit_rows(1, 2, dim))
    inputs = [
        ComposedInput(red, "in blue instead", image_vector=vectors[0]),
        ComposedInput(blue, "in blue instead", image_vector=vectors[1]),
        ComposedInput(red, "two of them on a beach", image_vector=vectors[0]),
    ]
    sets = encoder.encode_composed(inputs)
    try:
        check_composed(encoder, sets, len(inputs), dim)
    except VectorError as error:
        raise ContractError(error.message) from error
    for rows in sets:
        require(rows.dtype == np.float32, f"vectors are float32, not {rows.dtype}")
    for each, rows in zip(inputs, sets, strict=True):
        alone = encoder.encode_composed([each])[0]
        require_close(alone, rows, "a query's vectors do not depend on its batch", tolerance)
    first, other_image, other_text = (rows.mean(axis=0) for rows in sets)
    require(bool(np.abs(first - other_image).max() > 1e-6), "another image gives another vector")
    require(bool(np.abs(first - other_text).max() > 1e-6), "another text gives another vector")
    if encoder.needs_image:
        try:
            encoder.encode_composed([ComposedInput(None, "in blue instead")])
        except StitchError:
            return
        raise ContractError("an input without an image is refused with a StitchError")

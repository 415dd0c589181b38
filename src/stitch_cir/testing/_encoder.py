"""The contract of encoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from stitch_cir.concepts import Concept
from stitch_cir.encoders import (
    ConceptReader,
    DenseEncoder,
    DualEncoder,
    PreparingEncoder,
    TextLimits,
)
from stitch_cir.plugins import ENCODERS
from stitch_cir.testing._contract import require, require_close, require_plug_in, require_rows
from stitch_cir.views import ViewBox

__all__ = ["check_encoder"]

TEXTS = ("a red dress", "two dogs on a sofa", "ein Fahrrad 🚲")
BOXES = (ViewBox(), ViewBox(0.0, 0.0, 0.5, 0.5), ViewBox(0.25, 0.5, 1.0, 1.0))


def check_encoder(encoder: DualEncoder, *, tolerance: float = 1e-3) -> None:
    """Check an encoder, and each further protocol whose members it has.

    ``tolerance`` is how far a vector's component may be from that of another batch; low precision
    needs more. Raises ``ContractError`` naming the rule that is broken.
    """
    require_plug_in(ENCODERS, encoder)
    for name in ("name", "weights_tag", "fingerprint"):
        value = getattr(encoder, name)
        require(isinstance(value, str) and bool(value), f"{name} is a text, not {value!r}")
    require(encoder.dim >= 1, f"dim is at least 1, not {encoder.dim!r}")
    require(encoder.decode_side >= 1, f"decode_side is at least 1, not {encoder.decode_side!r}")
    _check_texts(encoder, tolerance)
    images = _images()
    boxes = [BOXES] * len(images)
    views = encoder.encode_views(images, boxes)
    shape = (len(images), len(BOXES), encoder.dim)
    require_rows("encode_views", views, shape)
    for image, rows in zip(images, views, strict=True):
        single = encoder.encode_views([image], [BOXES])[0]
        require_close(single, rows, "a view's vector does not depend on its batch", tolerance)
    if isinstance(encoder, DenseEncoder) and encoder.has_patches:
        require_rows("encode_dense_views", encoder.encode_dense_views(images, boxes), shape)
    if isinstance(encoder, PreparingEncoder):
        parts = [encoder.encode_prepared(job()) for job in encoder.prepare_views(images, boxes)]
        rows = np.concatenate(parts).reshape(shape)
        require_close(rows, views, "prepared views have the vectors of encode_views", tolerance)
    if isinstance(encoder, ConceptReader):
        _check_concepts(encoder.read_concepts(images), len(images))


def _check_texts(encoder: DualEncoder, tolerance: float) -> None:
    vectors = encoder.encode_texts(TEXTS)
    require_rows("encode_texts", vectors, (len(TEXTS), encoder.dim))
    empty = encoder.encode_texts([])
    require(empty.shape == (0, encoder.dim), f"no texts have the shape (0, dim), not {empty.shape}")
    for text, row in zip(TEXTS, vectors, strict=True):
        single = encoder.encode_texts([text])[0]
        require_close(single, row, "a text's vector does not depend on its batch", tolerance)
    cosines = vectors @ vectors.T
    require(float(cosines[0, 1]) < 1 - 1e-4, "different texts have different vectors")
    if isinstance(encoder, TextLimits):
        limit, counts = encoder.context_length, encoder.count_tokens(TEXTS)
        require(limit >= 1, f"context_length is at least 1, not {limit!r}")
        require(len(counts) == len(TEXTS), "count_tokens returns one number for each text")
        require(
            encoder.count_tokens(["dress " * 2 * limit])[0] > limit,
            "count_tokens counts the tokens before a text is cut",
        )


def _check_concepts(concepts: Sequence[Any], count: int) -> None:
    require(len(concepts) == count, "read_concepts returns one tuple for each image")
    for each in concepts:
        require(
            all(isinstance(concept, Concept) and 0 <= concept.weight <= 1 for concept in each),
            "read_concepts returns Concepts with weights between 0 and 1",
        )


def _images() -> list[Image.Image]:
    """Draw three images of different shapes: halves of two colours."""
    images = []
    for size, left, right in (
        ((96, 96), (220, 30, 30), (40, 80, 210)),
        ((120, 60), (250, 250, 250), (15, 15, 15)),
        ((60, 110), (40, 160, 60), (240, 215, 40)),
    ):
        image = Image.new("RGB", size, left)
        image.paste(right, (size[0] // 2, 0, *size))
        images.append(image)
    return images

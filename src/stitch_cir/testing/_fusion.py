"""The contract of fusions."""

from __future__ import annotations

import numpy as np

from stitch_cir.errors import VectorError
from stitch_cir.plugins import FUSIONS
from stitch_cir.testing._contract import (
    ContractError,
    require,
    require_close,
    require_plug_in,
    unit_rows,
)
from stitch_cir.transition import Fusion, fuse

__all__ = ["check_fusion"]

COUNT, DIM, IMAGES = 4, 16, 50


def check_fusion(fusion: Fusion) -> None:
    """Check a fusion. Raises ``ContractError`` naming the rule that is broken."""
    require_plug_in(FUSIONS, fusion)
    vectors, means = unit_rows(1, COUNT, DIM), unit_rows(2, IMAGES, DIM)
    weights = np.array([0.4, 0.3, 0.3, 0.0], np.float32)
    before = (vectors.copy(), weights.copy(), means.copy())
    try:
        fused = fuse(fusion, vectors, weights, means)
        again = fuse(fusion, vectors, weights, means)
        alike = fuse(fusion, vectors, weights, np.repeat(means[:1], IMAGES, axis=0))
    except VectorError as error:
        raise ContractError(error.message) from error
    require(bool((fused == again).all()), "weigh returns the same for the same vectors")
    same = all(
        bool((kept == now).all())
        for kept, now in zip(before, (vectors, weights, means), strict=True)
    )
    require(same, "weigh does not change its arguments")
    require(bool(np.isfinite(alike).all()), "a gallery of equal images gives finite weights")
    order = np.array([2, 0, 3, 1])
    turned = fuse(fusion, vectors[order], weights[order], means)
    require_close(turned, fused[order], "the order of the members does not matter", 1e-5)

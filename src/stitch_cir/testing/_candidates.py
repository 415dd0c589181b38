"""The contract of candidate sources."""

from __future__ import annotations

import numpy as np

from stitch_cir.candidates import CandidateSource
from stitch_cir.plugins import CANDIDATE_SOURCES
from stitch_cir.testing._contract import require, require_plug_in, require_settings, unit_rows

__all__ = ["check_candidate_source"]


def check_candidate_source(source: CandidateSource, *, dim: int, images: int) -> None:
    """Check a source that holds ``images`` ≥ 2 images with vectors of ``dim`` numbers.

    Raises ``ContractError`` naming the broken rule.
    """
    require_plug_in(CANDIDATE_SOURCES, source)
    require_settings(source.settings())
    vectors, weights = unit_rows(0, 3, dim), np.array([0.5, 0.25, 0.25], np.float32)
    every = list(source.nearest(vectors, weights, images))
    require(all(isinstance(id, str) for id in every), "nearest() returns ids, which are texts")
    require(len(set(every)) == len(every), "nearest() names each image once")
    require(
        len(every) == images, f"nearest() names all {images} images where as many are requested"
    )
    first = list(source.nearest(vectors, weights, 1))
    require(len(first) == 1, "nearest() returns no more ids than requested")
    more = list(source.nearest(vectors, weights, 2 * images))
    require(len(more) == images, "nearest() returns what there is where more is requested")
    require(list(source.nearest(vectors, weights, images)) == every, "one query has one answer")

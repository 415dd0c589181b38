"""Scorers by name, and sets in, scores or plans out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir._schema import Range, Setting
from stitch_cir.errors import VectorError
from stitch_cir.plugins import SCORERS
from stitch_cir.transport._conditional import ConditionalTransport
from stitch_cir.transport._plan import TransportPlan
from stitch_cir.transport._scorer import Scorer
from stitch_cir.transport._sets import PointSets

__all__ = ["SCORER_NAMES", "score_sets", "scorer_by_name", "transport_plan"]

SCORER_NAMES: tuple[str, ...] = tuple(SCORERS.built_in)
"""Names of the built-in scorers; the first is the method's own. ``SCORERS.names()`` has all."""

SIMILARITIES = 1 << 22
"""Similarities in memory at a time (16 MiB): bounds memory for any gallery."""
QUERY_MEMBERS = 512
"""Captions multiplied with the gallery at a time, so that many queries share one pass over it."""
_BLOCK = Setting("block", "whole", 1, "Block", "Sets scored at a time", range=Range(1))


def scorer_by_name(name: str, *, options: Mapping[str, Any] | None = None, **shared: Any) -> Scorer:
    """Make a scorer, built-in or of another package.

    Parameters
    ----------
    name:
        One of ``stitch_cir.plugins.SCORERS.names()``.
    options:
        Settings of this scorer; it must have all of them.
    shared:
        Settings such as ``tau`` and ``epsilon``, for the scorers that have them. They are checked
        whatever the name.

    Raises ``SettingError`` for an unknown name, a value outside its range, or an option that the
    scorer does not have.
    """
    scorer: Scorer = SCORERS.make_from(name, shared, options)
    return scorer


def score_sets(
    queries: PointSets,
    gallery: PointSets,
    scorer: Scorer | None = None,
    *,
    block: int | None = None,
) -> NDArray[np.float32]:
    """Score every query set against every gallery set.

    Parameters
    ----------
    queries:
        B sets of K captions, d dimensions.
    gallery:
        N sets of M views, d dimensions.
    scorer:
        Conditional transport at its default τ when ``None``.
    block:
        Gallery sets multiplied at a time; changes memory and speed, not scores beyond rounding.
        ``None`` chooses so that 16 MiB of similarities are in memory.

    Returns (B, N) float32 scores in [−2, 2], larger is better.

    Raises ``VectorError`` when dimensions differ, ``SettingError`` when ``block`` is below 1.
    """
    scorer = scorer or ConditionalTransport()
    _same_dimension(queries, gallery)
    if block is not None:
        _BLOCK.check(block)
    scores = np.empty((len(queries), len(gallery)), dtype=np.float32)
    p, captions, views = queries.marginals(), queries.size, gallery.size
    together = max(1, QUERY_MEMBERS // captions)
    for first in range(0, len(queries), together):
        several = queries.vectors[first : first + together]
        stacked = several.reshape(-1, queries.dim).T
        step = block or max(1, SIMILARITIES // (views * stacked.shape[1]))
        for start in range(0, len(gallery), step):
            part = gallery.part(start, start + step)
            q = part.marginals()
            product = part.vectors.reshape(-1, gallery.dim) @ stacked
            similarities = product.reshape(len(part), views, len(several), captions)
            # query by query: a view of the product, where a joint batch would have to be copied
            for i in range(len(several)):
                scores[first + i, start : start + step] = scorer.score_similarities(
                    similarities[:, :, i].swapaxes(1, 2), None if p is None else p[first + i], q
                )
    return scores


def transport_plan(
    queries: PointSets, gallery: PointSets, scorer: Scorer | None = None
) -> TransportPlan:
    """Explain pairs: query set i against gallery set i.

    Parameters
    ----------
    queries, gallery:
        n sets each, or one set on either side that is paired with all of the other.
    scorer:
        Conditional transport at its default τ when ``None``.

    Returns a plan with batch shape (n,); ``plan.pair(i)`` is that of one pair. One set on *both*
    sides gives the plan of the pair, without batch axis. Everything is computed in float64.

    Raises ``VectorError`` when dimensions or numbers of sets do not fit.
    """
    scorer = scorer or ConditionalTransport()
    _same_dimension(queries, gallery)
    if len(queries) != len(gallery) and 1 not in (len(queries), len(gallery)):
        raise VectorError(
            f"{len(queries)} query sets cannot be paired with {len(gallery)} gallery sets.",
            hint="Give equally many, or one set on either side.",
        )
    views = gallery.vectors.astype(np.float64)
    similarities = queries.vectors.astype(np.float64) @ views.swapaxes(1, 2)
    plan = scorer.plan(similarities, queries.marginals(), gallery.marginals())
    return plan.pair(0) if len(queries) == len(gallery) == 1 else plan


def _same_dimension(queries: PointSets, gallery: PointSets) -> None:
    if queries.dim != gallery.dim:
        raise VectorError(
            f"Queries have {queries.dim} dimensions, the gallery {gallery.dim}.",
            hint="Both must come from the same encoder.",
        )

"""Which plans did not converge: of a search's hits, and of the first hits of many queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from stitch_cir.ranking import pad_sets
from stitch_cir.searcher._features import EncodedQuery
from stitch_cir.searcher._ranker import GalleryRanker
from stitch_cir.transport import Scorer, TransportPlan

__all__ = ["convergence_note", "count_approximate"]


def convergence_note(scorer: Scorer, plans: Iterable[TransportPlan]) -> tuple[str, ...]:
    """Return one note naming how many hits' plans did not converge, or none."""
    plans = tuple(plans)
    failed = [plan for plan in plans if not plan.converged]
    if not failed:
        return ()
    settings = scorer.settings()
    epsilon = f" with ε = {settings['epsilon']:g}" if "epsilon" in settings else ""
    error = max(plan.marginal_error for plan in failed)
    return (
        f"{str(settings['scorer']).capitalize()}{epsilon} did not converge for {len(failed)} of "
        f"{len(plans)} hits within {max(plan.iterations for plan in failed):,} iterations "
        f"(marginals off by up to {error:.1e}): their scores are approximate. Use a larger "
        "epsilon, or the scorer exact.",
    )


def count_approximate(
    ranker: GalleryRanker, queries: Sequence[EncodedQuery], rows: Sequence[Sequence[int]]
) -> int:
    """Return for how many queries a plan of their ``rows`` did not converge.

    Only plans of scorers that iterate may not. They are made of all queries at once, and of halves
    of them where some did not converge.
    """
    if not ranker.is_iterative or not any(rows):
        return 0
    if len(queries) == 1 or all(query.calibration is None for query in queries):
        if _plans_converge(ranker, queries, rows):
            return 0
        if len(queries) == 1:
            return 1
    middle = len(queries) // 2
    return sum(
        count_approximate(ranker, queries[part], rows[part])
        for part in (slice(middle), slice(middle, None))
    )


def _plans_converge(
    ranker: GalleryRanker, queries: Sequence[EncodedQuery], rows: Sequence[Sequence[int]]
) -> bool:
    """Return whether the plans of all rows converge, of queries that one scorer scores."""
    views, present = pad_sets(ranker.matrix, np.concatenate(rows).astype(np.int64))
    captions = max(len(query.vectors) for query in queries)
    similarities = np.zeros((len(views), captions, views.shape[1]), np.float32)
    weights = np.zeros((len(views), captions), np.float32)
    start = 0
    for query, chosen in zip(queries, rows, strict=True):
        part, count = slice(start, start + len(chosen)), len(query.vectors)
        similarities[part, :count] = query.vectors @ views[part].swapaxes(1, 2)
        weights[part, :count] = query.weights
        start += len(chosen)
    return ranker.scorer_of(queries[0]).plan(similarities, weights, present).converged

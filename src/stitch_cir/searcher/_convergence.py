"""Whether the transport plans behind a ranking converged, and the note where they did not."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from stitch_cir.gallery import ViewMatrix
from stitch_cir.searcher._results import Query
from stitch_cir.transport import IterativeScorer, Scorer, TransportPlan

__all__ = ["convergence_note", "is_iterative", "plans_converged"]


def is_iterative(scorer: Scorer) -> bool:
    """Return whether a scorer iterates to its plans, and so may stop before they are exact."""
    return isinstance(scorer, IterativeScorer)


def plans_converged(
    scorer: Scorer, query: Query, matrix: ViewMatrix, rows: Iterable[int]
) -> list[bool]:
    """Return for each row of the matrix whether its plan against the query converged."""
    converged = []
    for row in rows:
        members = np.asarray(matrix.vectors[matrix.offsets[row] : matrix.offsets[row + 1]])
        plan = scorer.plan(query.vectors @ members.T, query.weights, None)
        converged.append(plan.converged)
    return converged


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

"""Scorers by name, for settings files and command lines."""

from __future__ import annotations

from stitch_cir.errors import SettingError
from stitch_cir.hints import did_you_mean
from stitch_cir.transport._conditional import ConditionalTransport
from stitch_cir.transport._exact import ExactTransport
from stitch_cir.transport._scorer import Scorer
from stitch_cir.transport._simple import Chamfer, MeanPooling, PointToPoint
from stitch_cir.transport._sinkhorn import Sinkhorn

__all__ = ["SCORER_NAMES", "scorer_by_name"]

SCORER_NAMES: tuple[str, ...] = ("conditional", "sinkhorn", "exact", "chamfer", "mean", "point")
"""Names :func:`scorer_by_name` knows; the first is the method's own."""


def scorer_by_name(name: str, *, tau: float = 0.001, epsilon: float = 0.01) -> Scorer:
    """Build a scorer.

    Parameters
    ----------
    name:
        One of ``SCORER_NAMES``.
    tau:
        Used by ``conditional`` only, but checked always, so that a bad value never hides.
    epsilon:
        Used by ``sinkhorn`` only, likewise.

    Raises ``SettingError`` for an unknown name or a value outside its range.
    """
    scorers: tuple[Scorer, ...] = (
        ConditionalTransport(tau),
        Sinkhorn(epsilon),
        ExactTransport(),
        Chamfer(),
        MeanPooling(),
        PointToPoint(),
    )
    for scorer in scorers:
        if scorer.name == name:
            return scorer
    raise SettingError(
        f"There is no scorer {name!r}.",
        hint=f"{did_you_mean(name, SCORER_NAMES)}Scorers: {', '.join(SCORER_NAMES)}.",
    )

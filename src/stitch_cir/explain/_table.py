"""A transport plan as rows a person can read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.searcher import Hit, Query, View
from stitch_cir.views import ViewBox

__all__ = ["Match", "caption_halves", "caption_shares", "matches", "member", "summary"]


@dataclass(frozen=True, slots=True)
class Match:
    """One caption meeting one view.

    ``forward``: how much of this caption's look goes to the view (a caption's row sums to 1);
    ``backward``: how much of this view's look goes to the caption (a view's column sums to 1);
    ``mass``: share of all transported mass, in [0, 1]; ``similarity``: raw cosine.
    """

    caption: int
    label: str
    view: View
    similarity: float
    forward: float
    backward: float
    mass: float

    def to_dict(self) -> dict[str, Any]:
        """Give JSON-ready data."""
        return {
            "caption": self.caption,
            "label": self.label,
            "view": self.view.to_dict(),
            "similarity": round(self.similarity, 6),
            "forward": round(self.forward, 6),
            "backward": round(self.backward, 6),
            "mass": round(self.mass, 6),
        }


def matches(query: Query, hit: Hit, *, least: float = 0.01) -> tuple[Match, ...]:
    """List who matched whom, most mass first, leaving out pairs with less than ``least`` of it."""
    plan = hit.plan
    joint = np.asarray(plan.joint, dtype=np.float64)
    total = float(joint.sum()) or 1.0
    found = [
        Match(
            caption=row,
            label=query.labels[row],
            view=hit.views[column],
            similarity=float(plan.similarities[row, column]),
            forward=float(plan.forward[row, column]),
            backward=float(plan.backward[row, column]),
            mass=float(joint[row, column] / total),
        )
        for row, column in np.argwhere(joint / total >= least).tolist()
    ]
    return tuple(sorted(found, key=lambda match: (-match.mass, match.caption, match.view.index)))


def caption_halves(hit: Hit) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Split a score over the captions, each direction by itself: (K,) and (K,).

    First ``2 (1 − ρ) p_k Σ_m forward_km s_km``, what caption k's own look over the views gives;
    second ``2 ρ Σ_m q_m backward_km s_km``, what the views that look at caption k give.
    All of both add up to ``plan.score``.
    """
    return hit.plan.contribution_of_captions(), hit.plan.contribution_of_views_by_caption()


def caption_shares(hit: Hit) -> NDArray[np.float64]:
    """Split a score over the captions, both directions together: (K,), sum = ``plan.score``."""
    own, met = caption_halves(hit)
    return np.asarray(own + met)


def member(query: Query) -> str:
    """Say what the rows of a plan are: target captions, or views of a reference without text."""
    return "part of the reference" if query.composition is None else "caption"


def summary(query: Query, hit: Hit) -> str:
    """Say in one sentence why this image ranks where it does."""
    best = max(matches(query, hit, least=0.0), key=lambda match: match.similarity)
    return (
        f"Rank {hit.rank}, score {hit.score:.3f}: “{best.label}” found its best match in "
        f"{_region(best.view)} (cosine {best.similarity:.3f})."
    )


def _region(view: View) -> str:
    """Name a view in words, and in numbers where it is a part of the image."""
    if view.caption is not None:
        return f"the caption {view.label}"
    box = view.box or ViewBox()
    if (box.x0, box.y0, box.x1, box.y1) == (0.0, 0.0, 1.0, 1.0):
        return "the whole image" + (", mirrored" if box.flip else "")
    across, down = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    side = "left" if across < 0.4 else "right" if across > 0.6 else ""
    height = "upper" if down < 0.4 else "lower" if down > 0.6 else ""
    words = f"the {side or 'middle'}" if not height else f"the {height} {side or 'half'}"
    return f"{words}: {view.label}"

"""What a search gives back: ranked hits, why they rank there, and every setting that made them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.composers import Composition
from stitch_cir.images import MAX_PIXELS
from stitch_cir.reranker import Verdict
from stitch_cir.searcher._settings import SearchSettings
from stitch_cir.transport import TransportPlan
from stitch_cir.views import ViewBox

__all__ = ["Hit", "Query", "Results", "View"]


@dataclass(frozen=True, slots=True)
class View:
    """One member of a view set: a crop of the picture (``box``) or one of its captions."""

    index: int
    box: ViewBox | None = None
    caption: str | None = None

    @property
    def label(self) -> str:
        """Short text for tables: the caption, or where the crop lies in per cent of the sides."""
        if self.caption is not None:
            return f"“{self.caption}”"
        box = self.box or ViewBox()
        if (box.x0, box.y0, box.x1, box.y1) == (0.0, 0.0, 1.0, 1.0):
            return "whole picture" + (", mirrored" if box.flip else "")
        span = f"x {100 * box.x0:.0f}-{box.x1:.0%}, y {100 * box.y0:.0f}-{box.y1:.0%}"
        return span + (", mirrored" if box.flip else "")

    def to_dict(self) -> dict[str, Any]:
        """Give JSON-ready data."""
        if self.caption is not None:
            return {"index": self.index, "caption": self.caption}
        box = self.box or ViewBox()
        return {"index": self.index, "box": [box.x0, box.y0, box.x1, box.y1], "flip": box.flip}


@dataclass(frozen=True, slots=True)
class Query:
    """The set that was searched with.

    ``vectors``: (K, d) float32 unit rows after transition; ``weights``: (K,) float32, sum 1;
    ``labels``: K texts that say what each row is. ``before`` is the set of the unchanged
    reference's captions, (R, d), for score-level transitions only. ``hubness_penalty``: (N,)
    points taken off the score of each row of the gallery, see
    :func:`stitch_cir.ranking.hubness`.
    ``negatives``: the gallery ids of rejected pictures, which ``vectors`` were moved away from.
    """

    vectors: NDArray[np.float32] = field(repr=False)
    weights: NDArray[np.float32] = field(repr=False)
    labels: tuple[str, ...]
    composition: Composition | None
    reference: str | None
    text: str | None
    before: NDArray[np.float32] | None = field(default=None, repr=False)
    hubness_penalty: NDArray[np.float64] | None = field(default=None, repr=False)
    negatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """One ranked image.

    ``score`` is in [−2, 2], larger is better (two ways of looking, each a weighted mean cosine).
    ``plan`` says who matched whom: K captions against ``views``. Where a reranker was used,
    ``verdict`` is its answer and ``fused`` the score that ranks the judged hits. ``max_pixels`` is
    what the gallery allows when ``path`` is opened. ``size`` is the image's upright (width, height)
    in pixels and ``content`` the SHA-256 of its file; both are None for captions only.
    """

    rank: int
    id: str
    score: float
    plan: TransportPlan = field(repr=False)
    views: tuple[View, ...] = field(repr=False)
    path: Path | None = None
    verdict: Verdict | None = None
    fused: float | None = None
    max_pixels: int = MAX_PIXELS
    size: tuple[int, int] | None = None
    content: str | None = None

    @property
    def captions(self) -> tuple[str, ...]:
        """The captions of the image, in order."""
        return tuple(view.caption for view in self.views if view.caption is not None)

    @property
    def best_view(self) -> View:
        """The view that took most of the transported mass."""
        return self.views[int(self.plan.best_view())]

    def to_dict(self, *, plan: bool = False) -> dict[str, Any]:
        """Give JSON-ready data; the whole plan only on request."""
        data: dict[str, Any] = {
            "rank": self.rank,
            "id": self.id,
            "score": round(self.score, 6),
            "path": None
            if self.path is None
            else str(self.path).encode("utf-8", "backslashreplace").decode(),
            "best_view": self.best_view.to_dict(),
        }
        if self.verdict is not None and self.fused is not None:
            data["verdict"] = self.verdict.to_dict()
            data["fused"] = round(self.fused, 6)
        if plan:
            data["views"] = [view.to_dict() for view in self.views]
            data["plan"] = self.plan.to_dict()
        return data


@dataclass(frozen=True, slots=True)
class Results:
    """Ranked hits with everything that made them.

    ``ranked`` counts the images that took part after filters; ``scored`` those whose view sets were
    scored exactly: all of them, or, where ``bounded`` is above 0, those whose upper bound left it
    open whether they belong to the hits (``bounded`` counts the bounds; the hits are the same
    either way), or those of a shortlist. ``shortlist_recall`` is the share of the exhaustive
    search's hits that the shortlist kept, ``None`` where it was not measured. ``reranker`` holds
    the settings of a reranker that was used; ``usage`` what composer and reranker asked of models.
    """

    hits: tuple[Hit, ...]
    query: Query
    settings: SearchSettings
    gallery: Mapping[str, Any]
    ranked: int
    scored: int
    seconds: Mapping[str, float]
    bounded: int = 0
    shortlist_recall: float | None = None
    notes: tuple[str, ...] = ()
    reranker: Mapping[str, Any] | None = None
    usage: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Hit]:
        """Iterate over the hits, best first."""
        return iter(self.hits)

    def __len__(self) -> int:
        """Count the hits."""
        return len(self.hits)

    def __getitem__(self, index: int) -> Hit:
        """Give the hit at ``index`` (0 is the best)."""
        return self.hits[index]

    def hit(self, id: str) -> Hit | None:
        """Find a hit by its gallery id."""
        return next((hit for hit in self.hits if hit.id == id), None)

    def to_dict(self, *, plans: bool = False) -> dict[str, Any]:
        """Give JSON-ready data: query, composition, settings, gallery, hits."""
        composition = self.query.composition
        return {
            "query": {
                "reference": self.query.reference,
                "text": self.query.text,
                "labels": list(self.query.labels),
                "weights": [round(float(weight), 6) for weight in self.query.weights],
                "negatives": list(self.query.negatives),
            },
            "composition": None if composition is None else composition.to_dict(),
            "settings": self.settings.to_dict(),
            "gallery": dict(self.gallery),
            "ranked": self.ranked,
            "bounded": self.bounded,
            "scored": self.scored,
            "shortlist_recall": self.shortlist_recall,
            "seconds": {name: round(value, 4) for name, value in self.seconds.items()},
            "notes": list(self.notes),
            "reranker": None if self.reranker is None else dict(self.reranker),
            "usage": {name: dict(used) for name, used in self.usage.items()},
            "hits": [hit.to_dict(plan=plans) for hit in self.hits],
        }

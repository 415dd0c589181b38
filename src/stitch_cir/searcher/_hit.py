"""One ranked image, and why it ranks where it does: numbers and words, no drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir._hints import escape_surrogates
from stitch_cir.images import MAX_PIXELS
from stitch_cir.reranker import Verdict
from stitch_cir.searcher._notebook import hit_html
from stitch_cir.transport import TransportPlan
from stitch_cir.views import ViewBox

if TYPE_CHECKING:
    from stitch_cir.searcher._features import EncodedQuery
    from stitch_cir.searcher._roles import RoleShare

__all__ = ["Hit", "Match", "Region", "View"]


@dataclass(frozen=True, slots=True)
class View:
    """One member of a view set: a crop of the image (``box``) or one of its captions.

    ``image`` counts the images of an item from 1, where it has several.
    """

    index: int
    box: ViewBox | None = None
    caption: str | None = None
    image: int | None = None

    @property
    def label(self) -> str:
        """Short text for tables: the caption, or where the crop lies in per cent of the sides."""
        if self.caption is not None:
            return f"“{self.caption}”"
        box = self.box or ViewBox()
        if (box.x0, box.y0, box.x1, box.y1) == (0.0, 0.0, 1.0, 1.0):
            return f"whole {self._name}" + (", mirrored" if box.flip else "")
        span = f"x {100 * box.x0:.0f}-{box.x1:.0%}, y {100 * box.y0:.0f}-{box.y1:.0%}"
        span += "" if self.image is None else f" of {self._name}"
        return span + (", mirrored" if box.flip else "")

    @property
    def _name(self) -> str:
        return "image" if self.image is None else f"image {self.image}"

    @property
    def region(self) -> str:
        """The view as a sentence names it: “its upper half”, “the whole image”, “its caption …”."""
        if self.caption is not None:
            return f"its caption {self.label}"
        if self.label.startswith("whole"):
            return f"the {self.label}"
        words = self.short
        for side in ("left", "right"):
            if words.split(",")[0] == side:
                words = words.replace(side, f"{side} half")
        return f"its {words}"

    @property
    def short(self) -> str:
        """The view in words alone: the caption, “whole image”, “upper left”, “middle”."""
        if self.caption is not None or self.label.startswith("whole"):
            return self.label
        flipped = self.box is not None and self.box.flip
        words = self._words + ("" if self.image is None else f" of {self._name}")
        return words + (", mirrored" if flipped else "")

    @property
    def _words(self) -> str:
        box = self.box or ViewBox()
        across, down = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
        side = "left" if across < 0.4 else "right" if across > 0.6 else ""
        height = "upper" if down < 0.4 else "lower" if down > 0.6 else ""
        return f"{height} {side or 'half'}" if height else side or "middle"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        if self.caption is not None:
            return {"index": self.index, "caption": self.caption}
        box = self.box or ViewBox()
        data = {"index": self.index, "box": [box.x0, box.y0, box.x1, box.y1], "flip": box.flip}
        return data if self.image is None else {**data, "image": self.image}


@dataclass(frozen=True, slots=True)
class Match:
    """One caption and one view of an image, and how strongly they attend to each other.

    ``forward``: share of the caption's attention that goes to the view (a caption's shares sum to
    1); ``backward``: share of the view's attention that goes to the caption (a view's shares sum
    to 1); ``mass``: share of all transported mass, in [0, 1]; ``similarity``: raw cosine.
    """

    caption: int
    label: str
    view: View
    similarity: float
    forward: float
    backward: float
    mass: float

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "caption": self.caption,
            "label": self.label,
            "view": self.view.to_dict(),
            "similarity": round(self.similarity, 6),
            "forward": round(self.forward, 6),
            "backward": round(self.backward, 6),
            "mass": round(self.mass, 6),
        }


@dataclass(frozen=True, slots=True)
class Region:
    """A part of an image that matched, in pixels of the upright image.

    ``x`` and ``y`` are its upper left corner, counted from 0; ``width`` and ``height`` are at least
    1. ``caption`` is what matched it most; ``mass`` and ``similarity`` are those of that match.
    """

    x: int
    y: int
    width: int
    height: int
    caption: str
    mass: float
    similarity: float

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "x": self.x,
            "y": self.y,
            "width": self.width,
            "height": self.height,
            "caption": self.caption,
            "mass": round(self.mass, 6),
            "similarity": round(self.similarity, 6),
        }


@dataclass(frozen=True, slots=True)
class Hit:
    """One ranked image, and the query that it was ranked for.

    ``score`` is in [−2, 2], larger is better (two directions, each a weighted mean cosine), less
    what the settings take off. ``plan`` is the transport plan of the ``query``'s K vectors and the
    ``views``. Where a reranker was used, ``verdict`` is its answer and ``fused`` the score that
    ranks the judged hits. ``max_pixels`` is what the gallery allows when ``path`` is opened.
    ``size`` is the image's upright (width, height) in pixels and ``content`` the SHA-256 of its
    file; both are None for captions only. ``attributes`` are the image's, JSON-ready. Where the
    settings group, ``members`` are the further images of its group that are shown, best first, and
    ``group_images`` counts all that took part. ``image_paths`` are the files of an item of several
    images, whose first is ``path``. ``near_duplicates`` are the ids of the images that collapse to
    this one, where the settings collapse them. ``roles`` say what the captions and each role give
    to the score, where roles count or something is avoided.
    """

    rank: int
    id: str
    score: float
    query: EncodedQuery = field(repr=False, compare=False)
    plan: TransportPlan = field(repr=False)
    views: tuple[View, ...] = field(repr=False)
    path: Path | None = None
    verdict: Verdict | None = None
    fused: float | None = None
    max_pixels: int = MAX_PIXELS
    size: tuple[int, int] | None = None
    content: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict, repr=False)
    members: tuple[Hit, ...] = ()
    group_images: int = 1
    near_duplicates: tuple[str, ...] = ()
    image_paths: tuple[Path, ...] = ()
    roles: tuple[RoleShare, ...] = field(default=(), repr=False)

    def _repr_html_(self) -> str:
        """Return image, reasons and plan as a notebook shows them."""
        return hit_html(self)

    @property
    def captions(self) -> tuple[str, ...]:
        """The captions of the image, in order."""
        captions = (view.caption for view in self.views if view.caption is not None)
        return tuple(dict.fromkeys(captions))

    @property
    def best_view(self) -> View:
        """The view that took most of the transported mass."""
        return self.views[int(self.plan.best_view())]

    def matches(self, *, least: float = 0.01) -> tuple[Match, ...]:
        """Return the pairs of caption and view with at least ``least`` of the mass, most first."""
        plan = self.plan
        joint = np.asarray(plan.joint, dtype=np.float64)
        total = float(joint.sum()) or 1.0
        matches = [
            Match(
                caption=row,
                label=self.query.labels[row],
                view=self.views[column],
                similarity=float(plan.similarities[row, column]),
                forward=float(plan.forward[row, column]),
                backward=float(plan.backward[row, column]),
                mass=float(joint[row, column] / total),
            )
            for row, column in np.argwhere(joint / total >= least).tolist()
        ]
        # rounded: of equal masses, rounding errors would put any first
        return tuple(
            sorted(
                matches,
                key=lambda match: (-round(match.mass, 9), match.caption, match.view.index),
            )
        )

    def strongest_matches(self, count: int) -> tuple[Match, ...]:
        """Return the ``count`` views with the most mass, each with the caption it matched most."""
        best: dict[int, Match] = {}
        for match in self.matches(least=0.0):
            if match.mass > 0 and len(best) < count:
                best.setdefault(match.view.index, match)
        return tuple(best.values())

    def regions(self, count: int = 5) -> tuple[Region, ...]:
        """Return the ``count`` parts of the (first) image that matched most, the strongest first.

        There are none of captions, and of an image of unknown size.
        """
        if self.size is None:
            return ()
        width, height = self.size
        regions = []
        for match in self.strongest_matches(count):
            if match.view.caption is not None or match.view.image not in (None, 1):
                continue
            box = match.view.box or ViewBox()
            x, y = round(box.x0 * width), round(box.y0 * height)
            x, y = min(x, width - 1), min(y, height - 1)
            right, bottom = max(x + 1, round(box.x1 * width)), max(y + 1, round(box.y1 * height))
            sides = (min(right, width) - x, min(bottom, height) - y)
            regions.append(Region(x, y, *sides, match.label, match.mass, match.similarity))
        return tuple(regions)

    def caption_shares(self) -> NDArray[np.float64]:
        """Return what each caption contributes to the score, (K,), sum = ``plan.score``."""
        forward, backward = self.caption_halves()
        return np.asarray(forward + backward)

    def caption_halves(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what each caption contributes to the score by direction: (K,) and (K,).

        First ``2 (1 − ρ) p_k Σ_m forward_km s_km``, from the caption's attention to the views;
        second ``2 ρ Σ_m q_m backward_km s_km``, from the views' attention to the caption. All of
        both add up to ``plan.score``.
        """
        plan = self.plan
        return plan.contribution_of_captions(), plan.contribution_of_views_by_caption()

    def summary(self) -> str:
        """Return in one sentence why this image was found.

        It names the caption that contributes most to the score, and the view that it fits best. Of
        a query without text it is the view of the reference that contributes most.
        """
        row = int(np.argmax(self.caption_shares()))
        view = self.views[int(np.argmax(np.asarray(self.plan.joint)[row]))]
        label = self.query.labels[row]
        if self.query.composition is None:
            same = next((each.short for each in self.views if each.label == label), label)
            return f"Found because {view.region} looks like “{same}” of the reference."
        verb = "fits" if view.caption is None else "is close to"
        return f"Found because “{label}” {verb} {view.region}."

    def to_dict(self, *, plan: bool = False, regions: bool = False) -> dict[str, Any]:
        """Return JSON-ready data; the whole plan, or size and matched regions, only on request."""
        data: dict[str, Any] = {
            "rank": self.rank,
            "id": self.id,
            "score": round(self.score, 6),
            "path": None if self.path is None else escape_surrogates(str(self.path)),
            "best_view": self.best_view.to_dict(),
        }
        if self.attributes:
            data["attributes"] = dict(self.attributes)
        if self.group_images > 1:
            data["group_images"] = self.group_images
            data["members"] = [
                member.to_dict(plan=plan, regions=regions) for member in self.members
            ]
        if self.near_duplicates:
            data["near_duplicates"] = list(self.near_duplicates)
        if self.verdict is not None and self.fused is not None:
            data["verdict"] = self.verdict.to_dict()
            data["fused"] = round(self.fused, 6)
        if regions:
            data["size"] = None if self.size is None else list(self.size)
            data["captions"] = list(self.captions)
            data["regions"] = [region.to_dict() for region in self.regions()]
        if plan and self.roles:
            data["roles"] = [each.to_dict() for each in self.roles]
        if plan:
            data["views"] = [view.to_dict() for view in self.views]
            data["plan"] = self.plan.to_dict()
        return data

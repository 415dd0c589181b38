"""What a server answers, as frozen dataclasses; fields unknown to this version are dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "Added",
    "Caption",
    "Composed",
    "Composition",
    "Explanation",
    "Found",
    "GalleryInfo",
    "Health",
    "Hit",
    "Image",
    "ImageDetail",
    "ImagePage",
    "Match",
    "Plan",
    "Query",
    "Results",
    "Skipped",
    "Upload",
    "View",
]

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Health:
    """The server works and holds so many ``images``.

    It is not ``ready`` while a pool of threads is saturated; ``pools`` says which, and how busy.
    """

    status: Literal["ok"]
    version: str
    images: int
    ready: bool = True
    pools: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GalleryInfo:
    """What the gallery is, what may be asked (``choices``) and within which ``limits``."""

    name: str
    images: int
    encoder: str
    weights_tag: str
    dim: int
    recipe: Mapping[str, Any]
    captioned: int
    generation: int
    version: str
    defaults: Mapping[str, Any]
    choices: Mapping[str, tuple[str, ...]]
    limits: Mapping[str, int]
    composer: Mapping[str, Any]
    writable: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """One view: ``box`` is (x0, y0, x1, y1) in fractions of the sides, or it is a ``caption``."""

    index: int
    label: str
    box: tuple[float, float, float, float] | None = None
    flip: bool | None = None
    caption: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One image of the gallery; ``width`` and ``height`` (pixels) are ``None`` for captions only.

    ``image`` and ``thumbnail`` are addresses on the server.
    """

    id: str
    width: int | None
    height: int | None
    captions: tuple[str, ...]
    image: str
    thumbnail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDetail(Image):
    """One image with its views."""

    views: tuple[View, ...]


@dataclass(frozen=True, slots=True)
class ImagePage:
    """Some of ``total`` images, from ``offset`` on, in id order."""

    total: int
    offset: int
    images: tuple[Image, ...]


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture the server keeps in memory for ``expires_in`` seconds, to be a reference.

    ``gallery_id`` is set when the gallery holds the same content.
    """

    upload: str
    width: int
    height: int
    sha256: str
    gallery_id: str | None
    expires_in: float


@dataclass(frozen=True, slots=True)
class Caption:
    """A target caption; one that is not ``on`` is kept by an editor but does not count."""

    text: str
    weight: float = 1.0
    origin: str = "given"
    on: bool = True


@dataclass(frozen=True, slots=True)
class Composition:
    """The target captions a composer made of a reference and a modification."""

    captions: tuple[Caption, ...]
    modification: str
    composer: str
    reference_captions: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit(Image):
    """One ranked image: ``rank`` from 1, ``score`` in [−2, 2], larger is better."""

    rank: int
    score: float
    best_view: View


@dataclass(frozen=True, slots=True)
class Query:
    """The set that was searched with: ``members`` are its K texts, ``weights`` sum to 1."""

    reference: str | None
    text: str | None
    members: tuple[str, ...]
    weights: tuple[float, ...]
    less_like: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Results:
    """Ranked hits, best first, with everything that made them; iterates over the hits."""

    hits: tuple[Hit, ...]
    query: Query
    composition: Composition | None
    settings: Mapping[str, Any]
    ranked: int
    scored: int
    seconds: Mapping[str, float]
    notes: tuple[str, ...] = ()
    gallery: Mapping[str, Any] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Hit]:
        """Iterate over the hits, best first."""
        return iter(self.hits)

    def __len__(self) -> int:
        """Count the hits."""
        return len(self.hits)

    def __getitem__(self, index: int) -> Hit:
        """Give the hit at ``index`` (0 is the best)."""
        return self.hits[index]


@dataclass(frozen=True, slots=True)
class Plan:
    """Who matched whom: K captions (rows) by M views, each array (K, M).

    A row of ``forward`` and a column of ``backward`` sum to 1, all of ``mass`` to 1;
    ``similarities`` are cosines.
    """

    forward: Rows
    backward: Rows
    mass: Rows
    similarities: Rows
    score: float


@dataclass(frozen=True, slots=True)
class Match:
    """One caption (counted from 0) meeting one view; ``mass`` is a share of all mass."""

    caption: int
    label: str
    view: View
    similarity: float
    forward: float
    backward: float
    mass: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an image ranks where it does; ``shares`` of the captions sum to the plan's score."""

    hit: Hit
    views: tuple[View, ...]
    captions: tuple[str, ...]
    weights: tuple[float, ...]
    plan: Plan
    matches: tuple[Match, ...]
    shares: tuple[float, ...]
    summary: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A picture that was not added, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Added:
    """What became of the pictures that were sent: gallery ids, and those left out."""

    added: tuple[str, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True)
class Composed:
    """The envelope of a composition."""

    composition: Composition


@dataclass(frozen=True, slots=True)
class Found:
    """The envelope of a search."""

    results: Results

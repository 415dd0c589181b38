"""What a server answers to a query: target captions, ranked images, explanations.

A tool for assistants answers the first part of what the HTTP API does, under the same names:
:class:`RankedImages` of :class:`SearchResults`, :class:`ExplanationSummary` of
:class:`Explanation`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from stitch_cir.wire._gallery import ImageInfo, MissingShards, ViewInfo, WireModel
from stitch_cir.wire._roles import RoleShareInfo, RolesInfo

__all__ = [
    "CaptionInfo",
    "ComposeResponse",
    "CompositionInfo",
    "CutoffInfo",
    "Explanation",
    "ExplanationSummary",
    "FacetCountInfo",
    "FacetInfo",
    "GalleryFacets",
    "HitInfo",
    "MatchInfo",
    "MemberInfo",
    "PlanInfo",
    "QueryInfo",
    "RankedImage",
    "RankedImages",
    "ReferenceShare",
    "SearchResponse",
    "SearchResults",
    "SuggestedFacet",
]

Matrix = tuple[tuple[float, ...], ...]


class CaptionInfo(WireModel):
    """A target caption; ``origin`` says who wrote it: a rule, a model, a record or the user."""

    text: str
    weight: float = 1.0
    origin: str = "user"


class CompositionInfo(WireModel):
    """The target captions that a composer made of a reference and a modification."""

    captions: tuple[CaptionInfo, ...]
    modification: str
    composer: str
    reference_captions: tuple[str, ...] = Field(
        default=(), description="Captions of the reference as it is, where the composer wrote some."
    )
    settings: Mapping[str, Any] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    intent: str = ""
    roles: RolesInfo = Field(
        default_factory=RolesInfo,
        description="What is desired, to be preserved and forbidden; the scorer roles uses it.",
    )
    alternatives: tuple[str, ...] = Field(
        default=(), description="Other objects that the reference may show, to be sent as object."
    )


class ComposeResponse(WireModel):
    """The answer to a request for target captions."""

    composition: CompositionInfo


class ReferenceShare(WireModel):
    """A reference and its share of the query; the shares sum to 1."""

    name: str
    share: float


class QueryInfo(WireModel):
    """The set that was searched with: ``labels`` are its K texts, ``weights`` sum to 1."""

    reference: str | None
    text: str | None
    labels: tuple[str, ...]
    weights: tuple[float, ...]
    negatives: tuple[str, ...] = ()
    references: tuple[ReferenceShare, ...] = Field(
        default=(), description="Every reference with its share."
    )
    turns: tuple[str, ...] = Field(default=(), description="The texts of earlier turns.")
    avoid: tuple[str, ...] = Field(default=(), description="What the hits should not show.")
    composed: dict[str, str | float] | None = Field(
        default=None,
        description="What made a vector of reference and text together, with its weight.",
    )


class FacetCountInfo(WireModel):
    """How many images have a ``value``, or one from ``low`` up to, not including, ``high``."""

    count: int
    where: str = Field(description="The condition that selects these images.")
    value: str | float | bool | None = None
    low: str | float | None = None
    high: str | float | None = None


class FacetInfo(WireModel):
    """The counts of one attribute over ``total`` images, ``missing`` of which do not have it."""

    attribute: str
    kind: str
    total: int
    missing: int
    distinct: int = Field(description="Values that occur; fewer may be listed.")
    smallest: str | float | None = None
    largest: str | float | None = None
    counts: tuple[FacetCountInfo, ...]


class CutoffInfo(WireModel):
    """Where a ranking stops saying anything: the score that random requests hardly reach."""

    strictness: float = Field(description="The share of random requests that may reach the score.")
    score: float
    above: int = Field(description="Hits (images, or groups) that reach it.")
    best_share: float | None = Field(
        default=None, description="The share of random requests that reach the best hit's score."
    )
    requests: int = Field(description="Random requests that were scored …")
    images: int = Field(description="… on so many images of the gallery.")
    recipe: str
    seed: int
    advice: tuple[str, ...] = Field(default=(), description="What to do where nothing is above.")


class SuggestedFacet(FacetInfo):
    """Counts over the gallery, and the text that requests the same of a search."""

    request: str = Field(description="For the facets of a search: brand, price:0,50,100.")


class GalleryFacets(WireModel):
    """How many images meet a condition, the counts over them, and what they may be grouped by."""

    total: int
    facets: tuple[SuggestedFacet, ...]
    groupings: tuple[str, ...] = Field(
        default=(), description="Attributes that most images share with others, the finest first."
    )
    missing: MissingShards = ()


class MemberInfo(WireModel):
    """A further image of a hit's group."""

    id: str
    score: float
    near_duplicates: tuple[str, ...] = ()


class RankedImage(WireModel):
    """One ranked image."""

    id: str = Field(description="Its gallery id, to be a reference or to be explained.")
    rank: int = Field(description="From 1, the best.")
    score: float = Field(description="Between -2 and 2, larger is better.")
    best_view: ViewInfo = Field(description="The view that matched best.")
    captions: tuple[str, ...] = Field(description="Its captions in the gallery, if any.")
    attributes: Mapping[str, Any] = Field(default_factory=dict, description="Its attributes.")
    group_images: int = Field(default=1, description="How many images its group has.")
    members: tuple[MemberInfo, ...] = Field(
        default=(), description="The next best of its group, where more than one is requested."
    )
    near_duplicates: tuple[str, ...] = Field(
        default=(), description="Ids of its near-duplicates, where they are collapsed to it."
    )


class HitInfo(RankedImage, ImageInfo):
    """One ranked image with its size and its addresses on the server."""


class RankedImages(WireModel):
    """Ranked images, best first; iterates over them."""

    hits: tuple[RankedImage, ...]
    query: QueryInfo
    ranked: int = Field(description="How many images took part, after filters.")
    offset: int = Field(default=0, description="How many better hits stand before the first.")
    total: int = Field(
        default=0, description="Hits of all pages together: images, or groups of them."
    )
    next_cursor: str | None = Field(
        default=None, description="Continues with the next page; null after the last."
    )
    exact: bool = Field(
        default=True,
        description="False where a shortlist left out images that take part: better hits may be "
        "among them.",
    )
    cutoff: CutoffInfo | None = Field(
        default=None, description="Where the cut-off lies, with a strictness."
    )
    complete: bool = Field(default=True, description="Whether the whole gallery was searched.")
    missing: tuple[str, ...] = Field(
        default=(), description="Shards of a cluster that did not answer, and why."
    )
    facets: tuple[FacetInfo, ...] = ()
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[RankedImage]:  # type: ignore[override]
        """Iterate over the hits, best first."""
        return iter(self.hits)

    def __len__(self) -> int:
        """Count the hits."""
        return len(self.hits)

    def __getitem__(self, index: int) -> RankedImage:
        """Return the hit at ``index`` (0 is the best)."""
        return self.hits[index]


class SearchResults(RankedImages):
    """Ranked hits with everything that made them: composition, settings, counts, times."""

    hits: tuple[HitInfo, ...]
    composition: CompositionInfo | None
    settings: Mapping[str, Any]
    gallery: Mapping[str, Any] = Field(default_factory=dict)
    scored: int = Field(description="Images whose view sets were scored exactly.")
    bounded: int = Field(default=0, description="Images that were bounded instead.")
    shortlist_recall: float | None = None
    candidate_source: Mapping[str, Any] | None = Field(
        default=None,
        description="The other system that named a shortlist; whoever runs a server chooses it.",
    )
    seconds: Mapping[str, float]
    reranker: Mapping[str, Any] | None = None
    disagreement: float | None = Field(
        default=None,
        description="Share of pairs of hits that two rankings of a reranker order differently.",
    )
    usage: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)

    def __iter__(self) -> Iterator[HitInfo]:  # type: ignore[override]
        """Iterate over the hits, best first."""
        return iter(self.hits)

    def __getitem__(self, index: int) -> HitInfo:
        """Return the hit at ``index`` (0 is the best)."""
        return self.hits[index]


class SearchResponse(WireModel):
    """The answer to a search."""

    results: SearchResults


class PlanInfo(WireModel):
    """The transport plan: K captions (rows) by M views, each matrix (K, M).

    A row of ``forward`` and a column of ``backward`` sum to 1, all of ``joint`` to 1;
    ``similarities`` are cosines. ``p`` (K,) and ``q`` (M,) are the weights of both sides; ``rho``
    is the weight of ``backward`` in score and ``joint``, 1 − ``rho`` that of ``forward``.
    """

    forward: Matrix
    backward: Matrix
    joint: Matrix
    similarities: Matrix
    score: float
    scorer: str = ""
    settings: Mapping[str, Any] = Field(default_factory=dict)
    rho: float = 0.5
    p: tuple[float, ...] = ()
    q: tuple[float, ...] = ()
    contribution_of_captions: tuple[float, ...] = ()
    contribution_of_views: tuple[float, ...] = ()
    best_view: int | None = None
    converged: bool = True
    iterations: int = 0
    marginal_error: float = 0.0


class MatchInfo(WireModel):
    """One caption, counted from 0, and one view that matched."""

    caption: int
    label: str = Field(description="The caption's text.")
    view: ViewInfo
    similarity: float = Field(description="Their cosine.")
    forward: float
    backward: float
    mass: float = Field(description="Their share of the whole plan, 0 to 1.")


class ExplanationSummary(WireModel):
    """Why an image ranks where it does; ``shares`` of the K captions sum to their score.

    Where roles count or something is avoided, ``roles`` say what each of them adds.
    """

    hit: RankedImage
    captions: tuple[str, ...]
    weights: tuple[float, ...]
    matches: tuple[MatchInfo, ...]
    shares: tuple[float, ...] = Field(description="What each caption contributed to the score.")
    references: tuple[ReferenceShare, ...] = Field(
        default=(), description="Every reference of the query with its share."
    )
    roles: tuple[RoleShareInfo, ...] = Field(
        default=(), description="What the captions and each role give to the score."
    )
    summary: str
    notes: tuple[str, ...] = ()


class Explanation(ExplanationSummary):
    """An explanation with the image's views and the whole plan."""

    hit: HitInfo
    views: tuple[ViewInfo, ...]
    plan: PlanInfo

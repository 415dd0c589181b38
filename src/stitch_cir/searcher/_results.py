"""What a search returns: ranked hits, the query they answer, and every setting that made them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stitch_cir.errors import SettingError
from stitch_cir.gallery import Facet
from stitch_cir.searcher._cutoff import Cutoff
from stitch_cir.searcher._features import EncodedQuery
from stitch_cir.searcher._hit import Hit
from stitch_cir.searcher._notebook import results_html
from stitch_cir.searcher._settings import SearchSettings

__all__ = ["Results"]


@dataclass(frozen=True, slots=True)
class Results:
    """Ranked hits with everything that made them.

    ``ranked`` counts the images that took part after filters; ``scored`` those whose view sets were
    scored exactly: all of them, or, where ``bounded`` is above 0, those whose upper bound left it
    open whether they belong to the hits (``bounded`` counts the bounds; the hits are the same
    either way), or those of a shortlist. ``shortlist_recall`` is the share of the exhaustive
    search's hits that the shortlist kept, ``None`` where it was not measured. ``exact`` is false
    where a shortlist left out images that take part: better hits may be among them;
    ``candidate_source`` holds the settings of another system that named it. ``reranker`` holds
    the settings of a reranker that was used; ``disagreement`` is the share of pairs of hits that
    its two rankings order differently, ``None`` where it judged each hit by itself or one of them
    could not be read; ``usage`` what composer and reranker requested of models; ``facets`` the
    counts that the query requested. ``total`` counts the hits of all pages together (images, or
    groups where the settings group), of which ``offset`` stand before the first of these;
    ``next_cursor`` continues with the next page, ``None`` after the last. ``cutoff`` says where the
    cut-off lies, where the settings have a strictness. ``missing`` says which shards of a cluster
    did not answer, where an answer may be incomplete; their images did not take part.
    """

    hits: tuple[Hit, ...]
    query: EncodedQuery
    settings: SearchSettings
    gallery: Mapping[str, Any]
    ranked: int
    scored: int
    seconds: Mapping[str, float]
    bounded: int = 0
    shortlist_recall: float | None = None
    exact: bool = True
    candidate_source: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()
    reranker: Mapping[str, Any] | None = None
    disagreement: float | None = None
    usage: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    facets: tuple[Facet, ...] = ()
    offset: int = 0
    total: int = 0
    next_cursor: str | None = None
    cutoff: Cutoff | None = None
    missing: tuple[str, ...] = ()
    explainer: Callable[[str], Hit] | None = field(default=None, repr=False, compare=False)

    @property
    def complete(self) -> bool:
        """Whether the whole gallery was searched."""
        return not self.missing

    def __iter__(self) -> Iterator[Hit]:
        """Iterate over the hits, best first."""
        return iter(self.hits)

    def __len__(self) -> int:
        """Return the number of hits."""
        return len(self.hits)

    def __getitem__(self, index: int) -> Hit:
        """Return the hit at ``index`` (0 is the best)."""
        return self.hits[index]

    def _repr_html_(self) -> str:
        """Return the captions and the hits as a notebook shows them."""
        return results_html(self)

    def hit(self, id: str) -> Hit | None:
        """Return the hit of a gallery id, or ``None`` where the image is none of the hits."""
        return next((hit for hit in self.hits if hit.id == id), None)

    def explain(self, id: str) -> Hit:
        """Return any image of the gallery as a hit of this search, with its true rank.

        Nothing is composed again; query and settings are those of this search. The image is ranked
        by its transport score among all images that take part, without a shortlist, a minimal score
        or a reranker, and among the images that the gallery holds now.

        Raises ``NotFoundError`` when the gallery has no such image, or when it does not take part:
        the reference, rejected images, and what the filters leave out.
        """
        if self.explainer is None:
            raise SettingError(
                "These results were not made by a search, so no image can be explained.",
                hint="Use the results that Searcher.search returned.",
            )
        return self.explainer(id)

    def to_dict(self, *, plans: bool = False, regions: bool = False) -> dict[str, Any]:
        """Return JSON-ready data: query, composition, settings, gallery, hits.

        ``regions`` adds to every hit its size in pixels, its captions and its matched regions.
        """
        composition = self.query.composition
        return {
            "query": self.query.to_dict(),
            "composition": None if composition is None else composition.to_dict(),
            "settings": self.settings.to_dict(),
            "gallery": dict(self.gallery),
            "ranked": self.ranked,
            "bounded": self.bounded,
            "scored": self.scored,
            "exact": self.exact,
            "shortlist_recall": self.shortlist_recall,
            "candidate_source": (
                None if self.candidate_source is None else dict(self.candidate_source)
            ),
            "seconds": {name: round(value, 4) for name, value in self.seconds.items()},
            "notes": list(self.notes),
            "reranker": None if self.reranker is None else dict(self.reranker),
            "disagreement": self.disagreement,
            "usage": {name: dict(used) for name, used in self.usage.items()},
            "complete": self.complete,
            "missing": list(self.missing),
            "offset": self.offset,
            "total": self.total,
            "next_cursor": self.next_cursor,
            "cutoff": None if self.cutoff is None else self.cutoff.to_dict(),
            "facets": [facet.to_dict() for facet in self.facets],
            "hits": [hit.to_dict(plan=plans, regions=regions) for hit in self.hits],
        }

"""The front door: gallery + query + settings → ranked, explained results."""

from typing import TYPE_CHECKING

from stitch_cir import _exports
from stitch_cir.searcher._cutoff import Cutoff
from stitch_cir.searcher._encoding import distinct_texts
from stitch_cir.searcher._features import (
    ComposedQuery,
    ComposedSet,
    EncodedQuery,
    QueryFeatures,
)
from stitch_cir.searcher._front import compose, search
from stitch_cir.searcher._hit import Hit, Match, Region, View
from stitch_cir.searcher._methods import METHODS, Method, method_by_name
from stitch_cir.searcher._query import Query, QueryParts
from stitch_cir.searcher._ranker import GalleryRanker, GallerySolvers, RankedWay, rank_ways
from stitch_cir.searcher._reference import (
    ReferenceLike,
    References,
    ResolvedReference,
    WeightedReference,
    resolve_id,
    resolve_reference,
    resolve_upload,
)
from stitch_cir.searcher._results import Results
from stitch_cir.searcher._roles import PartVectors, RoleMatch, RoleShare, RoleVectors
from stitch_cir.searcher._searcher import Searcher
from stitch_cir.searcher._settings import PRESETS, Hubness, SearchSettings

if TYPE_CHECKING:
    from stitch_cir.searcher._batch import (
        ComposeOutcome,
        ComposeRequest,
        SearchOutcome,
        estimate_cost,
        read_requests,
    )

__all__ = [
    "METHODS",
    "PRESETS",
    "ComposeOutcome",
    "ComposeRequest",
    "ComposedQuery",
    "ComposedSet",
    "Cutoff",
    "EncodedQuery",
    "GalleryRanker",
    "GallerySolvers",
    "Hit",
    "Hubness",
    "Match",
    "Method",
    "PartVectors",
    "Query",
    "QueryFeatures",
    "QueryParts",
    "RankedWay",
    "ReferenceLike",
    "References",
    "Region",
    "ResolvedReference",
    "Results",
    "RoleMatch",
    "RoleShare",
    "RoleVectors",
    "SearchOutcome",
    "SearchSettings",
    "Searcher",
    "View",
    "WeightedReference",
    "compose",
    "distinct_texts",
    "estimate_cost",
    "method_by_name",
    "rank_ways",
    "read_requests",
    "resolve_id",
    "resolve_reference",
    "resolve_upload",
    "search",
]


# what many queries need, which knows what models cost, is imported only when it is used
_exports.publish(
    __name__,
    __all__,
    lazy=dict.fromkeys(
        ("ComposeOutcome", "ComposeRequest", "SearchOutcome", "estimate_cost", "read_requests"),
        "_batch",
    ),
)

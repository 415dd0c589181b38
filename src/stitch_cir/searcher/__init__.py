"""The front door: gallery + query + settings → ranked, explained results."""

from typing import TYPE_CHECKING

from stitch_cir import _exports
from stitch_cir.searcher._candidates import (
    Candidates,
    LeftOut,
    TakingPart,
    left_out_of,
    select_rows,
)
from stitch_cir.searcher._convergence import count_approximate
from stitch_cir.searcher._cursor import Cursor
from stitch_cir.searcher._cutoff import (
    IMAGES,
    REQUESTS,
    Chance,
    ChanceCache,
    Cutoff,
    score_chance,
    spread_rows,
)
from stitch_cir.searcher._encoding import distinct_texts
from stitch_cir.searcher._features import (
    ComposedQuery,
    ComposedSet,
    EncodedQuery,
    QueryFeatures,
)
from stitch_cir.searcher._front import compose, search
from stitch_cir.searcher._hit import Hit, Match, Region, View
from stitch_cir.searcher._learned import MatrixOriginals, learned
from stitch_cir.searcher._local import LocalEngine, LocalSource
from stitch_cir.searcher._methods import METHODS, Method, method_by_name
from stitch_cir.searcher._query import Query, QueryParts
from stitch_cir.searcher._ranker import (
    GalleryRanker,
    GallerySolvers,
    RankedWay,
    limited_neighbours,
    rank_ways,
)
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
from stitch_cir.searcher._shortlist import NamedRows, check_shortlist
from stitch_cir.searcher._source import (
    Cuts,
    Engine,
    ProvidesEngine,
    RankingRequest,
    Source,
    moved_query,
)
from stitch_cir.searcher._usage import StageTimer

if TYPE_CHECKING:
    from stitch_cir.searcher._batch import (
        ComposeOutcome,
        ComposeRequest,
        SearchOutcome,
        estimate_cost,
        read_requests,
    )

__all__ = [
    "IMAGES",
    "METHODS",
    "PRESETS",
    "REQUESTS",
    "Candidates",
    "Chance",
    "ChanceCache",
    "ComposeOutcome",
    "ComposeRequest",
    "ComposedQuery",
    "ComposedSet",
    "Cursor",
    "Cutoff",
    "Cuts",
    "EncodedQuery",
    "Engine",
    "GalleryRanker",
    "GallerySolvers",
    "Hit",
    "Hubness",
    "LeftOut",
    "LocalEngine",
    "LocalSource",
    "Match",
    "MatrixOriginals",
    "Method",
    "NamedRows",
    "PartVectors",
    "ProvidesEngine",
    "Query",
    "QueryFeatures",
    "QueryParts",
    "RankedWay",
    "RankingRequest",
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
    "Source",
    "StageTimer",
    "TakingPart",
    "View",
    "WeightedReference",
    "check_shortlist",
    "compose",
    "count_approximate",
    "distinct_texts",
    "estimate_cost",
    "learned",
    "left_out_of",
    "limited_neighbours",
    "method_by_name",
    "moved_query",
    "rank_ways",
    "read_requests",
    "resolve_id",
    "resolve_reference",
    "resolve_upload",
    "score_chance",
    "search",
    "select_rows",
    "spread_rows",
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

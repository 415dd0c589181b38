"""The front door: gallery + reference + text + settings → ranked, explained results."""

from typing import TYPE_CHECKING

from stitch_cir import _exports
from stitch_cir.searcher._convergence import is_iterative, plans_converged
from stitch_cir.searcher._query import Encoded, Seen, look_at_upload, look_up, query_texts
from stitch_cir.searcher._results import Hit, Query, Results, View
from stitch_cir.searcher._search import compose, locate, required_image_side, search
from stitch_cir.searcher._settings import PRESETS, Hubness, SearchSettings
from stitch_cir.searcher._solvers import GallerySolvers, limit_neighbours, ranking_problem

if TYPE_CHECKING:
    from stitch_cir.searcher._batch import (
        Composed,
        Wish,
        compose_many,
        estimate_many,
        read_wishes,
    )

__all__ = [
    "PRESETS",
    "Composed",
    "Encoded",
    "GallerySolvers",
    "Hit",
    "Hubness",
    "Query",
    "Results",
    "SearchSettings",
    "Seen",
    "View",
    "Wish",
    "compose",
    "compose_many",
    "estimate_many",
    "is_iterative",
    "limit_neighbours",
    "locate",
    "look_at_upload",
    "look_up",
    "plans_converged",
    "query_texts",
    "ranking_problem",
    "read_wishes",
    "required_image_side",
    "search",
]

# composing by the batch, which knows what models cost, is imported only when it is needed
_exports.publish(
    __name__,
    __all__,
    lazy=dict.fromkeys(
        ("Composed", "Wish", "compose_many", "estimate_many", "read_wishes"), "_batch"
    ),
)

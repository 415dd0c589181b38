"""Ranking packed view sets against a caption set: problem → solver → ranking, numbers only.

A :class:`RankingProblem` says what is ranked and how it is scored; every solver returns the same
:class:`Ranking`, at another cost. It knows no composer, no text, no image and no gallery.
"""

from stitch_cir import _exports
from stitch_cir.ranking._bounded import Bounded
from stitch_cir.ranking._chance import (
    chance_scores,
    chance_threshold,
    shaped_like,
    view_sets,
)
from stitch_cir.ranking._exhaustive import Exhaustive
from stitch_cir.ranking._groups import best_members
from stitch_cir.ranking._hubness import (
    BANK,
    VIEWS_EACH,
    HubnessBank,
    HubnessCache,
    allowed_neighbours,
    bank_images,
    count_neighbours,
    hubness,
    hubness_against,
)
from stitch_cir.ranking._on_device import OnDevice
from stitch_cir.ranking._problem import (
    PackedCodes,
    PackedSets,
    Progress,
    Ranking,
    RankingProblem,
    Solver,
)
from stitch_cir.ranking._scan import Scanner
from stitch_cir.ranking._scores import pad_sets, rescore_float64, score_captions, score_rows
from stitch_cir.ranking._shards import (
    ShardRanking,
    ShardUnits,
    count_all,
    count_before,
    count_in_shard,
    find_short,
    keep_keys,
    merge,
    nearest_in_shard,
    rank_shard,
)
from stitch_cir.ranking._terms import ScoreTerm, ScoreTerms
from stitch_cir.ranking._variety import POOL, variety_order

__all__ = [
    "BANK",
    "POOL",
    "VIEWS_EACH",
    "Bounded",
    "Exhaustive",
    "HubnessBank",
    "HubnessCache",
    "OnDevice",
    "PackedCodes",
    "PackedSets",
    "Progress",
    "Ranking",
    "RankingProblem",
    "Scanner",
    "ScoreTerm",
    "ScoreTerms",
    "ShardRanking",
    "ShardUnits",
    "Solver",
    "allowed_neighbours",
    "bank_images",
    "best_members",
    "chance_scores",
    "chance_threshold",
    "count_all",
    "count_before",
    "count_in_shard",
    "count_neighbours",
    "find_short",
    "hubness",
    "hubness_against",
    "keep_keys",
    "merge",
    "nearest_in_shard",
    "pad_sets",
    "rank_shard",
    "rescore_float64",
    "score_captions",
    "score_rows",
    "shaped_like",
    "variety_order",
    "view_sets",
]

_exports.publish(__name__, __all__)

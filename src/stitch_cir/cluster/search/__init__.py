"""Search many shards as one gallery: merge their answers, with further rounds where needed."""

from typing import TYPE_CHECKING

from stitch_cir import _exports

if TYPE_CHECKING:
    from stitch_cir.cluster.search._attributes import ClusterAttributes
    from stitch_cir.cluster.search._counts import ShardCount, ShardCounts
    from stitch_cir.cluster.search._fleet import Answers, Fleet, FleetState
    from stitch_cir.cluster.search._gallery import ClusterGallery, ClusterSnapshot

__all__ = [
    "Answers",
    "ClusterAttributes",
    "ClusterGallery",
    "ClusterSnapshot",
    "Fleet",
    "FleetState",
    "ShardCount",
    "ShardCounts",
]

# each is imported when it is first used
_exports.publish(
    __name__,
    __all__,
    lazy={
        "Answers": "_fleet",
        "ClusterAttributes": "_attributes",
        "ClusterGallery": "_gallery",
        "ClusterSnapshot": "_gallery",
        "Fleet": "_fleet",
        "FleetState": "_fleet",
        "ShardCount": "_counts",
        "ShardCounts": "_counts",
    },
)

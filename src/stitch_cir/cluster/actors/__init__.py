"""Shards as Ray actors: where they run, how a router calls them, and how they are scaled."""

from typing import TYPE_CHECKING

from stitch_cir import _exports

if TYPE_CHECKING:
    from stitch_cir.cluster.actors._deploy import Spread, deploy
    from stitch_cir.cluster.actors._deployment import Deployment, Replica
    from stitch_cir.cluster.actors._exclusive import placing_alone
    from stitch_cir.cluster.actors._operate import end_shards, ending_new, read_status, scale
    from stitch_cir.cluster.actors._placement import Placement
    from stitch_cir.cluster.actors._ray_fleet import RayFleet
    from stitch_cir.cluster.actors._reports import (
        ClusterStatus,
        NodeStatus,
        ScaleReport,
        ShardStatus,
    )
    from stitch_cir.cluster.actors._round import Timing

__all__ = [
    "ClusterStatus",
    "Deployment",
    "NodeStatus",
    "Placement",
    "RayFleet",
    "Replica",
    "ScaleReport",
    "ShardStatus",
    "Spread",
    "Timing",
    "deploy",
    "end_shards",
    "ending_new",
    "placing_alone",
    "read_status",
    "scale",
]

# each is imported when it is first used
_exports.publish(
    __name__,
    __all__,
    lazy={
        "ClusterStatus": "_reports",
        "Deployment": "_deployment",
        "NodeStatus": "_reports",
        "Placement": "_placement",
        "RayFleet": "_ray_fleet",
        "Replica": "_deployment",
        "ScaleReport": "_reports",
        "ShardStatus": "_reports",
        "Spread": "_deploy",
        "Timing": "_round",
        "deploy": "_deploy",
        "end_shards": "_operate",
        "ending_new": "_operate",
        "placing_alone": "_exclusive",
        "read_status": "_operate",
        "scale": "_operate",
    },
)

"""What runs in the actor of a shard: its gallery, the questions it answers, its log."""

from typing import TYPE_CHECKING

from stitch_cir import _exports

if TYPE_CHECKING:
    from stitch_cir.cluster.shards._materialise import dataset_key
    from stitch_cir.cluster.shards._questions import (
        GroupMembers,
        ShardAnswer,
        ShardQuery,
        ShardTakingPart,
    )
    from stitch_cir.cluster.shards._shard import DatasetShard, check_hello
    from stitch_cir.cluster.shards._wire import packed, unpacked

__all__ = [
    "DatasetShard",
    "GroupMembers",
    "ShardAnswer",
    "ShardQuery",
    "ShardTakingPart",
    "check_hello",
    "dataset_key",
    "packed",
    "unpacked",
]

# each is imported when it is first used
_exports.publish(
    __name__,
    __all__,
    lazy={
        "DatasetShard": "_shard",
        "GroupMembers": "_questions",
        "ShardAnswer": "_questions",
        "ShardQuery": "_questions",
        "ShardTakingPart": "_questions",
        "check_hello": "_shard",
        "dataset_key": "_materialise",
        "packed": "_wire",
        "unpacked": "_wire",
    },
)

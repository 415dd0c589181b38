"""Galleries in shared or object storage: one Lance dataset, versioned, written by many at once.

Shards of a Ray cluster search it as one machine would. Lance and Ray are the extra ``cluster``;
they are imported when a dataset is opened, or a cluster.
"""

from typing import TYPE_CHECKING

from stitch_cir import _exports
from stitch_cir.cluster._dataset import AttributePosition, SharedDataset
from stitch_cir.cluster._reports import (
    ClusterIndexReport,
    CompactReport,
    DatasetReport,
    DatasetVersion,
    GalleryExportReport,
    GalleryImportReport,
)
from stitch_cir.cluster._transfer import export_gallery, import_gallery

if TYPE_CHECKING:
    from stitch_cir.cluster._attributes import ClusterAttributes
    from stitch_cir.cluster._counts import ShardCount, ShardCounts
    from stitch_cir.cluster._deploy import Deployment, Replica
    from stitch_cir.cluster._errors import named_error
    from stitch_cir.cluster._fleet import Answers, Fleet
    from stitch_cir.cluster._gallery import ClusterGallery, ClusterSnapshot
    from stitch_cir.cluster._index import ClusterIndexOptions, index_on_cluster
    from stitch_cir.cluster._open import ClusterOptions, open_cluster
    from stitch_cir.cluster._operate import (
        ClusterStatus,
        NodeStatus,
        ScaleReport,
        ShardStatus,
        read_status,
        scale,
    )
    from stitch_cir.cluster._ray_fleet import RayFleet
    from stitch_cir.cluster._round import Timing
    from stitch_cir.cluster._shard import DatasetShard

__all__ = [
    "Answers",
    "AttributePosition",
    "ClusterAttributes",
    "ClusterGallery",
    "ClusterIndexOptions",
    "ClusterIndexReport",
    "ClusterOptions",
    "ClusterSnapshot",
    "ClusterStatus",
    "CompactReport",
    "DatasetReport",
    "DatasetShard",
    "DatasetVersion",
    "Deployment",
    "Fleet",
    "GalleryExportReport",
    "GalleryImportReport",
    "NodeStatus",
    "RayFleet",
    "Replica",
    "ScaleReport",
    "ShardCount",
    "ShardCounts",
    "ShardStatus",
    "SharedDataset",
    "Timing",
    "export_gallery",
    "import_gallery",
    "index_on_cluster",
    "named_error",
    "open_cluster",
    "read_status",
    "scale",
]

# writing a dataset needs neither search nor encoder
_exports.publish(
    __name__,
    __all__,
    lazy={
        "ShardCount": "_counts",
        "ShardCounts": "_counts",
        "scale": "_operate",
        "read_status": "_operate",
        "ShardStatus": "_operate",
        "ScaleReport": "_operate",
        "NodeStatus": "_operate",
        "ClusterStatus": "_operate",
        "Answers": "_fleet",
        "ClusterAttributes": "_attributes",
        "ClusterGallery": "_gallery",
        "ClusterIndexOptions": "_index",
        "ClusterOptions": "_open",
        "ClusterSnapshot": "_gallery",
        "Deployment": "_deploy",
        "Fleet": "_fleet",
        "RayFleet": "_ray_fleet",
        "Replica": "_deploy",
        "DatasetShard": "_shard",
        "Timing": "_round",
        "index_on_cluster": "_index",
        "named_error": "_errors",
        "open_cluster": "_open",
    },
)

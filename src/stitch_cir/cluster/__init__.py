"""Galleries as versioned Lance datasets in shared or object storage, with concurrent writers.

Shards on a Ray cluster search a dataset with the results of one machine. Lance and Ray are the
extra ``cluster``; they are imported when a dataset or a cluster is opened.
"""

from typing import TYPE_CHECKING

from stitch_cir import _exports
from stitch_cir.cluster.storage import (
    AttributePosition,
    ClusterIndexReport,
    CompactReport,
    DatasetReport,
    DatasetVersion,
    GalleryExportReport,
    GalleryImportReport,
    SharedDataset,
    export_gallery,
    import_gallery,
)

if TYPE_CHECKING:
    from stitch_cir.cluster._errors import named_error
    from stitch_cir.cluster._open import ClusterOptions, open_cluster
    from stitch_cir.cluster.actors import (
        ClusterStatus,
        Deployment,
        NodeStatus,
        RayFleet,
        Replica,
        ScaleReport,
        ShardStatus,
        Timing,
        end_shards,
        read_status,
        scale,
    )
    from stitch_cir.cluster.indexing import ClusterIndexOptions, index_on_cluster, renewal_uri
    from stitch_cir.cluster.search import (
        Answers,
        ClusterAttributes,
        ClusterGallery,
        ClusterSnapshot,
        Fleet,
        FleetState,
        ShardCount,
        ShardCounts,
    )
    from stitch_cir.cluster.shards import DatasetShard

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
    "FleetState",
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
    "end_shards",
    "export_gallery",
    "import_gallery",
    "index_on_cluster",
    "named_error",
    "open_cluster",
    "read_status",
    "renewal_uri",
    "scale",
]

# imported when first used: writing a dataset needs neither search nor encoder
_exports.publish(
    __name__,
    __all__,
    lazy={
        "ShardCount": "search",
        "ShardCounts": "search",
        "scale": "actors",
        "end_shards": "actors",
        "read_status": "actors",
        "ShardStatus": "actors",
        "ScaleReport": "actors",
        "NodeStatus": "actors",
        "ClusterStatus": "actors",
        "Answers": "search",
        "ClusterAttributes": "search",
        "ClusterGallery": "search",
        "ClusterIndexOptions": "indexing",
        "ClusterOptions": "_open",
        "ClusterSnapshot": "search",
        "Deployment": "actors",
        "Fleet": "search",
        "FleetState": "search",
        "RayFleet": "actors",
        "Replica": "actors",
        "DatasetShard": "shards",
        "Timing": "actors",
        "index_on_cluster": "indexing",
        "named_error": "_errors",
        "open_cluster": "_open",
        "renewal_uri": "indexing",
    },
)

"""Indexing on a cluster: units of work, encoders on the nodes, one committer."""

from typing import TYPE_CHECKING

from stitch_cir import _exports

if TYPE_CHECKING:
    from stitch_cir.cluster.indexing._index import ClusterIndexOptions, index_on_cluster

__all__ = [
    "ClusterIndexOptions",
    "index_on_cluster",
]

# each is imported when it is first used
_exports.publish(
    __name__,
    __all__,
    lazy={
        "ClusterIndexOptions": "_index",
        "index_on_cluster": "_index",
    },
)

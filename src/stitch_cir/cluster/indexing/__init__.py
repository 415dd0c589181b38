"""Indexing on a cluster: units of work, encoder actors on the nodes, one committer."""

from typing import TYPE_CHECKING

from stitch_cir import _exports

if TYPE_CHECKING:
    from stitch_cir.cluster.indexing._index import index_on_cluster
    from stitch_cir.cluster.indexing._options import ClusterIndexOptions
    from stitch_cir.cluster.indexing._renewal import renewal_uri

__all__ = [
    "ClusterIndexOptions",
    "index_on_cluster",
    "renewal_uri",
]

# each is imported when it is first used
_exports.publish(
    __name__,
    __all__,
    lazy={
        "ClusterIndexOptions": "_options",
        "index_on_cluster": "_index",
        "renewal_uri": "_renewal",
    },
)

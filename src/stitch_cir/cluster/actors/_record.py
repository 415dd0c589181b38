"""What a cluster remembers of shards: how many replicas they are to have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from stitch_cir.cluster._ray import NAMESPACE
from stitch_cir.cluster.actors._deployment import Replica
from stitch_cir.cluster.shards import dataset_key

__all__ = ["intended_replicas", "record_replicas"]


def intended_replicas(uri: str, replicas: Iterable[Replica]) -> int:
    """Return how many replicas each shard is to have.

    Where that was never recorded, it is what the shard with most of these ``replicas`` has.
    """
    from ray.experimental import internal_kv

    value = internal_kv._internal_kv_get(_key(uri), namespace=NAMESPACE.encode())
    if value is not None:
        return int(value)
    counts = Counter((each.number, each.shards) for each in replicas)
    return max(counts.values(), default=1)


def record_replicas(uri: str, replicas: int | None) -> None:
    """Remember how many replicas each shard is to have; ``None``: there are to be no shards."""
    from ray.experimental import internal_kv

    namespace = NAMESPACE.encode()
    if replicas is None:
        internal_kv._internal_kv_del(_key(uri), namespace=namespace)
    else:
        internal_kv._internal_kv_put(
            _key(uri), str(replicas).encode(), overwrite=True, namespace=namespace
        )


def _key(uri: str) -> bytes:
    return f"{dataset_key(uri)}:replicas".encode()

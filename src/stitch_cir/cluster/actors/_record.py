"""What a cluster remembers of shards: how many replicas they are to have."""

from __future__ import annotations

from stitch_cir.cluster._ray import NAMESPACE
from stitch_cir.cluster.shards import dataset_key

__all__ = ["record_replicas", "recorded_replicas"]


def recorded_replicas(uri: str) -> int | None:
    """Return how many replicas each shard is to have; ``None`` where nobody has said so."""
    from ray.experimental import internal_kv

    value = internal_kv._internal_kv_get(_key(uri), namespace=NAMESPACE.encode())
    return None if value is None else int(value)


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

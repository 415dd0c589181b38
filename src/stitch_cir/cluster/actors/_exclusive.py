"""One at a time in a whole cluster: who makes, moves and ends the shards of a dataset."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from stitch_cir.cluster._ray import NAMESPACE
from stitch_cir.cluster.shards import dataset_key
from stitch_cir.errors import ClusterError

__all__ = ["placing_alone"]

_PATIENCE, _AGAIN = 3600.0, 0.5
"""Seconds that others are waited for, whose shards may load a version, and between two looks."""


class _Turn:
    """An actor without work, whose name says that somebody is at it."""


@contextmanager
def placing_alone(ray: Any, uri: str) -> Iterator[None]:
    """Let no other program make or end shards of a dataset meanwhile; waits for one that does.

    Otherwise two of them would count the same actors, and each end what the other has just made.
    A name is taken by one alone, and is free again when this process ends, however it ends. Raises
    ``ClusterError`` where others take longer than an hour.
    """
    turn = ray.remote(_Turn).options(
        name=f"{dataset_key(uri)}:placing", namespace=NAMESPACE, num_cpus=0, max_restarts=0
    )
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            mine = turn.remote()
            break
        except ValueError as error:
            if time.monotonic() > until:
                raise ClusterError(
                    f"Another server, or stitch cluster scale, has been starting shards of {uri} "
                    f"for {_PATIENCE / 60:.0f} minutes.",
                    hint="See what it waits for: stitch cluster status",
                ) from error
            time.sleep(_AGAIN)
    try:
        yield
    finally:
        with suppress(ray.exceptions.RayError):
            ray.kill(mine, no_restart=True)

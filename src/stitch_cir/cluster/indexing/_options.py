"""The options of an indexing run on a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from stitch_cir.gallery import Progress

__all__ = ["ClusterIndexOptions"]


class ClusterIndexOptions(TypedDict, total=False):
    """Options of :func:`index_on_cluster` besides the folder, dataset, encoder and views.

    address:
        ``HOST:PORT`` of the cluster's head, or ``auto``; by default Ray is started for this run
        on this machine.
    workers:
        Number of encoder actors; by default one for each node, or with GPUs one for each GPU.
    num_gpus:
        GPUs of each encoder actor, a fraction or a whole number; by default 1 where ``device`` is
        a ``cuda`` device, else 0.
    unit:
        About how many files an encoder actor takes at a time; 500 by default. Units that were not
        committed are repeated after an interruption.
    storage_options:
        Options of the dataset's storage.
    device, precision:
        As :func:`stitch_cir.encoders.load_encoder` takes them, on every node.
    rebuild, switch_when_done:
        As in :class:`stitch_cir.gallery.IndexOptions`. The new rows are collected in a second
        dataset, and replace those of this one in a single version when all are encoded.
    memory, batch_size:
        Of each encoder actor, as in :class:`stitch_cir.gallery.IndexOptions`, like all others.
    """

    address: str | None
    workers: int | None
    num_gpus: float | None
    unit: int
    storage_options: Mapping[str, str] | None
    device: str | None
    precision: str | None
    captions: Path | str | None
    attributes: Path | str | None
    metadata: bool | None
    captions_from_metadata: bool | None
    progress: Progress | None
    rebuild: bool
    switch_when_done: bool
    restore_removed: bool
    exclude: Sequence[str] | None
    default_excludes: bool | None
    keep_days: float | None
    change_times: bool | None
    allow_missing: bool
    forget: bool
    batch_size: int
    max_pixels: int | None
    memory: int | None

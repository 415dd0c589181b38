"""Open a dataset for searches by a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stitch_cir._hints import shell_word
from stitch_cir.cluster._ray import check_nodes, connected
from stitch_cir.cluster._ray_errors import ray_errors
from stitch_cir.cluster.actors import (
    RayFleet,
    Spread,
    Timing,
    deploy,
    ending_new,
    placing_alone,
)
from stitch_cir.cluster.search import ClusterGallery
from stitch_cir.cluster.storage import SharedDataset, absolute_address
from stitch_cir.gallery.store import check_encoder, encoder_name

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder

__all__ = ["LOCAL", "ClusterOptions", "open_cluster"]

LOCAL = "local"
"""The address of a cluster on this machine alone, which ends with this process."""


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """How a dataset is divided into shards, and how long searches wait for them.

    ``shards``, ``replicas``: by default as many as are running, or else one shard for each node
    and one replica. ``gpus``: the share of a GPU that Ray reserves for each replica, 0 for none; by
    default that of the running ones. ``folder``: where each node keeps the galleries of its shards.
    ``may_miss``: answer while shards are missing, and say so in the results. ``storage_options``:
    options of the dataset's storage.
    """

    shards: int | None = None
    replicas: int | None = None
    gpus: float | None = None
    folder: Path | None = None
    may_miss: bool = False
    timing: Timing = field(default_factory=Timing)
    storage_options: Mapping[str, str] = field(default_factory=dict, repr=False)


def open_cluster(
    address: str,
    uri: Path | str,
    *,
    encoder: DualEncoder | None = None,
    options: ClusterOptions | None = None,
) -> ClusterGallery:
    """Open a dataset as a gallery that shards on a Ray cluster search; start missing shards.

    ``address`` is that of a Ray cluster (``host:6379``, or ``auto`` on one of its nodes); with
    ``local`` one is started on this machine, which ends with this process. The newest version is
    searched; a later one as soon as every replica holds it.

    Raises
    ------
    ClusterError
        The cluster cannot be reached, its shards do not start, or another number of shards runs.
    GalleryMissingError, GalleryError
        There is no dataset, or it may not be read.
    GalleryMismatchError
        Another encoder made its vectors.
    ModelError
        Ray or pylance is not installed.
    """
    chosen = options or ClusterOptions()
    absolute = absolute_address(uri)
    SharedDataset.open(absolute, storage_options=chosen.storage_options)
    with ExitStack() as stack:
        ray = stack.enter_context(connected(None if address == LOCAL else address))
        fleet = _fleet(ray, absolute, chosen)
        # of the version that is searched, which may be newer than the one that was just opened
        facts = fleet.facts(fleet.version())
        gallery = ClusterGallery(absolute, fleet, facts, encoder, may_miss=chosen.may_miss)
        if encoder is not None:
            gallery.use_encoder(encoder)
        fleet.load_encoder = partial(_load_encoder, absolute)
        fleet.follow()
        stack.callback(fleet.close)
        gallery.closing.enter_context(stack.pop_all())
        return gallery


def _load_encoder(uri: str, facts: Mapping[str, Any]) -> DualEncoder:
    """Return the encoder of a version. Raises ``ModelError``, ``GalleryMismatchError``."""
    from stitch_cir.encoders import load_encoder

    encoder = load_encoder(encoder_name(facts))
    check_encoder(facts, encoder, uri, f"stitch cluster index FOLDER {shell_word(uri)}")
    return encoder


def _fleet(ray: Any, uri: str, chosen: ClusterOptions) -> RayFleet:
    """Return the shards, once all hold the newest version."""
    check_nodes(ray)
    options = chosen.storage_options
    with ray_errors(), placing_alone(ray, uri), ending_new(ray) as made:
        deployment = deploy(
            ray,
            uri,
            Spread(chosen.shards, chosen.replicas, chosen.gpus),
            folder=None if chosen.folder is None else str(chosen.folder),
            storage_options=options,
            made=made,
        )
        return RayFleet(ray, deployment, storage_options=options, timing=chosen.timing)

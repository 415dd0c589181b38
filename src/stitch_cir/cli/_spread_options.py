"""Options of ``stitch serve`` for a dataset that a cluster searches."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder
    from stitch_cir.gallery import Gallery

__all__ = ["SpreadOptions"]


@dataclass(frozen=True)
class SpreadOptions:
    """Whether a cluster searches a dataset, and how it is spread over the cluster."""

    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            metavar="ADDRESS",
            help="GALLERY is a dataset (see stitch cluster), searched by the Ray cluster at this "
            "address: HOST:PORT, auto on one of its nodes, or local for this machine alone.",
        ),
    ] = None
    shards: Annotated[
        int | None,
        typer.Option("--shards", help="Shards of the dataset. [as there are, or one for a node]"),
    ] = None
    replicas: Annotated[
        int | None,
        typer.Option("--replicas", help="Copies of every shard. [as there are, or 1]"),
    ] = None
    shard_gpus: Annotated[
        float | None,
        typer.Option(
            "--shard-gpus",
            metavar="SHARE",
            help="The share of a GPU that Ray sets aside for each shard, for --device cuda: 0.01 "
            "to 1, or 0 for none. [as there is, or 0]",
        ),
    ] = None
    shard_cache: Annotated[
        Path | None,
        typer.Option(
            "--shard-cache", metavar="DIR", help="Where each node keeps its shards. [temporary]"
        ),
    ] = None
    partial: Annotated[
        bool,
        typer.Option(
            "--partial",
            help="Answer every request while shards are missing, and say which: complete is false. "
            "[an error, unless a request says partial]",
        ),
    ] = False
    storage_option: Annotated[
        list[str] | None,
        typer.Option(
            "--storage-option",
            metavar="KEY=VALUE",
            help="An option of the dataset's storage. Repeat for more.",
        ),
    ] = None

    def open(self, gallery: str, encoder: DualEncoder | None) -> Gallery:
        """Return the dataset, searched by the cluster."""
        from stitch_cir.cli._cluster_commands import storage_options
        from stitch_cir.cluster import ClusterOptions, open_cluster

        assert self.cluster is not None
        options = ClusterOptions(
            shards=self.shards,
            replicas=self.replicas,
            gpus=self.shard_gpus,
            folder=self.shard_cache,
            may_miss=self.partial,
            storage_options=storage_options(self.storage_option),
        )
        return open_cluster(self.cluster, gallery, encoder=encoder, options=options)

    def check(self) -> None:
        """Raise ``SettingError`` for options that need a cluster, without one."""
        from stitch_cir.errors import SettingError

        named = [
            name
            for name, value in asdict(self).items()
            if name != "cluster" and value not in (None, False)
        ]
        if named and self.cluster is None:
            option = "--" + named[0].replace("_", "-")
            raise SettingError(
                f"{option} is about a cluster.", hint="Add --cluster ADDRESS, or leave it out."
            )

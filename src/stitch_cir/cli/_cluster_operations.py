"""``stitch cluster status``, ``scale`` and ``stop``: the shards of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from stitch_cir._hints import counted
from stitch_cir.cli import _options as o
from stitch_cir.cli._cluster_commands import StorageOption, UriArgument, storage_options
from stitch_cir.cli._cluster_index_command import cluster
from stitch_cir.cli._exit import guard, printable
from stitch_cir.cli._output import console, emit_json
from stitch_cir.cli._tables import write_table

if TYPE_CHECKING:
    from stitch_cir.cluster import ClusterStatus

__all__ = ["cluster", "scale", "status", "stop"]

_UNSOUND = 5
AddressOption = Annotated[
    str,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="The head of the cluster, or auto on one of its nodes.",
    ),
]


@cluster.command("status")
def status(
    uri: UriArgument,
    address: AddressOption = "auto",
    storage: StorageOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Show which nodes are up, which shards answer, and what they hold; exit code 5 for a problem.

    stitch cluster status s3://bucket/photos.lance --address 10.0.0.1:6379
    """
    with guard(as_json=as_json):
        from stitch_cir.cluster import read_status

        state = read_status(address, uri, storage_options=storage_options(storage))
        if as_json:
            emit_json(state.to_dict())
        else:
            _show(state)
        if state.problems():
            raise typer.Exit(_UNSOUND)


def _show(state: ClusterStatus) -> None:
    out = console()
    gpus = any(each.gpus for each in state.nodes)
    nodes = [
        [
            each.name,
            "up" if each.alive else "down",
            f"{each.cpus:g}",
            *([f"{each.gpus:g}"] if gpus else []),
        ]
        for each in state.nodes
    ]
    heads = ["node", "state", "CPUs", *(["GPUs"] if gpus else [])]
    write_table(out, heads, nodes, right=(2, 3) if gpus else (2,))
    rows = [
        [
            each.name,
            each.state,
            each.node or each.machine,
            *([f"{each.gpus:g}"] if gpus else []),
            ", ".join(f"{version} ({rows:,})" for version, rows in sorted(each.versions.items())),
            f"{each.answered:,}",
        ]
        for each in state.shards
    ]
    if rows:
        heads = ["shard", "state", "node", *(["GPU"] if gpus else []), "versions (rows)", "answers"]
        write_table(out, heads, rows, right=(3, 5) if gpus else (4,))
    for problem in state.problems():
        out.print(f"problem: {printable(problem)}", soft_wrap=True)
    for note in state.notes():
        out.print(f"note: {printable(note)}", soft_wrap=True)
    out.print(printable(state.summary()), soft_wrap=True)


@cluster.command("scale")
def scale(
    uri: UriArgument,
    address: AddressOption = "auto",
    shards: Annotated[
        int | None, typer.Option("--shards", help="Shards of the dataset. [as there are]")
    ] = None,
    replicas: Annotated[
        int | None, typer.Option("--replicas", help="Copies of every shard. [as there are]")
    ] = None,
    shard_gpus: Annotated[
        float | None,
        typer.Option(
            "--shard-gpus",
            metavar="SHARE",
            help="The share of a GPU that Ray sets aside for each new shard, 0 for none. [as there "
            "is]",
        ),
    ] = None,
    storage: StorageOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Bring a dataset to so many shards and replicas, with the newest version loaded first.

    stitch cluster scale s3://bucket/photos.lance --replicas 2 --address 10.0.0.1:6379
    """
    with guard(as_json=as_json):
        from stitch_cir.cluster import scale as bring_to

        report = bring_to(
            address,
            uri,
            shards=shards,
            replicas=replicas,
            gpus=shard_gpus,
            storage_options=storage_options(storage),
        )
        if as_json:
            emit_json(report.to_dict())
        else:
            console().print(printable(report.summary()), soft_wrap=True)


@cluster.command("stop")
def stop(uri: UriArgument, address: AddressOption = "auto", as_json: o.JsonOption = False) -> None:
    """End the shards of a dataset, which then take no CPU and no memory; the dataset stays.

    stitch cluster stop s3://bucket/photos.lance --address 10.0.0.1:6379
    """
    with guard(as_json=as_json):
        from stitch_cir.cluster import end_shards

        ended = end_shards(address, uri)
        if as_json:
            emit_json({"dataset": uri, "ended": ended})
        else:
            what = f"{counted(ended, 'replica')} ended" if ended else "there were no shards"
            console().print(printable(f"{uri}: {what}."), soft_wrap=True)

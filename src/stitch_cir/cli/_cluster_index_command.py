"""``stitch cluster index``: a folder into a dataset, with encoder actors on many machines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stitch_cir.cli import _options as o
from stitch_cir.cli._cluster_commands import (
    StorageOption,
    UriArgument,
    cluster,
    storage_options,
)
from stitch_cir.cli._exit import EXIT_SKIPPED, guard, printable
from stitch_cir.cli._index_command import show_index_notes
from stitch_cir.cli._index_options import (
    CaptionsFromMetadataOption,
    MegapixelsOption,
    MetadataOption,
    RebuildOptions,
    RetentionOptions,
    VectorOptions,
    image_limits,
)
from stitch_cir.cli._output import console, emit_json
from stitch_cir.cli._progress import progress_bar
from stitch_cir.cli._setting_options import with_options

if TYPE_CHECKING:
    from stitch_cir.cluster import ClusterIndexReport

__all__ = ["cluster", "index"]


@dataclass(frozen=True)
class ContentOptions(RebuildOptions):
    """What is encoded again, and what is recorded of images besides their vectors."""

    captions: Annotated[
        Path | None,
        typer.Option("--captions", metavar="FILE", help="Captions by id, as for stitch index."),
    ] = None
    attributes: Annotated[
        Path | None,
        typer.Option("--attributes", metavar="FILE", help="Attributes by id, likewise."),
    ] = None
    metadata: MetadataOption = None
    captions_from_metadata: CaptionsFromMetadataOption = None


@dataclass(frozen=True)
class NodeOptions:
    """Where encoder actors run, and with which resources."""

    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="HOST:PORT",
            help="The head of the cluster, or auto on one of its nodes. [this machine alone]",
        ),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", metavar="N", help="Encoder actors. [one for each node, or for each GPU]"
        ),
    ] = None
    num_gpus: Annotated[
        float | None,
        typer.Option(
            "--num-gpus",
            metavar="N",
            help="GPUs of each encoder actor. [1 with --device cuda, else 0]",
        ),
    ] = None
    unit: Annotated[
        int,
        typer.Option("--unit", metavar="N", help="Files that an encoder actor takes at a time."),
    ] = 500
    memory: Annotated[
        float | None,
        typer.Option(
            "--memory",
            metavar="MB",
            help="Memory of each encoder actor for images, as for stitch index.",
        ),
    ] = None
    max_megapixels: MegapixelsOption = None
    storage: StorageOption = None

    def settings(self) -> dict[str, Any]:
        """Return them as ``index_on_cluster`` takes them."""
        return {
            "address": self.address,
            "workers": self.workers,
            "num_gpus": self.num_gpus,
            "unit": self.unit,
            **image_limits(self.memory, self.max_megapixels),
        }


@cluster.command("index")
@with_options
def index(
    images: Annotated[Path, typer.Argument(metavar="IMAGES", help="A folder of images.")],
    uri: UriArgument,
    content: ContentOptions,
    vectors: VectorOptions,
    effort: NodeOptions,
    retention: RetentionOptions,
    answer: o.AnswerOptions,
) -> None:
    """Index a folder that every node sees into a dataset, or bring the dataset up to date.

    Only new and changed files are encoded. Interrupt it at any time: the next run continues.

        stitch cluster index /mnt/photos s3://bucket/photos.lance --address 10.0.0.1:6379
    """
    with guard(as_json=answer.as_json):
        from stitch_cir.cluster import index_on_cluster

        content.check()
        options = storage_options(effort.storage)
        with (
            _reporting_waiting_files(uri, options, content),
            progress_bar(quiet=answer.quiet or answer.as_json) as follow,
        ):
            report = index_on_cluster(
                images,
                uri,
                encoder=vectors.encoder,
                recipe=vectors.recipe(),
                device=vectors.device,
                precision=vectors.precision,
                progress=follow,
                storage_options=options,
                **asdict(content),
                **effort.settings(),
                **asdict(retention),
            )
        if answer.as_json:
            emit_json(report.to_dict())
        else:
            _show_report(report)
        if report.index.skipped:
            raise typer.Exit(EXIT_SKIPPED)


def _show_report(report: ClusterIndexReport) -> None:
    out = console()
    show_index_notes(report.index, out)
    for reason, count in report.skipped_by_reason.items():
        out.print(f"skipped {count:,}: {printable(reason)}", soft_wrap=True)
    out.print(printable(report.summary()), soft_wrap=True)


@contextmanager
def _reporting_waiting_files(
    uri: str, options: dict[str, str], content: ContentOptions
) -> Iterator[None]:
    """Print, when the run is interrupted, how many files are still to be indexed."""
    try:
        yield
    except KeyboardInterrupt:
        from stitch_cir.cluster import SharedDataset, renewal_uri
        from stitch_cir.errors import StitchError

        if content.rebuild or content.switch_when_done:
            uri = renewal_uri(uri, "rebuild" if content.rebuild else "switch")
        with suppress(StitchError):
            waiting = SharedDataset.open(uri, storage_options=options).waiting_files
            if waiting != 0:
                count = "Some" if waiting is None else f"{waiting:,}"
                typer.echo(
                    f"{count} files are not indexed yet; what is done is kept. Run the same "
                    "command again to go on.",
                    err=True,
                )
        raise

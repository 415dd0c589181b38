"""The options of ``stitch index``, in groups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stitch_cir.cli import _options as o

if TYPE_CHECKING:
    from stitch_cir.views import ViewRecipe

__all__ = [
    "CaptionsFromMetadataOption",
    "EffortOptions",
    "MegapixelsOption",
    "MetadataOption",
    "RebuildOptions",
    "RestoreRemovedOption",
    "RetentionOptions",
    "SourceOptions",
    "VectorOptions",
    "image_limits",
]


MetadataOption = Annotated[
    bool | None,
    typer.Option(
        "--metadata/--no-metadata",
        help="Take attributes from the images: size, time, camera, place, keywords, …; "
        "remembered. [metadata]",
        show_default=False,
    ),
]
CaptionsFromMetadataOption = Annotated[
    bool | None,
    typer.Option(
        "--captions-from-metadata/--no-captions-from-metadata",
        help="Take captions from the descriptions and keywords of the images; remembered. "
        "[no-captions-from-metadata]",
        show_default=False,
    ),
]
MegapixelsOption = Annotated[
    float | None,
    typer.Option(
        "--max-megapixels",
        metavar="N",
        help="Largest image, remembered. [179; a JPEG that is decoded smaller "
        "may have 8 times as many]",
    ),
]
RestoreRemovedOption = Annotated[
    bool, typer.Option("--restore-removed", help="Index again what was removed by hand.")
]


def image_limits(memory: float | None, max_megapixels: float | None) -> dict[str, int | None]:
    """Return megabytes and megapixels as indexing takes them, in bytes and pixels."""
    return {
        "memory": None if memory is None else round(memory * 1e6),
        "max_pixels": None if max_megapixels is None else round(max_megapixels * 1e6),
    }


@dataclass(frozen=True)
class SourceOptions:
    """What is indexed, and where the gallery is kept."""

    folder: Annotated[Path | None, typer.Argument(metavar="FOLDER", help="A folder of images.")] = (
        None
    )
    gallery: Annotated[
        Path | None,
        typer.Option("--gallery", "-g", metavar="DIR", help="Where to keep it. [FOLDER/.stitch]"),
    ] = None
    feed: Annotated[
        Path | None,
        typer.Option(
            "--feed",
            metavar="FILE",
            help="A shop's products in place of FOLDER, with Google Merchant's columns: TSV, CSV, "
            "JSON lines or Parquet.",
        ),
    ] = None
    captions: Annotated[
        Path | None,
        typer.Option(
            "--captions",
            metavar="FILE",
            help='Captions or titles, one {"id": …, "captions": […]} a line. Without FOLDER the '
            "gallery holds captions only.",
        ),
    ] = None
    attributes: Annotated[
        Path | None,
        typer.Option(
            "--attributes",
            metavar="FILE",
            help="Attributes by id, to filter by: CSV, TSV, JSON lines or Parquet.",
        ),
    ] = None
    metadata: MetadataOption = None
    captions_from_metadata: CaptionsFromMetadataOption = None

    @property
    def path(self) -> Path | None:
        """The gallery, or the folder that it lies in; ``None`` where neither was named."""
        return self.gallery or self.folder or (None if self.feed is None else self.feed.parent)


@dataclass(frozen=True)
class VectorOptions:
    """What makes the vectors."""

    views: Annotated[int, typer.Option("--views", help="Views an image (M).")] = 10
    view_kind: Annotated[
        str,
        typer.Option(
            "--view-kind",
            help="grid (the same crops for all), random (seeded) or dense (from one pass).",
        ),
    ] = "grid"
    seed: Annotated[int, typer.Option("--seed", help="Seed of random views.")] = 0
    encoder: o.EncoderOption = None
    device: Annotated[
        str | None,
        typer.Option("--device", envvar="STITCH_DEVICE", help="cpu or cuda. [cuda if it is there]"),
    ] = None
    precision: Annotated[
        str | None, typer.Option("--precision", help="fp32 or bf16 (torch models). [fp32]")
    ] = None

    def recipe(self) -> ViewRecipe:
        """Return how images are cut into views. Raises ``SettingError``."""
        from stitch_cir.views import ViewRecipe

        return ViewRecipe(kind=self.view_kind, count=self.views, seed=self.seed)  # type: ignore[arg-type]


@dataclass(frozen=True)
class EffortOptions:
    """Time and memory."""

    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", metavar="N", help="Threads that decode and prepare. [cores, at most 8]"
        ),
    ] = None
    memory: Annotated[
        float | None,
        typer.Option(
            "--memory",
            metavar="MB",
            help="Memory for the images that are being decoded. [half of what there is "
            "up to 2000, a quarter up to 4000]",
        ),
    ] = None
    max_megapixels: MegapixelsOption = None

    def settings(self) -> dict[str, Any]:
        """Return them as ``index_folder`` takes them."""
        return {"workers": self.workers, **image_limits(self.memory, self.max_megapixels)}


@dataclass(frozen=True)
class RebuildOptions:
    """What is encoded again, and what is taken back."""

    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Start afresh, e.g. with another encoder.")
    ] = False
    switch_when_done: Annotated[
        bool,
        typer.Option(
            "--switch-when-done",
            help="With another --encoder (or other views): searches see the old vectors until all "
            "new ones are there. Interrupt it whenever you like; the same command resumes.",
        ),
    ] = False
    restore_removed: RestoreRemovedOption = False

    def check(self) -> None:
        """Raise ``SettingError`` where they contradict each other."""
        from stitch_cir.errors import SettingError

        if self.switch_when_done and self.rebuild:
            raise SettingError(
                "--switch-when-done and --rebuild are two ways to encode everything again.",
                hint="Give one of them: --switch-when-done for another encoder, --rebuild to start "
                "afresh.",
            )


@dataclass(frozen=True)
class RetentionOptions:
    """What is left out, and what is kept of images that vanished."""

    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude",
            metavar="PATTERN",
            help="Leave out files and folders of this name ('*.gif'), or path ('2019/raw'); "
            "repeatable, remembered, '' forgets the earlier ones.",
        ),
    ] = None
    default_excludes: Annotated[
        bool | None,
        typer.Option(
            "--default-excludes/--no-default-excludes",
            help="Leave out what other programs make: @eaDir, #recycle, folders with .nomedia, "
            "unfinished downloads, …; remembered. [default-excludes]",
            show_default=False,
        ),
    ] = None
    keep_days: Annotated[
        float | None,
        typer.Option(
            "--keep-days",
            metavar="DAYS",
            help="How long vectors and captions of files that are gone are kept; remembered. [30]",
        ),
    ] = None
    change_times: Annotated[
        bool | None,
        typer.Option(
            "--change-times/--no-change-times",
            help="Read a file again when only its time of last change of status differs; "
            "remembered. [change-times]",
            show_default=False,
        ),
    ] = None
    allow_missing: Annotated[
        bool,
        typer.Option(
            "--allow-missing",
            help="Accept that more than half of the images, or all of a folder, are gone.",
        ),
    ] = False
    forget: Annotated[
        bool,
        typer.Option("--forget", help="Delete vectors and captions of missing files at once."),
    ] = False

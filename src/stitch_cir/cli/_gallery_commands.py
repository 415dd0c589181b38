"""``stitch index``, ``info`` and ``verify``: making and looking after a gallery."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from stitch_cir._hints import shell_word
from stitch_cir.cli import _options as o
from stitch_cir.cli._exit import EXIT_SKIPPED, guard, printable
from stitch_cir.cli._info import show_info
from stitch_cir.cli._output import console, emit_json, progress_bar

__all__ = ["index", "info", "verify"]


def index(
    folder: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="A folder of images.")
    ] = None,
    gallery: Annotated[
        Path | None,
        typer.Option("--gallery", "-g", metavar="DIR", help="Where to keep it. [FOLDER/.stitch]"),
    ] = None,
    captions: Annotated[
        Path | None,
        typer.Option(
            "--captions",
            metavar="FILE",
            help='Captions or titles, one {"id": …, "captions": […]} a line. Without FOLDER the '
            "gallery holds captions only.",
        ),
    ] = None,
    attributes: Annotated[
        Path | None,
        typer.Option(
            "--attributes",
            metavar="FILE",
            help="Attributes by id, to filter by: CSV, TSV, JSON lines or Parquet.",
        ),
    ] = None,
    metadata: Annotated[
        bool | None,
        typer.Option(
            "--metadata/--no-metadata",
            help="Take attributes from the images: size, time, camera, place, keywords, …; "
            "remembered. [metadata]",
            show_default=False,
        ),
    ] = None,
    views: Annotated[int, typer.Option("--views", help="Views an image (M).")] = 10,
    view_kind: Annotated[
        str,
        typer.Option(
            "--view-kind",
            help="grid (the same crops for all), random (seeded) or dense (from one pass).",
        ),
    ] = "grid",
    seed: Annotated[int, typer.Option("--seed", help="Seed of random views.")] = 0,
    encoder: o.EncoderOption = None,
    device: Annotated[
        str | None,
        typer.Option("--device", envvar="STITCH_DEVICE", help="cpu or cuda. [cuda if it is there]"),
    ] = None,
    precision: Annotated[
        str | None, typer.Option("--precision", help="fp32 or bf16 (torch models). [fp32]")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", metavar="N", help="Threads that decode and prepare. [cores, at most 8]"
        ),
    ] = None,
    memory: Annotated[
        float | None,
        typer.Option(
            "--memory",
            metavar="MB",
            help="Memory for the images that are being decoded. [half of what there is "
            "up to 2000, a quarter up to 4000]",
        ),
    ] = None,
    max_megapixels: Annotated[
        float | None,
        typer.Option(
            "--max-megapixels",
            metavar="N",
            help="Largest image, remembered with the gallery. [179; a JPEG that is decoded smaller "
            "may have 8 times as many]",
        ),
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Start afresh, e.g. with another encoder.")
    ] = False,
    switch_when_done: Annotated[
        bool,
        typer.Option(
            "--switch-when-done",
            help="With another --encoder (or other views): searches see the old vectors until all "
            "new ones are there. Interrupt it whenever you like; the same command goes on.",
        ),
    ] = False,
    restore_removed: Annotated[
        bool,
        typer.Option("--restore-removed", help="Index again what was removed by hand."),
    ] = False,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude",
            metavar="PATTERN",
            help="Leave out files and folders of this name ('*.gif'), or path ('2019/raw'); "
            "repeatable, remembered, '' forgets the earlier ones.",
        ),
    ] = None,
    default_excludes: Annotated[
        bool | None,
        typer.Option(
            "--default-excludes/--no-default-excludes",
            help="Leave out what other programs make: @eaDir, #recycle, folders with .nomedia, "
            "unfinished downloads, …; remembered. [default-excludes]",
            show_default=False,
        ),
    ] = None,
    keep_days: Annotated[
        float | None,
        typer.Option(
            "--keep-days",
            metavar="DAYS",
            help="How long vectors and captions of files that are gone are kept; remembered. [30]",
        ),
    ] = None,
    change_times: Annotated[
        bool | None,
        typer.Option(
            "--change-times/--no-change-times",
            help="Read a file again when only its time of last change of status differs; "
            "remembered. [change-times]",
            show_default=False,
        ),
    ] = None,
    allow_missing: Annotated[
        bool,
        typer.Option(
            "--allow-missing",
            help="Accept that more than half of the images, or all of a folder, are gone.",
        ),
    ] = False,
    forget: Annotated[
        bool,
        typer.Option("--forget", help="Delete vectors and captions of missing files at once."),
    ] = False,
    quiet: o.QuietOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Index a folder of images, or bring an index up to date.

    Only new and changed files are encoded. Interrupt it whenever you like: the next run goes on.

        stitch index photos
    """
    with guard(as_json=as_json):
        from stitch_cir.encoders import load_encoder
        from stitch_cir.errors import SettingError
        from stitch_cir.gallery import (
            DEFAULT_DIRECTORY,
            encoder_hint,
            index_captions,
            index_folder,
        )
        from stitch_cir.views import ViewRecipe

        recipe = ViewRecipe(kind=view_kind, count=views, seed=seed)  # type: ignore[arg-type]
        if switch_when_done and rebuild:
            raise SettingError(
                "--switch-when-done and --rebuild are two ways to encode everything again.",
                hint="Give one of them: --switch-when-done for another encoder, --rebuild to start "
                "afresh.",
            )
        name = encoder or _recorded_encoder(gallery or folder) or "mini"
        model = load_encoder(name, device=device, precision=precision)
        with (
            _reporting_waiting_files(gallery or folder),
            progress_bar(quiet=quiet or as_json) as follow,
        ):
            if folder is not None:
                report = index_folder(
                    folder,
                    gallery,
                    encoder=model,
                    recipe=recipe,
                    captions=captions,
                    attributes=attributes,
                    metadata=metadata,
                    progress=follow,
                    rebuild=rebuild,
                    switch_when_done=switch_when_done,
                    workers=workers,
                    max_pixels=None if max_megapixels is None else round(max_megapixels * 1e6),
                    memory=None if memory is None else round(memory * 1e6),
                    restore_removed=restore_removed,
                    exclude=exclude,
                    default_excludes=default_excludes,
                    keep_days=keep_days,
                    change_times=change_times,
                    allow_missing=allow_missing,
                    forget=forget,
                )
            elif captions is not None and gallery is not None:
                report = index_captions(
                    captions,
                    gallery,
                    encoder=model,
                    attributes=attributes,
                    progress=follow,
                    rebuild=rebuild,
                    switch_when_done=switch_when_done,
                    restore_removed=restore_removed,
                    allow_missing=allow_missing or forget,
                )
            else:
                raise SettingError(
                    "There is nothing to index.",
                    hint="Give a FOLDER of images, or --captions FILE with --gallery DIR.",
                )
        if as_json:
            emit_json(report.to_dict())
        else:
            out = console()
            for path, reason in report.skipped if quiet else ():  # else told as they were met
                out.print(f"skipped {printable(str(path))}: {printable(reason)}", soft_wrap=True)
            for note in report.notes:
                out.print(f"note: {printable(note)}", soft_wrap=True)
            for id in report.unknown_captions[:10]:
                out.print(f"captions of an unknown image ignored: {printable(id)}", soft_wrap=True)
            for id in report.unknown_attributes[:10]:
                out.print(
                    f"attributes of an unknown image ignored: {printable(id)}", soft_wrap=True
                )
            out.print(printable(report.summary()), soft_wrap=True)
            if not quiet and folder is not None:
                words = [folder] if gallery is None else [folder, "-g", gallery]
                hint = encoder_hint(
                    gallery or folder / DEFAULT_DIRECTORY,
                    model,
                    report.images,
                    " ".join(shell_word(str(word)) for word in words),
                )
                if hint is not None:
                    out.print(f"hint: {printable(hint)}", soft_wrap=True)
        if report.skipped:
            raise typer.Exit(EXIT_SKIPPED)


@contextmanager
def _reporting_waiting_files(path: Path | None) -> Iterator[None]:
    """Print, when the run is interrupted, how many files are still to be indexed."""
    try:
        yield
    except KeyboardInterrupt:
        from stitch_cir.errors import StitchError
        from stitch_cir.gallery import Gallery

        with suppress(StitchError), Gallery.open(path or Path()) as opened:
            note = opened.incomplete_note()
            if note is not None:
                typer.echo(note, err=True)
        raise


def _recorded_encoder(path: Path | None) -> str | None:
    """Name the encoder of the gallery that is there already, if one is."""
    from stitch_cir.errors import GalleryDamagedError, GalleryMissingError
    from stitch_cir.gallery import Gallery

    if path is None:
        return None
    try:
        with Gallery.open(path) as opened:
            return str(opened.info()["encoder"])
    except (GalleryMissingError, GalleryDamagedError):
        # indexing refuses a damaged one itself, unless it is rebuilt
        return None


def info(gallery: o.GalleryArgument, as_json: o.JsonOption = False) -> None:
    """Show what a gallery holds and everything that shaped its vectors."""
    with guard(as_json=as_json):
        from stitch_cir.gallery import Gallery

        data = Gallery.open(gallery).info()
        if as_json:
            emit_json(data)
        else:
            show_info(data, console())


def verify(
    gallery: o.GalleryArgument,
    read_files: Annotated[
        bool,
        typer.Option(
            "--read-files",
            help="Read every file, not only those whose size or times differ: this also finds "
            "files that rotted on the disk.",
        ),
    ] = False,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Encode damaged records again from their files."),
    ] = False,
    as_json: o.JsonOption = False,
) -> None:
    """Check a gallery: the database, every vector, the cache, and the files it was made from.

    What is damaged in the database and whole in the cache is put back, and the other way round.
    """
    with guard(as_json=as_json):
        from stitch_cir.gallery import Gallery

        report = Gallery.open(gallery).verify(read_files=read_files, repair=repair)
        if as_json:
            emit_json(report.to_dict())
        else:
            out = console()
            for line in report.repaired:
                out.print(f"repaired: {printable(line)}", soft_wrap=True)
            for problem in report.problems:
                out.print(f"problem: {printable(problem)}", soft_wrap=True)
            out.print(printable(report.summary()), soft_wrap=True)
        if report.problems:
            raise typer.Exit(5)

"""``stitch index``, ``info`` and ``verify``: making and looking after a gallery."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stitch_cir.cli import _options as o
from stitch_cir.cli._exit import EXIT_SKIPPED, guard, plain
from stitch_cir.cli._output import console, emit_json, progress_bar

__all__ = ["index", "info", "verify"]


def index(
    folder: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="A folder of pictures.")
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
        typer.Option("--device", envvar="STITCH_DEVICE", help="cpu or cuda. [what there is]"),
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
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Start afresh, e.g. with another encoder.")
    ] = False,
    restore_removed: Annotated[
        bool,
        typer.Option("--restore-removed", help="Take back what was removed by hand."),
    ] = False,
    quiet: o.QuietOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Index a folder of pictures, or bring an index up to date.

    Only new and changed files are encoded. Interrupt it whenever you like: the next run goes on.

        stitch index photos
    """
    with guard(as_json=as_json):
        from stitch_cir.encoders import load_encoder
        from stitch_cir.errors import SettingError
        from stitch_cir.gallery import index_captions, index_folder
        from stitch_cir.views import ViewRecipe

        recipe = ViewRecipe(kind=view_kind, count=views, seed=seed)  # type: ignore[arg-type]
        model = load_encoder(encoder or "mini", device=device, precision=precision)
        with progress_bar(quiet=quiet or as_json) as follow:
            if folder is not None:
                report = index_folder(
                    folder,
                    gallery,
                    encoder=model,
                    recipe=recipe,
                    captions=captions,
                    progress=follow,
                    rebuild=rebuild,
                    workers=workers,
                    restore_removed=restore_removed,
                )
            elif captions is not None and gallery is not None:
                report = index_captions(
                    captions,
                    gallery,
                    encoder=model,
                    progress=follow,
                    rebuild=rebuild,
                    restore_removed=restore_removed,
                )
            else:
                raise SettingError(
                    "There is nothing to index.",
                    hint="Give a FOLDER of pictures, or --captions FILE with --gallery DIR.",
                )
        if as_json:
            emit_json(report.to_dict())
        else:
            out = console()
            for path, reason in report.skipped if quiet else ():  # else told as they were met
                out.print(f"skipped {plain(str(path))}: {plain(reason)}", soft_wrap=True)
            for note in report.notes:
                out.print(f"note: {plain(note)}", soft_wrap=True)
            for id in report.unknown_captions[:10]:
                out.print(f"captions of an unknown image ignored: {plain(id)}", soft_wrap=True)
            out.print(plain(report.summary()), soft_wrap=True)
        if report.skipped:
            raise typer.Exit(EXIT_SKIPPED)


def info(gallery: o.GalleryArgument, as_json: o.JsonOption = False) -> None:
    """Show what a gallery holds and everything that shaped its vectors."""
    with guard(as_json=as_json):
        from stitch_cir.gallery import Gallery

        data = Gallery.open(gallery).info()
        if as_json:
            emit_json(data)
            return
        out = console()
        width = max(len(name) for name in data)
        for name, value in data.items():
            out.print(f"{name:<{width}}  {plain(str(value))}", soft_wrap=True)


def verify(gallery: o.GalleryArgument, as_json: o.JsonOption = False) -> None:
    """Check a gallery: the database, every vector, the cache, and the files it was made from."""
    with guard(as_json=as_json):
        from stitch_cir.gallery import Gallery

        report = Gallery.open(gallery).verify()
        if as_json:
            emit_json(report.to_dict())
        else:
            out = console()
            for problem in report.problems:
                out.print(f"problem: {plain(problem)}", soft_wrap=True)
            out.print(plain(report.summary()), soft_wrap=True)
        if report.problems:
            raise typer.Exit(5)

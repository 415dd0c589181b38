"""``stitch info`` and ``verify``: looking after a gallery."""

from __future__ import annotations

from typing import Annotated

import typer

from stitch_cir.cli import _options as o
from stitch_cir.cli._exit import guard, printable
from stitch_cir.cli._info import show_info
from stitch_cir.cli._output import console, emit_json

__all__ = ["info", "verify"]


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

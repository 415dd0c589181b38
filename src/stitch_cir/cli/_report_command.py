"""``stitch bench report``: tables, plots and a page of one or several runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stitch_cir._hints import counted
from stitch_cir.cli import _options as o
from stitch_cir.cli._exit import guard, printable
from stitch_cir.cli._output import console, emit_json
from stitch_cir.cli._progress import counter

__all__ = ["report"]


def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN…", help="Folders that `stitch bench run` wrote.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Where to write. [beside the first run]"),
    ] = None,
    queries: Annotated[
        str,
        typer.Option(
            "--queries", metavar="N|all|none", help="How many queries of each data set to show."
        ),
    ] = "all",
    root: Annotated[
        Path | None,
        typer.Option("--root", metavar="DIR", help="Where the data sets are, if they were moved."),
    ] = None,
    as_json: o.JsonOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Write Markdown, CSV, LaTeX and a page with plots and every query, with its images.

    Runs of the same data set are shown side by side. Needs the extra `report` (matplotlib).

    stitch bench report runs/cirr runs/cirr-pdv --out report
    """
    with guard(as_json=as_json):
        from stitch_cir.benchmarks.report import write_report

        folder = out or runs[0].with_name(runs[0].resolve().name + "-report")
        with counter("thumbnails", quiet=quiet or as_json) as tell:
            written = write_report(runs, folder, root=root, queries=_count(queries), progress=tell)
        if as_json:
            emit_json(written.to_dict())
            return
        screen = console()
        for file in written.files:
            if file.parent == written.folder:
                screen.print(f"written: {printable(str(file))}", soft_wrap=True)
        shown = f"{counted(written.queries, 'query')} and {counted(written.images, 'image')}"
        screen.print(f"{shown} on the page.")
        for note in written.notes:
            screen.print(f"note: {printable(note)}", soft_wrap=True)


def _count(queries: str) -> int | None:
    if queries == "all":
        return None
    if queries == "none":
        return 0
    if queries.isascii() and queries.isdigit():
        return int(queries)
    from stitch_cir.errors import SettingError

    raise SettingError(f"--queries is {queries!r}.", hint="Give a number, or all, or none.")

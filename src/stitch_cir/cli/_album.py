"""Hits as files: an album of them (--copy-to, --link-to), or their paths for a pipe."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stitch_cir.cli._files import inside_gallery, notify

if TYPE_CHECKING:
    from stitch_cir.export import AlbumReport
    from stitch_cir.gallery import Gallery
    from stitch_cir.searcher import Results

__all__ = ["AlbumOptions", "save", "write_paths"]

_FORMATS = ("table", "paths")


@dataclass(frozen=True)
class AlbumOptions:
    """What becomes of the hits' files."""

    copy_to: Annotated[
        Path | None,
        typer.Option(
            "--copy-to", metavar="DIR", help="Copy the hits there, their ranks before their names."
        ),
    ] = None
    link_to: Annotated[
        Path | None,
        typer.Option("--link-to", metavar="DIR", help="The same with symbolic links."),
    ] = None
    format: Annotated[
        str,
        typer.Option("--format", help="What is printed: table, or paths, one a line. [table]"),
    ] = "table"
    null: Annotated[
        bool,
        typer.Option("--null", "-0", help="With --format paths: end each with a NUL (xargs -0)."),
    ] = False

    def check(self, *, others: bool) -> None:
        """Raise ``SettingError`` for options that exclude each other.

        ``others``: whether anything else is to be printed.
        """
        from stitch_cir._hints import did_you_mean
        from stitch_cir.errors import SettingError

        if self.copy_to is not None and self.link_to is not None:
            raise SettingError(
                "--copy-to and --link-to exclude each other.", hint="Give one of them."
            )
        if self.format not in _FORMATS:
            raise SettingError(
                f"There is no format {self.format!r} here.",
                hint=f"{did_you_mean(self.format, _FORMATS)}Formats: {', '.join(_FORMATS)}; "
                "`stitch export` has csv, jsonl, coco and iiif.",
            )
        if self.format == "paths" and others:
            raise SettingError(
                "--format paths prints paths alone, but --json or --facet is given as well.",
                hint="Give one of them.",
            )
        if self.null and self.format != "paths":
            raise SettingError(
                "--null ends paths, and none are printed.", hint="Add --format paths."
            )


def save(options: AlbumOptions, results: Results, gallery: Gallery) -> AlbumReport | None:
    """Write the album that is requested, and report it; ``None`` where there is none."""
    from stitch_cir.export import records_of, save_album

    target = options.copy_to or options.link_to
    if target is None:
        return None
    report = save_album(records_of(results), target, link=options.link_to is not None)
    for id, reason in report.missing:
        notify(f"left out {id}: {reason}")
    notify(f"{report.summary()}{inside_gallery(target, gallery)}")
    return report


def write_paths(results: Results, *, null: bool) -> bool:
    """Print the paths of the hits, as bytes: any name of a file passes. Return if all have one."""
    end = b"\0" if null else b"\n"
    complete = True
    sys.stdout.flush()
    for hit in results:
        if hit.path is None:
            notify(f"left out {hit.id}: it has captions only")
            complete = False
            continue
        path = os.fsencode(hit.path)
        if not null and b"\n" in path:
            notify(f"{hit.id} has a line break in its name: use --null")
        sys.stdout.buffer.write(path + end)
    sys.stdout.buffer.flush()
    for note in results.notes:
        notify(f"note: {note}")
    return complete

"""``stitch export``: hits for other programs, of a search or of its saved JSON."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stitch_cir.cli import _options as o
from stitch_cir.cli._exit import EXIT_SKIPPED, guard
from stitch_cir.cli._files import check_output, notify, refuse_same, save_text
from stitch_cir.cli._search_run import SearchRun
from stitch_cir.cli._setting_options import with_options

if TYPE_CHECKING:
    from stitch_cir.export import HitRecords

__all__ = ["export"]

_SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_WITH_IMAGES = ("coco", "iiif")


@dataclass(frozen=True)
class ExportOptions:
    """What is written, and where."""

    results: Annotated[
        Path | None,
        typer.Option(
            "--results",
            metavar="FILE",
            help="Export these results instead: what `stitch search --json` wrote.",
        ),
    ] = None
    format: Annotated[
        str | None,
        typer.Option("--format", help="csv, jsonl, coco or iiif. [that of the file's ending, csv]"),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write. [stdout]"),
    ] = None
    server: Annotated[
        str,
        typer.Option(
            "--server",
            metavar="URL",
            help="For iiif: where `stitch serve` serves the gallery. [http://127.0.0.1:8000]",
        ),
    ] = "http://127.0.0.1:8000"

    def chosen_format(self) -> str:
        """Return the format that is named, else that of the file's ending."""
        from stitch_cir.errors import SettingError
        from stitch_cir.export import check_format

        if self.format is not None:
            check_format(self.format)
        suffix = "" if self.output is None else self.output.suffix.lower()
        if self.format is None and suffix == ".json":
            raise SettingError(
                f"{self.output} may be COCO or IIIF.", hint="Add --format coco or --format iiif."
            )
        return self.format or _SUFFIXES.get(suffix, "csv")


@with_options
def export(
    gallery: Annotated[
        Path | None,
        typer.Argument(metavar="GALLERY", help="An indexed folder, or a gallery directory."),
    ] = None,
    *,
    run: SearchRun,
    output: ExportOptions,
    encoder: o.EncoderOption = None,
) -> None:
    """Write the hits of a search for another program: spreadsheet, annotation or editing tool.

    Attributes are written along, and the regions that matched, as boxes in pixels of the upright
    image. CSV has the strongest region of each hit, the other formats have all.

        stitch export photos "a dog on a beach" -k 50 -o dogs.csv
        stitch export photos "a dog on a beach" -k 50 --format coco -o dogs.json
    """
    with guard():
        from stitch_cir.errors import SettingError
        from stitch_cir.export import format_hits, read_results, records_of

        chosen = output.chosen_format()
        if output.output is not None:
            check_output(output.output)
            refuse_same(output.results, output.output)
        if output.results is not None:
            if gallery is not None:
                raise SettingError(
                    "--results names hits that were saved, but a gallery is named as well.",
                    hint="Give one of them.",
                )
            records = read_results(output.results)
        elif gallery is None:
            raise SettingError(
                "There is nothing to export: neither a gallery nor saved results.",
                hint='Write stitch export GALLERY "TEXT", or stitch export --results FILE.',
            )
        else:
            _, results = run.run(gallery, encoder, outputs=(output.output,))
            for note in results.notes:
                notify(f"note: {note}")
            records = records_of(results)
        text = format_hits(records, chosen, server=output.server)
        if output.output is None:
            sys.stdout.flush()
            sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
            sys.stdout.buffer.flush()
        else:
            save_text(output.output, text)
            notify(f"wrote {output.output}, {_hits(len(records.hits))}")
        if chosen in _WITH_IMAGES and _leave_out_captions(records):
            raise typer.Exit(EXIT_SKIPPED)


def _leave_out_captions(records: HitRecords) -> bool:
    """Report the hits without an image; return if there are any."""
    without = [hit.id for hit in records.hits if hit.size is None]
    for id in without:
        notify(f"left out {id}: it has captions only, or the size of its image was not saved")
    return bool(without)


def _hits(count: int) -> str:
    return "1 hit" if count == 1 else f"{count:,} hits"

"""``stitch sync``, and ``stitch index --feed``: applying a feed of products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stitch_cir.cli import _options as o
from stitch_cir.cli._exit import EXIT_SKIPPED, guard, printable
from stitch_cir.cli._feed_options import FeedImageOptions, SyncOptions
from stitch_cir.cli._index_options import SourceOptions
from stitch_cir.cli._output import console, emit_json
from stitch_cir.cli._progress import progress_bar
from stitch_cir.cli._setting_options import with_options

if TYPE_CHECKING:
    from stitch_cir.gallery import FeedReport

__all__ = ["refuse_folder_options", "show_feed_report", "sync"]

_SHOWN = 20
"""Lines of each kind that are printed; --json has all."""


@with_options
def sync(
    gallery: o.GalleryArgument,
    feed: Annotated[
        Path,
        typer.Argument(
            metavar="FEED", help="The feed as it is now: TSV, CSV, JSON lines or Parquet."
        ),
    ],
    images: FeedImageOptions,
    changes: SyncOptions,
    answer: o.AnswerOptions,
) -> None:
    """Apply a changed feed to its gallery, and say what changed.

    A new price or stock encodes nothing. Rows that cannot be used are listed, and the rest goes on.

        stitch sync shop products.tsv --dry-run
    """
    with guard(as_json=answer.as_json):
        from stitch_cir.gallery import Gallery

        with (
            Gallery.open(gallery) as opened,
            progress_bar(quiet=answer.quiet or answer.as_json) as follow,
        ):
            report = opened.sync_feed(feed, progress=follow, **asdict(images), **changes.settings())
        show_feed_report(report, feed, answer, changes=True)


def refuse_folder_options(source: SourceOptions) -> None:
    """Raise ``SettingError`` for what a feed takes the place of."""
    from stitch_cir.errors import SettingError

    options = {
        "FOLDER": source.folder,
        "--captions": source.captions,
        "--attributes": source.attributes,
        "--metadata": source.metadata,
        "--captions-from-metadata": source.captions_from_metadata,
    }
    for name, value in options.items():
        if value is not None:
            raise SettingError(
                f"--feed and {name} exclude each other.",
                hint="The images of a feed are in --images DIR; its columns are the attributes.",
            )


def show_feed_report(
    report: FeedReport, feed: Path, answer: o.AnswerOptions, *, changes: bool
) -> None:
    """Show what a feed did, with ``changes`` product by product. Exits with 7 if rows failed."""
    if answer.as_json:
        emit_json(report.to_dict())
    else:
        _show(report, feed, changes=changes)
    if report.failed:
        raise typer.Exit(EXIT_SKIPPED)


def _show(report: FeedReport, feed: Path, *, changes: bool) -> None:
    out = console()
    if changes:
        listed = {
            "added": list(report.added),
            "changed images": list(report.changed_images),
            "changed attributes": [
                f"{id} ({', '.join(names)})" for id, names in report.changed_attributes.items()
            ],
            "deleted": list(report.deleted),
        }
        for what, ids in listed.items():
            _print_some([f"{what}: {printable(id)}" for id in ids])
    _print_some(
        [
            f"failed: {printable(str(feed))}:{each.line}"
            f"{'' if each.id is None else f' {printable(each.id)}'}: {printable(each.reason)}"
            for each in report.failed
        ]
    )
    for note in report.notes:
        out.print(f"note: {printable(note)}", soft_wrap=True)
    out.print(printable(report.summary()), soft_wrap=True)


def _print_some(lines: Sequence[str]) -> None:
    out = console()
    for line in lines[:_SHOWN]:
        out.print(line, soft_wrap=True)
    if len(lines) > _SHOWN:
        out.print(f"… and {len(lines) - _SHOWN:,} more (--json lists all)", soft_wrap=True)

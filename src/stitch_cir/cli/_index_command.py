"""``stitch index``: making a gallery and bringing it up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from stitch_cir._hints import shell_word
from stitch_cir.cli import _options as o
from stitch_cir.cli._exit import EXIT_SKIPPED, guard, printable
from stitch_cir.cli._feed_command import refuse_folder_options, show_feed_report
from stitch_cir.cli._feed_options import FeedImageOptions
from stitch_cir.cli._index_options import (
    EffortOptions,
    RebuildOptions,
    RetentionOptions,
    SourceOptions,
    VectorOptions,
)
from stitch_cir.cli._output import console, emit_json
from stitch_cir.cli._progress import progress_bar
from stitch_cir.cli._setting_options import with_options

if TYPE_CHECKING:
    from rich.console import Console

    from stitch_cir.encoders import DualEncoder
    from stitch_cir.gallery import IndexReport

__all__ = ["index", "show_index_notes"]


@with_options
def index(
    source: SourceOptions,
    images: FeedImageOptions,
    vectors: VectorOptions,
    effort: EffortOptions,
    rebuilding: RebuildOptions,
    retention: RetentionOptions,
    answer: o.AnswerOptions,
) -> None:
    """Index a folder of images, or bring an index up to date.

    Only new and changed files are encoded. Interrupt it whenever you like: the next run goes on.

        stitch index photos
    """
    with guard(as_json=answer.as_json):
        from stitch_cir.encoders import load_encoder
        from stitch_cir.errors import SettingError
        from stitch_cir.gallery import index_captions, index_feed, index_folder

        recipe = vectors.recipe()
        rebuilding.check()
        images.check(source.feed)
        if source.feed is not None:
            refuse_folder_options(source)
        name = vectors.encoder or _recorded_encoder(source.path) or "mini"
        model = load_encoder(name, device=vectors.device, precision=vectors.precision)
        with (
            _reporting_waiting_files(source.path),
            progress_bar(quiet=answer.quiet or answer.as_json) as follow,
        ):
            if source.feed is not None:
                applied = index_feed(
                    source.feed,
                    source.gallery,
                    encoder=model,
                    recipe=recipe,
                    progress=follow,
                    allow_missing=retention.allow_missing or retention.forget,
                    **asdict(images),
                    **effort.settings(),
                    **asdict(rebuilding),
                )
            elif source.folder is not None:
                report = index_folder(
                    source.folder,
                    source.gallery,
                    encoder=model,
                    recipe=recipe,
                    captions=source.captions,
                    attributes=source.attributes,
                    metadata=source.metadata,
                    captions_from_metadata=source.captions_from_metadata,
                    progress=follow,
                    **effort.settings(),
                    **asdict(rebuilding),
                    **asdict(retention),
                )
            elif source.captions is not None and source.gallery is not None:
                report = index_captions(
                    source.captions,
                    source.gallery,
                    encoder=model,
                    attributes=source.attributes,
                    progress=follow,
                    allow_missing=retention.allow_missing or retention.forget,
                    **asdict(rebuilding),
                )
            else:
                raise SettingError(
                    "There is nothing to index.",
                    hint="Give a FOLDER of images, --feed FILE, or --captions FILE with --gallery "
                    "DIR.",
                )
        if source.feed is not None:
            show_feed_report(applied, source.feed, answer, changes=False)
            return
        if answer.as_json:
            emit_json(report.to_dict())
        else:
            _show_report(report, source, model, quiet=answer.quiet)
        if report.skipped:
            raise typer.Exit(EXIT_SKIPPED)


def _show_report(
    report: IndexReport, source: SourceOptions, encoder: DualEncoder, *, quiet: bool
) -> None:
    from stitch_cir.gallery import DEFAULT_DIRECTORY, encoder_hint

    out = console()
    for path, reason in report.skipped if quiet else ():  # else shown as they were met
        out.print(f"skipped {printable(str(path))}: {printable(reason)}", soft_wrap=True)
    show_index_notes(report, out)
    out.print(printable(report.summary()), soft_wrap=True)
    folder, gallery = source.folder, source.gallery
    if not quiet and folder is not None:
        words = [folder] if gallery is None else [folder, "-g", gallery]
        hint = encoder_hint(
            gallery or folder / DEFAULT_DIRECTORY,
            encoder,
            report.images,
            " ".join(shell_word(str(word)) for word in words),
        )
        if hint is not None:
            out.print(f"hint: {printable(hint)}", soft_wrap=True)


def show_index_notes(report: IndexReport, out: Console) -> None:
    """List the notes of a run, and what its files said of images that are not there."""
    for note in report.notes:
        out.print(f"note: {printable(note)}", soft_wrap=True)
    for id in report.unknown_captions[:10]:
        out.print(f"captions of an unknown image ignored: {printable(id)}", soft_wrap=True)
    for id in report.unknown_attributes[:10]:
        out.print(f"attributes of an unknown image ignored: {printable(id)}", soft_wrap=True)


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

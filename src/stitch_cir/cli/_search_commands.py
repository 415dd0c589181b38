"""``stitch search`` and ``explain``: asking a gallery."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stitch_cir.cli import _options as o
from stitch_cir.cli._album import AlbumOptions, save, write_paths
from stitch_cir.cli._exit import EXIT_SKIPPED, guard
from stitch_cir.cli._files import (
    HTML_SUFFIXES,
    IMAGE_SUFFIXES,
    check_output,
    notify,
    open_in_browser,
    refuse_inputs,
    save_image,
    save_text,
    temporary_file,
    warn_if_indexed,
)
from stitch_cir.cli._models import ModelOptions
from stitch_cir.cli._open import chosen_composed, chosen_composer
from stitch_cir.cli._output import (
    console,
    emit_json,
    show_explanation,
    show_result_notes,
    show_results,
)
from stitch_cir.cli._search_run import SearchRun
from stitch_cir.cli._setting_options import EXPLAINING, SettingOptions, with_options

if TYPE_CHECKING:
    from stitch_cir.gallery import Gallery
    from stitch_cir.searcher import Results

__all__ = ["explain", "search"]


@dataclass(frozen=True)
class SheetOptions:
    """What a search counts and writes."""

    facet: Annotated[
        list[str] | None,
        typer.Option(
            "--facet",
            metavar="ATTRIBUTE",
            help="Count its values among the images: brand, price:0,50,100, taken:year; "
            "repeatable.",
        ),
    ] = None
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--sheet",
            metavar="FILE",
            help="Save a contact sheet of all hits (.html, .png, .jpg or .webp).",
        ),
    ] = None
    show: Annotated[bool, typer.Option("--open", help="Show the contact sheet in the browser.")] = (
        False
    )
    details: Annotated[
        bool,
        typer.Option(
            "--details", help="Show every setting and how many sets were scored, standard or not."
        ),
    ] = False
    as_json: o.JsonOption = False


@dataclass(frozen=True)
class DrawingOptions:
    """What an explanation draws."""

    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Draw it (.png, .jpg or .webp)."),
    ] = None
    kind: Annotated[
        str | None,
        typer.Option("--kind", help="What is drawn: matches, heatmap, contributions or all. [all]"),
    ] = None
    show: Annotated[bool, typer.Option("--open", help="Draw it and open the image.")] = False
    details: Annotated[
        bool,
        typer.Option(
            "--details", help="List every pair of caption and view: mass, cosine, both directions."
        ),
    ] = False
    as_json: o.JsonOption = False


@with_options
def search(
    gallery: o.GalleryArgument,
    run: SearchRun,
    output: SheetOptions,
    files: AlbumOptions,
    encoder: o.EncoderOption = None,
) -> None:
    """Search a gallery: a reference image, changed as the text says.

    Without a text it finds images like the reference; without a reference it finds what the
    text describes.

        stitch search photos "in red instead" -r photos/dress.jpg
    """
    with guard(as_json=output.as_json):
        sheet, show = output.sheet, output.show
        if sheet is not None:
            check_output(sheet, (*HTML_SUFFIXES, *IMAGE_SUFFIXES))
        files.check(others=output.as_json or bool(output.facet))
        opened, results = run.run(gallery, encoder, facets=output.facet, outputs=(sheet,))
        album = save(files, results, opened)
        complete = album is None or not album.missing
        if output.as_json:
            saved = {} if album is None else {"album": album.to_dict()}
            emit_json({**results.to_dict(regions=True), **saved})
        elif files.format == "paths":
            complete = write_paths(results, null=files.null) and complete
        else:
            show_results(results, console(), details=output.details)
        if show and sheet is None:
            sheet = temporary_file("sheet.html")
        if sheet is not None:
            _save_sheet(sheet, results, opened)
            hits = "1 hit" if len(results) == 1 else f"{len(results)} hits"
            notify(f"wrote {sheet}, {hits}{warn_if_indexed(sheet, opened)}")
        if show and sheet is not None:
            open_in_browser(sheet)
        if not complete:
            raise typer.Exit(EXIT_SKIPPED)


@with_options
def explain(
    gallery: o.GalleryArgument,
    hit: Annotated[str, typer.Argument(metavar="ID", help="The image to explain.")],
    query: o.QueryOptions,
    settings: Annotated[SettingOptions, EXPLAINING],
    drawing: DrawingOptions,
    encoding: o.EncodingOptions,
    models: ModelOptions,
) -> None:
    """Explain one hit: what each caption gave and where it fits, as a table and as an image.

    The image (-o) shows the matched views as boxes in the colour of the caption they matched, the
    transport plan as a heat map, and each caption's contribution to the score.

        stitch explain photos gown.jpg "in red instead" -r photos/dress.jpg -o why.png
    """
    with guard(as_json=drawing.as_json):
        from stitch_cir.explain import check_kind, draw_hit
        from stitch_cir.searcher import Searcher

        output, kind, show = drawing.output, drawing.kind, drawing.show
        check_kind(kind or "all")
        if output is not None:
            check_output(output, IMAGE_SUFFIXES)
        chosen = settings.build()
        opened = query.open(gallery, encoding.encoder, texts=True)
        if output is not None:
            refuse_inputs(output, opened, query.reference)
        searcher = Searcher(
            opened,
            composer=chosen_composer(models, chosen),
            composed=chosen_composed(encoding.composed, chosen, opened.encoder),
            settings=chosen,
        )
        results = searcher.explain(query.query(), hit)
        explained = results[0]
        if drawing.as_json:
            data = results.to_dict(plans=True)
            data["matches"] = [match.to_dict() for match in explained.matches()]
            emit_json(data)
        else:
            out = console()
            show_explanation(explained, out, details=drawing.details)
            show_result_notes(results, out)
        if show and output is None:
            output = temporary_file("why.png")
        if output is not None:
            save_image(output, draw_hit(explained, kind=kind or "all"))
            notify(f"wrote {output}{warn_if_indexed(output, opened)}")
        elif kind is not None:
            notify(
                f"note: --kind {kind} says what is drawn, and nothing was: add -o FILE or --open"
            )
        if show and output is not None:
            open_in_browser(output)


def _save_sheet(target: Path, results: Results, gallery: Gallery) -> None:
    from stitch_cir.explain import Sheet, render_html, render_png

    paths = []
    for reference in results.query.reference_names:
        resolved = gallery.resolve(reference)
        path = Path(reference) if resolved is None else gallery.path(resolved)
        paths += [] if path is None else [path]
    # a sheet is made to be sent on: it names the folder, not where it lies
    folder = gallery.directory if gallery.root is None else gallery.root
    sheet = Sheet(folder.resolve().name, [results], [paths])
    if target.suffix.lower() in HTML_SUFFIXES:
        save_text(target, render_html(sheet))
    else:
        save_image(target, render_png(sheet))

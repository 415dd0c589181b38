"""``stitch search`` and ``explain``: asking a gallery."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stitch_cir.cli import _options as o
from stitch_cir.cli._exit import guard, printable
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
from stitch_cir.cli._models import ModelOptions, with_model_options
from stitch_cir.cli._open import chosen_composer, open_gallery
from stitch_cir.cli._output import (
    console,
    emit_json,
    show_matches,
    show_result_notes,
    show_results,
)

if TYPE_CHECKING:
    from stitch_cir.gallery import Gallery
    from stitch_cir.searcher import Results

__all__ = ["explain", "search"]


@with_model_options
def search(
    gallery: o.GalleryArgument,
    text: o.TextArgument = None,
    reference: o.ReferenceOption = None,
    k: Annotated[int | None, typer.Option("-k", help="How many hits. [10]")] = None,
    caption: o.CaptionOption = None,
    num_captions: o.NumCaptionsOption = None,
    preset: o.PresetOption = "paper",
    transition: o.TransitionOption = None,
    alpha: o.AlphaOption = None,
    beta: o.BetaOption = None,
    scale: o.ScaleOption = None,
    image_weight: o.ImageWeightOption = None,
    gain: o.GainOption = None,
    loss: o.LossOption = None,
    transition_option: o.TransitionOptionOption = None,
    hubness_weight: o.HubnessOption = None,
    hubness_neighbours: o.HubnessNeighboursOption = None,
    object: o.ObjectOption = None,
    negative: o.NegativeOption = None,
    negative_weight: o.NegativeWeightOption = None,
    scorer: o.ScorerOption = None,
    tau: o.TauOption = None,
    epsilon: o.EpsilonOption = None,
    scorer_option: o.ScorerOptionOption = None,
    shortlist: Annotated[
        int | None,
        typer.Option("--shortlist", help="Score only the N images nearest by mean vector."),
    ] = None,
    no_recall: Annotated[
        bool, typer.Option("--no-recall", help="With --shortlist: do not measure what it lost.")
    ] = False,
    min_score: Annotated[
        float | None, typer.Option("--min-score", help="Leave out hits scored lower (-2 to 2).")
    ] = None,
    include: o.IncludeOption = None,
    exclude: o.ExcludeOption = None,
    where: o.WhereOption = None,
    group_by: o.GroupByOption = None,
    group_size: o.GroupSizeOption = None,
    facet: o.FacetOption = None,
    include_reference: o.IncludeReferenceOption = False,
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--sheet",
            metavar="FILE",
            help="Save a contact sheet of all hits (.html, .png, .jpg or .webp).",
        ),
    ] = None,
    show: Annotated[
        bool, typer.Option("--open", help="Show the contact sheet in the browser.")
    ] = False,
    rerank: o.RerankOption = 0,
    reranker: o.RerankerOption = "chat",
    rerank_model: o.RerankModelOption = None,
    rerank_weight: o.RerankWeightOption = None,
    rerank_samples: o.RerankSamplesOption = 1,
    encoder: o.EncoderOption = None,
    device: Annotated[
        str | None,
        typer.Option("--device", help="Where view sets are scored: cpu, cuda or auto. [cpu]"),
    ] = None,
    as_json: o.JsonOption = False,
    *,
    models: ModelOptions,
) -> None:
    """Search a gallery: a reference image, changed as the text says.

    Without a text it finds images like the reference; without a reference it finds what the
    text describes.

        stitch search photos "in red instead" -r photos/dress.jpg
    """
    with guard(as_json=as_json):
        from stitch_cir.searcher import Query, Searcher, SearchSettings

        settings = SearchSettings.from_preset(
            preset,
            **o.drop_unset(
                num_captions=num_captions,
                transition=transition,
                alpha=alpha,
                beta=beta,
                scale=scale,
                image_weight=image_weight,
                gain=gain,
                loss=loss,
                transition_options=o.plug_in_options("--transition-option", transition_option),
                hubness_weight=hubness_weight,
                hubness_neighbours=hubness_neighbours,
                negative_weight=negative_weight,
                scorer=scorer,
                tau=tau,
                epsilon=epsilon,
                scorer_options=o.plug_in_options("--scorer-option", scorer_option),
                shortlist=shortlist,
                min_score=min_score,
                include=include,
                exclude=exclude,
                where=where,
                group_by=group_by,
                group_size=group_size,
                include_reference=include_reference,
                rerank_weight=rerank_weight,
                device=device,
            ),
            k=k,
            rerank=rerank,
            measure_recall=not no_recall,
        )
        if sheet is not None:
            check_output(sheet, (*HTML_SUFFIXES, *IMAGE_SUFFIXES))
        if reranker == "chat":
            _check_reranker(rerank, rerank_model, models)
        opened = open_gallery(gallery, encoder, texts=bool(text), text=text, reference=reference)
        if sheet is not None:
            refuse_inputs(sheet, opened, reference)
        searcher = Searcher(
            opened,
            composer=chosen_composer(models, settings),
            reranker=(
                models.make_reranker(reranker, rerank_model, rerank_samples) if rerank else None
            ),
            settings=settings,
        )
        results = searcher.search(
            Query(reference, text or "", caption or (), negative or (), object or "", facet or ())
        )
        if as_json:
            emit_json(results.to_dict())
        else:
            show_results(results, console())
        if show and sheet is None:
            sheet = temporary_file("sheet.html")
        if sheet is not None:
            _save_sheet(sheet, results, opened)
            hits = "1 hit" if len(results) == 1 else f"{len(results)} hits"
            notify(f"wrote {sheet}, {hits}{warn_if_indexed(sheet, opened)}")
        if show and sheet is not None:
            open_in_browser(sheet)


@with_model_options
def explain(
    gallery: o.GalleryArgument,
    hit: Annotated[str, typer.Argument(metavar="ID", help="The image to explain.")],
    text: o.TextArgument = None,
    reference: o.ReferenceOption = None,
    caption: o.CaptionOption = None,
    num_captions: o.NumCaptionsOption = None,
    preset: o.PresetOption = "paper",
    transition: o.TransitionOption = None,
    alpha: o.AlphaOption = None,
    beta: o.BetaOption = None,
    scale: o.ScaleOption = None,
    image_weight: o.ImageWeightOption = None,
    gain: o.GainOption = None,
    loss: o.LossOption = None,
    transition_option: o.TransitionOptionOption = None,
    hubness_weight: o.HubnessOption = None,
    hubness_neighbours: o.HubnessNeighboursOption = None,
    object: o.ObjectOption = None,
    negative: o.NegativeOption = None,
    negative_weight: o.NegativeWeightOption = None,
    scorer: o.ScorerOption = None,
    tau: o.TauOption = None,
    epsilon: o.EpsilonOption = None,
    scorer_option: o.ScorerOptionOption = None,
    include_reference: o.IncludeReferenceOption = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Draw it (.png, .jpg or .webp)."),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--kind", help="What is drawn: matches, heatmap, contributions or all. [all]"),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Draw it and open the image.")] = False,
    encoder: o.EncoderOption = None,
    as_json: o.JsonOption = False,
    *,
    models: ModelOptions,
) -> None:
    """Explain one hit: which caption matched which view, as a table and as an image.

    The image (-o) shows the matched views as boxes in the colour of the caption they matched, the
    transport plan as a heat map, and each caption's contribution to the score.

        stitch explain photos gown.jpg "in red instead" -r photos/dress.jpg -o why.png
    """
    with guard(as_json=as_json):
        from stitch_cir.explain import check_kind, draw_hit
        from stitch_cir.searcher import Query, Searcher, SearchSettings

        check_kind(kind or "all")
        if output is not None:
            check_output(output, IMAGE_SUFFIXES)
        settings = SearchSettings.from_preset(
            preset,
            **o.drop_unset(
                num_captions=num_captions,
                transition=transition,
                alpha=alpha,
                beta=beta,
                scale=scale,
                image_weight=image_weight,
                gain=gain,
                loss=loss,
                transition_options=o.plug_in_options("--transition-option", transition_option),
                hubness_weight=hubness_weight,
                hubness_neighbours=hubness_neighbours,
                negative_weight=negative_weight,
                scorer=scorer,
                tau=tau,
                epsilon=epsilon,
                scorer_options=o.plug_in_options("--scorer-option", scorer_option),
                include_reference=include_reference,
            ),
        )
        opened = open_gallery(gallery, encoder, texts=bool(text), text=text, reference=reference)
        if output is not None:
            refuse_inputs(output, opened, reference)
        searcher = Searcher(opened, composer=chosen_composer(models, settings), settings=settings)
        query = Query(reference, text or "", caption or (), negative or (), object or "")
        results = searcher.explain(query, hit)
        explained = results[0]
        if as_json:
            data = results.to_dict(plans=True)
            data["matches"] = [match.to_dict() for match in explained.matches()]
            emit_json(data)
        else:
            out = console()
            out.print(printable(explained.summary()), soft_wrap=True)
            show_matches(explained, out)
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


def _check_reranker(count: int, model: str | None, models: ModelOptions) -> None:
    """Raise ``SettingError`` where a second opinion is requested of no model."""
    from stitch_cir.errors import SettingError

    if count and not (model or models.model):
        raise SettingError(
            f"--rerank {count} asks a model about the best {count} hits, and no model is named.",
            hint="Add --rerank-model NAME, with --base-url where it does not run at OpenAI.",
        )


def _save_sheet(target: Path, results: Results, gallery: Gallery) -> None:
    from stitch_cir.explain import Sheet, render_html, render_png

    reference = results.query.reference
    path = None
    if reference is not None:
        known = gallery.resolve(reference)
        path = Path(reference) if known is None else gallery.path(known)
    # a sheet is made to be sent on: it names the folder, not where it lies
    place = gallery.directory if gallery.root is None else gallery.root
    sheet = Sheet(place.resolve().name, [results], [path])
    if target.suffix.lower() in (".html", ".htm"):
        save_text(target, render_html(sheet))
    else:
        save_image(target, render_png(sheet))

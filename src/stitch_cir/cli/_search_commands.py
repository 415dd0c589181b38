"""``stitch search``, ``compose`` and ``explain``: asking a gallery."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stitch_cir.cli import _options as o
from stitch_cir.cli._exit import guard
from stitch_cir.cli._output import (
    console,
    emit_json,
    save_picture,
    save_text,
    show_composition,
    show_matches,
    show_results,
)
from stitch_cir.errors import StitchError

if TYPE_CHECKING:
    from stitch_cir.composers import Composer
    from stitch_cir.gallery import Gallery
    from stitch_cir.search import Results

__all__ = ["compose", "explain", "search"]


def search(
    gallery: o.GalleryArgument,
    text: o.TextArgument = None,
    reference: o.ReferenceOption = None,
    k: Annotated[int | None, typer.Option("-k", help="How many hits. [10]")] = None,
    caption: o.CaptionOption = None,
    composer: o.ComposerOption = None,
    recorded: o.RecordedOption = None,
    captions: o.CountOption = None,
    preset: o.PresetOption = "paper",
    transition: o.TransitionOption = None,
    alpha: o.AlphaOption = None,
    scorer: o.ScorerOption = None,
    tau: o.TauOption = None,
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
    include_reference: o.IncludeReferenceOption = False,
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", metavar="FILE", help="Save a contact sheet (.html or .png)."),
    ] = None,
    encoder: o.EncoderOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Search a gallery: a reference picture, changed as the text says.

    Without a text it finds pictures like the reference; without a reference it finds what the
    text describes.

        stitch search photos "in red instead" -r photos/dress.jpg
    """
    with guard(as_json=as_json):
        from stitch_cir.search import SearchSettings
        from stitch_cir.search import search as run

        settings = SearchSettings.from_preset(
            preset,
            **o.given(
                captions=captions,
                transition=transition,
                alpha=alpha,
                scorer=scorer,
                tau=tau,
                shortlist=shortlist,
                min_score=min_score,
                include=include,
                exclude=exclude,
                include_reference=include_reference,
            ),
            k=k,
            measure_recall=not no_recall,
        )
        opened = _open(gallery, encoder, texts=bool(text))
        results = run(
            opened,
            reference=reference,
            text=text,
            captions=caption or (),
            composer=_composer(composer, recorded),
            settings=settings,
        )
        if sheet is not None:
            _save_sheet(sheet, results, opened)
        if as_json:
            emit_json(results.to_dict())
        else:
            show_results(results, console())


def compose(
    gallery: o.GalleryArgument,
    text: o.TextArgument = None,
    reference: o.ReferenceOption = None,
    composer: o.ComposerOption = None,
    recorded: o.RecordedOption = None,
    captions: o.CountOption = None,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FILE", help="Append the composition to this JSONL file."),
    ] = None,
    encoder: o.EncoderOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Only show the target captions of a query, without searching.

    Edit them and feed them back with `stitch search … --caption "…" --caption "…"`, or save them
    with --save and search with --recorded.
    """
    with guard(as_json=as_json):
        from stitch_cir.composers import write_compositions
        from stitch_cir.search import SearchSettings
        from stitch_cir.search import compose as run

        settings = SearchSettings.from_preset(**o.given(captions=captions))
        opened = _open(gallery, encoder, texts=bool(text))
        composition = run(
            opened,
            reference=reference,
            text=text,
            composer=_composer(composer, recorded),
            settings=settings,
        )
        if save is not None:
            write_compositions(save, [(reference, composition)])
        if as_json:
            emit_json(composition.to_dict())
        else:
            show_composition(composition, console())


def explain(
    gallery: o.GalleryArgument,
    hit: Annotated[str, typer.Argument(metavar="ID", help="The image to explain.")],
    text: o.TextArgument = None,
    reference: o.ReferenceOption = None,
    caption: o.CaptionOption = None,
    composer: o.ComposerOption = None,
    recorded: o.RecordedOption = None,
    captions: o.CountOption = None,
    preset: o.PresetOption = "paper",
    transition: o.TransitionOption = None,
    alpha: o.AlphaOption = None,
    scorer: o.ScorerOption = None,
    tau: o.TauOption = None,
    include_reference: o.IncludeReferenceOption = False,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", "-o", metavar="FILE", help="Draw it (.png, .jpg or .webp)."),
    ] = None,
    encoder: o.EncoderOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Explain one image: who matched whom, as a table and as a picture.

    The picture shows the matched views as boxes in the colour of the caption they met, and the
    transport plan as a heat map.

        stitch explain photos dress7.jpg "in red instead" -r photos/dress.jpg -o why.png
    """
    with guard(as_json=as_json):
        from stitch_cir.explain import draw_hit, matches, summary
        from stitch_cir.search import SearchSettings, locate

        settings = SearchSettings.from_preset(
            preset,
            **o.given(
                captions=captions,
                transition=transition,
                alpha=alpha,
                scorer=scorer,
                tau=tau,
                include_reference=include_reference,
            ),
        )
        opened = _open(gallery, encoder, texts=bool(text))
        results = locate(
            opened,
            hit,
            reference=reference,
            text=text,
            captions=caption or (),
            composer=_composer(composer, recorded),
            settings=settings,
        )
        found = matches(results.query, results[0])
        if picture is not None:
            save_picture(picture, draw_hit(results.query, results[0]))
        if as_json:
            data = results.to_dict(plans=True)
            data["matches"] = [match.to_dict() for match in found]
            emit_json(data)
            return
        out = console()
        out.print(summary(results.query, results[0]), soft_wrap=True)
        show_matches(found, results[0], out)


def _open(place: Path, encoder: str | None, *, texts: bool) -> Gallery:
    from stitch_cir.encoders import load_encoder
    from stitch_cir.gallery import Gallery

    gallery = Gallery.open(place, encoder=None if encoder is None else load_encoder(encoder))
    warm_up = getattr(gallery.encoder, "warm_up", None)
    if texts and warm_up is not None:
        # The text model opens while the reference is read and looked at. The thread is no daemon:
        # leaving the process while a model is being opened would abort it.
        threading.Thread(target=_quietly, args=(warm_up,)).start()
    return gallery


def _quietly(warm_up: Callable[..., None]) -> None:
    """Warm up; what is wrong with a model is told where the model is used."""
    with suppress(StitchError):
        warm_up(texts=True, images=False)


def _composer(name: str | None, recorded: Path | None) -> Composer | None:
    from stitch_cir.composers import RecordedComposer, composer_by_name
    from stitch_cir.errors import SettingError

    if recorded is not None:
        if name not in (None, "recorded"):
            raise SettingError(
                f"--recorded reads captions from a file, but --composer is {name!r}.",
                hint="Give one of the two.",
            )
        return RecordedComposer(recorded)
    if name == "recorded":
        raise SettingError(
            "The composer 'recorded' needs a file.", hint="Add --recorded FILE.jsonl"
        )
    return None if name is None else composer_by_name(name)


def _save_sheet(target: Path, results: Results, gallery: Gallery) -> None:
    from stitch_cir.explain import Sheet, render_html, render_png

    reference = results.query.reference
    path = None
    if reference is not None:
        known = gallery.resolve(reference)
        path = Path(reference) if known is None else gallery.path(known)
    sheet = Sheet(f"{gallery.directory}", [results], [path])
    if target.suffix.lower() in (".html", ".htm"):
        save_text(target, render_html(sheet))
    else:
        save_picture(target, render_png(sheet))

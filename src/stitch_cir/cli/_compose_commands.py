"""``stitch compose``: the target captions of one query or of many, without searching."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stitch_cir.cli import _options as o
from stitch_cir.cli._asking import chosen_composer, open_gallery
from stitch_cir.cli._exit import EXIT_SKIPPED, guard, plain
from stitch_cir.cli._files import check_output, make_folder_of, refuse_inputs, refuse_same, say
from stitch_cir.cli._models import ModelOptions, takes_models
from stitch_cir.cli._output import console, counter, emit_json, show_composition

if TYPE_CHECKING:
    from stitch_cir.composers import Composer, Composition
    from stitch_cir.gallery import Gallery
    from stitch_cir.searcher import Composed, SearchSettings, Wish

__all__ = ["compose"]


@takes_models
def compose(
    gallery: o.GalleryArgument,
    text: o.TextArgument = None,
    reference: o.ReferenceOption = None,
    num_captions: o.NumCaptionsOption = None,
    queries: Annotated[
        Path | None,
        typer.Option(
            "--queries",
            metavar="FILE",
            help='Compose all of them: {"reference": …, "modification": …} a line.',
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how many calls and tokens it would cost.")
    ] = False,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            metavar="FILE",
            help="Append the composition to this JSONL file; with --queries, write it anew.",
        ),
    ] = None,
    preset: o.PresetOption = "paper",
    encoder: o.EncoderOption = None,
    quiet: o.QuietOption = False,
    as_json: o.JsonOption = False,
    *,
    models: ModelOptions,
) -> None:
    """Only show the target captions of a query, without searching.

    Edit them and feed them back with `stitch search … --caption "…" --caption "…"`, or save them
    with --save and search with --recorded.

    With --queries a whole file is composed, several queries at a time. Every answer of a model is
    remembered: interrupt it whenever you like, the next run goes on. --dry-run says what it costs.

        stitch compose photos --queries queries.jsonl --composer chat --model NAME --dry-run
    """
    with guard(as_json=as_json):
        from stitch_cir.errors import SettingError
        from stitch_cir.searcher import SearchSettings, Wish, read_wishes

        settings = SearchSettings.from_preset(preset, **o.drop_unset(num_captions=num_captions))
        if queries is not None and (text or reference):
            raise SettingError(
                "--queries names many queries, but one is given as well.", hint="Give one of them."
            )
        if save is not None:
            check_output(save)
            refuse_same(queries, save)
        opened = open_gallery(gallery, encoder, texts=False, text=text, reference=reference)
        if save is not None:
            refuse_inputs(save, opened, reference)
        composer = chosen_composer(models, settings)
        if dry_run:
            wishes = [Wish(reference, text or "")] if queries is None else read_wishes(queries)
            _price(opened, wishes, composer, settings, quiet=quiet, as_json=as_json)
        elif queries is not None:
            _many(
                opened,
                read_wishes(queries),
                composer,
                settings,
                save,
                models.concurrency,
                quiet=quiet,
                as_json=as_json,
            )
        else:
            _one(opened, text, reference, composer, settings, save, as_json=as_json)


def _one(
    gallery: Gallery,
    text: str | None,
    reference: str | None,
    composer: Composer | None,
    settings: SearchSettings,
    save: Path | None,
    *,
    as_json: bool,
) -> None:
    from stitch_cir.composers import write_compositions
    from stitch_cir.searcher import compose as run

    composition = run(gallery, reference=reference, text=text, composer=composer, settings=settings)
    if save is not None:
        make_folder_of(save)
        write_compositions(save, [(reference, composition)])
    notes = tuple(dict.fromkeys((*composition.notes, *gallery.notes)))
    if as_json:
        emit_json({**composition.to_dict(), "notes": list(notes)})
    else:
        _show(replace(composition, notes=notes), composer)
    if save is not None:
        say(f"appended to {save}: 1 composition")


def _show(composition: Composition, composer: Composer | None) -> None:
    from stitch_cir.composers import model_usage

    out = console()
    show_composition(composition, out)
    used = model_usage(composer)
    if used is not None:
        out.print(str(used), style="dim", soft_wrap=True)


def _price(
    gallery: Gallery,
    wishes: list[Wish],
    composer: Composer | None,
    settings: SearchSettings,
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    from stitch_cir.composers import VerbatimComposer
    from stitch_cir.searcher import estimate_many

    asked = composer or VerbatimComposer()
    with counter("pricing", quiet=quiet or as_json) as tell:
        total, failed = estimate_many(gallery, wishes, asked, settings.num_captions, progress=tell)
    if as_json:
        emit_json({"estimate": total.to_dict(), "failed": [_failure(one) for one in failed]})
    else:
        out = console()
        for one in failed:
            out.print(f"cannot be composed: {_told(one)}", soft_wrap=True)
        out.print(str(total), soft_wrap=True)
    if failed:
        raise typer.Exit(EXIT_SKIPPED)


def _many(
    gallery: Gallery,
    wishes: list[Wish],
    composer: Composer | None,
    settings: SearchSettings,
    save: Path | None,
    concurrency: int,
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    from stitch_cir.composers import VerbatimComposer, model_usage, write_compositions
    from stitch_cir.searcher import compose_many

    asked = composer or VerbatimComposer()
    made: list[tuple[str | None, Composition]] = []
    failed: list[Composed] = []
    with counter("composing", quiet=quiet or as_json) as tell:
        stream = compose_many(
            gallery, wishes, asked, settings.num_captions, concurrency=concurrency, progress=tell
        )
        for one in stream:
            if one.composition is None:
                failed.append(one)
            else:
                made.append((one.wish.reference, one.composition))
    if save is not None:
        make_folder_of(save)
        # written at the end: an interruption leaves an older file as it was
        write_compositions(save, made, append=False)
    used = model_usage(asked)
    filled = sum(any("verbatim composer" in note for note in c.notes) for _, c in made)
    if as_json:
        emit_json(
            {
                "compositions": [{"reference": r, **c.to_dict()} for r, c in made],
                "failed": [_failure(one) for one in failed],
                "usage": None if used is None else used.to_dict(),
            }
        )
    else:
        out = console()
        for one in failed:
            out.print(f"not composed: {_told(one)}", soft_wrap=True)
        line = f"{len(made)} of {len(wishes)} queries composed"
        if used is not None:
            line += f", {filled} of them helped by the verbatim composer; {used}"
        out.print(line, soft_wrap=True)
        for note, count in Counter(note for _, c in made for note in c.notes).items():
            out.print(f"note ({count:,} of {len(made):,}): {plain(note)}", soft_wrap=True)
        if save is None:
            out.print("nothing was saved: add --save FILE to search with --recorded FILE")
    if save is not None:
        say(f"wrote {save}, {len(made)} compositions")
    if failed:
        raise typer.Exit(EXIT_SKIPPED)


def _told(one: Composed) -> str:
    name = one.wish.id if one.wish.id is not None else one.wish.reference
    return plain(f"{name}, {one.wish.modification[:60]!r}: {one.error}")


def _failure(one: Composed) -> dict[str, object]:
    return {
        "id": one.wish.id,
        "reference": one.wish.reference,
        "modification": one.wish.modification,
        "error": str(one.error),
    }

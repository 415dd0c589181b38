"""``stitch compose``: the target captions of one query or of many, without searching."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stitch_cir._hints import counted
from stitch_cir.cli import _options as o
from stitch_cir.cli._exit import EXIT_SKIPPED, guard, printable
from stitch_cir.cli._files import check_output, make_folder_of, notify, refuse_inputs, refuse_same
from stitch_cir.cli._models import ModelOptions
from stitch_cir.cli._open import chosen_composer
from stitch_cir.cli._output import console, emit_json, show_composition
from stitch_cir.cli._progress import counter
from stitch_cir.cli._setting_options import COMPOSING, SettingOptions, with_options

if TYPE_CHECKING:
    from stitch_cir.chat import Estimate
    from stitch_cir.composers import Composer, Composition
    from stitch_cir.searcher import ComposeOutcome, ComposeRequest, Searcher

__all__ = ["compose"]


@dataclass(frozen=True)
class ManyOptions:
    """Many queries at once, and what becomes of the answer."""

    queries: Annotated[
        Path | None,
        typer.Option(
            "--queries",
            metavar="FILE",
            help='Compose all of them: {"reference": …, "modification": …} a line.',
        ),
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only estimate calls and tokens; compose nothing.")
    ] = False
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            metavar="FILE",
            help="Append the composition to this JSONL file; with --queries, overwrite it.",
        ),
    ] = None


@with_options
def compose(
    gallery: o.GalleryArgument,
    query: o.ModificationOptions,
    many: ManyOptions,
    encoder: o.EncoderOption = None,
    *,
    answer: o.AnswerOptions,
    settings: Annotated[SettingOptions, COMPOSING],
    models: ModelOptions,
) -> None:
    """Only show the target captions of a query, without searching.

    Edit them and feed them back with `stitch search … --caption "…" --caption "…"`, or save them
    with --save and search with --recorded.

    With --queries a whole file is composed, several queries at a time. Every answer of a model is
    remembered: interrupt it whenever you like, the next run goes on. --dry-run says what it costs.

        stitch compose photos --queries queries.jsonl --composer chat --model NAME --dry-run
    """
    with guard(as_json=answer.as_json):
        from stitch_cir.errors import SettingError
        from stitch_cir.searcher import ComposeRequest, Searcher, read_requests

        chosen = settings.build()
        queries, save, as_json = many.queries, many.save, answer.as_json
        text, reference = query.text, query.reference
        if queries is not None and (text or reference or query.object or query.turn):
            raise SettingError(
                "--queries names many queries, but one is given as well.", hint="Give one of them."
            )
        if save is not None:
            check_output(save)
            refuse_same(queries, save)
        opened = query.open(gallery, encoder, texts=False)
        if save is not None:
            refuse_inputs(save, opened, reference)
        searcher = Searcher(opened, composer=chosen_composer(models, chosen), settings=chosen)
        request = ComposeRequest(
            query.weighted_references(),
            text or "",
            object=query.object or "",
            turns=query.turn or (),
        )
        counting = counter(
            "pricing" if many.dry_run else "composing",
            quiet=answer.quiet or as_json or queries is None,
        )
        if many.dry_run:
            requests = [request] if queries is None else read_requests(queries)
            with counting as progress:
                estimate, failed = searcher.estimate_cost(requests, progress=progress)
            _show_estimate(estimate, failed, as_json=as_json)
        elif queries is not None:
            requests = read_requests(queries)
            with counting as progress:
                outcomes = list(
                    searcher.compose_many(
                        requests, concurrency=models.concurrency, progress=progress
                    )
                )
            _show_outcomes(outcomes, searcher.composer, save, as_json=as_json)
        else:
            _show_one(request, searcher, save, as_json=as_json)


def _show_one(
    request: ComposeRequest, searcher: Searcher, save: Path | None, *, as_json: bool
) -> None:
    from stitch_cir.composers import write_compositions

    composition = searcher.compose(request.query())
    if save is not None:
        make_folder_of(save)
        write_compositions(save, [(request.name, composition)])
    notes = tuple(dict.fromkeys((*composition.notes, *searcher.gallery.notes)))
    if as_json:
        emit_json({**composition.to_dict(), "notes": list(notes)})
    else:
        _show(replace(composition, notes=notes), searcher.composer)
    if save is not None:
        notify(f"appended to {save}: 1 composition")


def _show(composition: Composition, composer: Composer) -> None:
    from stitch_cir.composers import model_usage

    out = console()
    show_composition(composition, out)
    used = model_usage(composer)
    if used is not None:
        out.print(str(used), style="dim", soft_wrap=True)


def _show_estimate(estimate: Estimate, failed: list[ComposeOutcome], *, as_json: bool) -> None:
    if as_json:
        emit_json({"estimate": estimate.to_dict(), "failed": list(map(_failure, failed))})
    else:
        out = console()
        for outcome in failed:
            out.print(f"cannot be composed: {_reason(outcome)}", soft_wrap=True)
        out.print(str(estimate), soft_wrap=True)
    if failed:
        raise typer.Exit(EXIT_SKIPPED)


def _show_outcomes(
    outcomes: list[ComposeOutcome], composer: Composer, save: Path | None, *, as_json: bool
) -> None:
    from stitch_cir.composers import model_usage, write_compositions

    made: list[tuple[str | None, Composition]] = []
    failed: list[ComposeOutcome] = []
    for outcome in outcomes:
        if outcome.composition is None:
            failed.append(outcome)
        else:
            made.append((outcome.request.name, outcome.composition))
    if save is not None:
        make_folder_of(save)
        # written at the end: an interruption leaves an older file as it was
        write_compositions(save, made, append=False)
    usage = model_usage(composer)
    if as_json:
        emit_json(
            {
                "compositions": [{"reference": r, **c.to_dict()} for r, c in made],
                "failed": list(map(_failure, failed)),
                "usage": None if usage is None else usage.to_dict(),
            }
        )
    else:
        out = console()
        for outcome in failed:
            out.print(f"not composed: {_reason(outcome)}", soft_wrap=True)
        line = f"{len(made)} of {counted(len(outcomes), 'query')} composed"
        if usage is not None:
            helped = sum(any("verbatim composer" in note for note in c.notes) for _, c in made)
            line += f", {helped} of them helped by the verbatim composer; {usage}"
        out.print(line, soft_wrap=True)
        for note, count in Counter(note for _, c in made for note in c.notes).items():
            out.print(f"note ({count:,} of {len(made):,}): {printable(note)}", soft_wrap=True)
        if save is None:
            out.print("nothing was saved: add --save FILE to search with --recorded FILE")
    if save is not None:
        notify(f"wrote {save}, {len(made)} compositions")
    if failed:
        raise typer.Exit(EXIT_SKIPPED)


def _reason(outcome: ComposeOutcome) -> str:
    request = outcome.request
    name = request.id if request.id is not None else request.name
    return printable(f"{name}, {request.modification[:60]!r}: {outcome.error}")


def _failure(outcome: ComposeOutcome) -> dict[str, object]:
    return {
        "id": outcome.request.id,
        "reference": outcome.request.name,
        "modification": outcome.request.modification,
        "error": str(outcome.error),
    }

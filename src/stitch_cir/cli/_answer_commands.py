"""``stitch answers``, ``prompts`` and ``convert``: what models said and were asked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stitch_cir.cli import _options as o
from stitch_cir.cli._command import Application
from stitch_cir.cli._exit import guard, printable
from stitch_cir.cli._files import check_output, make_folder_of, refuse_same, save_text
from stitch_cir.cli._output import console, emit_json

__all__ = ["answers", "convert", "prompts"]

CacheOption = Annotated[
    Path | None,
    typer.Option(
        "--cache", metavar="FILE", envvar="STITCH_CACHE", help="The cache. [the user's own]"
    ),
]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE")]

answers = Application(
    help="Cached answers of models: show, export, import, delete.",
    no_args_is_help=True,
)


@answers.command("info")
def info(cache: CacheOption = None, as_json: o.JsonOption = False) -> None:
    """Show what is remembered, by model."""
    with guard(as_json=as_json):
        from stitch_cir.chat import AnswerCache, default_cache

        data = AnswerCache(cache or default_cache()).summary()
        if as_json:
            emit_json(data)
            return
        out = console()
        out.print(printable(data["file"]), soft_wrap=True)
        for model, counts in data["models"].items():
            totals = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in counts.items())
            out.print(f"  {printable(model)}: {totals}", soft_wrap=True)
        if not data["models"]:
            out.print("  no answers yet")


@answers.command("export")
def export(file: FileArgument, cache: CacheOption = None, as_json: o.JsonOption = False) -> None:
    """Write all answers to a JSONL file that a colleague can import."""
    with guard(as_json=as_json):
        from stitch_cir.chat import AnswerCache, default_cache, export_answers

        remembered = cache or default_cache()
        check_output(file)
        refuse_same(remembered, file)
        make_folder_of(file)
        manifest = export_answers(AnswerCache(remembered), file)
        if as_json:
            emit_json(manifest)
        else:
            console().print(
                f"{manifest['answers']:,} answers to {manifest['requests']:,} requests of "
                f"{printable(', '.join(manifest['models']) or 'no model')} written to "
                f"{printable(str(file))} (sha256 {manifest['sha256'][:12]}…)",
                soft_wrap=True,
            )


@answers.command("import")
def take(file: FileArgument, cache: CacheOption = None, as_json: o.JsonOption = False) -> None:
    """Take over exported answers; with --offline a search then asks no model."""
    with guard(as_json=as_json):
        from stitch_cir.chat import AnswerCache, default_cache, import_answers

        report = import_answers(AnswerCache(cache or default_cache()), file)
        if as_json:
            emit_json(report.to_dict())
            return
        line = f"{report.added:,} of {report.read:,} answers are new"
        if report.differing:
            line += f"; {report.differing:,} differ from those here, which stay"
        console().print(line, soft_wrap=True)


@answers.command("forget")
def forget(
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="Only answers of this model.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Good answers too, not only those that are unusable.")
    ] = False,
    cache: CacheOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Forget remembered answers, so that the model is asked again.

    Without options: those that hold no answer (empty, declined, cut off while thinking). A search
    asks for these again by itself; forgetting also takes them out of exports and --offline.

        stitch answers forget --model NAME --all
    """
    with guard(as_json=as_json):
        from stitch_cir.chat import AnswerCache, default_cache, forget_answers

        report = forget_answers(
            AnswerCache(cache or default_cache()), model=model, everything=everything
        )
        if as_json:
            emit_json(report.to_dict())
        else:
            kind = "answers" if everything else "unusable answers"
            console().print(
                f"{report.forgotten:,} {kind} forgotten, {report.kept:,} answers kept",
                soft_wrap=True,
            )


def prompts(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Show this prompt's wording.")
    ] = None,
    as_json: o.JsonOption = False,
) -> None:
    """List the shipped prompts, or show the wording of one."""
    with guard(as_json=as_json):
        from stitch_cir.chat import load_prompt, prompt_names

        if name is None:
            all_prompts = [load_prompt(name) for name in prompt_names()]
            data = [
                {"name": p.name, "kind": p.kind, "about": p.about, "sha256": p.digest}
                for p in all_prompts
            ]
            if as_json:
                emit_json(data)
                return
            out = console()
            for each in all_prompts:
                out.print(f"{each.name:<14} {each.kind:<12} {each.about}", soft_wrap=True)
            return
        prompt = load_prompt(name)
        shown = prompt.preview()
        if as_json:
            emit_json({"name": prompt.name, "kind": prompt.kind, "messages": shown})
            return
        out = console()
        for message in shown:
            out.print(f"[{message['role']}]", style="bold")
            out.print(message["text"], soft_wrap=True)


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Recorded compositions.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help=".jsonl: ours; .json: LDRE's.")],
) -> None:
    """Convert recorded compositions between our JSONL and the form LDRE and SEIZE publish."""
    with guard():
        from stitch_cir.composers import RecordedComposer, write_compositions
        from stitch_cir.composers import published_text as as_published

        check_output(target, (".jsonl", ".json"))
        refuse_same(source, target)
        recorded = list(RecordedComposer(source).records())
        if target.suffix == ".jsonl":
            make_folder_of(target)
            count = write_compositions(target, [(r, c) for r, _, c in recorded], append=False)
        else:
            save_text(target, as_published(recorded))
            count = len(recorded)
        console().print(
            f"{count:,} compositions written to {printable(str(target))}", soft_wrap=True
        )

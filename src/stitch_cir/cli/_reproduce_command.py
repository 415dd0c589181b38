"""``stitch bench reproduce``: from data to report in one command, expected figures beside."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stitch_cir._hints import counted
from stitch_cir.cli import _options as o
from stitch_cir.cli._exit import guard, printable
from stitch_cir.cli._methods import models_of
from stitch_cir.cli._models import ModelOptions
from stitch_cir.cli._open import chosen_composer
from stitch_cir.cli._output import console, emit_json
from stitch_cir.cli._progress import counter, progress_bar
from stitch_cir.cli._reproduce_output import show_figures, show_list
from stitch_cir.cli._setting_options import with_options
from stitch_cir.errors import StitchError

if TYPE_CHECKING:
    from stitch_cir.benchmarks import Reproduction, Run
    from stitch_cir.benchmarks.report import Report
    from stitch_cir.composers import Composer
    from stitch_cir.datasets import Benchmark
    from stitch_cir.encoders import DualEncoder
    from stitch_cir.searcher import SearchSettings

__all__ = ["reproduce"]


@dataclass(frozen=True)
class ReproductionOptions:
    """What is reproduced, from what, and where it is kept."""

    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="METHOD-DATASET such as stitch-cirr, PRESET-DATASET, or DATASET for this "
            "project's run; without one, all are listed with their figures.",
        ),
    ] = None
    root: Annotated[
        Path, typer.Option("--root", metavar="DIR", help="The data set's folder, or that above it.")
    ] = Path("data")
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="RUN", help="The run. [runs/NAME]")
    ] = None
    split: Annotated[
        str | None, typer.Option("--split", help="Split. [the one with known figures]")
    ] = None
    sample: Annotated[
        int | None, typer.Option("--sample", metavar="N", help="Only N queries, for a trial.")
    ] = None
    encoder: Annotated[
        str | None, typer.Option("--encoder", help="Other weights than the figures'.")
    ] = None
    device: Annotated[
        str | None, typer.Option("--device", envvar="STITCH_DEVICE", help="cpu or cuda.")
    ] = None
    sweeps: Annotated[
        bool, typer.Option("--sweeps/--no-sweeps", help="Rank with other α and τ too.")
    ] = False
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Send the requests to the model, at that price.")
    ] = False


@dataclass
class _Steps:
    """What is there and what is missing, said as it is found out."""

    quiet: bool
    done: list[dict[str, Any]] = field(default_factory=list)

    def report(self, step: str, detail: str, *, missing: bool = False, hint: str = "") -> None:
        entry = {"step": step, "ok": not missing, "detail": detail}
        self.done.append({**entry, "hint": hint} if hint else entry)
        if not self.quiet:
            mark = "MISSING" if missing else "ok     "
            console().print(f"{mark} {step:<7} {printable(detail)}", soft_wrap=True)
            if hint:
                console().print(f"                {printable(hint)}", soft_wrap=True)

    @property
    def missing(self) -> bool:
        return any(not entry["ok"] for entry in self.done)


@with_options
def reproduce(work: ReproductionOptions, answer: o.AnswerOptions, models: ModelOptions) -> None:
    """Reproduce figures: check data, weights and model, price, run, report, expected beside.

    Whatever is missing is said together, with where it is expected. The same command resumes.

        stitch bench reproduce cirr-captions --root data
        stitch bench reproduce stitch-cirr --root data --model Qwen/Qwen2-VL-7B-Instruct --yes
    """
    with guard(as_json=answer.as_json):
        from stitch_cir.benchmarks import (
            RunOptions,
            reproduction,
            reproductions,
            run_benchmark,
        )

        if work.name is None:
            show_list([reproduction(name) for name in reproductions()], as_json=answer.as_json)
            return
        plan = reproduction(work.name, split=work.split, encoder=work.encoder)
        steps = _Steps(answer.quiet or answer.as_json)
        data = _data(plan, work, steps)
        encoder = _weights(plan, work, steps)
        composer = _model(plan, models, steps)
        out = work.out or Path("runs") / plan.name
        if data is not None and encoder is not None and composer is not None:
            _price(data, encoder, composer, plan.settings, out, steps, yes=work.yes)
        if data is None or encoder is None or composer is None or steps.missing:
            if answer.as_json:
                emit_json({"name": plan.name, "steps": steps.done})
            raise typer.Exit(3)
        options = RunOptions(
            recipe=plan.recipe,
            sweeps=work.sweeps,
            concurrency=models.concurrency,
            method=None if plan.method is None else plan.method.facts(plan.settings),
        )
        with progress_bar(quiet=steps.quiet) as follow:
            run = run_benchmark(
                data,
                out,
                encoder=encoder,
                composer=composer,
                settings=plan.settings,
                options=options,
                progress=follow,
            )
        steps.report("run", str(out))
        _report(run, out, steps)
        if not run.main.headline:
            _submission(data, out, steps)
        show_figures(plan, run, steps.done, as_json=answer.as_json)


def _data(plan: Reproduction, work: ReproductionOptions, steps: _Steps) -> Benchmark | None:
    """Read the data set; say which of its files are missing, and where they are expected."""
    from stitch_cir.benchmarks import missing_files, sample
    from stitch_cir.datasets import load_benchmark, load_dataset

    try:
        missing = missing_files(plan, work.root)
        for entry in missing:
            steps.report("data", f"{entry.what}: expected at {entry.path}", missing=True)
        if missing:
            source = load_dataset(plan.dataset).source
            parts = f"{counted(len(missing), 'part')} of {plan.dataset}"
            steps.report("data", parts, missing=True, hint=source)
            return None
        data = load_benchmark(plan.dataset, work.root, plan.split)
        if work.sample is not None:
            data = sample(data, work.sample)
    except StitchError as error:
        steps.report("data", error.message, missing=True, hint=error.hint)
        return None
    steps.report("data", f"{data.root}, {plan.split}: {counted(len(data.queries), 'query')}")
    return data


def _weights(plan: Reproduction, work: ReproductionOptions, steps: _Steps) -> DualEncoder | None:
    """Load the encoder, or say how to get its weights."""
    from stitch_cir.encoders import load_encoder

    try:
        encoder = load_encoder(plan.encoder, device=work.device)
    except StitchError as error:
        steps.report("weights", f"{plan.encoder}: {error.message}", missing=True, hint=error.hint)
        return None
    steps.report("weights", f"{encoder.name} ({encoder.weights_tag})")
    return encoder


def _model(plan: Reproduction, models: ModelOptions, steps: _Steps) -> Composer | None:
    """Make the composer, or say which language model is expected."""
    from stitch_cir.composers import VerbatimComposer

    if not plan.by_rules and not (models.model or models.recorded or models.composer):
        of_figures = f"; the figures are of {plan.model}" if plan.model else ""
        steps.report(
            "model",
            f"no language model is named{of_figures}",
            missing=True,
            hint=f"Name one (--model {plan.model or 'NAME'} --base-url URL), or captions that "
            "were recorded (--recorded FILE).",
        )
        return None
    try:
        chosen = models
        if not plan.by_rules and plan.method is not None:
            chosen = models_of(plan.method, models)
        if chosen.composer is None and chosen.recorded is None:
            chosen = replace(chosen, composer=plan.composer)
        composer = chosen_composer(chosen, plan.settings) or VerbatimComposer()
    except StitchError as error:
        steps.report("model", error.message, missing=True, hint=error.hint)
        return None
    model = composer.settings().get("model")
    steps.report("model", f"{composer.name}, {model}" if model else f"{composer.name}, no LLM")
    return composer


def _price(
    data: Benchmark,
    encoder: DualEncoder,
    composer: Composer,
    settings: SearchSettings,
    out: Path,
    steps: _Steps,
    *,
    yes: bool,
) -> None:
    """Report what composing costs; without ``yes``, nothing is requested from a model."""
    from stitch_cir.benchmarks import composed_queries, estimate_benchmark_cost

    cost, notes = estimate_benchmark_cost(
        data,
        encoder=encoder,
        composer=composer,
        count=settings.num_captions,
        composed=composed_queries(out),
    )
    unpaid = cost.requests > 0 and not yes
    hint = "The same command with --yes sends these requests." if unpaid else ""
    price = str(cost) if cost.answers or cost.cached else "nothing: no model is asked"
    steps.report("price", "; ".join((price, *notes)), missing=unpaid, hint=hint)


def _report(run: Run, out: Path, steps: _Steps) -> None:
    """Write the report; without matplotlib, say so: figures are shown in any case."""
    from stitch_cir.benchmarks.report import write_report

    folder = out.with_name(out.resolve().name + "-report")
    try:
        with counter("thumbnails", quiet=steps.quiet) as tell:
            written: Report = write_report([run.folder], folder, progress=tell)
    except StitchError as error:
        steps.report("report", error.message, missing=True, hint=error.hint)
        return
    steps.report("report", str(written.folder / "index.html"))


def _submission(data: Benchmark, out: Path, steps: _Steps) -> None:
    """Write what the data set's server accepts, where its answers are not public."""
    from stitch_cir.benchmarks import read_predictions, write_submission

    try:
        files = write_submission(
            data, read_predictions(data, [out]), out.with_name(f"{out.name}-submission")
        )
    except StitchError as error:
        steps.report("submit", error.message, missing=True, hint=error.hint)
        return
    steps.report("submit", ", ".join(map(str, files)))

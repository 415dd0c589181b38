"""``stitch bench run``: the method on a benchmark, with its controls, into a folder."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stitch_cir.cli import _options as o
from stitch_cir.cli._bench_commands import (
    DatasetArgument,
    RootOption,
    SplitOption,
    SubsetFileOption,
    SubsetOption,
)
from stitch_cir.cli._bench_config import apply_config
from stitch_cir.cli._bench_methods import estimate_methods, named_methods, show_methods
from stitch_cir.cli._exit import guard, printable
from stitch_cir.cli._models import ModelOptions
from stitch_cir.cli._open import chosen_composed, chosen_composer
from stitch_cir.cli._output import console, emit_json
from stitch_cir.cli._progress import progress_bar
from stitch_cir.cli._setting_options import RUNNING, SettingOptions, with_options

if TYPE_CHECKING:
    from stitch_cir.benchmarks import Run, VariantResult

__all__ = ["run"]


@dataclass(frozen=True)
class DataOptions:
    """The data set."""

    dataset: DatasetArgument
    root: RootOption
    split: SplitOption = None
    subset: SubsetOption = None
    subset_file: SubsetFileOption = None


@dataclass(frozen=True)
class WorkOptions:
    """What is run, and where it is kept."""

    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="RUN", help="Folder of the run; resumed there.")
    ]
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            metavar="NAMES",
            help="Published methods, each into a folder of RUN: stitch,cirevl,ldre,seize,osrcir,"
            "pdv,weimocir,basic,mulvec,sdr-cir,sum. [none: the settings and composer below]",
        ),
    ] = None
    sample: Annotated[
        int | None, typer.Option("--sample", metavar="N", help="Only N queries, drawn by a seed.")
    ] = None
    sample_seed: Annotated[int, typer.Option("--sample-seed", help="Seed of --sample.")] = 0
    controls: Annotated[
        bool, typer.Option("--controls/--no-controls", help="Rank by the controls too.")
    ] = True
    sweeps: Annotated[
        bool, typer.Option("--sweeps/--no-sweeps", help="Rank with other α and τ too.")
    ] = True
    depth: Annotated[int, typer.Option("--depth", help="Images kept of every ranking.")] = 50
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            callback=apply_config,
            is_eager=True,
            help="Options that are not written here, from a file in the form of a run's manifest.",
        ),
    ] = None
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Only encode and compose part I of N; the last part to finish runs the rest.",
        ),
    ] = None
    galleries: Annotated[
        Path | None,
        typer.Option(
            "--galleries",
            metavar="DIR",
            help="Where indexed images are kept, to share them between runs. [RUN/galleries]",
        ),
    ] = None
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Only estimate the calls and tokens that composing costs; no image is opened.",
        ),
    ] = False


@dataclass(frozen=True)
class ViewOptions:
    """How images are cut into views."""

    views: Annotated[int, typer.Option("--views", help="Views an image (M).")] = 10
    view_kind: Annotated[
        str, typer.Option("--view-kind", help="grid, random (seeded) or dense.")
    ] = "grid"
    view_seed: Annotated[int, typer.Option("--view-seed", help="Seed of random views.")] = 0


@dataclass(frozen=True)
class EncoderOptions:
    """What makes the vectors."""

    encoder: o.EncoderOption = None
    device: Annotated[
        str | None, typer.Option("--device", envvar="STITCH_DEVICE", help="cpu or cuda.")
    ] = None
    precision: Annotated[
        str | None, typer.Option("--precision", help="fp32 or bf16 (torch models). [fp32]")
    ] = None
    composed: o.ComposedOption = None


@with_options
def run(
    data: DataOptions,
    work: WorkOptions,
    views: ViewOptions,
    encoder: EncoderOptions,
    settings: Annotated[SettingOptions, RUNNING],
    answer: o.AnswerOptions,
    models: ModelOptions,
) -> None:
    """Run the method on a benchmark: index, compose, search, score; controls and sweeps too.

    The folder RUN then holds predictions and figures of every way of searching, beside a manifest
    of everything that shaped them. Interrupt it whenever you like: the same command resumes it.

        stitch bench run cirr --root data --encoder ViT-L-14 --out runs/cirr-l14
        stitch bench run --config runs/cirr-l14/manifest.json --out runs/again
    """
    with guard(as_json=answer.as_json):
        from stitch_cir.benchmarks import (
            RunOptions,
            Shard,
            composed_queries,
            estimate_benchmark_cost,
            run_benchmark,
            run_methods,
            run_shard,
        )
        from stitch_cir.benchmarks import sample as draw
        from stitch_cir.composers import VerbatimComposer
        from stitch_cir.datasets import clean_subset, load_benchmark
        from stitch_cir.encoders import load_encoder
        from stitch_cir.views import ViewRecipe

        ways = named_methods(work.method, settings, models, shard=work.shard)
        chosen = settings.build(ways[0].method if ways else None)
        benchmark = load_benchmark(data.dataset, data.root, data.split)
        if data.subset is not None:
            benchmark = clean_subset(benchmark, data.subset, data.subset_file)
        if work.sample is not None:
            benchmark = draw(benchmark, work.sample, work.sample_seed)
        recipe = ViewRecipe(kind=views.view_kind, count=views.views, seed=views.view_seed)  # type: ignore[arg-type]
        model = load_encoder(
            encoder.encoder or "mini", device=encoder.device, precision=encoder.precision
        )
        composer = ways[0].composer if ways else chosen_composer(models, chosen)
        if work.dry_run:
            with progress_bar(quiet=answer.quiet or answer.as_json) as follow:
                cost, notes = (
                    estimate_methods(benchmark, ways, model, follow)
                    if ways
                    else estimate_benchmark_cost(
                        benchmark,
                        encoder=model,
                        composer=composer or VerbatimComposer(),
                        count=chosen.num_captions,
                        composed=composed_queries(work.out),
                        progress=follow,
                    )
                )
            if answer.as_json:
                emit_json({"estimate": cost.to_dict(), "notes": list(notes)})
            else:
                console().print(str(cost), soft_wrap=True)
                for note in notes:
                    console().print(f"note: {printable(note)}", soft_wrap=True)
            return
        options = RunOptions(
            recipe,
            work.controls,
            work.sweeps,
            work.depth,
            work.galleries,
            models.concurrency,
            chosen_composed(encoder.composed, chosen, model),
            None if work.shard is None else Shard.parse(work.shard),
            _invocation(encoder, models, model.name),
        )
        with progress_bar(quiet=answer.quiet or answer.as_json) as follow:
            if work.shard is not None:
                missing = run_shard(
                    benchmark,
                    work.out,
                    encoder=model,
                    composer=composer,
                    settings=chosen,
                    options=options,
                    progress=follow,
                )
                if missing:
                    _show_missing(work.shard, missing, as_json=answer.as_json)
                    return
            if ways:
                runs = run_methods(
                    benchmark, work.out, ways, encoder=model, options=options, progress=follow
                )
            else:
                finished = run_benchmark(
                    benchmark,
                    work.out,
                    encoder=model,
                    composer=composer,
                    settings=chosen,
                    options=options,
                    progress=follow,
                )
        if ways:
            show_methods(runs, as_json=answer.as_json)
            return
        if answer.as_json:
            figures = {variant.name: dict(variant.headline) for variant in _shown(finished)}
            gaps = {name: asdict(gap) for name, gap in finished.composition_gap().items()}
            facts = {"run": str(finished.folder), "counts": finished.manifest["counts"]}
            emit_json({**facts, "variants": figures, "composition_gap": gaps})
        else:
            _show(finished)


def _invocation(encoder: EncoderOptions, models: ModelOptions, name: str) -> dict[str, Any]:
    """Return what a manifest does not record otherwise, for another run by ``--config``."""
    values = {
        "encoder": encoder.encoder if encoder.encoder != name else None,
        "composed": encoder.composed,
        "device": encoder.device,
        "precision": encoder.precision,
        "recorded": None if models.recorded is None else str(models.recorded.resolve()),
        "base_url": models.base_url,
    }
    # an address may hold a password or a key
    secret = [option for option, value in values.items() if re.search(r"://.*[@?]", value or "")]
    return {
        option: value
        for option, value in values.items()
        if value is not None and option not in secret
    }


def _show_missing(shard: str, missing: list[int], *, as_json: bool) -> None:
    count = shard.split("/")[1]
    if as_json:
        emit_json({"shard": shard, "missing": missing})
        return
    listed = ", ".join(f"{number}/{count}" for number in missing)
    console().print(
        f"Shard {shard} is done. The run follows with the last one: {listed} to go.",
        soft_wrap=True,
    )


def _shown(finished: Run) -> list[VariantResult]:
    return [variant for variant in finished.variants.values() if variant.role != "sweep"]


def _show(finished: Run) -> None:
    out = console()
    manifest = finished.manifest
    out.print(f"{printable(manifest['benchmark']['protocol'])}", soft_wrap=True)
    counts = {name: count for name, count in manifest["counts"].items() if count}
    counted = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items())
    out.print(counted, soft_wrap=True, style="dim")
    if finished.main.headline:
        _show_figures(finished)
    for note in dict.fromkeys((*manifest["notes"], *finished.main.notes)):
        out.print(f"note: {printable(note)}", soft_wrap=True)
    out.print(f"Report: stitch bench report {printable(str(finished.folder))}", soft_wrap=True)


def _show_figures(finished: Run) -> None:
    """Print a line for each way of searching; a terminal that is too narrow wraps lines only."""
    from rich.text import Text

    out = console()
    metrics = list(finished.main.headline)
    gaps = finished.composition_gap()
    lines = {
        variant.label: [f"{variant.headline[name]:.2f}" for name in metrics]
        for variant in _shown(finished)
    }
    best = []
    for number, name in enumerate(metrics):
        choose = min if name in finished.lower_is_better else max
        best.append(choose((line[number] for line in lines.values()), key=float))
    gap = "composition gap"
    of_gap = [f"{gaps[name].mean:.2f}" if name in gaps else "–" for name in metrics]
    width = max(map(len, (*lines, gap)))
    for label, line in {"": metrics, **lines, gap: of_gap}.items():
        text = Text(label.ljust(width), style="dim" if label == gap else "")
        for number, cell in enumerate(line):
            room = max(6, len(metrics[number]))
            alike = len({other[number] for other in lines.values()}) < 2
            is_best = label not in ("", gap) and cell == best[number] and not alike
            text.append("  " + cell.rjust(room), style="bold" if is_best or not label else "")
        out.print(text, soft_wrap=True)
    for name, span in list(gaps.items())[:1]:
        out.print(
            f"composition gap: the share of a figure that neither part of the query reaches alone; "
            f"{name} {span.mean:.2f} % [{span.low:.2f}, {span.high:.2f}]",
            soft_wrap=True,
        )

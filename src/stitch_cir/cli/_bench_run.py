"""``stitch bench run``: the method on a benchmark, with its controls, into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stitch_cir.cli import _options as o
from stitch_cir.cli._bench_commands import DatasetArgument, RootOption, SplitOption
from stitch_cir.cli._exit import guard, printable
from stitch_cir.cli._models import ModelOptions, with_model_options
from stitch_cir.cli._open import chosen_composer
from stitch_cir.cli._output import console, emit_json, progress_bar

if TYPE_CHECKING:
    from stitch_cir.benchmarks import Run, VariantResult

__all__ = ["run"]


@with_model_options
def run(
    dataset: DatasetArgument,
    root: RootOption,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="RUN", help="Folder of the run; resumed there.")
    ],
    split: SplitOption = None,
    encoder: o.EncoderOption = None,
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
    scorer: o.ScorerOption = None,
    tau: o.TauOption = None,
    epsilon: o.EpsilonOption = None,
    scorer_option: o.ScorerOptionOption = None,
    views: Annotated[int, typer.Option("--views", help="Views an image (M).")] = 10,
    view_kind: Annotated[
        str, typer.Option("--view-kind", help="grid, random (seeded) or dense.")
    ] = "grid",
    view_seed: Annotated[int, typer.Option("--view-seed", help="Seed of random views.")] = 0,
    sample: Annotated[
        int | None, typer.Option("--sample", metavar="N", help="Only N queries, drawn by a seed.")
    ] = None,
    sample_seed: Annotated[int, typer.Option("--sample-seed", help="Seed of --sample.")] = 0,
    controls: Annotated[
        bool, typer.Option("--controls/--no-controls", help="Rank by the controls too.")
    ] = True,
    sweeps: Annotated[
        bool, typer.Option("--sweeps/--no-sweeps", help="Rank with other α and τ too.")
    ] = True,
    depth: Annotated[int, typer.Option("--depth", help="Images kept of every ranking.")] = 50,
    galleries: Annotated[
        Path | None,
        typer.Option(
            "--galleries",
            metavar="DIR",
            help="Where indexed images are kept, to share them between runs. [RUN/galleries]",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Only estimate the calls and tokens that composing costs; nothing is indexed.",
        ),
    ] = False,
    device: Annotated[
        str | None, typer.Option("--device", envvar="STITCH_DEVICE", help="cpu or cuda.")
    ] = None,
    precision: Annotated[
        str | None, typer.Option("--precision", help="fp32 or bf16 (torch models). [fp32]")
    ] = None,
    quiet: o.QuietOption = False,
    as_json: o.JsonOption = False,
    *,
    models: ModelOptions,
) -> None:
    """Run the method on a benchmark: index, compose, search, score; controls and sweeps too.

    The folder RUN then holds predictions and figures of every way of searching, beside a manifest
    of everything that shaped them. Interrupt it whenever you like: the same command resumes it.

        stitch bench run cirr --root data --encoder ViT-L-14 --out runs/cirr-l14
    """
    with guard(as_json=as_json):
        from stitch_cir.benchmarks import RunOptions, estimate_benchmark_cost, run_benchmark
        from stitch_cir.benchmarks import sample as draw
        from stitch_cir.composers import VerbatimComposer
        from stitch_cir.datasets import load_benchmark
        from stitch_cir.encoders import load_encoder
        from stitch_cir.searcher import SearchSettings
        from stitch_cir.views import ViewRecipe

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
                scorer=scorer,
                tau=tau,
                epsilon=epsilon,
                scorer_options=o.plug_in_options("--scorer-option", scorer_option),
            ),
        )
        data = load_benchmark(dataset, root, split)
        if sample is not None:
            data = draw(data, sample, sample_seed)
        recipe = ViewRecipe(kind=view_kind, count=views, seed=view_seed)  # type: ignore[arg-type]
        model = load_encoder(encoder or "mini", device=device, precision=precision)
        composer = chosen_composer(models, settings)
        if dry_run:
            with progress_bar(quiet=quiet or as_json) as follow:
                cost, notes = estimate_benchmark_cost(
                    data,
                    encoder=model,
                    composer=composer or VerbatimComposer(),
                    count=settings.num_captions,
                    progress=follow,
                )
            if as_json:
                emit_json({"estimate": cost.to_dict(), "notes": list(notes)})
            else:
                console().print(str(cost), soft_wrap=True)
                for note in notes:
                    console().print(f"note: {printable(note)}", soft_wrap=True)
            return
        with progress_bar(quiet=quiet or as_json) as follow:
            finished = run_benchmark(
                data,
                out,
                encoder=model,
                composer=composer,
                settings=settings,
                options=RunOptions(recipe, controls, sweeps, depth, galleries, models.concurrency),
                progress=follow,
            )
        if as_json:
            figures = {variant.name: dict(variant.headline) for variant in _shown(finished)}
            counts = finished.manifest["counts"]
            emit_json({"run": str(finished.folder), "counts": counts, "variants": figures})
        else:
            _show(finished)


def _shown(finished: Run) -> list[VariantResult]:
    return [variant for variant in finished.variants.values() if variant.role != "sweep"]


def _show(finished: Run) -> None:
    from rich.table import Table

    out = console()
    manifest = finished.manifest
    out.print(f"{printable(manifest['benchmark']['protocol'])}", soft_wrap=True)
    counts = {name: count for name, count in manifest["counts"].items() if count}
    counted = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items())
    out.print(counted, soft_wrap=True, style="dim")
    if finished.main.headline:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("")
        for name in finished.main.headline:
            table.add_column(name, justify="right")
        for variant in _shown(finished):
            figures = (f"{value:.2f}" for value in variant.headline.values())
            table.add_row(variant.label, *figures)
        out.print(table)
    for note in dict.fromkeys((*manifest["notes"], *finished.main.notes)):
        out.print(f"note: {printable(note)}", soft_wrap=True)
    out.print(f"Report: stitch bench report {printable(str(finished.folder))}", soft_wrap=True)

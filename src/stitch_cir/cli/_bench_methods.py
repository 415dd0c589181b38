"""``stitch bench run --method a,b``: several published methods, and their figures in one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stitch_cir.cli._exit import printable
from stitch_cir.cli._methods import models_of
from stitch_cir.cli._models import ModelOptions
from stitch_cir.cli._open import chosen_composer
from stitch_cir.cli._output import console, emit_json
from stitch_cir.cli._setting_options import SettingOptions
from stitch_cir.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stitch_cir.benchmarks import MethodRun, Run
    from stitch_cir.chat import Estimate
    from stitch_cir.datasets import Benchmark
    from stitch_cir.encoders import DualEncoder
    from stitch_cir.gallery import Progress

__all__ = ["estimate_methods", "named_methods", "show_methods"]


def named_methods(
    names: str | None, settings: SettingOptions, models: ModelOptions, *, shard: str | None
) -> list[MethodRun]:
    """Return what to run for ``--method a,b``; nothing without it.

    Raises ``SettingError`` for a name that no method has or that is there twice, beside a shard,
    and where a method needs a model that is not named.
    """
    from stitch_cir.benchmarks import MethodRun
    from stitch_cir.searcher import method_by_name

    if names is None:
        return []
    listed = [name.strip() for name in names.split(",") if name.strip()]
    if not listed or len(set(listed)) < len(listed):
        raise SettingError(
            f"--method is {names!r}.", hint="Name each method once: --method stitch,cirevl"
        )
    if shard is not None:
        raise SettingError(
            "--shard divides the work of one composer, and --method may name several.",
            hint="Name the method's composer and settings, or leave --shard out.",
        )
    ways = []
    for method in map(method_by_name, listed):
        chosen = settings.build(method)
        composer = chosen_composer(models_of(method, models), chosen)
        ways.append(MethodRun(method, chosen, composer))
    return ways


def estimate_methods(
    benchmark: Benchmark,
    ways: Sequence[MethodRun],
    encoder: DualEncoder,
    progress: Progress,
) -> tuple[Estimate, tuple[str, ...]]:
    """Return what composing for all methods would request: once where they share compositions."""
    from stitch_cir.benchmarks import estimate_benchmark_cost
    from stitch_cir.chat import Estimate
    from stitch_cir.composers import VerbatimComposer

    total = Estimate()
    notes: list[str] = []
    for way in {way.composing: way for way in reversed(ways)}.values():
        cost, of_way = estimate_benchmark_cost(
            benchmark,
            encoder=encoder,
            composer=way.composer or VerbatimComposer(),
            count=way.settings.num_captions,
            progress=progress,
        )
        total += cost
        notes += of_way
    return total, tuple(dict.fromkeys(notes))


def show_methods(runs: Mapping[str, Run], *, as_json: bool) -> None:
    """Print the figures of every method, and the command that compares them."""
    from rich.table import Table

    if as_json:
        emit_json(
            {
                name: {"run": str(run.folder), "headline": dict(run.main.headline)}
                for name, run in runs.items()
            }
        )
        return
    out = console()
    first = next(iter(runs.values()))
    out.print(printable(first.manifest["benchmark"]["protocol"]), soft_wrap=True)
    if first.main.headline:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("method")
        for name in first.main.headline:
            table.add_column(name, justify="right")
        for name, run in runs.items():
            table.add_row(name, *(f"{value:.2f}" for value in run.main.headline.values()))
        out.print(table)
    folders = " ".join(printable(str(run.folder)) for run in runs.values())
    out.print(f"Report: stitch bench report {folders}", soft_wrap=True)

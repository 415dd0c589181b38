"""``stitch bench``: making and checking data sets, scoring predictions, making submissions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stitch_cir.cli import _options as o
from stitch_cir.cli._command import Application
from stitch_cir.cli._exit import guard, printable
from stitch_cir.cli._output import console, counter, emit_json
from stitch_cir.errors import SettingError
from stitch_cir.plugins import DATASETS

__all__ = ["DatasetArgument", "RootOption", "SplitOption", "bench"]

DatasetArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATASET", help=f"{', '.join(DATASETS.built_in)}, or that of another package."
    ),
]
RootOption = Annotated[
    Path, typer.Option("--root", metavar="DIR", help="The data set's folder, or the one above it.")
]
SplitOption = Annotated[str | None, typer.Option("--split", help="Split. [the data set's first]")]
PredictionsOption = Annotated[
    list[Path],
    typer.Option(
        "--predictions",
        "-p",
        metavar="FILE|RUN",
        help="Ranked ids by query, or a run's folder; for CIRR also twice.",
    ),
]

bench = Application(
    help="Benchmarks: check data sets, run the method on them, score, compare, submit, report.",
    no_args_is_help=True,
)


@bench.command("check")
def check(dataset: DatasetArgument, root: RootOption, as_json: o.JsonOption = False) -> None:
    """List file by file what of a data set is there, what is missing and where it is expected."""
    with guard(as_json=as_json):
        from stitch_cir.datasets import check_benchmark, load_dataset

        entries = check_benchmark(dataset, root)
        missing = [entry for entry in entries if not entry.here]
        if as_json:
            emit_json([entry.to_dict() for entry in entries])
        else:
            out = console()
            for entry in entries:
                mark = "ok     " if entry.here else "MISSING"
                out.print(
                    f"{mark} {entry.what:<24} {printable(entry.path)} ({entry.holds})",
                    soft_wrap=True,
                )
            out.print(f"{len(entries) - len(missing)} of {len(entries)} are there.")
            if missing:
                out.print(f"To be had from: {load_dataset(dataset).source}", soft_wrap=True)
        if missing:
            raise typer.Exit(3)


@bench.command("make")
def make(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The new folder.")],
    stamps: Annotated[
        Path,
        typer.Option(
            "--stamps",
            metavar="DIR",
            help="Tux Paint's stamps, as scripts/fetch_stamps.py fetches them.",
        ),
    ],
    size: Annotated[str, typer.Option("--size", help="small, medium or large.")] = "small",
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another gallery.")] = 0,
    quiet: o.QuietOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Make the benchmark stamps: images with known attributes, queries, all right answers.

    Interrupt it whenever you like: the next run resumes it, and repairs what changed.

        stitch bench make STAMPS --stamps demo/stamps --size small
    """
    with guard(as_json=as_json):
        from stitch_cir.datasets.stamps import make_stamps_benchmark

        with counter("drawing", quiet=quiet or as_json) as tell:
            made = make_stamps_benchmark(out, stamps, size, seed, tell)
        if as_json:
            emit_json(made.to_dict())
        else:
            console().print(printable(made.summary()), soft_wrap=True)


@bench.command("score")
def score(
    dataset: DatasetArgument,
    root: RootOption,
    predictions: PredictionsOption,
    split: SplitOption = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Count queries without prediction as misses.")
    ] = False,
    as_json: o.JsonOption = False,
) -> None:
    """Score anybody's prediction file by the data set's protocol.

    stitch bench score circo --root CIRCO --split val -p predictions.json
    """
    with guard(as_json=as_json):
        from stitch_cir.benchmarks import intervals, read_predictions
        from stitch_cir.benchmarks import score as compute
        from stitch_cir.datasets import load_benchmark

        data = load_benchmark(dataset, root, split)
        scores = compute(data, read_predictions(data, predictions, allow_missing=allow_missing))
        spans = intervals(scores)
        if as_json:
            ends = {name: [round(s.low, 4), round(s.high, 4)] for name, s in spans.items()}
            emit_json({**scores.to_dict(), "intervals": ends})
            return
        out = console()
        out.print(
            f"{printable(scores.protocol)} · {scores.counts['queries']:,} queries", soft_wrap=True
        )
        for name, value in scores.headline.items():
            span = spans.get(name)
            interval = "" if span is None else f"   [{span.low:.2f}, {span.high:.2f}]"
            out.print(f"  {name:<14} {value:6.2f}{interval}")
        if len(scores.values) > 1:
            for task, metrics in scores.values.items():
                figures = "  ".join(
                    f"{name} {100 * values.mean():.2f}" for name, values in metrics.items()
                )
                out.print(f"  {task:<18} {figures}", soft_wrap=True)
        for kind, (value, count) in scores.kinds.items():
            out.print(f"  {scores.kind_metric} {kind:<30} {value:6.2f}  ({count})", soft_wrap=True)
        if scores.clusters.numbers:
            out.print(f"95 % intervals are drawn from {scores.clusters.describe()}.")
        for note in scores.notes:
            out.print(f"note: {printable(note)}", soft_wrap=True)


@bench.command("submit")
def submit(
    dataset: DatasetArgument,
    root: RootOption,
    predictions: PredictionsOption,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where to write.")],
    split: SplitOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Check predictions and write the files that the data set's server accepts."""
    with guard(as_json=as_json):
        from stitch_cir.benchmarks import read_predictions, write_submission
        from stitch_cir.datasets import load_benchmark

        data = load_benchmark(dataset, root, split)
        files = write_submission(data, read_predictions(data, predictions), out)
        if as_json:
            emit_json([str(file) for file in files])
        else:
            for file in files:
                console().print(f"written: {printable(str(file))}", soft_wrap=True)


@bench.command("compare")
def compare(
    dataset: DatasetArgument,
    first: Annotated[
        list[Path],
        typer.Option(
            "--first",
            "-a",
            metavar="FILE|RUN",
            help="Predictions, or a run's folder, twice for CIRR.",
        ),
    ],
    second: Annotated[
        list[Path],
        typer.Option("--second", "-b", metavar="FILE|RUN", help="What to compare with."),
    ],
    root: Annotated[
        Path | None,
        typer.Option(
            "--root", metavar="DIR", help="The data set's folder. [where the first run found it]"
        ),
    ] = None,
    split: SplitOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Compare two runs query by query: difference, 95 % bootstrap interval, paired test."""
    with guard(as_json=as_json):
        from stitch_cir.benchmarks import compare as contrast
        from stitch_cir.benchmarks import read_predictions
        from stitch_cir.benchmarks import score as compute
        from stitch_cir.datasets import load_benchmark

        data = load_benchmark(dataset, root or _root_of(first), split)
        runs = [compute(data, read_predictions(data, files)) for files in (first, second)]
        comparisons = contrast(*runs)
        if as_json:
            emit_json([comparison.to_dict() for comparison in comparisons])
            return
        out = console()
        out.print(
            f"{'metric':<10} {'first':>7} {'second':>7} {'difference':>11}  95 % interval      p"
        )
        for each in comparisons:
            span = each.difference
            out.print(
                f"{each.metric:<10} {each.first:7.2f} {each.second:7.2f} {span.mean:+11.2f}  "
                f"[{span.low:+.2f}, {span.high:+.2f}]   {each.p:.4f}",
                soft_wrap=True,
            )
        if runs[0].clusters.numbers:
            out.print(f"Intervals and p are drawn from {runs[0].clusters.describe()}.")


def _root_of(files: list[Path]) -> Path:
    """Return the data set's folder that the manifest of a run names.

    Raises ``SettingError`` for prediction files, which name none.
    """
    from stitch_cir.benchmarks import read_run

    runs = [file for file in files if file.is_dir()]
    if not runs:
        raise SettingError(
            "It is not known where the data set is.", hint="Name its folder: --root DIR"
        )
    return Path(read_run(runs[0]).manifest["benchmark"]["root"])

"""``stitch bench``: making and checking data sets, scoring predictions, making submissions."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from stitch_cir._hints import counted
from stitch_cir.cli import _options as o
from stitch_cir.cli._command import Application
from stitch_cir.cli._exit import guard, printable
from stitch_cir.cli._output import console, emit_json
from stitch_cir.cli._progress import counter
from stitch_cir.cli._setting_options import with_options
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
SubsetOption = Annotated[
    str | None,
    typer.Option(
        "--subset",
        metavar="NAME",
        help="Only queries that need image and text both: circus-free or circus-valid.",
    ),
]
SubsetFileOption = Annotated[
    Path | None,
    typer.Option(
        "--subset-file",
        metavar="DIR|FILE",
        help="A clone of CIRCUS, or one of its JSONL files. [CIRCUS, beside the data set]",
    ),
]
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


@dataclass(frozen=True)
class QuerySetOptions:
    """Which queries of the split are scored, and by which right answers."""

    subset: SubsetOption = None
    subset_file: SubsetFileOption = None
    ground_truth: Annotated[
        Path | None,
        typer.Option(
            "--ground-truth",
            metavar="DIR|FILE",
            help="Score by SoFT's right answers, several a query, from its multi_target_selection.",
        ),
    ] = None
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Count queries without prediction as misses.")
    ] = False


@bench.command("score")
@with_options
def score(
    dataset: DatasetArgument,
    root: RootOption,
    predictions: PredictionsOption,
    queries: QuerySetOptions,
    split: SplitOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Score anybody's prediction file, or a run, by the data set's protocol.

    stitch bench score circo --root CIRCO --split val -p predictions.json
    """
    with guard(as_json=as_json):
        from stitch_cir.benchmarks import intervals, paraphrase_spread, read_predictions
        from stitch_cir.benchmarks import score as compute
        from stitch_cir.datasets import clean_subset, load_benchmark, several_targets

        data = load_benchmark(dataset, root, split)
        # checked against the whole split, of which a subset is scored
        of_part = queries.subset is not None or queries.ground_truth is not None
        ranked = read_predictions(data, predictions, allow_missing=queries.allow_missing or of_part)
        if queries.subset is not None:
            data = clean_subset(data, queries.subset, queries.subset_file)
        if queries.ground_truth is not None:
            data = several_targets(data, queries.ground_truth)
        scores = compute(data, ranked.of(data, allow_missing=queries.allow_missing))
        spans = intervals(scores)
        spread = paraphrase_spread(data, scores.values)
        if as_json:
            ends = {name: [round(s.low, 4), round(s.high, 4)] for name, s in spans.items()}
            between = {name: asdict(each) for name, each in spread.items()}
            emit_json({**scores.to_dict(), "intervals": ends, "spread": between})
            return
        out = console()
        out.print(
            f"{printable(scores.protocol)} · {counted(scores.counts['queries'], 'query')}",
            soft_wrap=True,
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
        for name, each in spread.items():
            out.print(
                f"  spread of {name} between paraphrases {each.mean:6.2f}   "
                f"[{each.low:.2f}, {each.high:.2f}]",
                soft_wrap=True,
            )
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
        from stitch_cir.benchmarks import compare_runs, is_run, read_predictions, read_run
        from stitch_cir.benchmarks import score as compute
        from stitch_cir.datasets import load_benchmark

        folders = [files[0] for files in (first, second) if len(files) == 1 and is_run(files[0])]
        # runs have counted what they could not rank, and of a sample the queries that they had
        if len(folders) == 2 and split is None:
            runs = [read_run(folder) for folder in folders]
            for run in runs:
                _require_dataset(run.folder, run.manifest["benchmark"]["name"], dataset)
            comparisons = compare_runs(runs[0], runs[1])
        else:
            data = load_benchmark(dataset, root or _root_of(first), split)
            scores = [compute(data, read_predictions(data, files)) for files in (first, second)]
            comparisons = contrast(*scores)
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
        if comparisons[0].drawn != "queries":
            out.print(f"Intervals and p are drawn from {comparisons[0].drawn}.")


def _require_dataset(run: Path, recorded: str, dataset: str) -> None:
    """Raise ``SettingError`` for a run of another data set than the one that is named."""
    if recorded != dataset:
        raise SettingError(
            f"{run} is a run of {recorded}, not of {dataset}.",
            hint=f"stitch bench compare {recorded} …",
        )


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

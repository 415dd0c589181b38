"""Comparing two runs by what they recorded: no data set is read, no prediction scored again."""

from __future__ import annotations

from stitch_cir.benchmarks._compare import Comparison, compare_values
from stitch_cir.benchmarks._run_files import Run
from stitch_cir.benchmarks._score import Values, with_averages
from stitch_cir.datasets import load_dataset
from stitch_cir.errors import SettingError

__all__ = ["compare_runs"]


def compare_runs(first: Run, second: Run) -> list[Comparison]:
    """Compare the main rankings of two runs on the same queries, metric by metric.

    Runs of a sample or a subset are compared on the queries that they had. Raises ``SettingError``
    when these differ, or when the answers are not public.
    """
    for run in (first, second):
        if not run.main.values:
            raise SettingError(
                f"{run.folder} has no figures: the answers of its split are not public.",
                hint="Submit its predictions: stitch bench submit.",
            )
    facts = [
        tuple(run.manifest["benchmark"].get(name) for name in ("name", "split", "protocol"))
        for run in (first, second)
    ]
    if facts[0] != facts[1] or first.main.ids != second.main.ids:
        counts = [sum(map(len, run.main.ids.values())) for run in (first, second)]
        raise SettingError(
            f"{first.folder} and {second.folder} are not on the same queries: {counts[0]:,} of "
            f"{facts[0][0]} {facts[0][1]}, {counts[1]:,} of {facts[1][0]} {facts[1][1]}.",
            hint="Compare runs of one split, with the same --sample and --subset.",
        )
    others = {"": _values(second)}
    return compare_values(_values(first), others, first.main.clusters)[""]


def _values(run: Run) -> Values:
    averages = load_dataset(run.manifest["benchmark"]["name"]).averages
    return with_averages(run.main.values, averages)

"""Which parts of the method pay for which kind of modification: transition, transport, composer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from stitch_cir.benchmarks._clusters import Clusters
from stitch_cir.benchmarks._compare import Comparison, compare_values
from stitch_cir.benchmarks._run_files import Run
from stitch_cir.benchmarks._score import Values
from stitch_cir.benchmarks.report._contents import Section
from stitch_cir.benchmarks.report._formats import Cell, Table, change, change_span, percent
from stitch_cir.composers import read_request
from stitch_cir.datasets import Benchmark

__all__ = ["parts_table"]

PARTS = {
    "Transition": "ablation-transport",
    "Transport": "ablation-transition",
    "Composer": "text-only",
}
"""Each part, and the variant that is main without it."""
ALL = "all queries"
LEAST = 20
"""Queries of a kind from which on its row says something."""
_BY_RULE = {
    "replace": "replacement",
    "colour": "colour",
    "number": "count",
    "location": "place",
    "scene": "whole scene",
    "add": "addition",
    "remove": "removal",
    "quality": "quality",
    "words": "other wording",
}
"""Names of the kinds that the verbatim composer reads in a request."""


def parts_table(section: Section) -> Table | None:
    """Return what main gains by each part, for every kind of modification and over all queries.

    The kinds are those of the data set; where it has none, those that the rules of the composer
    ``verbatim`` read in the modification. ``None`` without the data set or the variants.
    """
    data = section.data
    metric = section.kind_metric or next(iter(section.metrics), "")
    if data is None or not metric:
        return None
    has_kinds = any(query.kinds for _, query in data.queries.values())
    kinds = _kinds(data, has_kinds=has_kinds)
    rows: list[tuple[Cell, ...]] = []
    several = len(section.runs) > 1
    for label, run in section.runs.items():
        if any(name not in run.variants for name in PARTS.values()) or not run.main.values:
            continue
        every = dict.fromkeys(kind for of_query in kinds.values() for kind in of_query)
        for kind in (ALL, *sorted(every)):
            masks = {
                task: np.array([kind == ALL or kind in kinds.get(id, ()) for id in ids])
                for task, ids in run.main.ids.items()
            }
            count = sum(int(mask.sum()) for mask in masks.values())
            if count < LEAST and kind != ALL:
                continue
            compared = _compared(run, metric, masks)
            gains = [_gain(compared[name].get(metric)) for name in PARTS.values()]
            main = next(iter(compared.values()))[metric].first
            run_cell = [Cell(label)] if several else []
            figure = Cell(percent(main))
            rows.append((Cell(kind), *run_cell, figure, *gains, Cell(f"{count:,}")))
    if not rows:
        return None
    head = ("Kind", "Run") if several else ("Kind",)
    how = "as the data set names them" if has_kinds else "as rules read them in the modification"
    return Table(
        "parts",
        "What each part gains",
        (*head, "main", *PARTS, "Queries"),
        tuple(sorted(rows, key=lambda row: (row[0].text != ALL, row[0].text))),
        heads=len(head),
        lead=f"{metric} of main minus main without the part, in points, with 95 % intervals: "
        "without the transition; with mean pooling for transport; with the modification alone for "
        f"the composer's captions. In bold what differs from zero. Kinds of modification {how}, "
        f"with at least {LEAST} queries; a query can be of several.",
    )


def _kinds(data: Benchmark, *, has_kinds: bool) -> Mapping[str, tuple[str, ...]]:
    """Return the kinds of every query's modification, by id."""
    if has_kinds:
        return {id: query.kinds for id, (_, query) in data.queries.items()}
    read = {
        id: dict.fromkeys(change.kind for change in read_request(" ".join(query.text.split())))
        for id, (_, query) in data.queries.items()
    }
    return {
        id: tuple(_BY_RULE.get(kind, kind) for kind in of_query) for id, of_query in read.items()
    }


def _compared(
    run: Run, metric: str, masks: Mapping[str, NDArray[np.bool_]]
) -> Mapping[str, Mapping[str, Comparison]]:
    """Compare the variants without a part with main, on the queries of the masks."""
    present = {task: mask for task, mask in masks.items() if mask.any()}

    def part(values: Values) -> Values:
        return {task: {metric: values[task][metric][mask]} for task, mask in present.items()}

    numbers = {
        task: tuple(np.unique(np.array(each)[present[task]], return_inverse=True)[1].tolist())
        for task, each in run.main.clusters.numbers.items()
        if task in present
    }
    others = {name: part(run.variants[name].values) for name in PARTS.values()}
    clusters = Clusters(run.main.clusters.kind, numbers)
    compared = compare_values(part(run.main.values), others, clusters)
    return {name: {each.metric: each for each in of_name} for name, of_name in compared.items()}


def _gain(comparison: Comparison | None) -> Cell:
    """Return main minus the variant; the comparison is the variant minus main."""
    if comparison is None:
        return Cell("–")
    span = comparison.difference
    gain = type(span)(-span.mean, -span.high, -span.low)
    return Cell(change(gain.mean), change_span(gain), strong=gain.low > 0 or gain.high < 0)

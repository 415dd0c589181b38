"""The tables of a report: what shaped the runs, their figures, and what differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby

from stitch_cir.benchmarks._compare import Comparison, composition_gap
from stitch_cir.benchmarks._run_files import VariantResult
from stitch_cir.benchmarks._score import with_averages
from stitch_cir.benchmarks.report._contents import SWEPT, Section, name_of, sweep
from stitch_cir.benchmarks.report._formats import (
    Cell,
    Table,
    change,
    change_span,
    number,
    percent,
    span,
)
from stitch_cir.benchmarks.report._published import published_tables

__all__ = ["tables_of"]

ALONE = ("image-only", "text-only")
"""Variants that search with one part of a query."""
ABLATION = (
    ("ablation-neither", "no", "no"),
    ("ablation-transition", "yes", "no"),
    ("ablation-transport", "no", "yes"),
    ("main", "yes", "yes"),
)


def tables_of(section: Section) -> list[Table]:
    """Return every table that the section has data for, in the order of reading."""
    tables: list[Table | None] = []
    if section.metrics:
        tables = [
            _figures(section),
            _composition_gap(section),
            _differences(section),
            _between_runs(section),
            _ablation(section),
            _tasks(section),
            _kinds(section),
            *(_sweep(section, parameter) for parameter in SWEPT),
        ]
    return [table for table in tables if table is not None] + published_tables(section)


def _grouped(section: Section, pairs: Iterator[tuple[str, VariantResult]]) -> tuple[int, ...]:
    """Return the rows before which another variant starts, where there are several runs."""
    if len(section.runs) == 1:
        return ()
    starts, row = [], 0
    for _, group in groupby(pairs, key=lambda pair: pair[1].name):
        starts.append(row)
        row += len(list(group))
    return tuple(starts)


def _names(section: Section, label: str, variant: VariantResult) -> list[Cell]:
    """Return the head cells: the variant, and the run where there are several."""
    strong = variant.role == "main"
    run = [Cell(label, strong=strong)] if len(section.runs) > 1 else []
    return [Cell(name_of(variant), strong=strong), *run]


def _head(section: Section, *names: str) -> tuple[str, ...]:
    return (*names, "Run") if len(section.runs) > 1 else names


def _best(variants: Iterable[VariantResult]) -> dict[str, str]:
    """Return the best figure of each metric as it is printed, so that printed ties all count."""
    best: dict[str, float] = {}
    for variant in variants:
        for metric, value in variant.headline.items():
            best[metric] = max(value, best.get(metric, value))
    return {metric: percent(value) for metric, value in best.items()}


def _figure(variant: VariantResult, metric: str, best: Mapping[str, str]) -> Cell:
    if metric not in variant.headline:
        return Cell("–")
    text = percent(variant.headline[metric])
    return Cell(text, span(variant.intervals.get(metric)), strong=text == best.get(metric))


def _by_variant(
    section: Section,
    pairs: list[tuple[str, VariantResult]],
    cells: Callable[[str, VariantResult], Iterable[Cell]],
    **words: str,
) -> Table:
    """Return a table with one row per variant and one column per metric."""
    head = _head(section, "Variant")
    return Table(
        columns=(*head, *section.metrics),
        rows=tuple(
            (*_names(section, label, variant), *cells(label, variant)) for label, variant in pairs
        ),
        heads=len(head),
        groups=_grouped(section, iter(pairs)),
        **words,  # type: ignore[arg-type]
    )


def _figures(section: Section) -> Table:
    pairs = list(section.variants("main", "control"))
    best = _best(variant for _, variant in pairs)
    return _by_variant(
        section,
        pairs,
        lambda _, variant: (_figure(variant, metric, best) for metric in section.metrics),
        key="figures",
        title="Figures and controls",
        lead=f"In percent, with 95 % bootstrap intervals over {section.drawn}; in bold the best of "
        "each column. Controls use the same encoded images and captions as main.",
    )


def _composition_gap(section: Section) -> Table | None:
    """Return what share of each figure needs image and text together."""
    rows = []
    metrics: dict[str, None] = {}
    for label, run in section.runs.items():
        alone = [run.variants[name].values for name in ALONE if name in run.variants]
        if len(alone) < len(ALONE) or not run.main.values:
            continue
        values = [
            with_averages(each, section.dataset.averages if section.dataset else {})
            for each in (run.main.values, *alone)
        ]
        gaps = composition_gap(values[0], values[1:], run.main.clusters)
        gaps = {metric: gap for metric, gap in gaps.items() if metric in section.metrics}
        metrics |= dict.fromkeys(gaps)
        rows.append((label, gaps))
    if not metrics:
        return None
    return Table(
        "gap",
        "Composition gap",
        ("Run", *metrics),
        tuple(
            (
                Cell(label),
                *(
                    Cell(percent(gaps[metric].mean), span(gaps[metric]))
                    if metric in gaps
                    else Cell("–")
                    for metric in metrics
                ),
            )
            for label, gaps in rows
        ),
        lead="1 − max(image only, text only) / main, in percent: the share of a figure that "
        f"neither part of the query reaches alone; 95 % intervals over {section.drawn}. Below "
        "zero, one part alone is better.",
    )


def _differences(section: Section) -> Table | None:
    pairs = [
        (label, variant)
        for label, variant in section.variants("control", "ablation")
        if (label, variant.name) in section.differences
    ]
    if not pairs:
        return None
    return _by_variant(
        section,
        pairs,
        lambda label, variant: _changes(section.differences[label, variant.name], section.metrics),
        key="differences",
        title="Difference to main",
        lead="Variant minus main on the same queries, in points: below zero, main is better. In "
        f"brackets 95 % intervals; p is of a paired randomisation test over {section.drawn}, not "
        "corrected for the number of comparisons.",
    )


def _changes(comparisons: Mapping[str, Comparison], metrics: tuple[str, ...]) -> Iterator[Cell]:
    for metric in metrics:
        if metric in comparisons:
            comparison = comparisons[metric]
            below = f"{change_span(comparison.difference)}\np {comparison.p:.4f}"
            yield Cell(change(comparison.difference.mean), below)
        else:
            yield Cell("–")


def _between_runs(section: Section) -> Table | None:
    if not section.against_first:
        return None
    first = next(iter(section.runs))
    rows = tuple(
        (Cell(label), *_changes(comparisons, section.metrics))
        for label, comparisons in section.against_first.items()
    )
    return Table(
        "runs",
        f"Difference to {first}",
        ("Run", *section.metrics),
        rows,
        lead=f"Each run's main minus that of {first}, on the same queries, in points.",
    )


def _ablation(section: Section) -> Table | None:
    rows: list[tuple[Cell, ...]] = []
    starts = []
    best = _best(
        run.variants[name]
        for name, _, _ in ABLATION
        for run in section.runs.values()
        if name in run.variants and "ablation-neither" in run.variants
    )
    for name, transition, transport in ABLATION:
        starts.append(len(rows))
        for label, run in section.runs.items():
            if name in run.variants and "ablation-neither" in run.variants:
                head_cells = [Cell(transition), Cell(transport)]
                head_cells += [Cell(label)] if len(section.runs) > 1 else []
                variant = run.variants[name]
                figures = [_figure(variant, metric, best) for metric in section.metrics]
                rows.append((*head_cells, *figures))
    if not rows:
        return None
    head = _head(section, "Transition", "Transport")
    return Table(
        "ablation",
        "Ablation: transition × transport",
        (*head, *section.metrics),
        tuple(rows),
        heads=len(head),
        lead="Without transport, both sides are pooled to their means; the last row is main. "
        "In bold the best of each column.",
        groups=tuple(starts) if len(section.runs) > 1 else (),
    )


def _tasks(section: Section) -> Table | None:
    pairs = list(section.variants("main"))
    if all(len(variant.values) < 2 for _, variant in pairs):
        return None
    head = _head(section, "Task")
    tasks = dict.fromkeys(task for _, variant in pairs for task in variant.values)
    rows = tuple(
        (
            Cell(task),
            *([Cell(label)] if len(section.runs) > 1 else []),
            *(
                Cell(percent(100 * float(metrics[metric].mean())) if metric in metrics else "–")
                for metric in section.metrics
            ),
            Cell(f"{len(variant.ids[task]):,}"),
        )
        for task in tasks
        for label, variant in pairs
        for metrics in [variant.values.get(task, {})]
        if metrics
    )
    return Table(
        "tasks",
        "Main by task",
        (*head, *section.metrics, "Queries"),
        rows,
        heads=len(head),
        lead="The figures above are the means of these, each task with equal weight.",
    )


def _kinds(section: Section) -> Table | None:
    """Return kinds down and variants across; a table for each run would hide how runs compare."""
    pairs = [pair for pair in section.variants("main", "control") if pair[1].kinds]
    if not pairs:
        return None
    names = dict.fromkeys(name_of(variant) for _, variant in pairs)
    cells: dict[tuple[str, str], dict[str, tuple[float, int]]] = {}
    for label, variant in pairs:
        for kind, figure in variant.kinds.items():
            cells.setdefault((kind, label), {})[name_of(variant)] = figure
    rows = []
    for (kind, label), by_name in sorted(cells.items()):
        run = [Cell(label)] if len(section.runs) > 1 else []
        counts = {count for _, count in by_name.values()}
        figures = [
            Cell(percent(by_name[name][0]) if name in by_name else "–", strong=name == "main")
            for name in names
        ]
        rows.append(
            (Cell(kind), *run, *figures, Cell(" / ".join(f"{n:,}" for n in sorted(counts))))
        )
    head = _head(section, "Kind")
    return Table(
        "kinds",
        f"{section.kind_metric} by kind of query",
        (*head, *names, "Queries"),
        tuple(rows),
        heads=len(head),
        lead="In percent. A query can be of several kinds.",
    )


def _sweep(section: Section, parameter: str) -> Table | None:
    swept = [
        (label, value, variant)
        for label, run in section.runs.items()
        for value, variant in sweep(run, parameter)
    ]
    best = _best(variant for _, _, variant in swept)
    rows = [
        (
            Cell(number(value), strong=variant.role == "main"),
            *([Cell(label)] if len(section.runs) > 1 else []),
            *(_figure(variant, metric, best) for metric in section.metrics),
        )
        for label, value, variant in swept
    ]
    if not rows:
        return None
    sign = SWEPT[parameter]
    head = _head(section, sign)
    return Table(
        parameter,
        f"Sweep of {sign}",
        (*head, *section.metrics),
        tuple(rows),
        heads=len(head),
        lead="Everything else as in main, whose value is set in bold, as the best figures are.",
        folded=True,
    )

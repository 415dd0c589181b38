"""The tables of a report: what shaped the runs, their figures, and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stitch_cir.benchmarks._compare import Comparison
from stitch_cir.benchmarks._run_files import VariantResult
from stitch_cir.benchmarks.report._contents import COMPARED, SWEPT, Section, name_of, sweep
from stitch_cir.benchmarks.report._formats import (
    Cell,
    Table,
    change,
    change_span,
    number,
    percent,
    span,
)
from stitch_cir.benchmarks.report._methods import methods_table
from stitch_cir.benchmarks.report._parts import parts_table
from stitch_cir.benchmarks.report._published import published_tables
from stitch_cir.benchmarks.report._rows import best_of, figure_of, head_of, table_by_variant

__all__ = ["tables_of"]

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
            methods_table(section),
            _figures(section),
            _composition_gap(section),
            _differences(section),
            _between_runs(section),
            _ablation(section),
            parts_table(section),
            _tasks(section),
            _kinds(section),
            _spread(section),
            *(_sweep(section, parameter) for parameter in SWEPT),
        ]
    return [table for table in tables if table is not None] + published_tables(section)


def _figures(section: Section) -> Table:
    pairs = list(section.variants(*COMPARED, "control"))
    best = best_of(section, (variant for _, variant in pairs))
    return table_by_variant(
        section,
        pairs,
        lambda _, variant: (figure_of(variant, metric, best) for metric in section.metrics),
        key="figures",
        title="Figures and controls",
        lead=f"In percent, with 95 % bootstrap intervals over {section.drawn}; in bold the best of "
        "each column. Controls use the same encoded images and captions as main.",
    )


def _composition_gap(section: Section) -> Table:
    """Return what share of each figure needs image and text together, or why that is unknown."""
    gaps = section.gaps
    measured = dict.fromkeys(metric for by_metric in gaps.values() for metric in by_metric)
    metrics = tuple(measured) or section.primary
    several = len(dict.fromkeys(name for _, name in gaps)) > 1
    rows = [
        (
            Cell(label),
            *([Cell(name_of(section.runs[label].variants[name]))] if several else []),
            *(
                Cell(percent(by_metric[metric].mean), span(by_metric[metric]))
                if metric in by_metric
                else Cell("–")
                for metric in metrics
            ),
        )
        for (label, name), by_metric in gaps.items()
    ]
    without = [label for label in section.runs if (label, "main") not in gaps]
    lead = (
        "1 − max(image only, text only) / figure, in percent: the share of a figure that neither "
        f"part of the query reaches alone; 95 % intervals over {section.drawn}. Below zero, one "
        "part alone is better."
    )
    if gaps and not measured:
        lead += " It is a share of the figure, and there is none of a figure of 0."
    if without:
        lead += (
            f" Unknown for {', '.join(without)}: image only and text only have no results there; "
            "the same stitch bench run adds them."
        )
    head = ("Run", "Variant") if several else ("Run",)
    return Table(
        "gap",
        "Composition gap",
        (*head, *metrics),
        tuple(rows),
        heads=len(head),
        lead=lead,
    )


def _differences(section: Section) -> Table | None:
    pairs = [
        (label, variant)
        for label, variant in section.variants("control", "ablation")
        if (label, variant.name) in section.differences
    ]
    if not pairs:
        return None
    return table_by_variant(
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
    ablated = (
        run.variants[name]
        for name, _, _ in ABLATION
        for run in section.runs.values()
        if name in run.variants and "ablation-neither" in run.variants
    )
    best = best_of(section, ablated)
    for name, transition, transport in ABLATION:
        starts.append(len(rows))
        for label, run in section.runs.items():
            if name in run.variants and "ablation-neither" in run.variants:
                head_cells = [Cell(transition), Cell(transport)]
                head_cells += [Cell(label)] if len(section.runs) > 1 else []
                variant = run.variants[name]
                figures = [figure_of(variant, metric, best) for metric in section.metrics]
                rows.append((*head_cells, *figures))
    if not rows:
        return None
    head = head_of(section, "Transition", "Transport")
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
    head = head_of(section, "Task")
    tasks = dict.fromkeys(task for _, variant in pairs for task in variant.values)
    rows: list[tuple[Cell, ...]] = []
    for task in tasks:
        figures = {
            label: {
                metric: 100 * float(values.mean())
                for metric, values in variant.values[task].items()
            }
            for label, variant in pairs
            if variant.values.get(task)
        }
        for label, variant in pairs:
            if label not in figures:
                continue
            cells = []
            for metric in section.metrics:
                of_runs = [each[metric] for each in figures.values() if metric in each]
                text = percent(figures[label][metric]) if metric in figures[label] else "–"
                best = section.best(metric, of_runs) if len(of_runs) > 1 else None
                alike = len(set(map(percent, of_runs))) < 2
                is_best = best is not None and not alike and text == percent(best)
                cells.append(Cell(text, strong=is_best))
            run = [Cell(label)] if len(section.runs) > 1 else []
            rows.append((Cell(task), *run, *cells, Cell(f"{len(variant.ids[task]):,}")))
    return Table(
        "tasks",
        "Main by task",
        (*head, *section.metrics, "Queries"),
        tuple(rows),
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
        best = percent(max(value for value, _ in by_name.values()))
        shown = {name: percent(by_name[name][0]) if name in by_name else "–" for name in names}
        alike = len(set(shown.values())) < 2
        figures = [Cell(text, strong=text == best and not alike) for text in shown.values()]
        rows.append(
            (Cell(kind), *run, *figures, Cell(" / ".join(f"{n:,}" for n in sorted(counts))))
        )
    head = head_of(section, "Kind")
    return Table(
        "kinds",
        f"{section.kind_metric} by kind of query",
        (*head, *names, "Queries"),
        tuple(rows),
        heads=len(head),
        lead="In percent; in bold the best of each row. A query can be of several kinds.",
    )


def _spread(section: Section) -> Table | None:
    """Return how much each figure varies between paraphrases; ``None`` without any."""
    pairs = [pair for pair in section.variants(*COMPARED, "control") if pair[1].spread]
    if not pairs:
        return None

    def cells(_: str, variant: VariantResult) -> Iterator[Cell]:
        for metric in section.metrics:
            if metric in variant.spread:
                text = percent(variant.spread[metric].mean)
                yield Cell(text, span(variant.spread[metric]))
            else:
                yield Cell("–")

    return table_by_variant(
        section,
        pairs,
        cells,
        key="spread",
        title="Spread between paraphrases",
        lead="Largest minus smallest figure of the queries that ask the same in other words, the "
        "mean over these groups, in points; 95 % intervals over the groups. Less is better, at "
        "equal figures.",
    )


def _sweep(section: Section, parameter: str) -> Table | None:
    swept = [
        (label, value, variant)
        for label, run in section.runs.items()
        for value, variant in sweep(run, parameter)
    ]
    best = best_of(section, (variant for _, _, variant in swept))
    rows = [
        (
            Cell(number(value), strong=variant.role == "main"),
            *([Cell(label)] if len(section.runs) > 1 else []),
            *(figure_of(variant, metric, best) for metric in section.metrics),
        )
        for label, value, variant in swept
    ]
    if not rows:
        return None
    sign = SWEPT[parameter]
    head = head_of(section, sign)
    return Table(
        parameter,
        f"Sweep of {sign}",
        (*head, *section.metrics),
        tuple(rows),
        heads=len(head),
        lead="Everything else as in main, whose value is set in bold, as the best figures are.",
        folded=True,
    )

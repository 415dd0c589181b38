"""Rows and heads that the tables of a report have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby

from stitch_cir.benchmarks._run_files import VariantResult
from stitch_cir.benchmarks.report._contents import Section, name_of
from stitch_cir.benchmarks.report._formats import Cell, Table, percent, span

__all__ = ["best_of", "figure_of", "head_of", "table_by_variant"]


def _grouped(section: Section, pairs: Iterator[tuple[str, VariantResult]]) -> tuple[int, ...]:
    """Return the rows before which another variant starts, where there are several runs."""
    if len(section.runs) == 1:
        return ()
    starts, row = [], 0
    for _, group in groupby(pairs, key=lambda pair: pair[1].name):
        starts.append(row)
        row += len(list(group))
    return tuple(starts)


def _names_of(section: Section, label: str, variant: VariantResult) -> list[Cell]:
    """Return the head cells: the variant, and the run where there are several."""
    strong = variant.role == "main"
    run = [Cell(label, strong=strong)] if len(section.runs) > 1 else []
    return [Cell(name_of(variant), strong=strong), *run]


def head_of(section: Section, *names: str) -> tuple[str, ...]:
    return (*names, "Run") if len(section.runs) > 1 else names


def best_of(section: Section, variants: Iterable[VariantResult]) -> dict[str, str]:
    """Return the best figure of each metric as it is printed, so that printed ties all count.

    Where all are printed alike, none is better, and there is no best one.
    """
    figures: dict[str, list[float]] = {}
    for variant in variants:
        for metric, value in variant.headline.items():
            figures.setdefault(metric, []).append(value)
    best = {
        metric: section.best(metric, values)
        for metric, values in figures.items()
        if len(set(map(percent, values))) > 1
    }
    return {metric: percent(value) for metric, value in best.items() if value is not None}


def figure_of(variant: VariantResult, metric: str, best: Mapping[str, str]) -> Cell:
    if metric not in variant.headline:
        return Cell("–")
    text = percent(variant.headline[metric])
    return Cell(text, span(variant.intervals.get(metric)), strong=text == best.get(metric))


def table_by_variant(
    section: Section,
    pairs: list[tuple[str, VariantResult]],
    cells: Callable[[str, VariantResult], Iterable[Cell]],
    **words: str,
) -> Table:
    """Return a table with one row per variant and one column per metric."""
    head = head_of(section, "Variant")
    return Table(
        columns=(*head, *section.metrics),
        rows=tuple(
            (*_names_of(section, label, variant), *cells(label, variant))
            for label, variant in pairs
        ),
        heads=len(head),
        groups=_grouped(section, iter(pairs)),
        **words,  # type: ignore[arg-type]
    )

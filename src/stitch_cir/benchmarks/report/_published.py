"""Published figures of the data set, printed apart and said to be what they are."""

from __future__ import annotations

from stitch_cir.benchmarks.report._contents import Section
from stitch_cir.benchmarks.report._formats import Cell, Table
from stitch_cir.datasets import DISCLAIMER, PublishedAblation, PublishedFigures

__all__ = ["published_tables"]


def published_tables(section: Section) -> list[Table]:
    """Return what papers print for exactly this data set and split; nothing for any other."""
    if section.dataset is None or section.split not in section.dataset.published:
        return []
    figures = section.dataset.published[section.split]
    methods = _methods(figures)
    return [methods] if figures.ablation is None else [methods, _ablation(figures.ablation)]


def _methods(figures: PublishedFigures) -> Table:
    rows = tuple(
        (
            Cell(row.method),
            Cell(row.weights),
            Cell(row.llm),
            Cell(figures.citations.get(row.method, "–")),
            *map(_value, row.values),
        )
        for row in figures.rows
    )
    return Table(
        "published",
        "Published, not measured here",
        ("Method", "Weights", "LLM used", "Source", *figures.metrics),
        rows,
        heads=4,
        lead=DISCLAIMER,
    )


def _ablation(ablation: PublishedAblation) -> Table:
    rows = tuple(
        (Cell(transition), Cell(transport), *map(_value, values))
        for transition, transport, values in (
            ("no", "no", ablation.neither),
            ("yes", "no", ablation.transition),
            ("no", "yes", ablation.transport),
            ("yes", "yes", ablation.both),
        )
    )
    return Table(
        "published-ablation",
        "STiTch's published ablation, not measured here",
        ("Transition", "Transport", *ablation.metrics),
        rows,
        heads=2,
        lead=f"Weights: {ablation.weights}.",
    )


def _value(printed: str | None) -> Cell:
    return Cell(printed or "–")
